from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.answers import (
    classify,
    rate_limit_s,
)

from tests.builders import (
    accepted,
    accepted_steps,
    attempt,
    failed_step,
    not_sent,
    repository_step,
    step,
)

IAT = "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
EXP = "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires"
EXP_FAR = "'Expiration time' claim ('exp') is too far in the future"
NOT_GRANTED = "The permissions requested are not granted to this installation."
NO_SUCH_REPOSITORY = (
    "There is at least one repository that does not exist or is not accessible to the parent installation."
)
NOT_DECODED = "A JSON web token could not be decoded"
UNUSABLE_ISSUER = "'Issuer' claim ('iss') must be an Integer"
NO_ISSUER = "Missing 'issuer' claim ('iss') in assertion"
SUSPENDED = "This installation has been suspended"
RATE_LIMIT = "API rate limit exceeded for installation ID 2002."
SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."

USER_AGENT = "\r\nRequest forbidden by administrative rules. Please make sure your request has a User-Agent header"
DATE = "Sun, 22 Nov 2026 08:35:36 GMT"
REPOSITORY = "acme/deploy-config"
RESET_S = 1_795_336_536 + 90


def assert_judged(asked: dict[str, Any], kind: str, meaning: str, remedy: str) -> None:
    """An attempt that ended with this answer has this class, means this, and says what to do next
    if ``remedy`` is not empty.

    A repository is asked for with a token that was minted before.
    """
    before = [step("token", 201)] if asked["step"] == "repository" else []
    answer = classify(attempt("now", *before, asked))
    assert answer.kind == kind
    assert meaning in answer.meaning
    assert answer.step == asked
    assert remedy in answer.remedy
    assert bool(remedy) == bool(answer.remedy)
    assert "{" not in answer.remedy


# What GitHub says to the JWT


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(step("token", 401, IAT), id="iat in the future"),
        pytest.param(step("token", 401, EXP), id="exp in the past"),
        pytest.param(step("token", 401, EXP_FAR), id="exp too far ahead"),
        pytest.param(step("installation", 401, EXP), id="about the installation"),
    ],
)
def test_a_jwt_refused_for_its_times_accuses_the_clock_and_what_to_do_depends_on_more(asked):
    assert_judged(asked, "clock", "refused the JWT's times", "")


REFUSED_CREDENTIALS = {  # the status and message, what they mean, and the next step
    "bad signature": (401, NOT_DECODED, "not the private key of this App", "fingerprint"),
    "no such App": (
        404,
        "Integration not found",
        "no App has this app_id or client_id",
        "api_url is the GitHub where the App is",
    ),
    "unusable issuer": (401, UNUSABLE_ISSUER, "the app_id or client_id can't be one", "Compare app_id or client_id"),
    "no issuer": (401, NO_ISSUER, "names no App", "Compare app_id or client_id"),
}


@pytest.mark.parametrize(
    ("status", "message", "meaning", "remedy"), REFUSED_CREDENTIALS.values(), ids=REFUSED_CREDENTIALS
)
def test_a_refused_signature_or_issuer_accuses_the_credential(status, message, meaning, remedy):
    assert_judged(step("token", status, message), "credential", meaning, remedy)


NO_ACCESS = {  # what is answered, what it means, and the next step
    "no such installation": (step("token", 404, "Not Found"), "no such installation", "compare installation_id"),
    "the same, asked for it": (
        step("installation", 404, "Not Found"),
        "no such installation",
        "compare installation_id",
    ),
    "suspended": (step("token", 403, SUSPENDED), "is suspended", "and unsuspend it"),
    "suspended, and shown": (step("installation", 200, suspended=True), "is suspended", "and unsuspend it"),
    "permission not granted": (step("token", 422, NOT_GRANTED), "not granted", "grant it, or ask for less"),
    "repository not granted": (
        step("token", 422, NO_SUCH_REPOSITORY),
        "not granted",
        "grant it, or ask for less",
    ),
    "token revoked": (repository_step(401, message="Bad credentials"), "token was not accepted", "the same GitHub"),
    "repository not readable": (
        repository_step(403),
        f"can't read {REPOSITORY}",
        f"grant it {REPOSITORY}, with `contents: read`",
    ),
    "repository unknown": (repository_step(404), f"can't read {REPOSITORY}", "that the name is right"),
    "repository without a word": (repository_step(401), f"can't read {REPOSITORY}", "grant it acme/"),
}


