"""One run of the check over nodes of which each has a fault in its network, through real Ansible.

The controller is in a network without a fault. A node is a process in a network, with mounts and
processes of no other, and everything that Ansible runs there is timed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.daemons.conftest import Authority
from tests.lab.github_api import APP_ID, CLIENT_ID, INSTALLATION_ID
from tests.lab.github_credentials import Credentials, ensure_credentials
from tests.lab.host import NO_CLOCK
from tests.reliability.hostile.conftest import run
from tests.reliability.network.case import TIMEOUT_S, Case, Expected
from tests.reliability.network.links import unharmed
from tests.reliability.network.matrix import NUMBERS
from tests.reliability.network.world import API_NAME, NTP, Site, World

CHECKS = ("clock_skew", "ntp_servers", "nts_servers", "github_app_token")
TOGETHER = 12
WITHOUT_PROXY = ("env", *(f"--unset={name}" for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")))
OUR_OWN = ("check_failed", "malformed_evidence", "missing_evidence", "unknown_check")
"""Keys of findings that no fault of the network may lead to."""
PYTHON = """#!/bin/sh
begun=$(date +%s.%N)
{enter} {python} "$@"
ended=$?
echo "$begun $(date +%s.%N)" >> {took}
exit $ended
"""


@dataclass(frozen=True)
class Found:
    """What the check found on one node.

    ``findings``: those that do not pass. ``verdict`` is empty if the report has no such node.
    """

    case: Case
    verdict: str
    findings: tuple[Expected, ...]
    took_s: float
    not_judged: bool = False
    traceback: bool = False
    next_steps: str = field(default="", compare=False)
    said: str = field(default="", compare=False)
    fault_was_made: bool = True

    @property
    def number(self) -> int:
        """The seed that makes the case again."""
        return NUMBERS.get(self.case.name, 0)

    @property
    def admitted_wrongly(self) -> bool:
        """Admitted with a fault that must refuse."""
        return self.verdict == "admit" and not self.case.admitted

    @property
    def refused_wrongly(self) -> bool:
        """Refused though the node can work."""
        return self.verdict != "admit" and self.case.harmless

    @property
    def exceptions(self) -> list[str]:
        """What no fault may lead to."""
        found = [f"{each.check}: {each.keys}" for each in self.findings if set(each.keys) & {*OUR_OWN}]
        found += ["a traceback"] if self.traceback else []
        found += ["no verdict"] if not self.verdict else []
        late = self.took_s > self.case.within_s
        return found + ([f"{self.took_s:.1f} s on the node; at most {self.case.within_s:g} s"] if late else [])

    @property
    def faults(self) -> list[str]:
        """What differs from what the case expects, with its seed."""
        wrong = list(self.exceptions)
        if (self.verdict == "admit") != self.case.admitted:
            wrong.append(f"verdict {self.verdict or 'none'}")
        if set(self.findings) != set(self.case.expected):
            wrong.append(f"found {self.findings}, expected {self.case.expected}")
        if not self.fault_was_made:
            wrong.append("the wire did nothing to any packet, so nothing was tried")
        if self.case.names not in self.next_steps:
            wrong.append(f"{self.case.names} is not named in: {self.next_steps}")
        return [f"case {self.number}, {self.case.name}: {each}" for each in wrong]


def check(cases: Sequence[Case], folder: Path) -> list[Found]:
    """Check a node of each case, all in one run of the playbook."""
    authority = Authority(folder)
    credentials = ensure_credentials(folder / "github")
    with ExitStack() as worlds:
        controller = worlds.enter_context(_world(Site(authority), credentials, folder / "controller", 0))
        nodes = {}
        for number, case in enumerate(cases, start=1):
            site = Site(authority)
            case.make(site)
            name = f"node{number}"
            nodes[name] = worlds.enter_context(_world(site, credentials, folder / name, NUMBERS.get(case.name, 0)))
        output = _run(controller, nodes, authority, credentials, folder)
    report = folder / "report/report.json"
    judged: Mapping[str, Any] = json.loads(report.read_text())["nodes"] if report.exists() else {}
    broken = "Traceback (most recent call last)" in output
    return [
        replace(
            _found(case, judged.get(name) or {}, folder / name, broken=broken, output=output),
            fault_was_made=bool(world.wire.harmed) or world.site.wire is unharmed,
        )
        for (name, world), case in zip(nodes.items(), cases, strict=True)
    ]


@contextmanager
def _world(site: Site, credentials: Credentials, folder: Path, seed: int) -> Iterator[World]:
    world = World(site, credentials, folder, seed)
    try:
        yield world
    finally:
        world.close()


def _found(case: Case, node: Mapping[str, Any], folder: Path, *, broken: bool, output: str) -> Found:
    findings = [each for each in node.get("findings", ()) if each["state"] != "pass"]
    times = (folder / "took").read_text().split() if (folder / "took").exists() else []
    return Found(
        case,
        node.get("verdict", ""),
        tuple(Expected(each["check"], each["state"], tuple(each["keys"])) for each in findings),
        sum(map(float, times[1::2])) - sum(map(float, times[::2])),
        node.get("refused_because") == "not_judged",
        broken,
        " ".join(f"{each['summary']} {each['remedy']}" for each in findings),
        "\n".join(f"{each['check']}: {each['summary']}" for each in findings) if node else output[-3000:],
    )


def _run(
    controller: World, nodes: Mapping[str, World], authority: Authority, credentials: Credentials, folder: Path
) -> str:
    (folder / "ca.pem").write_text(authority.pem)
    app = {
        "name": "deploy",
        "app_id": APP_ID,
        "client_id": CLIENT_ID,
        "installation_id": INSTALLATION_ID,
        "private_key_file": str(credentials.app_pem),
        "ca_file": str(folder / "ca.pem"),
        "api_url": f"https://{API_NAME}/api/v3",
        "depth": "token",
    }
    variables = {
        "ansible_connection": "local",
        "ansible_become": False,
        "gate_report_dir": str(folder / "report"),
        "gate_report_formats": [],
        "gate_checks": [*CHECKS],
        "gate_ntp_servers": [*NTP],
        "gate_github_apps": [app],
        "gate_timeout_s": TIMEOUT_S,
        "gate_mint_nodes": "all",
    }
    hosts = {
        name: {"ansible_python_interpreter": str(_python(world)), "gate_environment": world.site.environment}
        for name, world in nodes.items()
    }
    (folder / "hosts.json").write_text(json.dumps({"all": {"vars": variables, "hosts": hosts}}))
    playbook = [str(Path(sys.executable).parent / "ansible-playbook"), "skewgate.preflight.check"]
    argv = [*controller.enter_as_controller(), *playbook, "-i", str(folder / "hosts.json"), "--forks", str(TOGETHER)]
    (folder / "home").mkdir()
    _status, output = run([*WITHOUT_PROXY, *argv], folder, folder / "cache")
    return output.decode(errors="replace")


def _python(world: World) -> Path:
    """The node's Python: inside its network, and timed."""
    program = world.folder / "python"
    enter = " ".join(f"'{word}'" for word in [*NO_CLOCK, *world.enter()])
    program.write_text(PYTHON.format(enter=enter, python=sys.executable, took=world.folder / "took"))
    program.chmod(0o755)
    return program
