from __future__ import annotations

from pathlib import Path

from skewgate.progress import Progress
from tests.reports import admitted, event, finding, refused, unreachable

IN_CHRONY = {"action": "ansible.builtin.template", "role": "chrony", "resolved_role": "skewgate.preflight.chrony"}


def test_a_check_gives_one_line_a_node() -> None:
    progress = Progress(gate=False)
    assert progress.lines(event("runner_on_ok", "node1", {"judgement": admitted(), "phase": "check"})) == [
        "node1: admitted, 0.000 s (± 0.005 s)"
    ]
    assert progress.lines(event("runner_on_ok", "node2", {"judgement": refused(), "phase": "check"})) == [
        "node2: refused, 612.004 s behind (± 0.012 s): 612.004 s behind, Argo CD stands 90 s (and 1 more)"
    ]


def test_the_gate_says_refused_then_fixing_once_then_the_final_verdict() -> None:
    progress = Progress(gate=True)
    lines = []
    for each in (
        event("runner_on_ok", "node2", {"judgement": refused(), "phase": "check"}),
        event("runner_on_skipped", "node2", {}, **IN_CHRONY),
        event("runner_on_ok", "node2", {}, **IN_CHRONY),
        event("runner_on_ok", "node2", {}, **IN_CHRONY),
        event("runner_on_ok", "node2", {"judgement": admitted(), "phase": None}),
        event("runner_on_ok", "node2", {"judgement": admitted(), "phase": "recheck"}),
    ):
        lines += progress.lines(each)
    assert [line.partition(",")[0] for line in lines] == [
        "node2: refused",
        "node2: fixing its clock",
        "node2: admitted",
    ]


def test_a_role_that_runs_on_an_admitted_node_is_no_remediation() -> None:
    progress = Progress(gate=True)
    progress.lines(event("runner_on_ok", "node1", {"judgement": admitted(), "phase": "check"}))
    assert progress.lines(event("runner_on_ok", "node1", {}, **IN_CHRONY)) == []


def test_an_unreachable_node_is_told_with_its_reason() -> None:
    with_report = event(
        "runner_on_unreachable", "node4", {"judgement": unreachable(), "phase": "check", "unreachable": True}
    )
    elsewhere = event("runner_on_unreachable", "node5", {"msg": "Connection refused"}, action="ansible.builtin.setup")
    assert Progress(gate=False).lines(with_report) == [
        "node4: not judged, skew unknown: the node could not be reached: No route to host"
    ]
    assert Progress(gate=False).lines(elsewhere) == ["node5: unreachable: Connection refused"]


def test_what_is_wrong_with_the_settings_is_kept_once_for_all_nodes() -> None:
    progress = Progress(gate=False)
    for host in ("node1", "node2"):
        progress.lines(
            event("runner_on_failed", host, {"failed": True, "configuration_errors": ["gate_clients: empty"]})
        )
    spec = {"failed": True, "argument_errors": ["value of gate_timeout_s must be a float"]}
    progress.lines(event("runner_on_failed", "node1", spec, action="ansible.builtin.validate_argument_spec"))
    assert progress.configuration_errors == ["gate_clients: empty", "value of gate_timeout_s must be a float"]


def test_a_setting_that_can_not_be_worked_out_is_wrong_with_the_settings() -> None:
    progress = Progress(gate=False)
    for action in ("ansible.builtin.validate_argument_spec", "ansible.builtin.command"):
        failed = {"failed": True, "msg": "Task failed: 'argocd_secrets' is undefined"}
        progress.lines(event("runner_on_failed", "node1", failed, action=action))
    assert progress.configuration_errors == ["'argocd_secrets' is undefined"]


def test_an_event_without_a_result_is_no_sign_that_a_task_ran() -> None:
    progress = Progress(gate=False)
    for each in (
        {"event": "EOF"},
        {"event": "playbook_on_stats", "event_data": {}},
        {"event": "verbose", "stdout": "x"},
    ):
        assert progress.lines(each) == []
    assert not progress.tasks_ran


def test_a_result_that_the_log_hides_gives_no_line() -> None:
    progress = Progress(gate=False)
    assert progress.lines(event("runner_on_ok", "node1", {"censored": "hidden"})) == []
    assert progress.tasks_ran


def test_the_files_that_the_last_report_wrote_are_kept() -> None:
    progress = Progress(gate=True)
    for files in (["/r/evidence.json"], ["/r/evidence.json", "/r/report.json"]):
        event_of_report = event("runner_on_ok", "node1", {"files": files}, action="skewgate.preflight.fleet_report")
        assert progress.lines(event_of_report) == []
    assert progress.files == [Path("/r/evidence.json"), Path("/r/report.json")]


def test_control_characters_from_a_node_are_written_as_escapes() -> None:
    node = refused(findings=[finding("clock_skew", "fail", "\x1b[2Jgone")])
    (line,) = Progress(gate=False).lines(event("runner_on_ok", "node2", {"judgement": node, "phase": "check"}))
    assert line.endswith(r": \x1b[2Jgone")