NO_ACCESS |= {
    "permission lacking": (
        step("token", 422, NOT_GRANTED, lacking={"contents": "write"}),
        "lacks contents: write",
        "grant contents: write, or ask for less under permissions",
    ),
    "permission lacking of a token that was not narrowed": (
        step("token", 201, lacking={"issues": "read", "checks": "read"}),
        "lacks checks: read, issues: read",
        "grant checks: read, issues: read",
    ),
    "no installation of the owner": (
        step("installations", owners=["zed", "other"], owners_in_all=40),
        "no installation of that owner",
        "zed, other (and 38 not shown)",
    ),
    "no installation at all": (
        step("installations", owners=[], owners_in_all=0),
        "no installation of that owner",
        "installed for nobody",
    ),
}


@pytest.mark.parametrize(("asked", "meaning", "remedy"), NO_ACCESS.values(), ids=NO_ACCESS)
def test_an_app_that_may_not_do_what_was_asked_lacks_access(asked, meaning, remedy):
    assert_judged(asked, "access", meaning, remedy)


# What says nothing of the credential

RESET = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": f"{RESET_S}", "date": DATE}


@pytest.mark.parametrize(
    ("asked", "wait_s"),
    [
        pytest.param(step("token", 403, RATE_LIMIT), 60, id="primary"),
        pytest.param(step("token", 403, SECONDARY), 60, id="secondary"),
        pytest.param(step("token", 429, None), 60, id="by status"),
        pytest.param(step("token", 403, headers=RESET), 90, id="by header"),
        pytest.param(step("token", 403, headers={"retry-after": "17"}), 17, id="asked to wait"),
        pytest.param(repository_step(429), 60, id="of git"),
        pytest.param(repository_step(403, headers={"retry-after": "60"}), 60, id="of git by header"),
        pytest.param(repository_step(403, message=RATE_LIMIT), 60, id="of git by its text"),
    ],
)
def test_a_rate_limit_is_no_judgement_and_says_how_long_to_wait(asked, wait_s):
    assert_judged(asked, "unclear", "GitHub's rate limit", f"again in {wait_s} s")
    assert rate_limit_s(attempt("now", asked)) == wait_s


IMPLAUSIBLE = [
    "inf",
    "-inf",
    "nan",
    "1e999",
    "-1",
    "3601",
    "9" * 5000,
    "",
    "soon",
    "Wed, 21 Oct 2026 07:28:00 GMT",
    ["17"],
]


@pytest.mark.parametrize("value", IMPLAUSIBLE, ids=lambda value: str(value)[:12])
def test_a_wait_that_github_would_not_ask_for_counts_as_none(value):
    asked = step("token", 429, headers={"retry-after": value})
    assert_judged(asked, "unclear", "GitHub's rate limit", "again in 60 s")
    assert rate_limit_s(attempt("now", step("token", 429, headers={"retry-after": value, **RESET}))) == 90
    assert rate_limit_s(attempt("now", step("token", 429, headers={**RESET, "x-ratelimit-reset": value}))) == 60


@pytest.mark.parametrize("date", [None, "", "yesterday", "Fri, 31 Dec 99999 23:59:59 GMT", 17])
def test_a_reset_without_a_date_to_compare_it_with_counts_as_none(date):
    assert rate_limit_s(attempt("now", step("token", 429, headers={**RESET, "date": date}))) == 60


def test_the_longest_wait_is_the_hour_that_githubs_limits_are_counted_by():
    assert rate_limit_s(attempt("now", step("token", 429, headers={"retry-after": "3600"}))) == 3600


def test_without_a_rate_limit_there_is_nothing_to_wait_for():
    assert rate_limit_s(accepted()) is None
    assert rate_limit_s(not_sent()) is None


LOGIN_PAGE = repository_step(headers={"content-type": "text/html"})
WITHOUT_TOKEN = failed_step("token", "reply", "201, but the answer has no token", kind="not_github")
TEAPOT = step("token", 418, "Teapot", documentation_url="https://docs.github.com/teapots")

