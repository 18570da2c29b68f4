from __future__ import annotations

from pathlib import Path
from typing import Any

from skewgate.checking import interrupted
from skewgate.progress import Progress
from tests.reports import admitted, event, finding, refused, shown, unreachable

IN_CHRONY = {"action": "ansible.builtin.template", "role": "chrony", "resolved_role": "skewgate.preflight.chrony"}


def test_a_check_gives_one_line_a_node() -> None:
    progress = Progress(gate=False)
    assert progress.lines(event("runner_on_ok", "node1", shown(admitted()))) == ["node1: admitted, 0.000 s (± 0.005 s)"]
    assert progress.lines(event("runner_on_ok", "node2", shown(refused()))) == [
        "node2: refused, 612.004 s behind (± 0.012 s): cause clock_skew (and 1 more)"
    ]


def test_a_node_whose_token_other_nodes_mint_is_done_and_not_refused() -> None:
    progress = Progress(gate=True)
    result = shown(refused(), awaits_report=True)
    assert progress.lines(event("runner_on_ok", "node3", result)) == [
        "node3: good, but for the token, which other nodes mint; the report decides"
    ]
    assert progress.so_far() == "1 of 1 node was judged: 1 left to the report."


def test_the_gate_says_refused_then_fixing_once_then_the_final_verdict() -> None:
    progress = Progress(gate=True)
    lines = []
    for each in (
        event("runner_on_ok", "node2", shown(refused())),
        event("runner_on_skipped", "node2", {}, **IN_CHRONY),
        event("runner_on_ok", "node2", {}, **IN_CHRONY),
        event("runner_on_ok", "node2", {}, **IN_CHRONY),
        event("runner_on_ok", "node2", shown(admitted(), None)),
        event("runner_on_ok", "node2", shown(admitted(), "recheck")),
    ):
        lines += progress.lines(each)
    assert [line.partition(",")[0] for line in lines] == [
        "node2: refused",
        "node2: fixing its clock",
        "node2: admitted",
    ]


def test_a_role_that_runs_on_an_admitted_node_is_no_remediation() -> None:
    progress = Progress(gate=True)
    progress.lines(event("runner_on_ok", "node1", shown(admitted())))
    assert progress.lines(event("runner_on_ok", "node1", {}, **IN_CHRONY)) == []


def test_an_unreachable_node_is_shown_with_its_reason() -> None:
    with_report = event("runner_on_unreachable", "node4", shown(unreachable(), unreachable=True))
    elsewhere = event("runner_on_unreachable", "node5", {"msg": "Connection refused"}, action="ansible.builtin.setup")
    assert Progress(gate=False).lines(with_report) == ["node4: not judged, skew unknown: cause reachable"]
    assert Progress(gate=False).lines(elsewhere) == ["node5: unreachable: Connection refused"]


def test_a_node_whose_check_ansible_could_not_begin_has_a_line_and_is_done() -> None:
    progress = Progress(gate=False)
    answer = {"failed": True, "msg": "Task failed: 'x' is undefined\nmore"}
    assert progress.lines(event("runner_on_failed", "node6", answer)) == ["node6: not judged: 'x' is undefined"]
    assert progress.judged == {"node6": "not judged"}
    assert Progress(gate=False).lines(event("runner_on_failed", "a", {**answer, "configuration_errors": ["b"]})) == []


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


