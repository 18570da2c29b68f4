"""What GitHub's answer to one attempt means: its class, by the messages in which GitHub words them.

The messages and what each rests on: hub4j's recorded responses (JWTTokenProviderTest), octokit/auth-app.js issues 146 and 698,
octokit.rb issue 1307, and GitHub's REST documentation.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Literal

Kind = Literal["accepted", "clock", "credential", "access", "network", "unclear", "not_sent"]

CLOCK_MESSAGES = ("'Issued at' claim ('iat')", "'Expiration time' claim ('exp')")
"""Which of the clock messages wins where several rules are broken is not stable, so they are one class."""

GIT_ADVERTISEMENT = "application/x-git-upload-pack-advertisement"
"""What a git server answers info/refs with (git's http-protocol documentation)."""

REFUSALS: tuple[tuple[int, str, Kind, str], ...] = (
    (
        401,
        "A JSON web token could not be decoded",
        "credential",
        "the signature does not fit: not the private key of this App",
    ),
    (401, "'Issuer' claim ('iss')", "credential", "the app_id or client_id can't be one of GitHub's"),
    (401, "Missing 'issuer' claim", "credential", "the JWT names no App"),
    (404, "Integration not found", "credential", "no App has this app_id or client_id"),
    (403, "This installation has been suspended", "access", "the installation is suspended"),
)
"""Status, the message's beginning, class, and what it means; a 404 and a 422 are told apart by their step."""


@dataclass(frozen=True)
class Answer:
    """How an attempt ended: its class, what that means, and the step that decided it."""

    kind: Kind
    meaning: str
    step: Mapping[str, Any] | None = None

    def quote(self) -> str:
        """GitHub's own words, with the status."""
        if self.step is None:
            return self.meaning
        if self.step.get("error"):
            return f"{self.step['error']['phase']}: {self.step['error']['message']}"
        return f"{self.step['status']} {self.step.get('message') or ''}".strip()


def classify(attempt: Mapping[str, Any]) -> Answer:
    """The class of an attempt (an entry of the evidence's ``github_apps[].attempts``): its first step that failed decides."""
    if not attempt.get("sent"):
        return Answer("not_sent", str(attempt.get("not_sent_because") or "it was not sent"))
    steps = [step for step in attempt.get("steps") or [] if step["step"] != "revoke"]
    if not steps:
        return Answer("unclear", "nothing was asked")
    # A use that was refused while the fresh token spread, and then worked, is no failure: the last try of each use counts.
    last = {(step["step"], step.get("repository")): step for step in steps}
    for step in last.values():
        answer = _classify_step(step)
        if answer.kind != "accepted":
            return answer
    return Answer("accepted", "GitHub accepted the JWT and all that was asked with it", steps[-1])


def _classify_success(step: Mapping[str, Any]) -> Answer:
    if step.get("suspended"):
        return Answer("access", "the installation is suspended", step)
    if step["step"] == "repository" and step["headers"].get("content-type") != GIT_ADVERTISEMENT:
        return Answer("unclear", "an answer that is none of git's (a proxy's or a login page?)", step)
    return Answer("accepted", "accepted", step)


def _classify_step(step: Mapping[str, Any]) -> Answer:
    error = step.get("error")
    if error:
        if error.get("kind") == "certificate_time":
            return Answer("clock", "the API's certificate is not valid at the node's time", step)
        return Answer("network", f"no answer ({error['phase']})", step)
    status, message = step["status"], step.get("message") or ""
    if 200 <= status < 300:
        return _classify_success(step)
    if status == 401 and message.startswith(CLOCK_MESSAGES):
        return Answer("clock", "GitHub refused the JWT's times", step)
    for known_status, beginning, kind, meaning in REFUSALS:
        if status == known_status and message.startswith(beginning):
            return Answer(kind, meaning, step)
    if _is_rate_limit(step):
        return Answer("unclear", "GitHub's rate limit", step)
    if status == 404 and step["step"] in ("installation", "token"):
        return Answer("access", "the App has no such installation", step)
    if status == 401 and message.startswith("Bad credentials") and step["step"] == "repository":
        return Answer("access", "a fresh installation token was not accepted", step)
    if status in (401, 403, 404) and step["step"] == "repository":
        return Answer("access", f"the installation can't read {step.get('repository')}", step)
    if status == 422:
        return Answer(
            "access", "a repository or permission that was asked for is not granted to the installation", step
        )
    if status >= 500:
        return Answer("unclear", "GitHub could not answer", step)
    return Answer("unclear", "an answer that is not known", step)


def rate_limit_s(attempt: Mapping[str, Any]) -> float | None:
    """For how long GitHub's rate limit asks to wait, in seconds; None where it did not answer.

    ``Retry-After`` says it, or ``X-RateLimit-Reset`` (Unix time, here against the answer's own Date); a minute otherwise
    (GitHub's documentation, "Exceeding the rate limit").
    """
    step = classify(attempt).step
    if step is None or step.get("error") or not _is_rate_limit(step):
        return None
    headers = step.get("headers") or {}
    with contextlib.suppress(KeyError, ValueError):
        return max(0.0, float(headers["retry-after"]))
    with contextlib.suppress(KeyError, TypeError, ValueError):
        wait_s = float(headers["x-ratelimit-reset"]) - parsedate_to_datetime(headers["date"]).timestamp()
        return max(0.0, wait_s)
    return 60.0


def _is_rate_limit(step: Mapping[str, Any]) -> bool:
    """GitHub's documentation, "Rate limits for the REST API": 403 or 429, with headers that say when to come back."""
    headers = step.get("headers") or {}
    told_to_wait = "retry-after" in headers or headers.get("x-ratelimit-remaining") == "0"
    limited = told_to_wait or "rate limit" in (step.get("message") or "").lower()
    return step["status"] == 429 or (step["status"] == 403 and limited)
