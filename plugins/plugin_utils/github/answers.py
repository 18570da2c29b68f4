"""What GitHub's answer to one attempt means: its class, by the messages in which GitHub words them.

The messages and what each rests on: hub4j's recorded responses (JWTTokenProviderTest), octokit/auth-app.js issues 146 and 698,
octokit.rb issue 1307, and GitHub's REST documentation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

Kind = Literal[
    "accepted", "clock", "certificate_time", "credential", "access", "network", "unclear", "not_sent", "withheld"
]
"""``certificate_time``: TLS refused a certificate for its times; who is wrong then, the clock or it, an answer can't tell.
``withheld``: the controller did not sign the JWT, as it would be valid too long after the controller's time."""


class AnswerKey(StrEnum):
    """What an attempt's answer means: of answers of one kind, those with the same next step."""

    ACCEPTED = "accepted"
    NOT_SENT = "not_sent"
    TOO_FAR_AHEAD = "too_far_ahead"
    CONTROLLER_TIME_UNKNOWN = "controller_time_unknown"
    NOTHING_ASKED = "nothing_asked"
    CLOCK = "clock"
    CERTIFICATE_TIME = "certificate_time"
    WRONG_KEY = "wrong_key"
    UNUSABLE_ISSUER = "unusable_issuer"
    NO_ISSUER = "no_issuer"
    UNKNOWN_APP = "unknown_app"
    UNKNOWN_INSTALLATION = "unknown_installation"
    SUSPENDED = "suspended"
    NOT_GRANTED = "not_granted"
    UNREADABLE_REPOSITORY = "unreadable_repository"
    TOKEN_NOT_ACCEPTED = "token_not_accepted"  # noqa: S105 - a key, no password
    NO_USER_AGENT = "no_user_agent"
    RATE_LIMIT = "rate_limit"
    REDIRECT = "redirect"
    SERVER_ERROR = "server_error"
    NOT_GITHUB = "not_github"
    NOT_GIT = "not_git"
    UNKNOWN_ANSWER = "unknown_answer"
    BAD_URL = "bad_url"
    NO_DNS = "no_dns"
    NO_CONNECTION = "no_connection"
    PROXY = "proxy"
    UNKNOWN_CA = "unknown_ca"
    WRONG_NAME = "wrong_name"
    TLS = "tls"
    NO_REPLY = "no_reply"


CLOCK_MESSAGES = ("'Issued at' claim ('iat')", "'Expiration time' claim ('exp')")
"""Which of the clock messages wins where several rules are broken is not stable, so they are one class."""

QUOTED_CHARS = 300

MAX_RATE_LIMIT_S = 3600.0
"""GitHub's rate limits are counted by the hour: none of them asks for a longer wait."""

WITHHELD = {
    AnswerKey.TOO_FAR_AHEAD: "Fix the node's clock, then check again.",
    AnswerKey.CONTROLLER_TIME_UNKNOWN: "Let this controller reach the servers of gate_ntp_servers (UDP 123) or the GitHub API "
    "(TCP 443), and see that its own clock is right; then check again.",
}
"""Why the controller did not sign a JWT, with what to do next."""

GIT_ADVERTISEMENT = "application/x-git-upload-pack-advertisement"
"""What a git server answers info/refs with (git's http-protocol documentation)."""

APP_SETTINGS = "Fixing the clock does not help with this. Compare {} with the App's settings page on GitHub"
INSTALLATION_SETTINGS = (
    "On GitHub, open the installation's settings (its organisation's or user's settings, GitHub Apps)"
)


class Refusal(NamedTuple):
    """How GitHub words a refusal, and what it means; a 404 and a 422 are told apart by their step."""

    status: int
    beginning: str
    kind: Kind
    key: AnswerKey
    meaning: str
    remedy: str


