"""A join play's first task, on real nodes: what happened to them between the gate and the join.

A user-mode Linux guest really suspends and resumes, reboots from its disk, and is set by `date`.
That it stands still, as when its hypervisor pauses it, takes a library (`late.c`): its counter is
this machine's.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import BIN, INVENTORY, Run, run_in
from tests.lab import Lab
from tests.lab.lab import STATE_DIR
from tests.lab.nodes import TRIO, NodeSpec
from tests.lab.ntp import SERVERS

ALONE = TRIO[0]
STEPPED, RESUMED, REBOOTED, PAUSED = OTHERS = tuple(
    NodeSpec(f"node{n}", f"10.77.0.1{n}", 0, "chrony", tuple(SERVERS.values())) for n in (6, 7, 8, 9)
)
NODES = (ALONE, *OTHERS)
SETTINGS = {
    "gate_checks": ["clock_skew", "time_service"],
    "gate_remediate": False,
    "gate_hosts": ",".join(spec.name for spec in NODES),
}
OFF_S = 45

ADMISSION = {"ansible.builtin.include_role": {"name": "skewgate.preflight.gate", "tasks_from": "admission"}}


def stage(number: int) -> dict[str, Any]:
    """A play that waits until the test has done what is to happen here."""
    return {
        "hosts": "localhost",
        "gather_facts": False,
        "connection": "local",
        "vars": {"lab_dir": str(STATE_DIR), "ansible_python_interpreter": "/usr/bin/python3"},
        "tasks": [
            {"ansible.builtin.file": {"path": f"{{{{ gate_report_dir }}}}/reached-{number}", "state": "touch"}},
            {"ansible.builtin.wait_for": {"path": f"{{{{ gate_report_dir }}}}/go-{number}", "timeout": 200}},
        ],
    }


def join(number: int, hosts: str = "skewgate_admitted", **settings: Any) -> dict[str, Any]:
    """A play that joins: each host leaves the keys for which it may not, none if it may."""
    leave = {"dest": f"{{{{ gate_report_dir }}}}/join-{number}-{{{{ inventory_hostname }}}}", "mode": "0600"}
    keys = "{{ {'ended_by': ansible_failed_result.ended_by, 'msg': ansible_failed_result.msg} | to_json }}"
    here = {
        "delegate_to": "localhost",
        "connection": "local",
        "vars": {"ansible_python_interpreter": "/usr/bin/python3"},
    }
    joined = {"ansible.builtin.copy": {**leave, "content": '{"ended_by": []}'}, **here}
    refused = {"ansible.builtin.copy": {**leave, "content": keys}, **here}
    return {
        "hosts": hosts,
        "gather_facts": False,
        "vars": settings,
        "tasks": [{"block": [ADMISSION, joined], "rescue": [refused]}],
    }


RUNBOOK = [
    {"ansible.builtin.import_playbook": "skewgate.preflight.gate"},
    stage(1),
    join(1),
    stage(2),
    join(2, hosts=REBOOTED.name, gate_allow_reboot=True),
    stage(3),
    join(3, hosts=REBOOTED.name, gate_allow_reboot=True),
]


@dataclass
class Runbook:
    """A runbook that runs; ``stages`` are how often it waits for the test."""

    folder: Path
    running: Future[Run]
    done: list[int] = field(default_factory=list)

    def reached(self, number: int) -> None:
        """Return when it waits for this stage."""
        while not (self.folder / f"reached-{number}").exists():
            assert not self.running.done(), self.running.result().output
            time.sleep(0.1)

    def go(self, number: int) -> None:
        """Let it go on."""
        (self.folder / f"go-{number}").touch()

    def joined(self, number: int) -> dict[str, dict[str, Any]]:
        """By host, why it did not join at this play."""
        found = self.folder.glob(f"join-{number}-*")
        return {path.name.rpartition("-")[2]: json.loads(path.read_text()) for path in found}


def suspend(lab: Lab, name: str, seconds: float) -> None:
    """Let a node's kernel suspend itself, and wake it."""
    before = int(lab.look(name, "cat /sys/power/suspend_stats/success"))
    asleep = "nohup sh -c 'sleep 0.3; echo freeze > /sys/power/state' > /dev/null 2>&1 & echo begun"
    lab.ssh(name, asleep)
    time.sleep(seconds)
    pid = lab.processes()[name]
    assert pid
    os.kill(pid, signal.SIGUSR1)  # what wakes a user-mode Linux kernel
    assert int(lab.look(name, "cat /sys/power/suspend_stats/success")) == before + 1


