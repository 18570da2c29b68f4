"""Whole runs over nodes of which some are hostile:
real Ansible, a GitHub API and NTP on loopback, and fact injection is on.
"""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.integration.conftest import BIN
from tests.integration.test_ansible_versions import playbook_of
from tests.lab.github_api import CLIENT_ID, INSTALLATION_ID, RunningApi, running_api
from tests.lab.liar import NTP_PORT, ScriptedServer, lie
from tests.paths import ROOT
from tests.reliability.hostile.hostile_python import JWT, PLACES, install
from tests.schemas import EVIDENCE, REPORT, misfits

HONEST = ("honest1", "honest2")
NTP_ADDRESS = "127.77.0.1"
LIMIT_S = float(os.environ.get("RELIABILITY_LIMIT_S", "300"))
"""A run that lasts longer was held by a node."""
MEMORY = 4 << 30
CANARY = "CANARY-5b1f0e"


@dataclass
class Result:
    """What a run left: its output, its reports as text, and what each hostile node was sent."""

    folder: Path
    hostile: tuple[str, ...]
    status: int | None
    output: bytes
    began_s: float
    took_s: float
    files: dict[str, str] = field(default_factory=dict)

    @property
    def report(self) -> dict[str, Any]:
        """``report.json``, which must be what RFC 8259 calls JSON."""
        return strict(self.files["report.json"])

    def node(self, name: str) -> dict[str, Any]:
        """A node's entry of the report."""
        found: dict[str, Any] = self.report["nodes"][name]
        return found

    def judged(self, name: str) -> Any:
        """How a node was judged, without what is measured."""
        node = self.node(name)
        keys = ("check", "state", "required", "keys", "cause", "about")
        return node["verdict"], node["refused_because"], [[f[key] for key in keys] for f in node["findings"]]

    def sent(self, name: str) -> bytes:
        """All that was sent to a hostile node."""
        file = self.folder / f"{name}.sent"
        return file.read_bytes() if file.exists() else b""

    def jwts(self) -> set[str]:
        """All JWTs that hostile nodes were sent."""
        return {found.decode() for name in self.hostile for found in JWT.findall(self.sent(name))}


def strict(text: str) -> Any:
    """JSON without what only Python reads."""

    def refuse(word: str) -> None:
        raise ValueError(f"{word} is not JSON")

    return json.loads(text, parse_constant=refuse)


@dataclass
class Fleet:
    """Runs playbooks over hostile nodes and the two honest ones."""

    folder: Path
    api: RunningApi
    count: int = 0

    def run(
        self,
        hostile: Iterable[str],
        playbook: str = "check",
        *words: str,
        setup: bool = False,
        command: Path | None = None,
        cache: Path | None = None,
        **settings: Any,
    ) -> Result:
        """One run; ``setup``: another play asks all nodes for their facts first.

        ``command``: the command, or another Ansible.
        """
        names = tuple(hostile)
        self.count += 1
        folder = self.folder / str(self.count)
        (folder / "home").mkdir(parents=True)
        (folder / "joined").mkdir()
        canaries(folder)
        (folder / "hosts.json").write_text(json.dumps(self._inventory(folder, names, settings)))
        (folder / "play.yml").write_text(json.dumps(plays(playbook, setup=setup)))
        command = command or BIN / "ansible-playbook"
        if command.name == "skewgate":
            argv = [command, playbook, "-i", folder / "hosts.json", "--report-dir", folder / "report", *words]
        else:
            argv = [command, "-i", folder / "hosts.json", "--forks", "8", folder / "play.yml", *words]
        began_s = time.time()
        status, output = run(argv, folder, cache or folder / "cache")
        files = {path.name: path.read_text() for path in (folder / "report").glob("*.*")}
        for name, schema in (("report.json", REPORT), ("evidence.json", EVIDENCE)):
            assert name not in files or misfits(schema, strict(files[name])) == []
        return Result(folder, names, status, output, began_s, time.time() - began_s, files)

    def _inventory(self, folder: Path, hostile: tuple[str, ...], settings: dict[str, Any]) -> dict[str, Any]:
        app = {
            "name": "deploy",
            "client_id": CLIENT_ID,
            "app_id": 1001,
            "installation_id": INSTALLATION_ID,
            "private_key_file": str(self.api.credentials.app_pem),
            "ca_file": str(self.api.credentials.ca_pem),
            "api_url": f"{self.api.url}/api/v3",
            "depth": "jwt",
        }
        programs = {name: install(folder, name) for name in hostile} | dict.fromkeys(HONEST, Path(sys.executable))
        return {
            "all": {
                "vars": {
                    "ansible_connection": "local",
                    "ansible_become": False,
                    "gate_report_dir": str(folder / "report"),
                    "gate_checks": ["clock_skew", "github_app_token"],
                    "gate_ntp_servers": [NTP_ADDRESS],
                    "gate_github_apps": [app],
                    "gate_timeout_s": 3,
                    **settings,
                },
                "hosts": {name: {"ansible_python_interpreter": str(path)} for name, path in programs.items()},
            }
        }