REFUSALS = (
    Refusal(
        401,
        "A JSON web token could not be decoded",
        "credential",
        AnswerKey.WRONG_KEY,
        "the signature does not fit: not the private key of this App",
        APP_SETTINGS.format("app_id or client_id and the private key")
        + ", which shows each key's SHA-256 fingerprint.",
    ),
    Refusal(
        401,
        "'Issuer' claim ('iss')",
        "credential",
        AnswerKey.UNUSABLE_ISSUER,
        "the app_id or client_id can't be one of GitHub's",
        APP_SETTINGS.format("app_id or client_id") + ".",
    ),
    Refusal(
        401,
        "Missing 'issuer' claim",
        "credential",
        AnswerKey.NO_ISSUER,
        "the JWT names no App",
        APP_SETTINGS.format("app_id or client_id") + ".",
    ),
    Refusal(
        404,
        "Integration not found",
        "credential",
        AnswerKey.UNKNOWN_APP,
        "no App has this app_id or client_id",
        APP_SETTINGS.format("app_id or client_id") + ", and see that api_url is the GitHub where the App is.",
    ),
    Refusal(
        403,
        "This installation has been suspended",
        "access",
        AnswerKey.SUSPENDED,
        "the installation is suspended",
        f"{INSTALLATION_SETTINGS}, and unsuspend it.",
    ),
    Refusal(
        403,
        "Request forbidden by administrative rules",
        "unclear",
        AnswerKey.NO_USER_AGENT,
        "GitHub saw no User-Agent, which skewgate sends: something between takes it away",
        "See what proxy rewrites this node's requests to the API, and let it leave User-Agent as it is.",
    ),
)


@dataclass(frozen=True)
class Answer:
    """How an attempt ended: its class, what that means (for code and in words), the step that decided it, and what to do next.

    ``remedy`` is empty where an answer alone does not tell it: accepted, clock, certificate_time, not_sent.
    """

    kind: Kind
    key: AnswerKey
    meaning: str
    step: Mapping[str, Any] | None = None
    remedy: str = ""

    def quote(self) -> str:
        """GitHub's own words, with the status; where it has no message, what it said instead, in one line."""
        if self.step is None:
            return self.meaning
        if self.step.get("error"):
            return f"{self.step['error']['phase']}: {self.step['error']['message']}"
        said = " ".join((self.step.get("message") or self.step.get("body") or "").split())
        return f"{self.step['status']} {said[:QUOTED_CHARS]}".strip()


def classify(attempt: Mapping[str, Any]) -> Answer:
    """The class of an attempt (an entry of the evidence's ``github_apps[].attempts``): its first step that failed decides."""
    if not attempt.get("sent"):
        why = str(attempt.get("not_sent_because") or "it was not sent")
        for key, remedy in WITHHELD.items():
            if attempt.get("withheld") == key:
                return Answer("withheld", key, why, remedy=remedy)
        return Answer("not_sent", AnswerKey.NOT_SENT, why)
    steps = [step for step in attempt.get("steps") or [] if step["step"] != "revoke"]
    if not steps:
        return Answer("unclear", AnswerKey.NOTHING_ASKED, "nothing was asked")
    # A use that was refused while the fresh token spread, and then worked, is no failure: the last try of each use counts.
    last = {(step["step"], step.get("repository")): step for step in steps}
    for step in last.values():
        answer = _classify_step(step)
        if answer.kind != "accepted":
            return answer
    return Answer("accepted", AnswerKey.ACCEPTED, "GitHub accepted the JWT and all that was asked with it", steps[-1])


def _classify_success(step: Mapping[str, Any]) -> Answer:
    if step.get("suspended"):
        remedy = f"{INSTALLATION_SETTINGS}, and unsuspend it."
        return Answer("access", AnswerKey.SUSPENDED, "the installation is suspended", step, remedy)
    if step["step"] == "repository" and step["headers"].get("content-type") != GIT_ADVERTISEMENT:
        meaning = "an answer that is none of git's (a proxy's or a login page?)"
        return Answer(
            "unclear",
            AnswerKey.NOT_GIT,
            meaning,
            step,
            f"See that git_url is where the repositories are. {_read_it(step)}",
        )
    return Answer("accepted", AnswerKey.ACCEPTED, "accepted", step)


