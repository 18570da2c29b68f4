from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import github_app_token
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks.github_app_token import Key
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.controller import ControllerClock
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.interval import Interval
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.answers import AnswerKey
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.finding import Finding

from tests.builders import (
    NS,
    TRUE_NS,
    accepted,
    accepted_steps,
    app,
    attempt,
    failed_step,
    not_sent,
    policy,
    record,
    repository_step,
    step,
)
from tests.findings import finding_of, unsaid

EXP = "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires"
BAD_KEY = "A JSON web token could not be decoded"


def of_apps(**tried: list[dict[str, Any]]) -> Finding:
    """Of several Apps, by their names, with what was tried for each."""
    taken = [{"name": name, "attempts": attempts} for name, attempts in tried.items()]
    settings = policy(github_apps=[app(name) for name in tried])
    return finding_of(github_app_token, record(of_policy=settings, github_apps=taken))


def judge(
    *attempts: dict[str, Any], apps: list[dict[str, Any]] | None = None, skew_s: float = 0.0, **changes: Any
) -> Finding:
    settings = policy(github_apps=apps or [app()], **changes)
    taken = [{"name": "deploy", "attempts": list(attempts)}]
    return finding_of(github_app_token, record(skew_s, of_policy=settings, github_apps=taken))


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


WHY_WITHHELD = "its exp would be 86490 s after the controller's time"


def withheld(key: AnswerKey) -> dict[str, Any]:
    """The attempt that the controller notes where it did not sign the JWT of the node's clock."""
    return attempt("node_clock", sent=False, node_wall_s=None, not_sent_because=WHY_WITHHELD, withheld=key)


NOT_THE_CLOCK, BOTH, UNSEPARATED = Key.NOT_THE_CLOCK, Key.BOTH, Key.NOT_SEPARATED
SAID_EXP, SAID_BAD_KEY = f'"401 {EXP}"', f"'401 {BAD_KEY}'"
REFUSED = "10.77.0.1 port 443: Connection refused"

