"""Where a run's time went, as it is shown and as it is taken from the run's events."""

from __future__ import annotations

from skewgate.progress import FLEET_BEGIN, FLEET_REPORT, NODE_CHECK, Progress
from skewgate.timings import timing_lines
from tests.reports import admitted, event, shown

CHECKS = {"prepare": {"median_s": 0.05, "longest_s": 0.2}, "connect": {"median_s": 0.4, "longest_s": 1.25}}


def test_the_phases_have_their_time_and_the_nodes_parts_stand_below_theirs() -> None:
    phases_s = {FLEET_BEGIN: 1.0, NODE_CHECK: 12.34, FLEET_REPORT: 0.5}
    lines = list(timing_lines(phases_s, {"checks": CHECKS, "forks": 50}))
    assert lines[0] == "Where the time went, in seconds, 50 nodes at a time:"
    assert [line.split()[-1] for line in lines[1:]] == ["1.00", "12.34", "longest", "0.20", "1.25", "0.50"]
    assert lines[4].split()[-2:] == ["0.05", "0.20"]


def test_a_run_that_came_to_no_check_has_what_it_came_to() -> None:
    assert len(list(timing_lines({FLEET_BEGIN: 1.0}, {}))) == 2
    assert len(list(timing_lines({}, {}))) == 1


def test_a_phase_ends_with_the_last_result_of_its_action() -> None:
    now_s = [100.0]
    progress = Progress(gate=False, clock_s=lambda: now_s[0])

    def happened(after_s: float, result: dict[str, object], action: str) -> None:
        now_s[0] += after_s
        progress.lines(event("runner_on_ok", "node1", result, action))

    happened(3, {"hosts": ["node1"]}, FLEET_BEGIN)
    happened(4, shown(admitted()), NODE_CHECK)
    happened(5, shown(admitted()), NODE_CHECK)
    happened(1, {"files": [], "timings": {"forks": 5}}, FLEET_REPORT)
    assert progress.phases_s == {FLEET_BEGIN: 3, NODE_CHECK: 9, FLEET_REPORT: 1}
    assert progress.timings == {"forks": 5}
