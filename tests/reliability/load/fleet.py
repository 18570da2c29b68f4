"""A fleet of one case: its inventory, its servers, one run of the playbook, and what came of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.replayed import BIN, answer, app_settings, environment_of
from tests.lab.github_api import Control, RunningApi
from tests.lab.github_credentials import Credentials
from tests.paths import ROOT

HERE = Path(__file__).parent
FORKS = 100
"""The most that ``skewgate check`` takes by itself."""
OF_A_NETWORK = 50
MINTERS = 20
BEHIND_S = -612.0
WRONG_INSTALLATION = 999
NTP_ADDRESS = f"127.91.{os.getpid() // 250 % 250}.{os.getpid() % 250 + 1}"
LIMIT_S = 900


@dataclass(frozen=True)
class Fleet:
    """So many healthy nodes, and among them ``bad`` ones of either kind."""

    healthy: int
    bad: int

    @property
    def size(self) -> int:
        """All of them."""
        return self.healthy + 2 * self.bad

    def kinds(self) -> dict[str, str]:
        """Each node's kind, in the inventory's order: the bad ones are spread evenly."""
        every = self.size // (2 * self.bad)
        kinds = {}
        for number in range(self.size):
            turn, place = divmod(number, every)
            kind = ("behind", "wrong")[turn % 2] if place == every // 2 and turn < 2 * self.bad else "healthy"
            kinds[f"node{number + 1:04}"] = kind
        return kinds


@dataclass(frozen=True)
class Ran:
    """What a run left: how it ended, its report, and what the servers counted."""

    status: int
    output: str
    report: Mapping[str, Any]
    api: Mapping[str, Any]
    ntp: Mapping[str, Any]
    kinds: Mapping[str, str]

    def verdicts(self, kind: str) -> Counter[str]:
        """How many nodes of this kind were admitted, refused for a failure, or not judged."""
        nodes = self.report["nodes"]
        mine = (nodes.get(name) for name, its in self.kinds.items() if its == kind)
        return Counter("lost" if node is None else node["refused_because"] or node["verdict"] for node in mine)

    def keys(self, kind: str, *states: str) -> Counter[str]:
        """The keys of required findings in these states, each with the number of nodes of the
        kind.
        """
        nodes = (self.report["nodes"].get(name) for name, its in self.kinds.items() if its == kind)
        return Counter(
            f"{finding['check']}: {key}"
            for node in nodes
            if node is not None
            for finding in node["findings"]
            if finding["required"] and finding["state"] in states
            for key in finding["keys"] or ["no key"]
        )


def run(folder: Path, case: int, fleet: Fleet, **settings: Any) -> Ran:
    """Check the fleet once, with servers as in the case."""
    folder.mkdir(parents=True, exist_ok=True)
    names = ("api", folder, case, fleet.size)
    with _server(*names) as url, _server("ntp", *names[1:], NTP_ADDRESS):
        api = RunningApi(url, Credentials(folder / "github"), Control(folder))
        _write(folder, api, fleet, settings)
        argv = [
            BIN / "ansible-playbook",
            "-i",
            folder / "hosts.json",
            "--forks",
            str(FORKS),
            "skewgate.preflight.check",
        ]
        done = subprocess.run(
            argv,
            cwd=ROOT,
            env={**environment_of(folder), "ANSIBLE_CONNECTION_PLUGINS": str(HERE / "connection_plugins")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=LIMIT_S,
        )
    counted = {name: json.loads((folder / f"{name}.json").read_text()) for name in ("api", "ntp")}
    report = json.loads((folder / "report/report.json").read_text())
    return Ran(done.returncode, done.stdout, report, counted["api"], counted["ntp"], fleet.kinds())


@contextmanager
def _server(*words: object) -> Iterator[str]:
    """A server in another process; what it says when it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.reliability.load.servers", *map(str, words)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait(60)


def _write(folder: Path, api: RunningApi, fleet: Fleet, settings: Mapping[str, Any]) -> None:
    """The inventory and the replayed answer."""
    (folder / "answer.json").write_text(answer("token", f"{api.url}/api/v3"))
    app = app_settings(api, "token")
    variables = {
        "ansible_connection": "load",
        "ansible_become": False,
        "ansible_python_interpreter": "/usr/bin/python3",
        "load_answer": str(folder / "answer.json"),
        "gate_ntp_servers": [NTP_ADDRESS],
        "gate_github_apps": [app],
        "gate_mint_nodes": MINTERS,
        "gate_report_dir": str(folder / "report"),
        **settings,
    }
    own = {
        "healthy": {},
        "behind": {"load_off_s": BEHIND_S},
        "wrong": {"gate_github_apps": [{**app, "installation_id": WRONG_INSTALLATION}]},
    }
    hosts = {
        name: {"ansible_host": f"10.0.{number // OF_A_NETWORK}.{number % OF_A_NETWORK + 1}", **own[kind]}
        for number, (name, kind) in enumerate(fleet.kinds().items())
    }
    (folder / "hosts.json").write_text(json.dumps({"all": {"vars": variables, "hosts": hosts}}))


@dataclass(frozen=True)
class Rate:
    """Requests over time: how many, the most in one second, and the mean over the whole time."""

    requests: int
    peak: int
    mean: float


def rate(times_s: Iterable[float]) -> Rate:
    """Of these times, in any order."""
    times = sorted(times_s)
    if not times:
        return Rate(0, 0, 0.0)
    return Rate(len(times), most_within(times, 1.0), len(times) / max(1.0, times[-1] - times[0]))


def most_within(times_s: Iterable[float], span_s: float) -> int:
    """The most of them within so many seconds, wherever these begin."""
    times = sorted(times_s)
    first, most = 0, 0
    for number, time_s in enumerate(times):
        while times[first] <= time_s - span_s:
            first += 1
        most = max(most, number - first + 1)
    return most
