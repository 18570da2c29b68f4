"""Runs over nodes that cost the controller nothing: a connection plugin gives a
recorded answer after 50 ms.

    python -m tests.benchmarks.replayed HOSTS DEPTH [FORKS]

with the venv's Python, as root (NTP's port): `ansible all -m ping`, the playbook `check` and the
command `skewgate check` over HOSTS hosts, once each; DEPTH is `none` (no GitHub App), `jwt` or
`token`. It prints each one's wall time, CPU and memory. With `--stay` it makes the folder, prints
the three commands, and serves NTP and the API until Ctrl-C: so the commands can be run by hand in
another terminal, under a profiler for instance, from the checkout's root.

The answer is that of a node of the lab that was admitted (recorded.json: a Debian 12 with chrony;
`tests.benchmarks.record` records another). It is put to the present time and to these NTP servers
and API, so it is admitted again, by the code that judges real nodes.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.measuring import measure
from tests.lab.github_api import APP_ID, CLIENT_ID, INSTALLATION_ID, RunningApi, running_api
from tests.lab.liar import NTP_PORT, ScriptedServer, lie
from tests.paths import ROOT

HERE = Path(__file__).parent / "replay"
RECORDED = HERE / "recorded.json"
BIN = Path(sys.executable).parent
NTP_ADDRESSES = tuple(f"127.{net}.{os.getpid() // 250 % 250}.{os.getpid() % 250 + 1}" for net in (88, 89, 90))
"""Two runs at a time don't meet."""
NS = 1_000_000_000
DAY_S = 86_400
MINTS_AT_MOST = 1_000_000
"""More than the benchmark mints: GitHub's own limits would make it wait for hours."""

UNQUOTED = re.compile(r'"(@[WFJ](?:[+-]\d+)?@)"')


def answer(depth: str, api_url: str, servers: Sequence[str] = NTP_ADDRESSES) -> str:
    """The recorded answer with places for the present times (connection_plugins/replay.py),
    as the module prints it.
    """
    recorded = json.loads(RECORDED.read_text())
    evidence = recorded["evidence"]
    begun_ns = evidence["collected"]["wall_ns"]
    _in_time(evidence, servers)
    attempt = recorded["attempts"].get(depth)
    if attempt:
        for step in attempt["steps"]:
            step["headers"]["date"] = "@D@"
            step.update(node_wall_s="@F+21000000@", duration_s=0.012)
        attempt.update(label="@L@", signed_for_s="@J@", node_wall_s="@F+20000000@")
        evidence["github_apps"] = [{"name": "deploy", "attempts": [attempt]}]
        evidence["api_date"]["apis"][0].update(url=f"{api_url}/rate_limit")
    else:
        evidence["github_apps"] = []
        evidence["api_date"]["apis"] = []
    shifted = _shifted(evidence, begun_ns)
    return UNQUOTED.sub(r"\1", json.dumps({"changed": False, "evidence": shifted}))


def _in_time(evidence: dict[str, Any], servers: Sequence[str]) -> None:
    """All that was measured comes to lie within the 40 ms from the node's beginning on."""
    evidence["collected"].update(wall_ns="@W+0@", mono_ns=100 * NS, end_mono_ns=100 * NS + 40_000_000)
    for address, server in zip(servers, evidence["ntp"]["servers"], strict=True):
        server.update(server=address, addresses=[address])
        for n, sample in enumerate(server["samples"]):
            at_ns = (n + 1) * 4_000_000
            reply = sample["reply_hex"]
            sample.update(
                address=address,
                t1_wall_ns=f"@W+{at_ns}@",
                t1_mono_ns=100 * NS + at_ns,
                t4_mono_ns=100 * NS + at_ns + 500_000,
                reply_hex=f"{reply[:32]}@N-12000000000@{reply[48:64]}@N+{at_ns + 200_000}@@N+{at_ns + 230_000}@",
            )
    answers = evidence["api_date"]["apis"][0]["answers"]
    del answers[2:]
    for n, date in enumerate(answers):
        at_ns = (n + 5) * 4_000_000
        times = {"t_send_mono_ns": 100 * NS + at_ns, "t_recv_mono_ns": 100 * NS + at_ns + 2_000_000}
        date.update(t_send_wall_ns=f"@W+{at_ns}@", date="@D@", **times)


def _shifted(value: Any, begun_ns: int) -> Any:
    """The same with places for all other times of about then:
    when chronyd started, when a file was written.
    """
    if isinstance(value, dict):
        return {key: _shifted(one, begun_ns) for key, one in value.items()}
    if isinstance(value, list):
        return [_shifted(one, begun_ns) for one in value]
    if isinstance(value, float) and abs(value - begun_ns / NS) < DAY_S:
        return f"@F{round(value * NS) - begun_ns:+}@"
    if isinstance(value, str):  # chronyc's tracking
        return re.sub(r"\b\d{10}\.\d{9}\b", lambda found: f"@F{round(float(found[0]) * NS) - begun_ns:+}@", value)
    return value