BLAME = {  # the attempts, the state, whom it blames with what GitHub's answer means, and what is quoted
    "accepted": ([accepted("now")], "pass", None, []),
    "accepted with the node's own clock, too far from the controller's": (
        [not_sent(), accepted("node_clock"), accepted("true_time")],
        "pass",
        None,
        [],
    ),
    "the clock alone": (
        [not_sent(), clock("node_clock"), accepted("true_time")],
        "fail",
        (Key.CLOCK,),
        [SAID_EXP],
    ),
    "the clock, though near the controller's": (
        [clock("now"), clock("node_clock"), accepted("true_time")],
        "fail",
        (Key.CLOCK,),
        [SAID_EXP],
    ),
    "the clock, and a wrong key behind it": (
        [not_sent(), clock("node_clock"), bad_key("true_time")],
        "fail",
        (BOTH, AnswerKey.CLOCK),
        [SAID_EXP, SAID_BAD_KEY],
    ),
    "the clock, and a missing grant behind it": (
        [not_sent(), clock("node_clock"), no_access("true_time")],
        "fail",
        (BOTH, AnswerKey.CLOCK),
        [SAID_EXP, "'404 Not Found'"],
    ),
    "a wrong key": ([bad_key("now")], "fail", (NOT_THE_CLOCK, AnswerKey.WRONG_KEY), [SAID_BAD_KEY]),
    "a wrong key, and a clock that the controller's contradicts": (
        [not_sent(), bad_key("node_clock"), bad_key("true_time")],
        "fail",
        (NOT_THE_CLOCK, AnswerKey.WRONG_KEY),
        [SAID_BAD_KEY],
    ),
    "a missing grant": (
        [no_access("now")],
        "fail",
        (NOT_THE_CLOCK, AnswerKey.UNKNOWN_INSTALLATION),
        ["'404 Not Found'"],
    ),
    "an unreadable repository": (
        [attempt("now", step("token", 201), repository_step(404), step("revoke", 204))],
        "fail",
        (NOT_THE_CLOCK, AnswerKey.UNREADABLE_REPOSITORY),
        ["'404'", "acme/deploy-config"],
    ),
    "a wrong key only with the node's clock": (
        [not_sent(), bad_key("node_clock"), accepted("true_time")],
        "fail",
        (UNSEPARATED, AnswerKey.WRONG_KEY),
        [SAID_BAD_KEY],
    ),
    "the clock twice": (
        [not_sent(), clock("node_clock"), clock("true_time")],
        "fail",
        (UNSEPARATED, AnswerKey.CLOCK),
        [SAID_EXP, f" 401 {EXP} "],
    ),
    "the clock, and then silence": (
        [not_sent(), clock("node_clock"), unreachable("true_time")],
        "fail",
        (UNSEPARATED, AnswerKey.CLOCK),
        [SAID_EXP, f"connect: {REFUSED}"],
    ),
    "the clock, and the true time is not known": (
        [not_sent(), clock("node_clock")],
        "fail",
        (UNSEPARATED, AnswerKey.CLOCK),
        [SAID_EXP],
    ),
    "the clock, without the second call": ([clock("now")], "fail", (UNSEPARATED, AnswerKey.CLOCK), [SAID_EXP]),
    "no answer": (
        [unreachable("now")],
        "inconclusive",
        (Key.NOT_JUDGED, AnswerKey.NO_CONNECTION),
        [f"connect: {REFUSED}"],
    ),
    "no answer to the node's clock, whatever the true time's": (
        [not_sent(), unreachable("node_clock"), accepted("true_time")],
        "inconclusive",
        (Key.NOT_JUDGED, AnswerKey.NO_CONNECTION),
        [f"connect: {REFUSED}"],
    ),
    "rate limit": (
        [limited("now")],
        "inconclusive",
        (Key.NOT_JUDGED, AnswerKey.RATE_LIMIT),
        ["429 API rate limit exceeded"],
    ),
    "withheld, though it is not that far ahead for certain": (
        [not_sent(), accepted("true_time"), withheld(AnswerKey.TOO_FAR_AHEAD)],
        "inconclusive",
        (Key.NOT_JUDGED, AnswerKey.TOO_FAR_AHEAD),
        [WHY_WITHHELD],
    ),
    "withheld by a controller that does not know the time": (
        [not_sent(), accepted("true_time"), withheld(AnswerKey.CONTROLLER_TIME_UNKNOWN)],
        "inconclusive",
        (Key.NOT_JUDGED, AnswerKey.CONTROLLER_TIME_UNKNOWN),
        [WHY_WITHHELD],
    ),
    "never sent": ([not_sent()], "inconclusive", (Key.NOT_JUDGED, AnswerKey.NOT_SENT), ["-612.002 s"]),
    "no attempt": ([], "inconclusive", (Key.NOT_JUDGED, AnswerKey.NOT_SENT), []),
}


@pytest.mark.parametrize(("attempts", "state", "keys", "quoted"), BLAME.values(), ids=BLAME)
def test_blame_is_proved_by_the_true_time(attempts, state, keys, quoted):
    finding = judge(*attempts)
    assert (finding.state, finding.keys) == (state, keys or ())
    assert finding.about == (("deploy",) if keys else ())
    assert finding.seen["apps"][0]["blame"] == (keys[0] if keys else None)
    assert finding.summary.startswith("deploy: ")
    assert not unsaid(finding.summary, *quoted)


def test_what_the_true_time_shows_is_distinguished_though_the_keys_are_the_same():
    behind = [[], [clock("true_time")], [unreachable("true_time")]]
    summaries = {judge(not_sent(), clock("node_clock"), *attempts).summary for attempts in behind}
    assert len(summaries) == 3


@pytest.mark.parametrize(
    ("skew_s", "cause"),
    [(0.0, NOT_THE_CLOCK), (-612.0, BOTH), (45.0, BOTH), (-85.0, NOT_THE_CLOCK), (29.0, NOT_THE_CLOCK)],
    ids=["clock right", "behind", "ahead", "behind within the budget", "ahead within the budget"],
)
def test_a_wrong_key_hides_a_wrong_clock_from_github_but_not_from_the_measured_skew(skew_s, cause):
    finding = judge(bad_key("node_clock"), bad_key("true_time"), skew_s=skew_s)
    assert finding.keys == (cause, AnswerKey.WRONG_KEY)
    assert finding.seen["apps"][0]["blame"] == cause
    assert ("clock_skew" in finding.summary) == (cause == BOTH)
    assert "SHA-256" in finding.remedy  # the credential's remedy, whatever the clock


