from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import github_app_token
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks.github_app_token import Key
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.finding import Finding
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.policy import Policy
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import Record

from tests.builders import (
    NS,
    TRUE_NS,
    accepted,
    app,
    attempt,
    failed_step,
    not_sent,
    policy,
    record,
    repository_step,
    step,
)

EXP = "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires"
BAD_KEY = "A JSON web token could not be decoded"


def judge(
    *attempts: dict[str, Any], apps: list[dict[str, Any]] | None = None, skew_s: float = 0.0, **changes: Any
) -> Finding:
    settings = policy(github_apps=apps or [app()], **changes)
    taken = record(skew_s, of_policy=settings, github_apps=[{"name": "deploy", "attempts": list(attempts)}])
    return github_app_token.judge(Record(taken), Policy.from_json(settings))


def clock(label: str) -> dict[str, Any]:
    return attempt(label, step("token", 401, EXP))


def bad_key(label: str) -> dict[str, Any]:
    return attempt(label, step("token", 401, BAD_KEY))


def no_access(label: str) -> dict[str, Any]:
    return attempt(label, step("token", 404, "Not Found"))


def unreachable(label: str) -> dict[str, Any]:
    return attempt(label, failed_step("token", "connect", "10.77.0.1 port 443: Connection refused"))


def limited(label: str) -> dict[str, Any]:
    return attempt(label, step("token", 429, "API rate limit exceeded"))


NOT_THE_CLOCK, BOTH, UNSEPARATED = Key.NOT_THE_CLOCK, Key.BOTH, Key.NOT_SEPARATED

BLAME = {
    "accepted": ([accepted("now")], "pass", None, "accepts the JWT of the node's own clock"),
    "accepted with the node's own clock, too far from the controller's": (
        [not_sent(), accepted("node_clock"), accepted("true_time")],
        "pass",
        None,
        "accepts the JWT of the node's own clock",
    ),
    "the clock alone": (
        [not_sent(), clock("node_clock"), accepted("true_time")],
        "fail",
        Key.CLOCK,
        f'the clock is the sole cause: GitHub answered "401 {EXP}", and accepted a JWT of the true time',
    ),
    "the clock, though near the controller's": (
        [clock("now"), clock("node_clock"), accepted("true_time")],
        "fail",
        Key.CLOCK,
        "the clock is the sole cause",
    ),
    "the clock, and a wrong key behind it": (
        [not_sent(), clock("node_clock"), bad_key("true_time")],
        "fail",
        BOTH,
        f"the clock and the credential: GitHub answered \"401 {EXP}\", and to a JWT of the true time '401 {BAD_KEY}'",
    ),
    "the clock, and a missing grant behind it": (
        [not_sent(), clock("node_clock"), no_access("true_time")],
        "fail",
        BOTH,
        "'404 Not Found': the App has no such installation",
    ),
    "a wrong key": ([bad_key("now")], "fail", NOT_THE_CLOCK, f"not the clock: GitHub answered '401 {BAD_KEY}'"),
    "a wrong key, and a clock that the controller's contradicts": (
        [not_sent(), bad_key("node_clock"), bad_key("true_time")],
        "fail",
        NOT_THE_CLOCK,
        f"not the clock: GitHub answered '401 {BAD_KEY}'",
    ),
    "a missing grant": ([no_access("now")], "fail", NOT_THE_CLOCK, "not the clock: GitHub answered '404 Not Found'"),
    "an unreadable repository": (
        [attempt("now", step("token", 201), repository_step(404), step("revoke", 204))],
        "fail",
        NOT_THE_CLOCK,
        "the installation can't read acme/deploy-config",
    ),
    "a wrong key only with the node's clock": (
        [not_sent(), bad_key("node_clock"), accepted("true_time")],
        "fail",
        UNSEPARATED,
        "could not be separated",
    ),
    "the clock twice": (
        [not_sent(), clock("node_clock"), clock("true_time")],
        "fail",
        UNSEPARATED,
        "clock or credential, could not be separated",
    ),
    "the clock, and then silence": (
        [not_sent(), clock("node_clock"), unreachable("true_time")],
        "fail",
        UNSEPARATED,
        "a JWT of the true time: connect: 10.77.0.1 port 443: Connection refused",
    ),
    "the clock, and the true time is not known": (
        [not_sent(), clock("node_clock")],
        "fail",
        UNSEPARATED,
        "a JWT of the true time: no attempt was made",
    ),
    "the clock, without the second call": ([clock("now")], "fail", UNSEPARATED, "could not be separated"),
    "no answer": ([unreachable("now")], "inconclusive", Key.NOT_JUDGED, "could not be judged: no answer (connect)"),
    "no answer to the node's clock, whatever the true time's": (
        [not_sent(), unreachable("node_clock"), accepted("true_time")],
        "inconclusive",
        Key.NOT_JUDGED,
        "could not be judged",
    ),
    "rate limit": ([limited("now")], "inconclusive", Key.NOT_JUDGED, "could not be judged: GitHub's rate limit"),
    "never sent": ([not_sent()], "inconclusive", Key.NOT_JUDGED, "could not be judged: the node's clock is -612.002 s"),
    "no attempt": ([], "inconclusive", Key.NOT_JUDGED, "no attempt was made"),
}