def _classify_step(step: Mapping[str, Any]) -> Answer:
    if step.get("error"):
        return _classify_no_answer(step)
    status, message = step["status"], step.get("message") or (step.get("body") or "").strip()
    if 200 <= status < 300:
        return _classify_success(step)
    if status == 401 and message.startswith(CLOCK_MESSAGES):
        return Answer("clock", AnswerKey.CLOCK, "GitHub refused the JWT's times", step)
    for refusal in REFUSALS:
        if status == refusal.status and message.startswith(refusal.beginning):
            return Answer(refusal.kind, refusal.key, refusal.meaning, step, refusal.remedy)
    if _is_rate_limit(step):
        remedy = f"Check again in {_rate_limit_wait_s(step):.0f} s, when GitHub's rate limit ends; `depth: jwt` mints nothing."
        return Answer("unclear", AnswerKey.RATE_LIMIT, "GitHub's rate limit", step, remedy)
    if step["step"] == "repository" and status in (401, 403, 404):
        return _classify_unreadable(step)
    if status == 404 and step["step"] in ("installation", "token"):
        remedy = (
            "On GitHub, compare installation_id with the number at the end of the address of the installation's settings, "
            "and see that api_url is the GitHub where the App is installed."
        )
        return Answer("access", AnswerKey.UNKNOWN_INSTALLATION, "the App has no such installation", step, remedy)
    if status == 422:
        meaning = "a repository or permission that was asked for is not granted to the installation"
        remedy = f"{INSTALLATION_SETTINGS}, and grant it, or ask for less in gate_github_apps."
        return Answer("access", AnswerKey.NOT_GRANTED, meaning, step, remedy)
    if 300 <= status < 400:
        setting = "git_url" if step["step"] == "repository" else "api_url"
        remedy = f"See that {setting} is GitHub's own address, with the path that it needs (GitHub Enterprise Server: /api/v3)."
        return Answer(
            "unclear", AnswerKey.REDIRECT, "a redirect, which is not followed with a credential", step, remedy
        )
    if status >= 500:
        remedy = (
            "See https://www.githubstatus.com, or your GitHub Enterprise Server and what is before it, and check again."
        )
        return Answer("unclear", AnswerKey.SERVER_ERROR, "GitHub could not answer", step, remedy)
    return Answer("unclear", AnswerKey.UNKNOWN_ANSWER, "an answer that is not known", step, _read_it(step))


def _classify_unreadable(step: Mapping[str, Any]) -> Answer:
    if step["status"] == 401 and (step.get("message") or "").startswith("Bad credentials"):
        remedy = (
            "It was tried again while it may have been spreading. See that git_url and api_url are of the same GitHub."
        )
        return Answer(
            "access", AnswerKey.TOKEN_NOT_ACCEPTED, "a fresh installation token was not accepted", step, remedy
        )
    repository = step.get("repository")
    remedy = f"{INSTALLATION_SETTINGS}, and grant it {repository}, with `contents: read`; see that the name is right."
    return Answer("access", AnswerKey.UNREADABLE_REPOSITORY, f"the installation can't read {repository}", step, remedy)


def _read_it(step: Mapping[str, Any]) -> str:
    """What is left to do about an answer that nobody knows."""
    refers = f", and what GitHub refers to: {step['documentation_url']}" if step.get("documentation_url") else ""
    return f"Read the answer, whole in report.json under `seen`{refers}; then check again."


def _classify_no_answer(step: Mapping[str, Any]) -> Answer:
    """By the phase that failed (the probe's ``HttpsError``): each has a next step of its own."""
    phase, kind = step["error"]["phase"], step["error"].get("kind")
    host = urlsplit(step["url"]).netloc
    setting = "git_url" if step["step"] == "repository" else "api_url"
    if kind == "certificate_time":
        return Answer(
            "certificate_time", AnswerKey.CERTIFICATE_TIME, "the certificate is not valid at the node's time", step
        )
    if kind == "not_github":
        remedy = f"See that {setting} is GitHub's own address, and that no proxy answers in its place. {_read_it(step)}"
        return Answer("unclear", AnswerKey.NOT_GITHUB, "a success that is none of GitHub's", step, remedy)
    key, meaning, remedy = NO_ANSWER.get((phase, kind)) or NO_ANSWER.get((phase, None)) or NO_ANSWER["reply", None]
    return Answer("network", key, f"no answer ({meaning})", step, remedy.format(host=host, setting=setting))


