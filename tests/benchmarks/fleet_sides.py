"""What is compared: each side is a command over an inventory."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt

from tests.benchmarks.nodes import Nodes
from tests.benchmarks.replayed import BIN, HERE, NTP_ADDRESSES, Replay, environment_of, make, settings_of
from tests.lab.github_api import APP_ID, INSTALLATION_ID, RunningApi
from tests.paths import ROOT

FORKS = 20
READ_AT_MOST = 1000
ASKED = HERE.parent / "asked"
COMMUNITY_ROLE = "ansible-role-chrony==1.3.0"
REQUIRED = {"clock_skew", "github_app_token"}
"""Of nodes that are this machine; all other checks are made and judged too, and refuse nothing,
as it may have no chrony.
"""


class NotAnsweredError(Exception):
    """A run did not do what is measured; its text is the reason."""


@dataclass(frozen=True)
class Side:
    """A command to measure.

    ``check`` raises NotAnsweredError where a run did not really do its work.
    """

    argv: list[str]
    environment: Mapping[str, str]
    check: Callable[[], None] = field(default=lambda: None)
    statuses: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class Place:
    """Nodes of one kind, and the folder of what is written about them."""

    folder: Path
    api: RunningApi
    nodes: int
    of_sshd: Nodes | None = None
    environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        """Connections are kept open as Ansible does by default,
        with their sockets in the folder.
        """
        kept = {
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self.control_paths),
            "ANSIBLE_ROLES_PATH": str(self.folder / "roles"),
        }
        object.__setattr__(self, "environment", environment_of(self.folder) | kept)

    @property
    def control_paths(self) -> Path:
        """Where ssh's sockets are."""
        return self.folder / "cp"

    def replay(self, depth: str) -> Replay:
        """The inventory for a depth."""
        folder = self.folder / depth
        if not (folder / "hosts.json").exists():
            self._write(folder, depth)
        return Replay(folder, self.environment)

    def _write(self, folder: Path, depth: str) -> None:
        if self.of_sshd is None:
            make(folder, self.api, self.nodes, depth)
            return
        folder.mkdir(parents=True)
        settings = settings_of(self.api, depth, folder / "report")
        checks = settings_of(self.api, "none", folder)["gate_checks"]
        variables = {
            "ansible_python_interpreter": "/usr/bin/python3",
            "ansible_become": False,
            "ansible_ssh_common_args": " ".join(self.of_sshd.ssh_options),
            **settings,
            "gate_advisory_checks": sorted(set(checks) - REQUIRED),
        }
        hosts = {name: {"ansible_host": at} for name, at in self.of_sshd.addresses.items()}
        (folder / "hosts.json").write_text(json.dumps({"all": {"vars": variables, "hosts": hosts}}))

    def report(self, depth: str) -> None:
        """Every node was reached and admitted, or NotAnsweredError.

        Of a very large fleet, the exit status has said so.
        """
        if self.nodes > READ_AT_MOST:
            return
        path = self.folder / depth / "report" / "report.json"
        nodes = json.loads(path.read_text())["nodes"] if path.exists() else {}
        path.unlink(missing_ok=True)
        refused = [name for name, node in nodes.items() if node["verdict"] != "admit"]
        if len(nodes) != self.nodes or refused:
            raise NotAnsweredError(f"{len(nodes)} of {self.nodes} nodes in the report, {len(refused)} refused")


def ping(place: Place, forks: int | None = FORKS) -> Side:
    """`ansible all -m ping`."""
    return Side([*place.replay("none").ping, *_forks(forks)], place.environment)


def ssh(place: Place) -> Side:
    """Bare ssh and Python, as many at a time."""
    assert place.of_sshd is not None
    targets = place.folder / "addresses"
    targets.write_text("\n".join(place.of_sshd.addresses.values()))
    each = ["ssh", *place.of_sshd.ssh_options, "{}", "/usr/bin/python3 -c pass"]
    return Side(["xargs", "-a", str(targets), "-P", str(FORKS), "-I", "{}", *each], place.environment)


def playbook(place: Place, depth: str, forks: int | None = FORKS) -> Side:
    """`ansible-playbook skewgate.preflight.check`."""
    argv = [*place.replay(depth).playbook, *_forks(forks)]
    return Side(argv, place.environment, lambda: place.report(depth))


def command(place: Place, depth: str, forks: int | None = FORKS) -> Side:
    """`skewgate check`."""
    argv = [*place.replay(depth).command, *_forks(forks)]
    return Side(argv, place.environment, lambda: place.report(depth))


def builtin(place: Place) -> Side:
    """The same questions with built-in modules;
    its JWT is made for each run, and lives 9 minutes.
    """
    variables = place.folder / "asked.json"
    variables.write_text(json.dumps(_asked(place)))
    argv = [str(BIN / "ansible-playbook"), "-i", str(place.replay("token").inventory), str(ASKED / "builtin.yml")]
    return Side([*argv, "-e", f"@{variables}", *_forks(FORKS)], place.environment)


def _asked(place: Place) -> dict[str, Any]:
    now_s = int(time.time())
    claims = {"iat": now_s - 30, "exp": now_s + 540, "iss": str(APP_ID)}
    key = place.api.credentials.app_pem.read_text()
    return {
        "api_url": f"{place.api.url}/api/v3",
        "ca_file": str(place.api.credentials.ca_pem),
        "installation_id": INSTALLATION_ID,
        "jwt": jwt.encode(claims, key, algorithm="RS256"),
    }


def testinfra(place: Place) -> Side:
    """The questions that need no module, with testinfra over ansible."""
    asked = {"ASKED_SERVERS": " ".join(NTP_ADDRESSES), "ASKED_API": f"{place.api.url}/api/v3"}
    return Side(_pytest(place, "none", str(ASKED / "test_plain_questions.py")), place.environment | asked)


def suite(place: Place) -> Side:
    """The project's own testinfra suite, over ansible.

    What this machine lacks is advisory, so it ends well.
    """
    return Side(_pytest(place, "token", "--pyargs", "skewgate.acceptance"), place.environment)


def _pytest(place: Place, depth: str, *what: str) -> list[str]:
    hosts = ["--hosts=ansible://all", f"--ansible-inventory={place.replay(depth).inventory}", "--force-ansible"]
    return [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(ASKED), *what, *hosts]


def community(place: Place) -> Side:
    """A community role in check mode."""
    roles = place.folder / "roles"
    if not roles.exists():
        package = ROOT / "build/benchmarks/role"
        if not package.exists():
            argv = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(package), COMMUNITY_ROLE]
            subprocess.run(argv, check=True, timeout=120)
        roles.symlink_to(package / "share/ansible/roles")
    inventory = str(place.replay("none").inventory)
    argv = [str(BIN / "ansible-playbook"), "-i", inventory, str(ASKED / "community.yml"), "--check", *_forks(FORKS)]
    return Side(argv, place.environment)


def _forks(forks: int | None) -> list[str]:
    return [] if forks is None else ["--forks", str(forks)]