@pytest.mark.parametrize(("attempts", "state", "cause", "summary"), BLAME.values(), ids=BLAME)
def test_blame_is_proved_by_the_true_time(attempts, state, cause, summary):
    finding = judge(*attempts)
    assert finding.state == state
    assert finding.seen["apps"][0]["blame"] == cause
    assert finding.summary.startswith("deploy: ")
    assert summary in finding.summary


@pytest.mark.parametrize(
    ("skew_s", "cause"),
    [(0.0, NOT_THE_CLOCK), (-612.0, BOTH), (45.0, BOTH), (-85.0, NOT_THE_CLOCK), (29.0, NOT_THE_CLOCK)],
    ids=["clock right", "behind", "ahead", "behind within the budget", "ahead within the budget"],
)
def test_a_wrong_key_hides_a_wrong_clock_from_github_but_not_from_the_measured_skew(skew_s, cause):
    finding = judge(bad_key("node_clock"), bad_key("true_time"), skew_s=skew_s)
    assert finding.seen["apps"][0]["blame"] == cause
    assert "does not help with this" in finding.remedy


@pytest.mark.parametrize(
    ("attempts", "remedy"),
    [
        pytest.param([clock("node_clock"), accepted("true_time")], "Fix the clock, not the credential", id="clock"),
        pytest.param([bad_key("now")], "does not help with this", id="credential"),
        pytest.param([clock("node_clock"), bad_key("true_time")], "does not help with this", id="credential behind it"),
        pytest.param([no_access("now")], "compare installation_id", id="access"),
        pytest.param([unreachable("now")], "Let this node reach api.github.lab over TCP", id="network"),
        pytest.param([limited("now")], "Check again in 60 s", id="rate limit"),
        pytest.param([not_sent()], "check again", id="not sent"),
    ],
)
def test_the_remedy_is_the_causes(attempts, remedy):
    assert remedy in judge(*attempts).remedy


@pytest.mark.parametrize(
    ("revoked", "told"),
    [
        pytest.param([step("revoke", 204)], False, id="revoked"),
        pytest.param([step("revoke", 500)], True, id="refused"),
        pytest.param([failed_step("revoke", "reply", "no answer within 5 s")], True, id="no answer"),
        pytest.param([], True, id="not tried"),
    ],
)
def test_a_token_that_could_not_be_revoked_is_told_and_refuses_nothing(revoked, told):
    finding = judge(attempt("now", step("token", 201), repository_step(), *revoked))
    assert finding.state == "pass"
    assert ("1 installation token(s) could not be revoked" in finding.summary) == told