def far_ahead(*attempts: dict[str, Any], by: str, key: AnswerKey) -> Finding:
    """Of a node that is a day ahead by the controller's measurement, or by its own;
    the other one shows nothing.
    """
    measured = ControllerClock(Interval(-0.1, 0.1) if by == "controller" else None)
    unseen = {} if by == "node" else {"ntp": None, "api_date": {"apis": []}}
    data = record(86400, github_apps=[{"name": "deploy", "attempts": [*attempts, withheld(key)]}], **unseen)
    data["controller"] = {**data["controller"], "measured": measured.as_json()}
    return finding_of(github_app_token, data)


FAR_AHEAD = {  # what the true time's JWT was answered, whom it blames, what is said
    "accepted": ([accepted("true_time")], Key.CLOCK, ["the clock is the sole cause", "was not sent"]),
    "a wrong key behind it": ([bad_key("true_time")], BOTH, [SAID_BAD_KEY, "was not sent"]),
    "no answer": ([unreachable("true_time")], UNSEPARATED, [f"connect: {REFUSED}", "was not sent"]),
    "not sent either": ([], UNSEPARATED, ["was not sent"]),
}


@pytest.mark.parametrize(("attempts", "blame", "said"), FAR_AHEAD.values(), ids=FAR_AHEAD)
@pytest.mark.parametrize(
    ("by", "key"),
    [("controller", AnswerKey.TOO_FAR_AHEAD), ("node", AnswerKey.CONTROLLER_TIME_UNKNOWN)],
    ids=["by the controller's measurement", "by the node's own references"],
)
def test_a_node_too_far_ahead_for_its_jwt_to_be_sent_is_judged_by_githubs_rule(by, key, attempts, blame, said):
    finding = far_ahead(not_sent(), *attempts, by=by, key=key)
    assert (finding.state, finding.keys) == ("fail", (blame, key))
    assert not unsaid(finding.summary, WHY_WITHHELD, *said)
    assert "GitHub answered" not in finding.summary or blame is BOTH


def test_no_time_that_a_node_shows_in_place_of_a_withheld_jwt_makes_it_pass():
    forged = [accepted("now"), accepted("node_clock"), accepted("true_time")]
    assert far_ahead(*forged, by="controller", key=AnswerKey.TOO_FAR_AHEAD).state == "fail"
    assert judge(*forged, withheld(AnswerKey.TOO_FAR_AHEAD)).state == "inconclusive"


def test_a_controller_that_does_not_know_the_time_is_what_is_to_be_fixed():
    remedy = remedy_of(not_sent(), withheld(AnswerKey.CONTROLLER_TIME_UNKNOWN))
    assert not unsaid(remedy, "controller", "gate_ntp_servers", "UDP 123", "TCP 443")


def remedy_of(*attempts: dict[str, Any]) -> str:
    return judge(*attempts).remedy


FIX_CLOCK = remedy_of(clock("node_clock"), accepted("true_time"))


def test_a_wrong_clock_is_fixed_by_the_gate_and_no_credential_is_touched():
    assert "skewgate.preflight.remediate" in FIX_CLOCK
    assert unsaid(FIX_CLOCK, "app_id", "client_id", "installation_id") == ["app_id", "client_id", "installation_id"]


@pytest.mark.parametrize(
    ("attempts", "named"),
    [
        pytest.param([bad_key("now")], ["app_id", "client_id", "SHA-256"], id="credential"),
        pytest.param([clock("node_clock"), bad_key("true_time")], ["app_id", "SHA-256"], id="credential behind it"),
        pytest.param([no_access("now")], ["installation_id", "api_url"], id="access"),
        pytest.param([unreachable("now")], ["api.github.lab", "TCP", "HTTPS_PROXY"], id="network"),
        pytest.param([limited("now")], ["60 s", "`depth: jwt`"], id="rate limit"),
    ],
)
def test_the_remedy_is_the_causes(attempts, named):
    assert not unsaid(remedy_of(*attempts), *named)
    assert "skewgate.preflight.remediate" not in remedy_of(*attempts)


def test_what_was_not_sent_is_to_be_checked_again_and_is_nobodys_fault():
    remedies = {remedy_of(), remedy_of(not_sent())}
    assert len(remedies) == 1
    assert not remedies & {FIX_CLOCK, remedy_of(bad_key("now")), remedy_of(unreachable("now"))}