def plays(playbook: str, *, setup: bool) -> list[dict[str, Any]]:
    """The runbook: facts, if another role wants them, then ours."""
    facts = {"ansible.builtin.setup": {"gather_subset": ["!all"]}, "ignore_errors": True, "ignore_unreachable": True}
    first = [{"hosts": "all", "gather_facts": False, "tasks": [facts]}] if setup else []
    if playbook == "cluster_migration":  # which is to be copied: here, what it joins is a folder of the run
        return [*first, {"ansible.builtin.import_playbook": "skewgate.preflight.gate"}, JOIN]
    return [*first, {"ansible.builtin.import_playbook": f"skewgate.preflight.{playbook}"}]


JOIN = {
    "hosts": "skewgate_admitted",
    "gather_facts": False,
    "tasks": [
        {"ansible.builtin.include_role": {"name": "skewgate.preflight.gate", "tasks_from": "admission"}},
        {
            "ansible.builtin.copy": {
                "dest": "{{ playbook_dir }}/joined/{{ inventory_hostname }}",
                "content": "",
                "mode": "0644",
            }
        },
    ],
}
"""The runbook's second play."""


def canaries(folder: Path) -> None:
    """Files that the controller has and no node may get."""
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    key_file, package, _elsewhere = (folder / name for name in PLACES.values())
    key_file.write_text(f"{pem}{CANARY}\n")
    package.write_text(CANARY)


def descendants(pid: int) -> list[int]:
    """The processes that it started, and those that these did."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found = [pid]
    for parent in found:
        found += [child for child, of in parents.items() if of == parent]
    return found[1:]


def run(argv: list[Any], folder: Path, cache: Path) -> tuple[int | None, bytes]:
    """The status, None of a run that lasted longer than LIMIT_S and was ended,
    and all that was printed.
    """
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "GATE_"))},
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "HOME": str(folder / "home"),
        "XDG_CACHE_HOME": str(cache),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
        "ANSIBLE_INJECT_FACT_VARS": "true",
        "ANSIBLE_NOCOLOR": "true",
        "ANSIBLE_FORCE_COLOR": "false",
        "PYTHONFAULTHANDLER": "1",
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "src", ROOT))),
    }
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
        resource.prlimit(process.pid, resource.RLIMIT_AS, (MEMORY, MEMORY))
        try:
            status: int | None = process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            status = None
            for pid in descendants(process.pid):  # Python prints where it was
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGABRT)
            time.sleep(1)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return status, (folder / "output").read_bytes()


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Two honest nodes, and who else is named."""
    try:
        server = ScriptedServer(lambda request: [lie(request, 0.0)], NTP_ADDRESS, NTP_PORT)
    except PermissionError:
        pytest.skip("the port of NTP is for root")
    folder = tmp_path_factory.mktemp("fleet")
    with running_api(tmp_path_factory.mktemp("github")) as api:
        yield Fleet(folder, api)
    server.udp.close()


@pytest.fixture(scope="module")
def alone(fleet: Fleet) -> Result:
    """The honest nodes by themselves."""
    result = fleet.run([])
    assert result.status == 0, result.output.decode()
    return result


CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\x8b-\x8f\xaa-\xae]|[\x80-\xbf]{5}")
"""What a terminal obeys, and what hides or turns text, in UTF-8;
a newline and a tab are let through.
"""


@pytest.fixture(params=["2.18", "2.21"])
def core(request: pytest.FixtureRequest) -> Path:
    """The ansible-playbook of the oldest and of the newest ansible-core that the project names."""
    return playbook_of(request.param)
