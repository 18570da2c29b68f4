"""The gate and the role chrony on nodes that they may change: mended and proved, or all put back."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.integration.conftest import Run, Runner
from tests.lab import TRIO, Lab, NodeSpec
from tests.lab.ntp import SERVERS

pytestmark = pytest.mark.lab

GOOD, BEHIND, AHEAD = TRIO
COMPETITOR = NodeSpec("node4", "10.77.0.14", skew_s=-612, variant="timesyncd", ntp=("10.77.0.9",))

# What undoing has to bring back: the configuration and each daemon's state.
STATE = (
    "cat /etc/chrony/chrony.conf /etc/systemd/timesyncd.conf 2>/dev/null | sha256sum; "
    "dpkg-query -W -f '${db:Status-Abbrev} ${Package}\\n' chrony systemd-timesyncd 2>/dev/null | grep ^ii; "
    "systemctl is-enabled chrony chrony-wait systemd-timesyncd 2>&1; systemctl is-active chrony systemd-timesyncd"
)


def changed_tasks(run: Run) -> list[str]:
    """The names of the tasks that changed something, in a playbook's output."""
    tasks, current = [], ""
    for line in run.output.splitlines():
        if found := re.match(r"TASK \[(?:.* : )?(.*?)\] \*", line):
            current = found[1]
        elif line.startswith("changed: ") and current not in tasks:
            tasks.append(current)
    return tasks


def test_the_migration_joins_the_mended_nodes_and_leaves_the_unreachable_one_out(
    lab: Lab, lab_node: Callable[[NodeSpec], NodeSpec], playbook: Runner, more: list[str]
) -> None:
    lab.up([GOOD])
    for spec in (BEHIND, AHEAD):
        lab_node(spec)
    lab.wait_synchronised("node1")

    run = playbook("cluster_migration", *more, "-l", "node1,node2,node3,node5")
    assert run.report["summary"] == {"admitted": 3, "refused": 0, "not_judged": 1}
    assert run.report["nodes"]["node2"]["before"]["cause"] == "failure"
    assert run.report["nodes"]["node2"]["remediation"]["succeeded"] is True
    assert run.report["nodes"]["node1"]["remediation"] is None
    for node in ("node1", "node2", "node3"):
        low_s, high_s = lab.skew_s(node)
        assert low_s < 0.5
        assert high_s > -0.5
        assert "joined" in lab.ssh(node, "cat /etc/skewgate/joined").stdout
        assert lab.ssh(node, "systemctl is-enabled chrony chrony-wait").stdout.split() == ["enabled"] * (
            2 if node != "node1" else 1
        ) + (["disabled"] if node == "node1" else [])

    again = playbook("gate", "-l", "node1,node2,node3")
    assert again.status == 0
    assert changed_tasks(again) == []
    assert "Mend the node's time" not in again.output.replace("skipping", "")


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(AHEAD, id="chrony was there"),
        pytest.param(COMPETITOR, id="another daemon was there", marks=pytest.mark.slow),
    ],
)
def test_all_is_put_back_where_the_proof_fails(
    spec: NodeSpec, lab: Lab, lab_node: Callable[[NodeSpec], NodeSpec], skewgate: Runner, more: list[str]
) -> None:
    lab_node(spec)
    before = lab.ssh(spec.name, STATE, check=False).stdout
    # The servers answer the check on port 123; chronyd is told a port on which nobody answers.
    settings = {"chrony_source_options": "iburst port 1234", "chrony_proof_timeout_s": 4}
    run = skewgate("gate", *more, "-l", spec.name, extra=settings)
    assert run.status == 4
    remediation = run.report["nodes"][spec.name]["remediation"]
    assert remediation["succeeded"] is False
    assert "The former state was restored" in remediation["message"]
    assert "none of chronyd's sources answers" in remediation["message"]
    assert lab.ssh(spec.name, STATE, check=False).stdout == before


def test_a_configuration_that_chronyd_refuses_never_takes_effect(
    lab: Lab, lab_node: Callable[[NodeSpec], NodeSpec], skewgate: Runner
) -> None:
    lab_node(AHEAD)
    before = lab.ssh("node3", STATE).stdout
    run = skewgate("gate", "-l", "node3", extra={"chrony_makestep": "now and then"})
    assert run.status == 4
    assert "makestep" in run.report["nodes"]["node3"]["remediation"]["message"]
    assert lab.ssh("node3", STATE).stdout == before


def test_a_node_that_no_server_answers_is_not_touched(
    lab: Lab, lab_node: Callable[[NodeSpec], NodeSpec], skewgate: Runner
) -> None:
    lab_node(BEHIND)
    before = lab.ssh("node2", STATE, check=False).stdout
    run = skewgate("gate", "-l", "node2", extra={"gate_ntp_servers": ["10.77.0.9"]})
    assert run.status == 4
    assert "Nothing was changed" in run.report["nodes"]["node2"]["remediation"]["message"]
    assert lab.ssh("node2", STATE, check=False).stdout == before


def test_a_node_that_has_joined_is_not_stepped_unless_told_to_and_gets_only_servers_that_answer(
    lab: Lab, lab_node: Callable[[NodeSpec], NodeSpec], skewgate: Runner
) -> None:
    lab_node(AHEAD)
    lab.ssh("node3", "mkdir -p /etc/kubernetes && touch /etc/kubernetes/kubelet.conf")
    before = lab.ssh("node3", STATE).stdout
    settings: dict[str, object] = {"gate_ntp_servers": [*SERVERS.values(), "10.77.0.9"]}

    run = skewgate("gate", "-l", "node3", extra=settings)
    message = run.report["nodes"]["node3"]["remediation"]["message"]
    assert message.startswith("Nothing was changed. The node has joined a cluster (/etc/kubernetes/kubelet.conf)")
    assert "chronyd's slew would take 0.1 hours" in message
    assert lab.ssh("node3", STATE).stdout == before
    low_s, _high_s = lab.skew_s("node3")
    assert low_s > 40

    run = skewgate("gate", "-l", "node3", extra={**settings, "chrony_step_joined": True})
    assert run.report["nodes"]["node3"]["verdict"] == "admit"
    written = lab.ssh("node3", "cat /etc/chrony/chrony.conf").stdout
    assert re.findall(r"^server (\S+)", written, re.MULTILINE) == list(SERVERS.values())
    assert "# 10.77.0.9 was left out" in written


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(AHEAD, id="chrony was there"),
        pytest.param(COMPETITOR, id="another daemon gives way", marks=pytest.mark.slow),
    ],
)
def test_check_mode_foretells_what_a_run_then_changes(
    spec: NodeSpec, lab: Lab, lab_node: Callable[[NodeSpec], NodeSpec], playbook: Runner, more: list[str]
) -> None:
    lab_node(spec)
    before = lab.ssh(spec.name, STATE, check=False).stdout
    foretold = playbook("remediate", *more, "-l", spec.name, "--check", "--diff")
    assert foretold.status == 0, foretold.output
    assert lab.ssh(spec.name, STATE, check=False).stdout == before
    assert "+server 10.77.0.1 iburst" in foretold.output
    done = playbook("remediate", *more, "-l", spec.name, "--diff")
    assert done.status == 0, done.output
    assert changed_tasks(done) == changed_tasks(foretold) != []
    active = lab.ssh(spec.name, "systemctl is-active chrony systemd-timesyncd", check=False).stdout.split()
    assert active == ["active", "inactive"]
