"""Runs of the product on the lab, as a user makes them:
the command line or ansible-playbook, inside the lab's network.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.integration.recipes import Place
from tests.lab import Lab
from tests.lab.github_api import APP_ID, CLIENT_ID, INSTALLATION_ID, Control
from tests.lab.github_credentials import Credentials
from tests.lab.host import unpack_package
from tests.lab.lab import REPOSITORY, STATE_DIR
from tests.lab.liar import NTP_PORT, ScriptedServer, lie
from tests.lab.network import group_lives
from tests.paths import LOCKS
from tests.schemas import EVIDENCE, REPORT, misfits

BIN = Path(sys.executable).parent
INVENTORY = REPOSITORY / "inventories/lab"
GITHUB_DIR = STATE_DIR / "github"

#: For what is run here: nothing to read, all that it says in one text.
CAPTURED: dict[str, Any] = {
    "stdin": subprocess.DEVNULL,
    "stdout": subprocess.PIPE,
    "stderr": subprocess.STDOUT,
    "text": True,
}
#: The environment in which the checkout's commands come first.
OUR_COMMANDS = {"PATH": f"{BIN}:{os.environ['PATH']}"}


@dataclass
class Run:
    """How a run ended, what it printed, and its reports where it wrote them."""

    status: int
    output: str
    report: dict[str, Any] = field(default_factory=dict)
    evidence: dict[str, Any] = field(default_factory=dict)

    def finding(self, node: str, check: str) -> dict[str, Any]:
        """One finding of the report."""
        return next(f for f in self.report["nodes"][node]["findings"] if f["check"] == check)

    def refusing(self, node: str) -> set[str]:
        """The checks that refuse a node."""
        findings = self.report["nodes"][node]["findings"]
        return {f["check"] for f in findings if f["required"] and f["state"] in ("fail", "inconclusive")}

    @property
    def changed_tasks(self) -> list[str]:
        """The names of the tasks that changed something, in a playbook's output."""
        tasks, current = [], ""
        for line in self.output.splitlines():
            if found := re.match(r"TASK \[(?:.* : )?(.*?)\] \*", line):
                current = found[1]
            elif line.startswith("changed: ") and current not in tasks:
                tasks.append(current)
        return tasks

    @property
    def changes_shown(self) -> list[str]:
        """What the role said it changes, and the differences that ``--diff`` showed."""
        begin = self.output.index("Show what is changed")
        differences = [line for line in self.output.splitlines() if line.startswith(("+", "-"))]
        return re.findall(r'^        "(.*?)",?$', self.output[begin:], re.MULTILINE) + differences

    def app(self, node: str) -> dict[str, Any]:
        """What was seen of the one GitHub App."""
        (app,) = self.finding(node, "github_app_token")["seen"]["apps"]
        return app


Runner = Callable[..., Run]


def backup_states(lab: Lab, node: str) -> list[str]:
    """The state of each backup that the remediation left on a node, oldest first:
    ``undone``, if all was put back.
    """
    manifests = lab.ssh(node, "cat /var/lib/skewgate/backups/*/manifest.json", check=False).stdout
    states, decoder = [], json.JSONDecoder()
    while manifests := manifests.lstrip():
        manifest, end = decoder.raw_decode(manifests)
        states.append(manifest["state"])
        manifests = manifests[end:]
    return states


def playbook_here(folder: Path, *words: str | Path, timeout_s: float) -> subprocess.CompletedProcess[str]:
    """Run ansible-playbook on this machine's own network;
    what it keeps between runs goes into ``folder``.
    """
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
    argv = [BIN / "ansible-playbook", *words]
    return subprocess.run(argv, **CAPTURED, cwd=REPOSITORY, env=environment, timeout=timeout_s, check=False)


def run_in(lab: Lab, report_dir: Path, argv: list[str], timeout_s: float) -> Run:
    """Run a command in the lab's network,
    in the checkout, and read the reports that it left in ``report_dir``.
    """
    environment = {**os.environ, **OUR_COMMANDS, "XDG_CACHE_HOME": str(report_dir / "cache")}
    done = lab.run(argv, **CAPTURED, cwd=REPOSITORY, env=environment, timeout=timeout_s)
    run = Run(done.returncode, done.stdout)
    if (report_dir / "report.json").exists():
        run.report = json.loads((report_dir / "report.json").read_text())
        run.evidence = json.loads((report_dir / "evidence.json").read_text())
        assert misfits(REPORT, run.report) == []
        assert misfits(EVIDENCE, run.evidence) == []
    return run