@pytest.mark.parametrize(
    ("revoked", "reported"),
    [
        pytest.param([step("revoke", 204)], False, id="revoked"),
        pytest.param([step("revoke", 500)], True, id="refused"),
        pytest.param([failed_step("revoke", "reply", "no answer within 5 s")], True, id="no answer"),
        pytest.param([], True, id="not tried"),
    ],
)
def test_a_token_that_could_not_be_revoked_is_reported_and_refuses_nothing(revoked, reported):
    finding = judge(attempt("now", step("token", 201), repository_step(), *revoked))
    assert (finding.state, finding.keys) == ("pass", (Key.NOT_REVOKED,) if reported else ())
    assert (" 1 " in finding.summary) == reported
    assert len(finding.seen["apps"][0].get("not_revoked", ())) == reported


@pytest.mark.parametrize(("minted", "revoked", "reported"), [(200, 204, False), (200, 500, True), (201, 200, False)])
def test_any_success_of_the_mint_or_of_the_revocation_counts(minted, revoked, reported):
    finding = judge(attempt("now", step("token", minted), repository_step(), step("revoke", revoked)))
    assert ("could not be revoked" in finding.summary) == reported


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([clock("node_clock"), accepted("true_time")], [clock("now"), clock("node_clock"), accepted("true_time")]),
        ([not_sent()], [attempt("now", sent=False, not_sent_because="the node's clock is 45.1 s off")]),
        ([unreachable("now")], [attempt("now", failed_step("token", "connect", "10.77.9.9 port 443: timed out"))]),
    ],
    ids=["clock", "not sent", "network"],
)
def test_nodes_with_the_same_answer_have_the_same_cause(one, other):
    first, second = judge(*one), judge(*other)
    assert (first.keys, first.about, first.cause) == (second.keys, second.about, second.cause)
    assert first.keys


WORDS = "There is at least one repository that does not exist"
REFUSED_BOTH = step("token", 422, WORDS, narrowed=["permissions", "repositories"])
HOW = {  # the steps, the state, and what the summary says of how it was asked
    "narrowed": ([step("token", 201, narrowed=["permissions", "repositories"])], "pass", []),
    "of evidence that does not say": ([step("token", 201)], "pass", []),
    "to permissions alone, as GitHub refused more": (
        [REFUSED_BOTH, step("granted"), step("token", 201, narrowed=["permissions"])],
        "pass",
        ["could not be narrowed to the repositories (", f"'422 {WORDS}'"],
    ),
    "to permissions alone, as there are too many": (
        [step("token", 201, narrowed=["permissions"])],
        "pass",
        ["could not be narrowed to the repositories (", "too many"],
    ),
    "not at all": (
        [REFUSED_BOTH, step("token", 422, "Too many", narrowed=["permissions"]), step("token", 201, narrowed=[])],
        "pass",
        ["could not be narrowed to the repositories and permissions (", f"'422 {WORDS}'"],
    ),
    "after a wait": (
        [step("token", 201), repository_step(tries=3, waited_s=13.0)],
        "pass",
        ["tried 3 times within 13 s"],
    ),
    "refused after all waiting": (
        [step("token", 201), repository_step(404, tries=4, waited_s=43.0)],
        "fail",
        ["tried 4 times within 43 s"],
    ),
}


@pytest.mark.parametrize(("steps", "state", "said"), HOW.values(), ids=HOW)
def test_it_says_how_far_the_token_was_narrowed_and_how_long_it_was_tried(steps, state, said):
    finding = judge(attempt("now", *steps, step("revoke", 204)))
    assert finding.state == state
    assert not unsaid(finding.summary, *said)
    for word in ("narrowed", "tried"):
        assert (word in finding.summary) == any(word in each for each in said)
    assert "43" not in finding.cause


def test_the_repositories_out_of_reach_are_in_the_finding_and_in_its_cause():
    gone = repository_step(404, also=[f"acme/{n}" for n in range(300)])
    finding = judge(attempt("now", step("token", 201), gone, step("revoke", 204)))
    shown = finding.seen["apps"][0]["node_clock"]["repositories"]
    assert shown[:3] == ["acme/deploy-config", "acme/0", "acme/1"]
    assert len(shown) == 100
    assert not unsaid(finding.cause, "acme/deploy-config, acme/0", "and 291 more")


