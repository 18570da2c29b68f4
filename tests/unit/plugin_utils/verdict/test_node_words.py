from __future__ import annotations

from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.node_words import (
    TOKEN_UNTRIED,
    outcome,
    reason,
    refusal,
    skew_of,
)

from tests.reports import admitted, finding, refused, unreachable

UNTRIED = {**finding("github_app_token", "inconclusive"), "keys": ["no_app_given"]}
TIME_ALONE = admitted(verdict="refuse", refused_because="not_judged", findings=[finding("clock_skew"), UNTRIED])


def test_a_node_whose_clock_passed_and_whose_token_was_not_tried_says_just_that() -> None:
    node = {"verdict": "refuse", "refused_because": "not_judged"}
    assert reason(TIME_ALONE) == TOKEN_UNTRIED
    for findings in (
        [UNTRIED],
        [finding("clock_skew", "inconclusive"), UNTRIED],
        [finding("clock_skew", required=False), UNTRIED],
        [finding("clock_skew"), finding("github_app_token", "inconclusive")],
        [finding("clock_skew"), finding("sync_state", "fail"), UNTRIED],
    ):
        assert reason(admitted(**node, findings=findings)) != TOKEN_UNTRIED


def test_a_node_says_its_skew_or_that_it_is_unknown() -> None:
    assert [skew_of(node) for node in (refused(), unreachable())] == ["612.004 s behind (± 0.012 s)", "unknown"]


def test_a_failure_is_the_reason_before_what_is_not_known() -> None:
    assert reason(refused()) == "cause clock_skew (and 1 more)"


def test_what_was_skipped_beside_an_answer_is_not_counted() -> None:
    assert reason(unreachable()) == "cause reachable"


def test_a_node_of_which_nothing_was_judged_says_so() -> None:
    assert reason(unreachable(findings=[finding("reachable")])) == "no required check gave an answer"


def test_a_node_that_was_fixed_shows_its_earlier_skew() -> None:
    before = {key: refused()[key] for key in ("verdict", "judged_at", "refused_because", "skew_s", "findings")}
    assert reason(admitted(before=before)) == "fixed; the skew was 612.004 s behind (± 0.012 s)"
    assert reason(admitted(before={**before, "verdict": "admit"})) == ""


def test_a_node_has_its_verdict_its_skew_and_why_it_is_refused_on_one_line() -> None:
    said = [outcome(node, "why\x1b") for node in (admitted(), refused(), unreachable())]
    assert said == [
        "admitted, 0.000 s (± 0.005 s)",
        r"refused, 612.004 s behind (± 0.012 s): why\x1b",
        r"not judged, skew unknown: why\x1b",
    ]


def test_a_refusal_gives_the_reasons_the_remediation_and_each_remedy_once() -> None:
    same = {"why": "w", "remedy": "Fix it."}
    findings = [
        {**finding("clock_skew", "fail", "612 s behind"), **same},
        {**finding("time_service", "inconclusive", "no answer"), **same},
        finding("ntp_sources", "skipped", "it follows"),
        finding("sync_state", "fail", "advice alone", required=False),
    ]
    remediation = {"attempted": True, "succeeded": False, "message": "Nothing was changed."}
    assert refusal(refused(findings=findings)) == (
        "Refused. clock_skew: 612 s behind; time_service: no answer. Next: Fix it."
    )
    assert refusal(refused(findings=findings, remediation=remediation)) == (
        "Refused. clock_skew: 612 s behind; time_service: no answer. Remediation: Nothing was changed. Next: Fix it."
    )