@pytest.fixture(scope="module")
def late(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file by which PAUSED is late; it is booted for that."""
    folder = tmp_path_factory.mktemp("late")
    install_compiler()
    source = Path(__file__).with_name("late.c")
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", folder / "late.so", source], check=True)
    late = folder / "late_ns"
    late.write_bytes(bytes(8))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("LD_PRELOAD", str(folder / "late.so"))
        environment.setenv("LATE_NS", str(late))
        lab.reset_node(PAUSED)
    return late


def install_compiler() -> None:
    if shutil.which("cc") is None:
        if shutil.which("apt-get") is None:
            pytest.skip("a node that stands still needs a C compiler, and this machine has no apt-get")
        subprocess.run(["apt-get", "install", "-q", "-y", "--no-install-recommends", "gcc", "libc6-dev"], check=True)


@contextmanager
def paused(lab: Lab, late: Path) -> Iterator[None]:
    """While the block runs, PAUSED stands still; then it goes on from where it was."""
    pid = lab.processes()[PAUSED.name]
    assert pid
    begun_ns = time.monotonic_ns()
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with late.open("r+b") as file:
            file.write((time.monotonic_ns() - begun_ns).to_bytes(8, sys.byteorder))
        os.kill(pid, signal.SIGCONT)


@pytest.fixture(scope="module")
def runbook(lab: Lab, late: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runbook]:
    """The runbook after all of it, with what happened between."""
    lab.up([*TRIO, *OTHERS])
    for spec in NODES:
        lab.wait_synchronised(spec.name)
    folder = tmp_path_factory.mktemp("runbook")
    hosts = {spec.name: {"ansible_host": spec.ip, "lab_dir": str(STATE_DIR)} for spec in OTHERS}
    (folder / "more.json").write_text(json.dumps({"all": {"hosts": hosts}}))
    (folder / "play.yml").write_text(json.dumps(RUNBOOK))
    (folder / "extra.json").write_text(json.dumps({**SETTINGS, "gate_report_dir": str(folder)}))
    inventory = ["-i", str(INVENTORY), "-i", str(folder / "more.json")]
    argv = [str(BIN / "ansible-playbook"), *inventory, str(folder / "play.yml"), "-e", f"@{folder}/extra.json"]
    with ThreadPoolExecutor() as beside:
        book = Runbook(folder, beside.submit(run_in, lab, folder, argv, 600))
        try:
            book.reached(1)
            lab.ssh(PAUSED.name, "systemctl stop chrony")
            with paused(lab, late):
                lab.ssh(STEPPED.name, "systemctl stop chrony; date -s '+2 sec'")
                lab.ssh(REBOOTED.name, "systemctl mask --now chrony; sync")
                suspend(lab, RESUMED.name, 1)
                lab.reboot_node(REBOOTED.name, OFF_S)
            book.go(1)
            book.reached(2)
            book.go(2)
            book.reached(3)
            lab.ssh(REBOOTED.name, "systemctl unmask chrony; systemctl start chrony")
            lab.wait_synchronised(REBOOTED.name)
            book.go(3)
            run = book.running.result()
        finally:
            for number in (1, 2, 3):
                book.go(number)
    assert {node["verdict"] for node in run.report["nodes"].values()} == {"admit"}, run.output
    yield book
    for spec in OTHERS:
        lab.stop_node(spec.name)


def test_a_node_that_was_left_alone_joins(runbook: Runbook) -> None:
    assert runbook.joined(1)[ALONE.name]["ended_by"] == []


@pytest.mark.parametrize(
    ("spec", "key"),
    [(STEPPED, "stepped"), (RESUMED, "resumed"), (REBOOTED, "rebooted")],
    ids=["step", "resume", "reboot"],
)
def test_a_node_whose_clock_was_set_or_that_resumed_or_rebooted_does_not(
    runbook: Runbook, spec: NodeSpec, key: str
) -> None:
    found = runbook.joined(1)[spec.name]
    assert found["ended_by"] == [key]
    assert "Run the gate for it again" in found["msg"]


def test_the_size_of_the_step_is_said(runbook: Runbook) -> None:
    found = re.search(r"set by \+([0-9.]+) s", runbook.joined(1)[STEPPED.name]["msg"])
    assert found
    assert float(found[1]) == pytest.approx(2, abs=0.2)  # what date needs to start is not in it


def test_where_a_reboot_is_accepted_a_clock_that_is_off_after_it_is_not(runbook: Runbook) -> None:
    found = runbook.joined(2)[REBOOTED.name]
    assert found["ended_by"] == ["rebooted", "clock_after_reboot"]
    assert re.search(r"clock_skew: 4[45]\.\d+ s ahead", found["msg"])


def test_and_a_clock_that_is_right_after_it_is(runbook: Runbook) -> None:
    assert runbook.joined(3)[REBOOTED.name] == {"ended_by": []}
