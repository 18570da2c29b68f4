from __future__ import annotations

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.answers import classify

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
RATE_LIMIT = "API rate limit exceeded for installation ID 2002."
SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."

USER_AGENT = "\r\nRequest forbidden by administrative rules. Please make sure your request has a User-Agent header"
DATE = "Sun, 22 Nov 2026 08:35:36 GMT"
RESET_S = 1_795_336_536 + 90

ANSWERS = {  # what is answered, its class, what it means, and the next step
    # what GitHub says to the JWT
    "iat in the future": (step("token", 401, IAT), "clock", "refused the JWT's times", ""),
    "exp in the past": (step("token", 401, EXP), "clock", "refused the JWT's times", ""),
    "exp too far ahead": (step("token", 401, EXP_FAR), "clock", "refused the JWT's times", ""),
    "a clock message about the installation": (step("installation", 401, EXP), "clock", "refused the JWT's times", ""),
    "bad signature": (
        step("token", 401, "A JSON web token could not be decoded"),
        "credential",
        "not the private key of this App",
        "fingerprint",
    ),
    "no such App": (
        step("token", 404, "Integration not found"),
        "credential",
        "no App has this app_id or client_id",
        "api_url is the GitHub where the App is",
    ),
    "unusable issuer": (
        step("token", 401, "'Issuer' claim ('iss') must be an Integer"),
        "credential",
        "the app_id or client_id can't be one",
        "Compare app_id or client_id",
    ),
    "no issuer": (
        step("token", 401, "Missing 'issuer' claim ('iss') in assertion"),
        "credential",
        "names no App",
        "Compare app_id or client_id",
    ),
    "no such installation": (
        step("token", 404, "Not Found"),
        "access",
        "no such installation",
        "compare installation_id",
    ),
    "no such installation, asked for it": (
        step("installation", 404, "Not Found"),
        "access",
        "no such installation",
        "compare installation_id",
    ),
    "suspended": (
        step("token", 403, "This installation has been suspended"),
        "access",
        "is suspended",
        "and unsuspend it",
    ),
    "suspended, and shown": (step("installation", 200, suspended=True), "access", "is suspended", "and unsuspend it"),
    "permission not granted": (step("token", 422, NOT_GRANTED), "access", "not granted", "grant it, or ask for less"),
    "repository not granted": (
        step("token", 422, NO_SUCH_REPOSITORY),
        "access",
        "not granted to the installation",
        "grant it, or ask for less",
    ),
    # what is said to the token
    "token revoked": (
        repository_step(401, message="Bad credentials"),
        "access",
        "token was not accepted",
        "of the same GitHub",
    ),
    "repository not readable": (
        repository_step(403),
        "access",
        "can't read acme/deploy-config",
        "grant it acme/deploy-config, with `contents: read`",
    ),
    "repository unknown": (repository_step(404), "access", "can't read acme/deploy-config", "that the name is right"),
    "repository without a word": (repository_step(401), "access", "can't read acme/deploy-config", "grant it acme/"),
    "login page for a repository": (
        repository_step(headers={"content-type": "text/html"}),
        "unclear",
        "none of git's",
        "git_url is where the repositories are",
    ),
    # what says nothing of the credential
    "rate limit": (step("token", 403, RATE_LIMIT), "unclear", "rate limit", "again in 60 s"),
    "secondary rate limit": (step("token", 403, SECONDARY), "unclear", "rate limit", "again in 60 s"),
    "rate limit by status": (step("token", 429, None), "unclear", "rate limit", "again in 60 s"),
    "rate limit by header": (
        step("token", 403, headers={"x-ratelimit-remaining": "0", "x-ratelimit-reset": f"{RESET_S}", "date": DATE}),
        "unclear",
        "rate limit",
        "again in 90 s",
    ),
    "told to wait": (step("token", 403, headers={"retry-after": "17"}), "unclear", "rate limit", "again in 17 s"),
    "rate limit of git": (repository_step(429), "unclear", "rate limit", "again in 60 s"),
    "rate limit of git by header": (
        repository_step(403, headers={"retry-after": "60"}),
        "unclear",
        "rate limit",
        "again in 60 s",
    ),
    "rate limit of git by its text": (repository_step(403, message=RATE_LIMIT), "unclear", "rate limit", "in 60 s"),
    "server error": (step("token", 500, "Server Error"), "unclear", "could not answer", "githubstatus.com"),
    "bad gateway": (step("token", 502, None), "unclear", "could not answer", "githubstatus.com"),
    "git's server error": (repository_step(503), "unclear", "could not answer", "githubstatus.com"),
    "no User-Agent": (step("token", 403, body=USER_AGENT), "unclear", "saw no User-Agent", "leave User-Agent as it is"),
    "another 403 in plain text": (step("token", 403, body="Go away."), "unclear", "not known", "Read the answer"),
    "the token's refusal to a JWT": (step("token", 401, "Bad credentials"), "unclear", "not known", "Read the answer"),
    "unknown 401": (step("token", 401, "Something new"), "unclear", "not known", "whole in report.json"),
    "unknown, with a reference": (
        step("token", 418, "Teapot", documentation_url="https://docs.github.com/teapots"),
        "unclear",
        "not known",
        "what GitHub refers to: https://docs.github.com/teapots",
    ),
    "redirect": (step("token", 301, "Moved Permanently"), "unclear", "a redirect", "api_url is GitHub's own address"),
    "redirect of git": (repository_step(302), "unclear", "a redirect", "git_url is GitHub's own address"),
    "the clock's words with another status": (step("token", 400, IAT), "unclear", "not known", "Read the answer"),
    "a success without a token": (
        failed_step("token", "reply", "201, but the answer has no token", kind="not_github"),
        "unclear",
        "none of GitHub's",
        "no proxy answers in its place",
    ),
    # no answer
    "no URL": (failed_step("token", "url", "ftp://x is not an https:// URL"), "network", "(url)", "Give api_url as"),
    "no such name": (
        failed_step("token", "dns", "api.github.lab: no such name"),
        "network",
        "(dns)",
        "resolves the name in api.github.lab",
    ),
    "refused connection": (
        failed_step("token", "connect", "Connection refused"),
        "network",
        "(connect)",
        "reach api.github.lab over TCP",
    ),
    "proxy": (
        failed_step("token", "proxy", "10.0.0.1:3128: Tunnel connection failed: 407"),
        "network",
        "(proxy)",
        "CONNECT to api.github.lab, and accepts the user and password",
    ),
    "unknown CA": (
        failed_step("token", "tls", "self-signed", kind="unknown_ca"),
        "network",
        "(tls: unknown CA)",
        "Give the CA of api.github.lab in ca_file",
    ),
    "wrong name": (
        failed_step("token", "tls", "Hostname mismatch", kind="wrong_name"),
        "network",
        "(tls: wrong name)",
        "api_url has the name that the certificate of api.github.lab is for",
    ),
    "no TLS": (failed_step("token", "tls", "wrong version number"), "network", "(tls)", "does not speak TLS"),
    "silence": (failed_step("token", "reply", "no answer within 5 s"), "network", "(reply)", "gate_timeout_s"),
    "git's host is not found": (
        failed_step("repository", "dns", "no such name"),
        "network",
        "(dns)",
        "typo in git_url",
    ),
    "certificate out of date": (
        failed_step("token", "tls", "certificate is not yet valid", kind="certificate_time"),
        "certificate_time",
        "not valid at the node's time",
        "",
    ),
}


@pytest.mark.parametrize(("asked", "kind", "meaning", "remedy"), ANSWERS.values(), ids=ANSWERS)
def test_every_answer_has_its_class_what_it_means_and_the_next_step(asked, kind, meaning, remedy):
    before = [step("token", 201)] if asked["step"] == "repository" else []
    answer = classify(attempt("now", *before, asked))
    assert answer.kind == kind
    assert meaning in answer.meaning
    assert answer.step == asked
    assert remedy in answer.remedy
    assert bool(remedy) == bool(answer.remedy)
    assert "{" not in answer.remedy


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