NO_ANSWER: dict[tuple[str, str | None], tuple[AnswerKey, str, str]] = {
    ("url", None): (AnswerKey.BAD_URL, "url", "Give {setting} as an https:// address."),
    ("dns", None): (
        AnswerKey.NO_DNS,
        "dns",
        "See that this node resolves the name in {host}: /etc/resolv.conf, its resolver, or a typo in {setting}.",
    ),
    ("connect", None): (
        AnswerKey.NO_CONNECTION,
        "connect",
        "Let this node reach {host} over TCP: routes, firewalls; where the way out is a proxy, name it in gate_environment "
        "(HTTPS_PROXY).",
    ),
    ("proxy", None): (
        AnswerKey.PROXY,
        "proxy",
        "See that the proxy of HTTPS_PROXY (gate_environment, or the node's environment) answers this node, lets it CONNECT to "
        "{host}, and accepts the user and password given; what needs no proxy goes into NO_PROXY.",
    ),
    ("tls", "unknown_ca"): (
        AnswerKey.UNKNOWN_CA,
        "tls: unknown CA",
        "Give the CA of {host} in ca_file, or install it on this node; where a proxy intercepts TLS, that is the proxy's CA.",
    ),
    ("tls", "wrong_name"): (
        AnswerKey.WRONG_NAME,
        "tls: wrong name",
        "See that {setting} has the name that the certificate of {host} is for, and that this node's DNS or /etc/hosts does not "
        "lead elsewhere.",
    ),
    ("tls", None): (
        AnswerKey.TLS,
        "tls",
        "See what is at {host}, and between: a port that does not speak TLS, or a firewall that cuts or holds up the handshake.",
    ),
    ("reply", None): (
        AnswerKey.NO_REPLY,
        "reply",
        "TLS was made, but no whole answer came. Check again, with more gate_timeout_s if it is slow; see what proxies and "
        "firewalls between this node and {host} do to long packets and connections.",
    ),
}
"""By phase and kind: what failed, by its key and in words, and what to do next."""


def rate_limit_s(attempt: Mapping[str, Any]) -> float | None:
    """For how long GitHub's rate limit asks to wait, in seconds; None where it did not answer."""
    step = classify(attempt).step
    if step is None or step.get("error") or not _is_rate_limit(step):
        return None
    return _rate_limit_wait_s(step)


def _rate_limit_wait_s(step: Mapping[str, Any]) -> float:
    """``Retry-After`` says it, or ``X-RateLimit-Reset`` (Unix time, here against the answer's own Date); a minute otherwise.

    GitHub counts by the hour, so a longer wait is none of GitHub's: it is ignored, as what is no number.
    Source: GitHub's documentation, "Rate limits for the REST API" and "Exceeding the rate limit".
    """
    headers = step.get("headers") or {}
    for found in (_seconds(headers.get("retry-after")), _until_reset_s(headers)):
        if found is not None and 0 <= found <= MAX_RATE_LIMIT_S:
            return found
    return 60.0


def _seconds(text: object) -> float | None:
    """A header's number, finite; None for anything else."""
    try:
        number = float(str(text))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _until_reset_s(headers: Mapping[str, Any]) -> float | None:
    reset_s = _seconds(headers.get("x-ratelimit-reset"))
    try:
        date_s = parsedate_to_datetime(str(headers.get("date"))).timestamp()
    except (ValueError, OverflowError):
        return None
    return None if reset_s is None else reset_s - date_s


def _is_rate_limit(step: Mapping[str, Any]) -> bool:
    """GitHub's documentation, "Rate limits for the REST API": 403 or 429, with headers that say when to come back."""
    headers = step.get("headers") or {}
    told_to_wait = "retry-after" in headers or headers.get("x-ratelimit-remaining") == "0"
    limited = told_to_wait or "rate limit" in (step.get("message") or "").lower()
    return step["status"] == 429 or (step["status"] == 403 and limited)