@pytest.mark.parametrize(
    ("attempts", "cause"),
    [
        ([clock("node_clock"), accepted("true_time")], "deploy: clock"),
        ([bad_key("now")], "deploy: not the clock, the signature does not fit: not the private key of this App"),
        ([no_access("now")], "deploy: not the clock, the App has no such installation"),
        ([not_sent()], "deploy: no JWT was sent"),
        ([unreachable("now")], "deploy: no answer (connect)"),
        ([accepted("now")], ""),
    ],
    ids=["clock", "key", "installation", "not sent", "network", "pass"],
)
def test_nodes_with_the_same_answer_have_the_same_cause(attempts, cause):
    assert judge(*attempts).cause == cause


def test_an_app_that_the_evidence_lacks_is_inconclusive():
    finding = judge(accepted("now"), apps=[app(), app("other")])
    assert finding.state == "inconclusive"
    assert "other: could not be judged" in finding.summary


def test_no_app_at_all_is_inconclusive():
    settings = policy(github_apps=[])
    finding = github_app_token.judge(Record(record(of_policy=settings)), Policy.from_json(settings))
    assert (finding.state, finding.summary) == ("inconclusive", "no GitHub App was given to check")


def test_of_several_apps_the_worst_decides_and_is_told_first():
    tried = {
        "good": [accepted("now")],
        "silent": [unreachable("now")],
        "wrong": [bad_key("now")],
        "skewed": [clock("node_clock"), accepted("true_time")],
    }
    settings = policy(github_apps=[app(name) for name in tried])
    taken = [{"name": name, "attempts": attempts} for name, attempts in tried.items()]
    finding = github_app_token.judge(Record(record(of_policy=settings, github_apps=taken)), Policy.from_json(settings))
    assert finding.state == "fail"
    places = [finding.summary.index(f"{name}: ") for name in ("wrong", "skewed", "silent")]
    assert places == sorted(places)
    assert "good" not in finding.summary
    assert [shown["name"] for shown in finding.seen["apps"]] == ["wrong", "skewed", "silent", "good"]
    assert "does not help with this" in finding.remedy
    assert "Fix the clock" in finding.remedy


def test_several_good_apps_are_all_told():
    settings = policy(github_apps=[app("one"), app("two")])
    taken = [{"name": name, "attempts": [accepted()]} for name in ("one", "two")]
    finding = github_app_token.judge(Record(record(of_policy=settings, github_apps=taken)), Policy.from_json(settings))
    assert finding.state == "pass"
    assert "one: GitHub accepts" in finding.summary
    assert "two: GitHub accepts" in finding.summary


def test_a_finding_shows_each_attempts_class_words_and_steps():
    shown = judge(not_sent(), clock("node_clock"), accepted("true_time")).seen["apps"][0]
    assert shown["signed_as"] == "argocd"
    assert shown["node_clock"]["class"] == "clock"
    assert shown["node_clock"]["answer"] == f"401 {EXP}"
    assert shown["true_time"]["class"] == "accepted"
    assert [(s["step"], s["status"]) for s in shown["true_time"]["steps"]] == [
        ("token", 201),
        ("repository", 200),
        ("revoke", 204),
    ]


def test_an_answer_never_seen_before_is_shown_whole():
    body = '{"oops": "a new rule", "padding": "' + "x" * 1500 + '"}'
    strange = step(
        "token", 418, None, body=body, documentation_url="https://docs.github.com/new", headers={"date": "now"}
    )
    finding = judge(attempt("now", strange))
    (shown,) = finding.seen["apps"][0]["node_clock"]["steps"]
    assert finding.state == "inconclusive"
    assert '418 {"oops": "a new rule"' in finding.summary
    assert len(finding.summary) < 400
    assert (shown["body"], shown["documentation_url"], shown["headers"]) == (
        body,
        "https://docs.github.com/new",
        {"date": "now"},
    )
    assert "https://docs.github.com/new" in finding.remedy


DAY_S = 86400
TRUE_S = TRUE_NS / NS


