"""A run on several machines as Receptor and AWX make it:
`ansible-runner transmit | worker | process`, a pipe for each slice.

A worker is a process with a home, a cache and a private folder, as on another machine. The nodes
are replayed: of a dozen, eight are healthy and four are refused, each for another reason.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ansible_runner.utils.streaming import unstream_dir

from tests.benchmarks import replayed
from tests.integration.conftest import BIN
from tests.lab.github_api import RunningApi
from tests.paths import ROOT

SLICES = 3
KEY = "~/github-app.pem"
"""Where each machine that may sign has the App's key. Only this path is in the inventory."""

REPORT_DIR = "{{ lookup('ansible.builtin.env', 'AWX_ISOLATED_DATA_DIR') }}/skewgate"
"""In the folder of ansible-runner's artifacts, which the worker sends back."""

_BEHIND_NS = 612_000_000_000
# A socket's path in the test's folder would be too long.
_GONE = {
    "ansible_connection": "ssh",
    "ansible_host": "127.0.0.1",
    "ansible_port": 1,
    "ansible_ssh_args": "-o ControlMaster=no",
}


def answers(healthy: str) -> dict[str, str]:
    """The replayed answers of nodes that are refused, by what is wrong with them."""
    return {
        "behind": re.sub(r"@W([+-]\d+)@", lambda at: f"@W{int(at[1]) - _BEHIND_NS:+}@", healthy),
        "silent": healthy.replace('"time_services": ', '"of_others": '),
        "keyless": healthy.replace(
            '"status": 200, "message": null', '"status": 401, "message": "A JSON web token could not be decoded"'
        ),
    }


def inventory(folder: Path, api: RunningApi, nodes: int, key: Mapping[str, str]) -> dict[str, Any]:
    """The nodes, of every dozen four that are refused, and the settings;
    their answers go to ``folder``.
    """
    replay = replayed.make(folder, api, nodes, "jwt", delay_s=0.05)
    healthy = (folder / "answer.json").read_text()
    for name, answer in answers(healthy).items():
        assert answer != healthy, name
        (folder / f"{name}.json").write_text(answer)
    content: dict[str, Any] = json.loads(replay.inventory.read_text())
    for number, variables in enumerate(content["all"]["hosts"].values()):
        if number % 12 == 3:
            variables.update(_GONE)
        elif number % 12 in (5, 8, 11):
            name = {5: "behind", 8: "silent", 11: "keyless"}[number % 12]
            variables["replay_answer"] = str(folder / f"{name}.json")
    [app] = content["all"]["vars"]["gate_github_apps"]
    del app["private_key_file"]
    app.update(key)
    return content