class Clock:
    """Seconds that pass when a test says so."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def begun(progress: Progress, *hosts: str) -> list[str]:
    result = {"hosts": list(hosts), "report_dir": "/r"}
    return progress.lines(event("runner_on_ok", hosts[0], result, action="skewgate.preflight.fleet_begin"))


def started(progress: Progress, host: str, **data: Any) -> None:
    assert progress.lines(event("runner_on_start", host, {}, **data)) == []


def checked(progress: Progress, host: str, node: dict[str, Any], phase: str = "check", **more: Any) -> None:
    progress.lines(event("runner_on_ok", host, shown(node, phase, **more)))


def test_it_says_at_once_and_once_how_many_nodes_are_checked() -> None:
    progress = Progress(gate=False)
    assert begun(progress, "a", "b") == ["checking 2 nodes"]
    assert begun(progress, "a", "b") == []
    assert progress.report_dir == Path("/r")
    assert begun(Progress(gate=False), "a") == ["checking 1 node"]


def test_it_says_first_how_many_nodes_mint_a_token_if_not_all_do() -> None:
    note = "GitHub App deploy: 400 of 1000 nodes mint a token\x1b[2J"
    result = {"hosts": ["a"], "report_dir": "/r", "mint_notes": [note]}
    lines = Progress(gate=False).lines(event("runner_on_ok", "a", result, action="skewgate.preflight.fleet_begin"))
    assert lines == ["checking 1 node", "GitHub App deploy: 400 of 1000 nodes mint a token\\x1b[2J"]


def test_after_some_silence_it_says_who_is_done_and_what_the_others_wait_for() -> None:
    clock = Clock()
    progress = Progress(gate=True, clock_s=clock)
    begun(progress, "a", "b", "c", "d", "e", "f")
    for host in "abcde":
        started(progress, host)
    checked(progress, "a", admitted())
    checked(progress, "b", refused(), chrony_can_help=False)
    checked(progress, "c", refused(), chrony_can_help=True)
    checked(progress, "d", refused(), chrony_can_help=True)
    started(progress, "a", **IN_CHRONY, task="Prove the clock")  # a task that will be skipped there
    started(progress, "c", **IN_CHRONY, task="Prove the clock")
    clock.now_s = 9
    assert progress.waiting() == []
    clock.now_s = 10
    assert progress.waiting() == [
        "2 of 6 done; waiting for c (being fixed: Prove the clock), d (to be fixed), e (no answer yet), f (not begun)"
    ]
    progress.lines(event("runner_on_ok", "c", {}, **IN_CHRONY))
    started(progress, "c")
    clock.now_s = 20
    assert "c (to be checked again)" in progress.waiting()[0]
    checked(progress, "c", admitted(), "recheck")
    clock.now_s = 30
    assert progress.waiting()[0].startswith("3 of 6 done; waiting for d")


def test_silence_that_goes_on_is_shown_less_and_less_often() -> None:
    clock = Clock()
    progress = Progress(gate=False, clock_s=clock)
    begun(progress, "a")
    started(progress, "a")
    said = []
    for clock.now_s in range(200):
        said += [clock.now_s for _ in progress.waiting()]
    assert said == [10, 30, 70, 150]


def test_of_many_nodes_that_wait_for_the_same_some_are_named() -> None:
    clock = Clock()
    progress = Progress(gate=False, clock_s=clock)
    hosts = [f"n{number}" for number in range(40)]
    begun(progress, *hosts)
    for host in hosts:
        started(progress, host)
    clock.now_s = 10
    assert progress.waiting() == ["0 of 40 done; waiting for n0, n1, n2 and 37 more (no answer yet)"]


def test_before_any_node_is_contacted_it_says_so_and_after_the_report_nothing() -> None:
    clock = Clock()
    progress = Progress(gate=False, clock_s=clock)
    clock.now_s = 10
    assert progress.waiting() == ["no node was contacted yet: the inventory and the settings are being read"]
    progress.lines(event("runner_on_ok", "a", {"files": ["/r/report.json"]}, action="skewgate.preflight.fleet_report"))
    clock.now_s = 99
    assert progress.waiting() == []


def test_what_is_known_when_a_run_is_interrupted() -> None:
    progress = Progress(gate=True)
    assert progress.so_far() == "No node was judged."
    begun(progress, "a", "b", "c", "d")
    checked(progress, "a", admitted())
    checked(progress, "b", refused())
    progress.lines(event("runner_on_ok", "b", {}, **IN_CHRONY))
    checked(progress, "c", unreachable())
    assert progress.so_far() == "3 of 4 nodes were judged: 1 admitted, 1 refused, 1 not judged."
    assert progress.fixing == ["b"]
    assert str(interrupted("gate", progress, Path("/r"))).splitlines()[1:] == [
        "Being fixed, and maybe half-way: b. `skewgate gate` goes on there; what was done is not done twice.",
        "Run `skewgate gate` again.",
    ]
    checked(progress, "b", admitted(), "recheck")
    assert progress.so_far() == "3 of 4 nodes were judged: 2 admitted, 1 not judged."
    assert progress.fixing == []
    assert "No node was being fixed.\n" in str(interrupted("gate", progress, Path("/r")))


def test_control_characters_from_a_node_are_written_as_escapes() -> None:
    node = refused(findings=[{**finding("clock_skew", "fail"), "cause": "\x1b[2Jgone"}])
    (line,) = Progress(gate=False).lines(event("runner_on_ok", "node2", shown(node)))
    assert line.endswith(r": \x1b[2Jgone")


def test_a_refused_node_is_done_where_no_node_is_fixed() -> None:
    clock_s = [0.0]
    progress = Progress(gate=True, clock_s=lambda: clock_s[-1])
    settings = {"gate_remediate": {"source": "-e", "value": False}}
    progress.lines(
        event("runner_on_ok", "a", {"hosts": ["a", "b"], "settings": settings}, action="skewgate.preflight.fleet_begin")
    )
    progress.lines(event("runner_on_ok", "a", shown(refused(), chrony_can_help=True)))
    clock_s.append(20.0)
    assert progress.waiting() == ["1 of 2 done; waiting for b (not begun)"]