def test_the_installation_that_was_looked_up_is_in_the_finding():
    settings = {key: value for key, value in app().items() if key != "installation_id"}
    found = step("installations", installation_id="2002")
    finding = judge(attempt("now", found, *accepted_steps()), apps=[{**settings, "owner": "acme"}])
    shown = finding.seen["apps"][0]
    assert (finding.state, shown["owner"]) == ("pass", "acme")
    assert shown["node_clock"]["steps"][0]["installation_id"] == "2002"


def test_an_app_that_the_evidence_lacks_is_inconclusive():
    finding = judge(accepted("now"), apps=[app(), app("other")])
    assert (finding.state, finding.about) == ("inconclusive", ("other",))
    assert finding.keys == (Key.NOT_JUDGED, AnswerKey.NOT_SENT)
    assert finding.summary.startswith("other: ")


def test_no_app_at_all_is_inconclusive():
    finding = finding_of(github_app_token, record(of_policy=policy(github_apps=[])))
    assert (finding.state, finding.keys) == ("inconclusive", (Key.NO_APP,))
    assert not unsaid(finding.remedy, "gate_github_apps", "gate_checks")


def test_of_several_apps_the_worst_decides_and_is_reported_first():
    finding = of_apps(
        good=[accepted("now")],
        silent=[unreachable("now")],
        wrong=[bad_key("now")],
        skewed=[clock("node_clock"), accepted("true_time")],
    )
    assert (finding.state, finding.about) == ("fail", ("wrong", "skewed", "silent"))
    assert set(finding.keys) == {
        NOT_THE_CLOCK,
        AnswerKey.WRONG_KEY,
        Key.CLOCK,
        Key.NOT_JUDGED,
        AnswerKey.NO_CONNECTION,
    }
    places = [finding.summary.index(f"{name}: ") for name in ("wrong", "skewed", "silent")]
    assert places == sorted(places)
    assert "good" not in finding.summary
    assert [shown["name"] for shown in finding.seen["apps"]] == ["wrong", "skewed", "silent", "good"]
    assert not unsaid(finding.remedy, judge(bad_key("now")).remedy, FIX_CLOCK)


def test_a_renamed_repository_passes_and_its_new_name_is_said():
    token, repository, revoke = accepted_steps()
    moved_to = "https://github.lab/acme/config.git"
    finding = judge(attempt("now", token, {**repository, "moved_to": moved_to}, revoke))
    assert (finding.state, finding.keys) == ("pass", ())
    assert not unsaid(finding.summary, "acme/deploy-config is now acme/config")
    assert finding.seen["apps"][0]["node_clock"]["steps"][1]["moved_to"] == moved_to


def test_a_refused_client_id_is_judged_by_the_issuer_that_was_sent():
    refused = attempt("now", step("token", 401, "'Issuer' claim ('iss') must be an Integer"))
    assert judge(refused).keys == (NOT_THE_CLOCK, AnswerKey.NEEDS_APP_ID)


def test_several_good_apps_are_all_reported():
    finding = of_apps(one=[accepted()], two=[accepted()])
    assert (finding.state, finding.keys, finding.about) == ("pass", (), ())
    assert not unsaid(finding.summary, "one: ", "two: ")


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
    assert (finding.state, finding.keys) == ("inconclusive", (Key.NOT_JUDGED, AnswerKey.UNKNOWN_ANSWER))
    assert '418 {"oops": "a new rule"' in finding.summary
    assert len(finding.summary) < 400
    assert (shown["body"], shown["documentation_url"], shown["headers"]) == (
        body,
        "https://docs.github.com/new",
        {"date": "now"},
    )
    assert "https://docs.github.com/new" in finding.remedy


OUT_OF_DATE = "the certificate was refused: out of date"
DAY_S = 86400
TRUE_S = TRUE_NS / NS


def refused_certificate(skew_s: float, valid_days: tuple[float, float] | None, name: str = "token") -> dict[str, Any]:
    """An attempt on a node with this skew; the validity is in days from the true time."""
    certificate = valid_days and {
        "not_before_s": TRUE_S + valid_days[0] * DAY_S,
        "not_after_s": TRUE_S + valid_days[1] * DAY_S,
    }
    step = failed_step(name, "tls", OUT_OF_DATE, kind="certificate_time")
    step["error"]["certificate"] = certificate
    return attempt("node_clock", {**step, "node_wall_s": TRUE_S + skew_s})