@dataclass(frozen=True)
class Replay:
    """A folder with an inventory of replayed nodes, and the environment in
    which commands use it.
    """

    folder: Path
    environment: dict[str, str]

    @property
    def inventory(self) -> Path:
        """The file that has all hosts and the gate's settings."""
        return self.folder / "hosts.json"

    @property
    def ping(self) -> list[str]:
        """What a user knows."""
        return [str(BIN / "ansible"), "all", "-i", str(self.inventory), "-m", "ping"]

    @property
    def playbook(self) -> list[str]:
        """`ansible-playbook`, as in other people's runbooks."""
        return [str(BIN / "ansible-playbook"), "-i", str(self.inventory), "skewgate.preflight.check"]

    @property
    def command(self) -> list[str]:
        """`skewgate check`, with reports in the same folder."""
        report = ["--report-dir", str(self.folder / "report")]
        return [str(BIN / "skewgate"), "check", "-i", str(self.inventory), *report]


def app_settings(api: RunningApi, depth: str) -> dict[str, Any]:
    """The App of the lab's API."""
    return {
        "name": "deploy",
        "app_id": APP_ID,
        "client_id": CLIENT_ID,
        "installation_id": INSTALLATION_ID,
        "private_key_file": str(api.credentials.app_pem),
        "ca_file": str(api.credentials.ca_pem),
        "api_url": f"{api.url}/api/v3",
        "depth": depth,
    }


def settings_of(api: RunningApi, depth: str, report: Path) -> dict[str, Any]:
    """The gate's settings; without an App its check is left out."""
    settings: dict[str, Any] = {
        "gate_ntp_servers": list(NTP_ADDRESSES),
        "gate_report_dir": str(report),
        "gate_mints_per_minute": MINTS_AT_MOST,
        "gate_mints_per_hour": MINTS_AT_MOST,
    }
    if depth == "none":
        return {**settings, "gate_checks": [*_all_checks_but("github_app_token")]}
    return {**settings, "gate_github_apps": [app_settings(api, depth)]}


def _all_checks_but(left_out: str) -> list[str]:
    checks = ROOT / "plugins/plugin_utils/checks"
    return sorted(
        {path.stem for path in checks.glob("*.py") if not path.stem.startswith("_")} - {left_out, "reachable"}
    )


def environment_of(folder: Path) -> dict[str, str]:
    """The checkout's collection and commands, nothing of the caller's Ansible,
    and a home in the folder.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "GATE_"))}
    return {
        **own,
        "PATH": f"{BIN}:{own['PATH']}",
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "src", ROOT))),
        "HOME": str(folder),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_CONNECTION_PLUGINS": str(HERE / "connection_plugins"),
        "ANSIBLE_NOCOLOR": "1",
    }


def make(folder: Path, api: RunningApi, hosts: int, depth: str, delay_s: float = 0.05) -> Replay:
    """Writes the inventory and the answer."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "answer.json").write_text(answer(depth, f"{api.url}/api/v3"))
    variables = {
        "ansible_connection": "replay",
        "ansible_become": False,
        "ansible_python_interpreter": "/usr/bin/python3",
        "replay_answer": str(folder / "answer.json"),
        "replay_delay_s": delay_s,
        **settings_of(api, depth, folder / "report"),
    }
    names = {f"node{n:05}": {} for n in range(1, hosts + 1)}
    (folder / "hosts.json").write_text(json.dumps({"all": {"vars": variables, "hosts": names}}))
    return Replay(folder, environment_of(folder))


@contextlib.contextmanager
def references(folder: Path) -> Iterator[RunningApi]:
    """The NTP servers and the GitHub API that the controller, and nodes on loopback, ask;
    here, in this process.
    """
    servers = [
        ScriptedServer(lambda request: [lie(request, 0.0)] if len(request) >= 48 else [], address, NTP_PORT)
        for address in NTP_ADDRESSES
    ]
    with running_api(folder / "github") as api:
        try:
            yield api
        finally:
            for server in servers:
                server.udp.close()


def main(hosts: int, depth: str, forks: int | None, *, stay: bool) -> None:
    """Print what each costs."""
    folder = Path(tempfile.mkdtemp(prefix="skewgate-bench-"))
    try:
        with references(folder) as api:
            replay = make(folder, api, hosts, depth)
            runs = {"ping": replay.ping, "playbook": replay.playbook, "command": replay.command}
            if stay:
                changed = [f"{k}={v}" for k, v in replay.environment.items() if os.environ.get(k) != v]
                for argv in runs.values():
                    print("env", *changed, *argv, "--forks", forks or 20, "\n", flush=True)
                with contextlib.suppress(KeyboardInterrupt):
                    time.sleep(1e9)
                return
            of_forks = ["--forks", str(forks)] if forks else []
            for name, argv in runs.items():
                measured = measure([*argv, *of_forks], replay.environment, folder)
                print(f"{name:10}{measured}", flush=True)
                if measured.status:
                    print(measured.output[-3000:])
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--stay"]
    main(int(words[0]), words[1], int(words[2]) if len(words) > 2 else None, stay="--stay" in sys.argv)
