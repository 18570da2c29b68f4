"""A token that could not be revoked: when it ends, and beside which other findings."""

from __future__ import annotations

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks.github_app_token import Key

from tests.builders import attempt, repository_step, step
from tests.findings import unsaid
from tests.unit.plugin_utils.checks.test_check_github_app_token import bad_key, judge, of_apps

MINTED_AT = "Sun, 22 Nov 2026 08:40:00 GMT"


@pytest.mark.parametrize(
    ("said", "date", "end"),
    [
        pytest.param("2026-11-22T09:39:59Z", MINTED_AT, "2026-11-22T09:39:59Z", id="the API's word"),
        pytest.param("2026-11-22T10:39:59+01:00", MINTED_AT, "2026-11-22T09:39:59Z", id="in another zone"),
        pytest.param("2026-11-22T09:35:00Z", None, "2026-11-22T09:35:00Z", id="no Date"),
        pytest.param(None, MINTED_AT, "2026-11-22T09:40:00Z", id="an hour after the mint"),
        pytest.param(None, None, "2026-11-22T09:35:36Z", id="an hour after the check"),
        pytest.param("2026-11-22T09:39:59", MINTED_AT, "2026-11-22T09:40:00Z", id="no zone"),
        pytest.param("soon", "soon", "2026-11-22T09:35:36Z", id="no times"),
        pytest.param("9999-12-31T23:59:59Z", MINTED_AT, "2026-11-22T09:40:00Z", id="in eight thousand years"),
        pytest.param("9999-12-31T23:59:59-23:59", MINTED_AT, "2026-11-22T09:40:00Z", id="after all years"),
        pytest.param("2026-11-22T08:40:00Z", MINTED_AT, "2026-11-22T09:40:00Z", id="over when it was minted"),
        pytest.param(None, "Fri, 31 Dec 9999 23:59:59 GMT", "2026-11-22T09:35:36Z", id="minted after all years"),
        pytest.param(
            "5000-01-01T01:00:00Z", "Wed, 01 Jan 5000 00:00:00 GMT", "2026-11-22T09:35:36Z", id="minted in the future"
        ),
        pytest.param(
            "1970-01-01T01:00:00Z", "Thu, 01 Jan 1970 00:00:00 GMT", "2026-11-22T09:35:36Z", id="minted in the past"
        ),
    ],
)
def test_a_token_that_could_not_be_revoked_is_reported_with_the_time_of_its_end(said, date, end):
    minted = step("token", 201, expires_at=said, headers={"date": date} if date else {})
    finding = judge(attempt("now", minted, repository_step(), step("revoke", 503, "Unavailable")))
    assert finding.seen["apps"][0]["not_revoked"] == [{"expires_at": end, "answer": "503 Unavailable"}]
    assert end in finding.summary
    assert "503 Unavailable" in finding.summary


def test_of_several_tokens_the_last_end_counts():
    ends = ("2026-11-22T09:30:00Z", "2026-11-22T09:31:00Z")
    steps = [[step("token", 201, expires_at=end), repository_step(404), step("revoke", 500)] for end in ends]
    finding = judge(attempt("node_clock", *steps[0]), attempt("true_time", *steps[1]))
    assert [each["expires_at"] for each in finding.seen["apps"][0]["not_revoked"]] == list(ends)
    assert ends[1] in finding.summary
    assert ends[0] not in finding.summary


def test_the_token_of_an_attempt_that_was_made_again_is_reported_too():
    first = attempt("now", step("token", 201), repository_step(503), step("revoke", 503, "Unavailable"))
    again = attempt("now", step("token", 201), repository_step(), step("revoke", 204))
    finding = judge(first, again)
    assert finding.state == "pass"
    assert finding.keys == (Key.NOT_REVOKED,)
    assert [each["answer"] for each in finding.seen["apps"][0]["not_revoked"]] == ["503 Unavailable"]


def test_it_is_reported_beside_another_app_that_fails_too():
    left = attempt("now", step("token", 201), repository_step(), step("revoke", 500))
    finding = of_apps(one=[left], other=[bad_key("now")])
    assert finding.state == "fail"
    assert Key.NOT_REVOKED in finding.keys
    assert not unsaid(finding.summary, "one: ", "other: ", "could not be revoked")