UNCLEAR = {  # what is answered, what it means, and the next step
    "server error": (step("token", 500, "Server Error"), "could not answer", "githubstatus.com"),
    "bad gateway": (step("token", 502, None), "could not answer", "githubstatus.com"),
    "git's server error": (repository_step(503), "could not answer", "githubstatus.com"),
    "login page for a repository": (LOGIN_PAGE, "not from git", "git_url is where the repositories are"),
    "no User-Agent": (step("token", 403, body=USER_AGENT), "saw no User-Agent", "User-Agent"),
    "another 403 in plain text": (step("token", 403, body="Go away."), "unknown", "report.json"),
    "the token's refusal to a JWT": (step("token", 401, "Bad credentials"), "unknown", "report.json"),
    "unknown 401": (step("token", 401, "Something new"), "unknown", "report.json"),
    "unknown, with a reference": (TEAPOT, "unknown", "https://docs.github.com/teapots"),
    "the clock's words with another status": (step("token", 400, IAT), "unknown", "report.json"),
    "redirect": (step("token", 301, "Moved Permanently"), "a redirect", "api_url is GitHub's own address"),
    "redirect of git": (repository_step(302), "a redirect", "git_url is GitHub's own address"),
    "a success without a token": (WITHOUT_TOKEN, "not from GitHub", "no proxy answers in its place"),
}


@pytest.mark.parametrize(("asked", "meaning", "remedy"), UNCLEAR.values(), ids=UNCLEAR)
def test_an_answer_that_does_not_judge_the_jwt_is_unclear(asked, meaning, remedy):
    assert_judged(asked, "unclear", meaning, remedy)


NO_ANSWER = {  # the phase that failed and the kind of its error, as the meaning has them, and the next step
    "no URL": ("url", None, "(url)", "api_url"),
    "no such name": ("dns", None, "(dns)", "resolves the name in api.github.lab"),
    "refused connection": ("connect", None, "(connect)", "reach api.github.lab over TCP"),
    "proxy": ("proxy", None, "(proxy)", "CONNECT to api.github.lab, and accepts the user and password"),
    "unknown CA": ("tls", "unknown_ca", "(tls: unknown CA)", "ca_file"),
    "wrong name": (
        "tls",
        "wrong_name",
        "(tls: wrong name)",
        "api_url has the name in the certificate of api.github.lab",
    ),
    "no TLS": ("tls", None, "(tls)", "not speak TLS"),
    "silence": ("reply", None, "(reply)", "gate_timeout_s"),
}


@pytest.mark.parametrize(("phase", "kind", "meaning", "remedy"), NO_ANSWER.values(), ids=NO_ANSWER)
def test_without_an_answer_the_phase_that_failed_says_what_to_do(phase, kind, meaning, remedy):
    assert_judged(
        failed_step("token", phase, "its reason", **({"kind": kind} if kind else {})), "network", meaning, remedy
    )


def test_without_an_answer_of_git_its_own_setting_is_named():
    assert_judged(failed_step("repository", "dns", "no such name"), "network", "(dns)", "typo in git_url")


def test_a_certificate_refused_for_its_times_accuses_neither_the_clock_nor_the_network():
    asked = failed_step("token", "tls", "certificate is not yet valid", kind="certificate_time")
    assert_judged(asked, "certificate_time", "not valid at the node's time", "")


# Several steps


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([step("installation", 200)], id="the installation alone"),
        pytest.param([step("token", 201), step("revoke", 204)], id="a token"),
        pytest.param(accepted_steps(), id="a token and a repository"),
        pytest.param([*accepted_steps()[:2], step("revoke", 500)], id="a token that could not be revoked"),
    ],
)
def test_an_attempt_whose_every_step_worked_is_accepted(steps):
    assert classify(attempt("now", *steps)).kind == "accepted"


def test_a_use_that_was_refused_and_then_worked_is_no_failure():
    steps = [step("token", 201), repository_step(404), repository_step(200)]
    assert classify(attempt("now", *steps)).kind == "accepted"


def test_a_use_that_worked_and_was_then_refused_is_a_failure():
    steps = [step("token", 201), repository_step(200), repository_step(404)]
    assert classify(attempt("now", *steps)).kind == "access"


def test_another_repositorys_success_hides_no_failure():
    steps = [step("token", 201), repository_step(404, repository="acme/charts"), repository_step(200)]
    answer = classify(attempt("now", *steps))
    assert (answer.kind, answer.meaning) == ("access", "the installation can't read acme/charts")


def test_the_first_step_that_failed_decides():
    steps = [step("token", 401, IAT), repository_step(404)]
    assert classify(attempt("now", *steps)).kind == "clock"