class Runners:
    """The machine that transmits and processes, and the workers."""

    def __init__(self, folder: Path, api: RunningApi, content: Mapping[str, Any]) -> None:
        self.folder = folder
        self.data = folder / "data"
        self._key = api.credentials.app_pem
        (self.data / "inventory").mkdir(parents=True)
        (self.data / "env").mkdir()
        (self.data / "inventory/hosts.json").write_text(json.dumps(content))
        (self.data / "env/extravars").write_text(json.dumps({"gate_report_dir": REPORT_DIR}))

    @property
    def inventory(self) -> Path:
        """The inventory that is transmitted, whole, with every slice."""
        return self.data / "inventory/hosts.json"

    def home(self, name: str, *, with_key: bool = True) -> dict[str, str]:
        """The environment of a machine, whose home has the App's key."""
        home = self.folder / name
        home.mkdir(exist_ok=True)
        if with_key:
            shutil.copy(self._key, home / KEY.removeprefix("~/"))
        environment = replayed.environment_of(home)
        # The checkout's collection, for the command too.
        return {**environment, "PYTHONPATH": os.pathsep.join([str(ROOT / "collections"), environment["PYTHONPATH"]])}

    def transmit(self, name: str, limit: str) -> Path:
        """What is sent to a worker, as a file."""
        sent = self.folder / f"{name}.sent"
        words = ["transmit", self.data, "--playbook", "skewgate.preflight.check", "--limit", limit]
        with sent.open("wb") as stream:
            self._run("sender", words, stdout=stream, with_key=False)
        return sent

    def work(self, name: str, sent: Path) -> Path:
        """What a worker sends back, as a file; it ends with an error where nodes are refused."""
        back = self.folder / f"{name}.back"
        words = ["worker", "--private-data-dir", self.folder / name / "private"]
        with sent.open("rb") as stream, back.open("wb") as result:
            self._run(name, words, stdin=stream, stdout=result)
        return back

    def process(self, name: str, back: Path) -> Path:
        """The folder of the slice's report, from what the worker sent back."""
        with back.open("rb") as stream:
            self._run("sender", ["process", self.folder / f"{name}.out"], stdin=stream, with_key=False)
        return self.folder / f"{name}.out/artifacts/skewgate"

    def all_slices(self, nodes: int) -> list[Path]:
        """The folders of the reports of all slices, which run side by side."""

        def run(number: int) -> Path:
            first, last = number * nodes // SLICES, (number + 1) * nodes // SLICES - 1
            name = f"worker{number + 1}"
            return self.process(name, self.work(name, self.transmit(name, f"all[{first}:{last}]")))

        with ThreadPoolExecutor(SLICES) as pool:
            return list(pool.map(run, range(SLICES)))

    def one_run(self) -> dict[str, Any]:
        """The report of one run over all nodes."""
        report = self.folder / "one"
        argv = [BIN / "ansible-playbook", "-i", self.inventory, "skewgate.preflight.check", "--forks", "10"]
        environment = self.home("controller")
        done = subprocess.run(
            [*argv, "-e", f"gate_report_dir={report}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
            env=environment,
            timeout=900,
            check=False,
        )
        assert (report / "report.json").exists(), done.stdout.decode()
        found: dict[str, Any] = json.loads((report / "report.json").read_text())
        return found

    def report(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """`skewgate report`, on the machine where the slices come together; it has no key."""
        return subprocess.run(
            [BIN / "skewgate", "report", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.folder,
            env=self.home("sender", with_key=False),
            timeout=300,
            check=False,
        )

    def _run(self, name: str, words: list[Any], *, with_key: bool = True, **streams: Any) -> None:
        environment = self.home(name, with_key=with_key)
        argv = [BIN / "ansible-runner", *words]
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, **streams}
        subprocess.run(argv, **streams, cwd=self.folder, env=environment, timeout=900, check=False)


def judged(report: Mapping[str, Any]) -> dict[str, Any]:
    """How each node was judged, and the groups: without times and what was measured."""
    keys = ("check", "state", "required", "remediable", "keys", "about", "cause", "why", "remedy")
    nodes = {
        name: [node["verdict"], node["refused_because"], [[f[key] for key in keys] for f in node["findings"]]]
        for name, node in report["nodes"].items()
    }
    groups = sorted(
        [[f["check"], *f["keys"]] for f in group["findings"]] + [group["nodes"]] for group in report["groups"]
    )
    fleet = [[finding["id"], finding["nodes"]] for finding in report["fleet"]["findings"]]
    return {
        "nodes": nodes,
        "groups": groups,
        "fleet": fleet,
        **{key: report[key] for key in ("verdict", "exit_code", "summary")},
    }


def unpacked(stream: Path) -> Path:
    """A folder with all that is in a stream: its lines, and the files of its archives."""
    folder = stream.with_name(f"{stream.name}.unpacked")
    folder.mkdir()
    with stream.open("rb") as source, (folder / "lines").open("wb") as lines:
        for number, line in enumerate(iter(source.readline, b"")):
            lines.write(line)
            if length := json.loads(line).get("zipfile"):
                unstream_dir(source, length, str(folder / str(number)))
    return folder


def files_with(patterns: Iterable[bytes], *folders: Path) -> list[str]:
    """The files below these folders in which one of the patterns is found."""
    wanted = re.compile(b"|".join(b"(?:%s)" % pattern for pattern in patterns))
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    assert files
    return [str(path) for path in files if wanted.search(path.read_bytes())]


def secrets_of(pem: str) -> list[bytes]:
    """Patterns that find a private key, whole or in part, a JWT, and an installation token."""
    parts = [re.escape(line.encode()) for line in pem.splitlines() if line and not line.startswith("-")]
    return [rb"PRIVATE KEY", *parts, rb"eyJ[\w-]{10,}\.eyJ[\w-]+", rb"gh[soprue]_\w{10,}"]