def refused_certificate(skew_s: float, valid_days: tuple[float, float] | None, name: str = "token") -> dict[str, Any]:
    """An attempt on a node with this skew; the validity is in days from the true time."""
    certificate = valid_days and {
        "not_before_s": TRUE_S + valid_days[0] * DAY_S,
        "not_after_s": TRUE_S + valid_days[1] * DAY_S,
    }
    step = failed_step(name, "tls", "the certificate was refused: out of date", kind="certificate_time")
    step["error"]["certificate"] = certificate
    return attempt("node_clock", {**step, "node_wall_s": TRUE_S + skew_s})


NOT_VALID_THEN = "TLS refused the certificate of api.github.lab:443 at the node's time"
FAR_S = 60 * DAY_S
CLOCK, NOT_CLOCK, UNSURE = ("fail", Key.CLOCK), ("inconclusive", NOT_THE_CLOCK), ("inconclusive", UNSEPARATED)
CERTIFICATES = {
    "valid, and the clock far behind": (
        -FAR_S,
        (-30, 30),
        CLOCK,
        f"the clock: {NOT_VALID_THEN}, 2026-09-23T08:35:36Z, it being valid from 2026-10-23T08:35:36Z to "
        "2026-12-22T08:35:36Z; at the true time, 2026-11-22T08:35:36Z, it is valid",
        "Fix the clock",
    ),
    "valid, and the clock far ahead": (FAR_S, (-30, 30), CLOCK, "the clock: TLS refused", "Fix the clock"),
    "fresh, and the clock behind": (-612, (-1 / 1440, 30), CLOCK, "the clock: TLS refused", "Fix the clock"),
    "expired, and the clock right": (
        0,
        (-30, -1),
        NOT_CLOCK,
        f"the certificate, not the clock: {NOT_VALID_THEN}",
        "renewed",
    ),
    "not valid yet, and the clock right": (
        0,
        (1, 30),
        NOT_CLOCK,
        "it is not valid either",
        "api.github.lab:443 renewed",
    ),
    "expired, and the clock wrong too": (
        FAR_S,
        (-30, -1),
        NOT_CLOCK,
        "the clock is off too, see clock_skew",
        "renewed",
    ),
    "expired within the skew's bound": (60, (-30, 0), UNSURE, "may be on either side of that", "-showcerts"),
    "its times were not seen": (-FAR_S, None, UNSURE, "could not be seen", "s_client -connect api.github.lab:443 "),
    "valid at the node's time": (0, (-30, 30), UNSURE, "another one of its chain", "-showcerts"),
}


@pytest.mark.parametrize(
    ("skew_s", "valid_days", "outcome", "summary", "remedy"), CERTIFICATES.values(), ids=CERTIFICATES
)
def test_a_certificate_accuses_the_clock_only_where_it_is_valid_at_the_true_time(
    skew_s, valid_days, outcome, summary, remedy
):
    finding = judge(not_sent(), refused_certificate(skew_s, valid_days), skew_s=skew_s)
    assert (finding.state, finding.seen["apps"][0]["blame"]) == outcome
    assert summary in finding.summary
    assert remedy in finding.remedy
    assert "GitHub answered" not in finding.summary


def test_a_certificate_accuses_nobody_where_the_skew_is_not_known():
    settings = policy()
    attempts = [refused_certificate(-60 * DAY_S, (-30, 30))]
    taken = record(of_policy=settings, ntp=None, api_date=None, github_apps=[{"name": "deploy", "attempts": attempts}])
    finding = github_app_token.judge(Record(taken), Policy.from_json(settings))
    assert (finding.state, finding.seen["apps"][0]["blame"]) == ("inconclusive", UNSEPARATED)
    assert "the node's skew is not known" in finding.summary


def test_it_is_told_as_whom_the_jwt_was_signed():
    assert judge(accepted(), clients=["jenkins", "zuul"]).seen["apps"][0]["signed_as"] == "zuul"
