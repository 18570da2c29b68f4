"""Interrupted runs: each fault that must not be is found, and one run of the commit's choice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from subprocess import CompletedProcess
from unittest.mock import Mock

import pytest

from tests.integration.conftest import Controller
from tests.lab import TRIO, Lab, NodeSpec
from tests.reliability.interruptions import seen
from tests.reliability.interruptions.part import run_in
from tests.reliability.interruptions.plan import CONTROLLER, FLOWS, NODE, STATES, plan
from tests.reliability.interruptions.seen import Seen, look
from tests.reliability.interruptions.strike import Proc, chosen, kill
from tests.reliability.results import commit

RUNS = {"chrony": ["active", "enabled"], "systemd-timesyncd": ["inactive", "not-found"]}
STOPPED = {"chrony": ["inactive", "enabled"], "systemd-timesyncd": ["inactive", "not-found"]}
BEFORE = Seen("former", "packaged", True, RUNS, {"chrony": "installed"})
AFTER = replace(BEFORE, conf="wanted", written=["wanted"], backups=["confirmed"])


def test_a_seed_always_names_the_same_run() -> None:
    assert [plan(seed) for seed in range(1, 101)] == [plan(seed) for seed in range(1, 101)]


def test_a_hundred_seeds_have_every_flow_state_and_target() -> None:
    plans = [plan(seed) for seed in range(1, 101)]
    assert {each.flow for each in plans} == set(FLOWS)
    assert {state for each in plans for state in each.states} == set(STATES)
    assert {each.target for each in plans} == {*CONTROLLER, *NODE}


@pytest.mark.parametrize("killed", [BEFORE, AFTER, replace(BEFORE, conf="packaged")])
def test_a_whole_configuration_is_no_fault(killed: Seen) -> None:
    assert seen.lost(BEFORE, killed, AFTER) == []
    assert seen.unfinished(AFTER) == []


LOST = {
    "a half-written chrony.conf": {"conf": "half"},
    "no chrony.conf": {"conf": None},
    "a chrony.conf that chronyd does not accept": {"accepted": False},
    "no daemon": {"units": STOPPED},
    "a daemon that does not start at boot": {"units": {**RUNS, "chrony": ["active", "disabled"]}},
    "a lock": {"locks": ["/var/lib/skewgate/lock"]},
    "a backup that cannot be read": {"backups": ["broken: Expecting value"]},
}


@pytest.mark.parametrize("planted", LOST.values(), ids=LOST)
def test_what_a_kill_must_not_leave_is_found(planted: dict[str, object]) -> None:
    assert len(seen.lost(BEFORE, replace(BEFORE, **planted), AFTER)) == 1  # type: ignore[arg-type]


def test_a_node_without_a_daemon_may_stay_without_one_until_the_next_run() -> None:
    bare = Seen(None, None, None, STOPPED, {})
    assert seen.lost(bare, bare, AFTER) == []
    assert len(seen.unfinished(bare)) == 2


UNFINISHED = {
    "a clock that is off": {"off_s": -612.0},
    "no daemon": {"units": STOPPED},
    "the package's configuration": {"conf": "packaged"},
    "a lock": {"locks": ["/var/lib/dpkg/lock"]},
    "a file that was never renamed in": {"staged": ["/etc/chrony/.chrony.conf.skewgate"]},
    "a masked unit": {"masked": ["/run/systemd/system/chrony.service"]},
    "half a package": {"packages": {"chrony": "half-configured"}},
    "an apt that does not work": {"apt": "dpkg was interrupted"},
}


@pytest.mark.parametrize("planted", UNFINISHED.values(), ids=UNFINISHED)
def test_what_the_next_run_must_not_leave_is_found(planted: dict[str, object]) -> None:
    assert len(seen.unfinished(replace(AFTER, **planted))) == 1  # type: ignore[arg-type]


def test_a_node_that_is_not_as_before_is_found() -> None:
    assert seen.not_as_before(BEFORE, replace(BEFORE, backups=["undone"])) == []
    gone = replace(BEFORE, packages={"chrony": "installed", "systemd-timesyncd": "config-files"})
    assert seen.not_as_before(BEFORE, gone) == []
    assert len(seen.not_as_before(BEFORE, AFTER)) == 1
    assert len(seen.not_as_before(BEFORE, replace(BEFORE, units=STOPPED, staged=["/etc/x"]))) == 2


def report(run: str, *nodes: str) -> dict[str, object]:
    return {"run_id": run, "nodes": {name: {"verdict": "admit"} for name in nodes}}


def test_half_a_report_is_found(tmp_path: Path) -> None:
    whole = report("1", "a", "b")
    assert seen.half_report(whole, whole, ["a", "b"]) == []
    assert seen.half_report(None, None, ["a", "b"]) == seen.half_report(None, whole, ["a", "b"]) == []
    (tmp_path / "report.json").write_text('{"run_id": "1", "nodes": {"a"')
    cut_off = seen.read(tmp_path / "report.json")
    for half in (cut_off, report("2", "a", "b"), report("1", "a")):
        assert len(seen.half_report(half, whole, ["a", "b"])) == 1
        assert len(seen.half_report(whole, half, ["a", "b"])) == 1
    assert len(seen.half_report(whole, None, ["a", "b"])) == 1


def test_a_node_that_joined_without_an_admission_is_found() -> None:
    nodes = {"a": replace(AFTER, joined=True), "b": AFTER}
    assert seen.joined_wrongly(nodes, report("1", "a", "b")) == []
    assert len(seen.joined_wrongly(nodes, None)) == 1
    assert len(seen.joined_wrongly(nodes, report("1", "b"))) == 1


TREE = [
    Proc(2, 1, "python\0/bin/skewgate\0gate"),
    Proc(3, 2, "python\0-P\0-m\0skewgate.ansible_playbook"),
    Proc(4, 3, "python\0-P\0-m\0skewgate.ansible_playbook"),
    Proc(5, 4, "ssh\0node4"),
]


@pytest.mark.parametrize(("target", "pid"), [("command", 2), ("runner", 3), ("worker", 4)])
def test_the_process_that_a_plan_names_is_the_one_that_is_killed(target: str, pid: int) -> None:
    assert chosen(replace(plan(1), target=target), TREE).pid == pid
    assert chosen(replace(plan(1), target=target), TREE[:1]).pid == 2


@pytest.mark.parametrize(("status", "killed"), [(0, True), (255, True), (1, False)])
@pytest.mark.parametrize("target", ["module", "installer", "session"])
def test_a_kill_that_met_no_process_is_no_interruption(target: str, status: int, killed: bool) -> None:
    lab, controller = Mock(Lab), Mock(Controller)
    lab.ssh.return_value = CompletedProcess([], status)
    assert kill(lab, replace(plan(1), target=target), controller, "node4") is killed


PLANT = """\
sed -i '$d' /etc/chrony/chrony.conf; mkdir -p /var/lib/skewgate
(flock -x 9; exec sleep 60) 9> /var/lib/skewgate/lock > /dev/null 2>&1 &
python3 -c 'import fcntl, time
with open("/var/lib/dpkg/lock-frontend", "w") as file: fcntl.lockf(file, fcntl.LOCK_EX); time.sleep(60)' > /dev/null 2>&1 &
sleep 1; echo planted"""


@pytest.mark.lab
def test_what_was_planted_on_a_node_is_seen_there(lab: Lab, lab_node: Callable[[NodeSpec], NodeSpec]) -> None:
    node = lab_node(TRIO[2]).name
    before = look(lab, node)
    assert before.works
    assert seen.lost(before, before, before) == []
    lab.ssh(node, PLANT)
    planted = look(lab, node, wait_s=1)
    assert abs(before.off_s - TRIO[2].skew_s) < seen.CLOCK_S
    assert planted.locks == ["/var/lib/dpkg/lock-frontend", "/var/lib/skewgate/lock"]
    assert len(seen.lost(before, planted, before)) == 2


@pytest.mark.lab
def test_a_run_is_killed_and_the_next_one_finishes(lab: Lab, tmp_path: Path) -> None:
    """A gate that installs nothing, because that takes a minute more; the commit picks it."""
    first = int(hashlib.sha256(commit().encode()).hexdigest()[:8], 16)
    plans = (plan(seed) for seed in count(first))
    seed = next(
        each.seed
        for each in plans
        if each.flow in ("gate", "cluster_migration") and not any(STATES[name].installs for name in each.states)
    )
    try:
        (row,) = run_in(lab, [seed], tmp_path / "runs")
    finally:
        for name in ("node4", "node5"):
            lab.stop_node(name)
    assert row.holds, row.faults