class Controller:
    """A command that runs in the lab's network with all that it starts, as on another machine."""

    def __init__(self, lab: Lab, argv: list[str]) -> None:
        # Ansible's workers and ssh's masters leave the process group, and can not leave the
        # namespace of processes.
        alone = ["unshare", "--pid", "--mount-proc", "--fork", "--kill-child"]
        self.process = subprocess.Popen(
            lab.namespace.argv([*alone, *argv]),
            **CAPTURED,
            cwd=REPOSITORY,
            env={**os.environ, **OUR_COMMANDS, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )

    def kill(self) -> None:
        """Kill the command, its workers and the ssh connections that it made, and
        return when they are gone.

        What it started on a node may run on there.
        """
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        while group_lives(self.process.pid):  # the namespace's first process ends last
            time.sleep(0.02)


def run_until(
    lab: Lab, argv: list[str], pattern: str, act: Callable[[Controller], object], *, timeout_s: float = 300
) -> Run:
    r"""Run ansible-playbook in the lab's network, and call ``act`` once, when a line matches; then
    let it go on to its end.

    ``pattern`` is searched in each line as it is printed, with the line of its task before it:
    ``r"TASK \[.*Prove"`` acts when that task begins, ``r"TASK \[.*Prove.*\nok: \[node3\]"`` when
    the node is done with it.
    What runs after ``timeout_s`` is killed. AssertionError when it was, or when no line matched.
    """
    controller = Controller(lab, argv)
    late = threading.Event()
    timer = threading.Timer(timeout_s, lambda: (late.set(), controller.kill()))
    timer.start()
    printed, task, acted = [], "", False
    try:
        assert controller.process.stdout is not None
        for line in controller.process.stdout:
            printed.append(line)
            task = line if line.startswith(("TASK [", "RUNNING HANDLER [")) else task
            if not acted and re.search(pattern, line if line is task else task + line):
                acted = True
                act(controller)
        status = controller.process.wait()
    finally:
        timer.cancel()
        controller.kill()
    output = "".join(printed)
    assert not late.is_set(), f"it did not end within {timeout_s:g} s:\n{output}"
    assert acted, f"no line matched {pattern!r}:\n{output}"
    return Run(status, output)


@pytest.fixture(scope="module")
def skewgate(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """``skewgate COMMAND`` on the lab's inventory;
    keyword ``extra`` is a dict of variables, ``args`` further words.
    """

    def run(command: str, *args: str, extra: dict[str, Any] | None = None, timeout_s: float = 900) -> Run:
        folder = tmp_path_factory.mktemp(command)
        argv = [str(BIN / "skewgate"), command, "-i", str(INVENTORY), "--report-dir", str(folder), *args]
        if extra:
            (folder / "extra.json").write_text(json.dumps(extra))
            argv += ["-e", f"@{folder}/extra.json"]
        return run_in(lab, folder, argv, timeout_s)

    return run


@pytest.fixture(scope="module")
def playbook(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """``ansible-playbook skewgate.preflight.NAME`` on the lab's inventory,
    with further words and variables likewise.
    """

    def run(name: str, *args: str, extra: dict[str, Any] | None = None, timeout_s: float = 900) -> Run:
        folder = tmp_path_factory.mktemp(name)
        (folder / "extra.json").write_text(json.dumps({"gate_report_dir": str(folder), **(extra or {})}))
        argv = [str(BIN / "ansible-playbook"), "-i", str(INVENTORY), f"skewgate.preflight.{name}"]
        return run_in(lab, folder, [*argv, "-e", f"@{folder}/extra.json", *args], timeout_s)

    return run


@pytest.fixture
def more(tmp_path: Path) -> list[str]:
    """Words that add node4 and node5 to the inventory;
    nothing answers at node5's address until a test boots it.
    """
    hosts = {f"node{n}": {"ansible_host": f"10.77.0.1{n}", "lab_dir": str(STATE_DIR)} for n in (4, 5)}
    (tmp_path / "more.json").write_text(json.dumps({"all": {"hosts": hosts}}))
    return ["-i", str(tmp_path / "more.json")]


@pytest.fixture
def github(lab: Lab) -> Control:  # noqa: ARG001 - the lab runs the API
    """The lab's GitHub App API, put back to its start."""
    control = Control(GITHUB_DIR)
    control.reset()
    return control


@pytest.fixture(scope="session")
def libfaketime() -> Path:
    """A library that gives a process that preloads it its own clock."""
    if shutil.which("apt-get") is None:
        pytest.skip("libfaketime is unpacked from Debian's package; this machine has no apt-get")
    (library,) = unpack_package("libfaketime", REPOSITORY / "build/clients/libfaketime").glob(
        "usr/lib/*/faketime/libfaketime.so.1"
    )
    return library


def app_settings(credentials: Credentials, url: str, **more: Any) -> dict[str, Any]:
    """The App of a GitHub API of the lab's kind, as settings, with more of them or others."""
    return {
        "name": "deploy",
        "app_id": APP_ID,
        "client_id": CLIENT_ID,
        "installation_id": INSTALLATION_ID,
        "private_key_file": str(credentials.app_pem),
        "ca_file": str(credentials.ca_pem),
        "api_url": url,
        **more,
    }


def github_app(**changes: Any) -> dict[str, Any]:
    """The App of the lab's own API, as settings, with changes."""
    settings = {"repositories": ["acme/deploy-config"], **changes}
    return app_settings(Credentials(GITHUB_DIR), "https://api.github.lab", **settings)


@pytest.fixture(scope="session")
def ntp_here() -> str:
    """The address of an NTP server with this machine's time."""
    if os.geteuid() != 0:
        pytest.skip("mounts and NTP's port take root")
    process = os.getpid()
    address = f"127.123.{process // 250 % 250}.{process % 250 + 1}"  # two runs of the tests at a time don't meet
    ScriptedServer(lambda request: [lie(request, 0)], address, NTP_PORT)
    return address


@pytest.fixture
def place(tmp_path: Path, ntp_here: str) -> Place:
    """Where a recipe is run."""
    return Place(tmp_path, ntp_here)


@pytest.fixture(scope="session")
def recipe_tools() -> Path:
    """The commands of a venv that has ansible-builder, the schemas of GitHub and GitLab,
    and what cloud-init imports.
    """
    venv, lock = REPOSITORY / "build/recipes", LOCKS / "recipes.txt"
    marker = venv / ".lock"
    if not marker.exists() or marker.read_bytes() != lock.read_bytes():
        subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
        install = ["install", "-q", "--require-hashes", "-r", lock]
        subprocess.run([venv / "bin/python", "-m", "pip", *install], check=True, timeout=300)
        shutil.copy(lock, marker)
    return venv / "bin"