FAR_S = 60 * DAY_S
HOST = "api.github.lab:443"
CLOCK, NOT_CLOCK, UNSURE = ("fail", Key.CLOCK), ("inconclusive", NOT_THE_CLOCK), ("inconclusive", UNSEPARATED)
VALID = ["2026-10-23T08:35:36Z", "2026-12-22T08:35:36Z"]
CERTIFICATES = {  # the skew, when the certificate is valid, the state and whom it blames, and what the reader sees
    "valid, and the clock far behind": (
        -FAR_S,
        (-30, 30),
        CLOCK,
        ["2026-09-23T08:35:36Z", *VALID, "2026-11-22T08:35:36Z"],
    ),
    "valid, and the clock far ahead": (FAR_S, (-30, 30), CLOCK, ["2027-01-21T08:35:36Z", *VALID]),
    "fresh, and the clock behind": (-612, (-1 / 1440, 30), CLOCK, ["2026-11-22T08:25:24Z", "2026-11-22T08:34:36Z"]),
    "expired, and the clock right": (0, (-30, -1), NOT_CLOCK, ["2026-11-21T08:35:36Z"]),
    "not valid yet, and the clock right": (0, (1, 30), NOT_CLOCK, ["2026-11-23T08:35:36Z"]),
    "expired, and the clock wrong too": (FAR_S, (-30, -1), NOT_CLOCK, ["2026-11-21T08:35:36Z", "clock_skew"]),
    "expired within the skew's bound": (60, (-30, 0), UNSURE, ["2026-11-22T08:36:36Z", "2026-11-22T08:35:36Z"]),
    "its times were not seen": (-FAR_S, None, UNSURE, ["2026-09-23T08:35:36Z"]),
    "valid at the node's time": (0, (-30, 30), UNSURE, VALID),
}


@pytest.mark.parametrize(("skew_s", "valid_days", "outcome", "shown"), CERTIFICATES.values(), ids=CERTIFICATES)
def test_a_certificate_accuses_the_clock_only_if_it_is_valid_at_the_true_time(skew_s, valid_days, outcome, shown):
    finding = judge(not_sent(), refused_certificate(skew_s, valid_days), skew_s=skew_s)
    state, blame = outcome
    assert (finding.state, finding.keys) == (state, (blame, AnswerKey.CERTIFICATE_TIME))
    assert finding.seen["apps"][0]["blame"] == blame
    assert not unsaid(finding.summary, HOST, *shown)
    assert ("clock_skew" in finding.summary) == ("clock_skew" in shown)
    assert OUT_OF_DATE not in finding.summary  # GitHub has answered nothing, and is quoted with nothing
    # The gate fixes the clock alone; what is wrong with a certificate, its host has to know.
    assert ("skewgate.preflight.remediate" in finding.remedy) == (outcome == CLOCK)
    assert (HOST in finding.remedy) == (outcome != CLOCK)
    assert ("`openssl s_client -connect api.github.lab:443 -showcerts`" in finding.remedy) == (outcome == UNSURE)


def test_the_reasons_why_blame_could_not_be_separated_are_distinguished():
    unsure = [(skew_s, valid) for skew_s, valid, outcome, _shown in CERTIFICATES.values() if outcome == UNSURE]
    whys = {judge(refused_certificate(s, valid), skew_s=s).summary.rpartition("; ")[2] for s, valid in unsure}
    assert len(whys) == len(unsure) == 3


def test_a_certificate_accuses_nobody_if_the_skew_is_not_known():
    attempts = [refused_certificate(-60 * DAY_S, (-30, 30))]
    apps = [{"name": "deploy", "attempts": attempts}]
    finding = finding_of(github_app_token, record(ntp=None, api_date=None, github_apps=apps))
    assert (finding.state, finding.keys) == ("inconclusive", (UNSEPARATED, AnswerKey.CERTIFICATE_TIME))
    assert finding.seen["apps"][0]["blame"] == UNSEPARATED
    assert "2026-11-22T08:35:36Z" not in finding.summary  # the true time


def test_the_finding_names_the_app_that_signed_the_jwt():
    assert judge(accepted(), clients=["jenkins", "zuul"]).seen["apps"][0]["signed_as"] == "zuul"
