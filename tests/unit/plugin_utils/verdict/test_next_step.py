from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.next_step import (
    MOST_NAMES,
    RETRY,
    Action,
    Commands,
    Step,
    action_for,
    next_steps,
    of_playbook,
)

from tests.reports import admitted, finding, refused, report, unreachable

HELPED = [{**finding("clock_skew", "fail"), "remediable": True}]
STOPPED = {"attempted": False, "succeeded": False, "message": "it has joined", "changes": [], "backup": None}
UNTRIED = {**finding("github_app_token", "inconclusive"), "keys": ["no_app_given"]}


@pytest.mark.parametrize(
    ("node", "action"),
    [
        (admitted(), Action.JOIN),
        (refused(findings=HELPED), Action.GATE),
        (refused(findings=HELPED, remediation=STOPPED), Action.FIX_AND_GATE),
        (refused(findings=HELPED, remediation={**STOPPED, "attempted": True, "message": None}), Action.FIX_AND_GATE),
        (refused(), Action.FIX_AND_CHECK),
        (unreachable(), Action.FIX_AND_CHECK),
        (refused(findings=[{**HELPED[0], "required": False}, *refused()["findings"]]), Action.FIX_AND_CHECK),
        (refused(findings=[finding("clock_skew"), UNTRIED]), Action.TRY_TOKEN),
    ],
)
def test_a_node_needs_what_its_findings_and_its_remediation_leave(node: dict[str, Any], action: Action) -> None:
    assert action_for(node) is action


def test_the_nodes_are_in_one_step_each_and_the_gate_comes_first() -> None:
    content = report(c=unreachable(), b=refused(findings=HELPED), a=refused(findings=HELPED), d=admitted())
    assert next_steps(content) == [Step(Action.GATE, ("a", "b")), Step(Action.FIX_AND_CHECK, ("c",))]


def test_the_join_is_next_only_if_every_node_is_admitted() -> None:
    assert next_steps(report(a=admitted(), b=admitted())) == [Step(Action.JOIN, ("a", "b"))]


GATE = Commands(gate="skewgate gate -i hosts", directory="/r d", limit="'web*'")


@pytest.mark.parametrize(
    ("step", "command"),
    [
        (Step(Action.GATE, ("a", "b.example.net")), "skewgate gate -i hosts --limit a,b.example.net"),
        (Step(Action.FIX_AND_CHECK, ("2001:db8::1",)), "skewgate check -i INVENTORY --limit 2001:db8::1"),
        (Step(Action.JOIN, ("a",)), "skewgate verify '/r d'"),
        (Step(Action.GATE, ("a", "!b")), "skewgate gate -i hosts --limit 'web*'"),
        (Step(Action.TRY_TOKEN, ("$(reboot)",)), "skewgate check -i INVENTORY --limit 'web*'"),
        (Step(Action.GATE, ("ab:cd",)), "skewgate gate -i hosts --limit 'web*'"),
        (Step(Action.GATE, ("fe80::1%eth0",)), "skewgate gate -i hosts --limit 'web*'"),
    ],
)
def test_a_command_can_be_pasted_and_names_no_pattern(step: Step, command: str) -> None:
    assert GATE.of(step) == command


def test_the_playbooks_commands_need_no_skewgate() -> None:
    commands = of_playbook("/r")
    assert commands.of(Step(Action.GATE, ("a",))) == ("ansible-playbook -i INVENTORY skewgate.preflight.gate --limit a")
    assert commands.of(Step(Action.JOIN, ("a",))) == ""


def test_the_names_of_many_nodes_are_read_from_the_report() -> None:
    names = tuple(f"node{number}" for number in range(MOST_NAMES + 1))
    command = GATE.of(Step(Action.GATE, names))
    assert command.endswith(f" '/r d/report.json' > {RETRY} && skewgate gate -i hosts --limit @{RETRY}")
    assert "node0" not in command
    assert GATE.of(Step(Action.GATE, names[:-1])) == f"skewgate gate -i hosts --limit {','.join(names[:-1])}"