def test_an_attempt_that_was_not_sent_says_why():
    answer = classify(not_sent())
    assert answer.kind == "not_sent"
    assert answer.quote() == not_sent()["not_sent_because"]


@pytest.mark.parametrize("steps", [[], [step("revoke", 204)]])
def test_an_attempt_without_a_question_proves_nothing(steps):
    assert classify(attempt("now", *steps)).kind == "unclear"


@pytest.mark.parametrize(
    ("tried", "quoted"),
    [
        pytest.param(attempt("now", step("token", 401, EXP)), f"401 {EXP}", id="GitHub's words"),
        pytest.param(attempt("now", step("token", 502, None)), "502", id="the status alone"),
        pytest.param(
            attempt("now", step("token", 403, None, body="<html>\n <b>Blocked</b>" + "x" * 999)),
            "403 <html> <b>Blocked</b>" + "x" * 279,
            id="the body's beginning, in one line",
        ),
        pytest.param(attempt("now", failed_step("token", "dns", "no such name")), "dns: no such name", id="no answer"),
        pytest.param(accepted(), "200", id="accepted"),
    ],
)
def test_an_answer_is_quoted_as_it_was_given(tried, quoted):
    assert classify(tried).quote() == quoted


# A token that was narrowed less, many repositories, and an installation that was looked up


def kinds_of(*steps: dict[str, Any]) -> tuple[str, str, tuple[str, ...]]:
    answer = classify(attempt("now", *steps))
    return answer.kind, answer.key, answer.repositories


WIDER = [
    step("token", 422, NO_SUCH_REPOSITORY, narrowed=["permissions", "repositories"]),
    step("granted", 500),
    step("token", 201, narrowed=["permissions"]),
]


def test_a_refusal_to_narrow_is_no_failure_once_a_wider_token_reached_all():
    assert kinds_of(*WIDER, repository_step(), step("revoke", 204))[0] == "accepted"


def test_all_repositories_out_of_reach_are_named_in_one_step():
    gone = repository_step(404, repository="acme/gone", also=["acme/lost", "acme/missing"])
    answer = classify(attempt("now", *WIDER, repository_step(), gone, repository_step(403, repository="acme/secret")))
    names = ("acme/gone", "acme/lost", "acme/missing", "acme/secret")
    assert (answer.kind, answer.key, answer.repositories) == ("access", "unreadable_repository", names)
    assert ", ".join(names) in answer.meaning
    assert ", ".join(names) in answer.remedy
    assert answer.step == gone


def test_of_very_many_repositories_some_are_named_and_the_rest_counted():
    gone = repository_step(404, also=[f"acme/{n}" for n in range(600)])
    answer = classify(attempt("now", step("token", 201), gone))
    assert "and 591 more" in answer.meaning
    assert len(answer.meaning) < 250
    assert len(answer.repositories) == 601


@pytest.mark.parametrize("unsure", [failed_step("repository", "reply", "no answer"), repository_step(502)])
def test_a_repository_that_is_out_of_reach_for_certain_decides_before_one_that_is_not_known(unsure):
    unsure = {**unsure, "repository": "acme/slow"}
    gone = repository_step(404, repository="acme/gone")
    assert kinds_of(step("token", 201), unsure, gone) == ("access", "unreadable_repository", ("acme/gone",))


def test_a_repository_that_is_not_known_does_not_pass_among_others():
    slow = {**failed_step("repository", "time", "not asked"), "repository": "acme/slow", "also": ["acme/later"]}
    expected = ("network", "out_of_time", ("acme/slow", "acme/later"))
    assert kinds_of(step("token", 201), repository_step(), slow) == expected


def test_an_installation_that_was_found_is_gone_on_with():
    found = step("installations", installation_id="2002")
    assert kinds_of(step("installations", owners=["other"]), found, *accepted_steps())[0] == "accepted"


def test_a_list_of_installations_that_is_cut_off_proves_nothing():
    answer = classify(attempt("now", step("installations", owners=["other"], owners_in_all=2000, cut_off=True)))
    assert (answer.kind, answer.key) == ("unclear", "too_many_installations")
    assert "installation_id" in answer.remedy


@pytest.mark.parametrize("message", [IAT, EXP, EXP_FAR])
def test_a_jwt_refused_for_its_times_where_the_installation_is_looked_up_accuses_the_clock(message):
    assert kinds_of(step("installations", 401, message))[0] == "clock"
