"""A node for node_remediate: a real file tree, and a systemd of
which only the bookkeeping is there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.files import RemediationError
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.node import Node

SERVER = "server ntp1.example.com iburst\nmakestep 1 3\n"
"""A configuration with a server that answers."""

ABSENT = {"load_state": "not-found", "unit_file_state": "", "active_state": "inactive", "wanted": False}


def unit(unit_file_state: str, active_state: str) -> dict:
    """A unit's state, of one that is there."""
    load_state = "masked" if unit_file_state.startswith("masked") else "loaded"
    return {
        "load_state": load_state,
        "unit_file_state": unit_file_state,
        "active_state": active_state,
        "wanted": unit_file_state.startswith("enabled"),
    }


@dataclass
class Bookkeeping:
    """The commands for systemctl, and the states to which they lead according to its manual."""

    units: dict
    commands: list = field(default_factory=list)
    failing: dict = field(default_factory=dict)  # command: what to do when it comes
    answers: bool = True

    def show(self, units: list) -> dict:
        return {name: (name, dict(self.units.get(name, ABSENT))) for name in units}

    def systemctl(self, verb: str, units: list) -> None:
        command = " ".join([verb, *units])
        self.commands.append(command)
        if command in self.failing:
            self.failing[command]()
        for name in units:
            state = self.units.setdefault(name, dict(ABSENT))
            if verb in ("start", "restart"):
                state["active_state"] = "active"
                if name == "chrony.service" and "systemd-timesyncd.service" in self.units:  # its Conflicts=
                    self.units["systemd-timesyncd.service"]["active_state"] = "inactive"
            if verb in ("stop", "disable --now"):
                state["active_state"] = "inactive"
            file_state = {"unmask": "disabled", "enable": "enabled", "mask": "masked", "disable": "disabled"}
            if verb.split(maxsplit=1)[0] in file_state:
                runtime = "-runtime" if verb == "mask --runtime" else ""
                self.units[name] = {**unit(file_state[verb.split(maxsplit=1)[0]] + runtime, state["active_state"])}

    def wait_for_chronyd(self, name: str) -> None:
        self.commands.append(f"wait for {name}")
        if not self.answers:
            raise RemediationError(
                f"{name} did not stay active. systemctl status {name}: Fatal error : Could not open socket"
            )


def fails(text: str) -> Callable[[], None]:
    def fail() -> None:
        raise RemediationError(text)

    return fail


@pytest.fixture
def systemd() -> Bookkeeping:
    """chrony is installed and disabled; systemd-timesyncd keeps the time."""
    return Bookkeeping(
        {"chrony.service": unit("disabled", "inactive"), "systemd-timesyncd.service": unit("enabled", "active")}
    )


@pytest.fixture
def node(tmp_path: Path, systemd: Bookkeeping) -> Node:
    (tmp_path / "etc/chrony/conf.d").mkdir(parents=True)
    (tmp_path / "run").mkdir()
    return Node(str(tmp_path / "var/lib/skewgate"), str(tmp_path), systemd)  # type: ignore[arg-type]


def params(**given) -> dict:
    """The module's parameters, with its defaults."""
    return {
        "backup_id": "20261122T152134Z",
        "files": [],
        "chronyd": None,
        "enable": [],
        "disable": [],
        "packages": {},
        "hold": [],
        "rtc": False,
        "missing_ok": False,
        "only_latest": False,
        "step_s": None,
        **given,
    }


def file(path: Path, content: str, mode: str = "0644") -> dict:
    return {"path": str(path), "content": content, "mode": mode}


def chronyd(config: Path, **given) -> dict:
    return {
        "unit": "chrony.service",
        "config": str(config),
        "restart": True,
        "step": True,
        "options_variable": None,
        "options": "",
        "needs": [],
        **given,
    }


def tree(folder: Path) -> dict:
    """All below a folder but the module's own: {path: (mode, times, bytes or link)};
    of folders the mode alone.
    """
    found: dict = {}
    for path in sorted(folder.rglob("*")):
        name, status = str(path.relative_to(folder)), path.lstat()
        if name.startswith("var"):
            continue
        if path.is_symlink():
            found[name] = str(path.readlink())
        elif path.is_dir():
            found[name] = status.st_mode
        else:
            found[name] = (status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns, path.read_bytes())
    return found


@pytest.fixture
def main(node: Node) -> Path:
    """chrony's main configuration file, which draws in conf.d."""
    path = Path(node.root) / "etc/chrony/chrony.conf"
    path.write_text(f"server ntp1.example.com iburst\nconfdir {path.parent}/conf.d\n")
    return path


def one(path: Path, text: str, main: Path) -> dict:
    """Parameters that write one file and restart chronyd."""
    return params(files=[file(path, text)], chronyd=chronyd(main))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """chrony's configuration, with a server that does not answer."""
    path = tmp_path / "etc/chrony/chrony.conf"
    path.write_text("server dead.example.com\n")
    path.chmod(0o640)
    return path


@pytest.fixture
def plan(config: Path) -> dict:
    """chronyd in place of systemd-timesyncd, with a server that answers."""
    return params(
        files=[file(config, SERVER), file(config.parent / "conf.d/50-site.conf", "rtcsync\n")],
        chronyd=chronyd(config),
        enable=["chrony.service"],
        disable=["systemd-timesyncd.service"],
        packages={"installed": ["chrony"]},
    )
