"""What GitHub's answer to one attempt means: its class, and what to do next, by the rows of ``answer_table``."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Literal
from urllib.parse import SplitResult, urljoin, urlsplit

from ..boundary.text import listed
from .answer_table import BY_KEY, ROWS, AnswerKey, Form, Kind, Row, Sign

__all__ = ["Answer", "AnswerKey", "Kind", "classify", "clock_side", "quoted", "rate_limit_s"]

ASIDE = ("revoke", "granted")
"""Steps that decide nothing: the token was used by then, or what they show stands in another step."""

QUOTED_CHARS = 300

NAME_CHARS = 150
"""GitHub's longest OWNER/NAME is shorter; a node may call a repository anything."""

READ_CHARS = 2000
"""What the probe keeps of a body: a node that sends more is read no further."""

MAX_RATE_LIMIT_S = 3600.0
"""GitHub's rate limits are counted by the hour: none of them asks for a longer wait."""

GIT_ADVERTISEMENT = "application/x-git-upload-pack-advertisement"
"""What a git server answers info/refs with (git's http-protocol documentation)."""

GITHUBS_WEB = re.compile(r"(?:www\.)?github\.com|[^.]+\.ghe\.com")
GITHUBS_API = re.compile(r"api\.github\.com|api\.[^.]+\.ghe\.com")

OF_A_PROXY = re.compile(
    r"\b(squid|zscaler|blue ?coat|proxysg|forcepoint|websense|web gateway|secure gateway|fortinet|forti(?:gate|guard|proxy)|"
    r"palo alto|sophos|barracuda|umbrella|opendns|netskope|mimecast|check ?point|iboss|trend ?micro|privoxy|"
    r"captive portal|proxy error|proxy authentication|proxy server|web ?filter\w*|url ?filter\w*|content ?filter\w*)\b",
    re.IGNORECASE,
)
"""How proxies, filters and portals name themselves, in the header ``server`` or ``via`` or on their pages."""

BLOCKED = re.compile(
    r"\b(blocked by|(?:has been|is|was) blocked|access (?:denied|blocked)|your administrator|(?:access|usage|security) policy)\b",
    re.IGNORECASE,
)
"""How pages say that they stand in for another."""

TO_LOGIN = re.compile(
    r"\b(log-?in|logon|sign-?in|sso|saml2?|oauth2?|adfs|authorize|authenticate|captive|portal)\b|\bidp\b", re.IGNORECASE
)
LIMITED = re.compile(
    r"\b(rate limit|abuse detection|secondary (?:rate|quota)|too many requests|temporarily blocked)", re.IGNORECASE
)


@dataclass(frozen=True)
class Answer:
    """How an attempt ended: its class, what that means (for code and in words), the step that decided it, and what to do next.

    ``remedy`` is empty where an answer alone does not tell it: accepted, clock, certificate_time, not_sent. ``note`` is what an
    accepted answer has to say beside that. ``repositories`` are all that got this answer, if it is one about repositories.
    """

    kind: Kind
    key: AnswerKey
    meaning: str
    step: Mapping[str, Any] | None = None
    remedy: str = ""
    note: str = ""
    repositories: tuple[str, ...] = ()

    def quote(self) -> str:
        """GitHub's own words, with the status; where it has no message, what it said instead, in one line."""
        return self.meaning if self.step is None else quoted(self.step)


def quoted(step: Mapping[str, Any]) -> str:
    """What a step was answered: the status and GitHub's words, or why there was no answer."""
    if step.get("error"):
        return f"{step['error']['phase']}: {step['error']['message']}"
    said = " ".join((step.get("message") or step.get("body") or "").split())
    return f"{step['status']} {said[:QUOTED_CHARS]}".strip()


def classify(attempt: Mapping[str, Any], issuer: object = None) -> Answer:
    """The class of an attempt (an entry of the evidence's ``github_apps[].attempts``): a step that failed decides.

    That is the first one, or the first whose answer is sure; it stands for all repositories that got the same answer.
    ``issuer``: the App's ID or client ID in the JWT, if it is known.
    """
    if not attempt.get("sent"):
        why = str(attempt.get("not_sent_because") or "it was not sent")
        withheld = (AnswerKey.TOO_FAR_AHEAD, AnswerKey.CONTROLLER_TIME_UNKNOWN)
        row = BY_KEY[next((key for key in withheld if attempt.get("withheld") == key), AnswerKey.NOT_SENT)]
        return Answer(row.kind, row.key, why, remedy=row.remedy)
    steps = [step for step in attempt.get("steps") or [] if step["step"] not in ASIDE]
    if not steps:
        row = BY_KEY[AnswerKey.NOTHING_ASKED]
        return Answer(row.kind, row.key, row.meaning)
    # A use that was refused while the fresh token spread, and then worked, is no failure: the last try of each use counts.
    last = {(step["step"], step.get("repository")): step for step in steps}
    failed = [(found, step) for step in last.values() if (found := _row_of(_Seen(step, issuer))) is not None]
    if failed:
        sure = ("clock", "credential", "access")
        decisive, step = next((each for each in failed if each[0].kind in sure), failed[0])
        alike = [name for found, each in failed if found.key is decisive.key for name in _repositories_of(each)]
        return _answer(decisive, step, tuple(alike))
    row = BY_KEY[AnswerKey.ACCEPTED]
    return Answer(row.kind, row.key, row.meaning, steps[-1], note=_renamed(last.values()))


def _answer(row: Row, step: Mapping[str, Any], repositories: tuple[str, ...]) -> Answer:
    hints = _hints(step, repositories)
    meaning, remedy = row.meaning.format(**hints), row.remedy.format(**hints)
    return Answer(row.kind, row.key, meaning, step, remedy, repositories=repositories)


def clock_side(message: str) -> Literal["ahead", "behind"] | None:
    """Which side of GitHub's clock the signer's is on, by the message of a refusal; None where that is none of the clock's.

    An ``iat`` in the future and an ``exp`` too far in it are both those of a clock that is ahead.

    >>> clock_side("'Expiration time' claim ('exp') is too far in the future"), clock_side("Not Found")
    ('ahead', None)
    """
    said = _straight(message[:READ_CHARS])
    refused = re.search(BY_KEY[AnswerKey.CLOCK].words, said, re.IGNORECASE)
    if refused is None:
        return None
    return "ahead" if refused[2].lower() == "iat" or "too far in the future" in said else "behind"


def _repositories_of(step: Mapping[str, Any]) -> tuple[str, ...]:
    """The repositories that a step stands for."""
    named = (step.get("repository"), *(step.get("also") or ())) if step["step"] == "repository" else ()
    return tuple(str(name)[:NAME_CHARS] for name in named)


class _Seen:
    """A step's answer as the rows of the table look at it."""

    def __init__(self, step: Mapping[str, Any], issuer: object) -> None:
        self.step = step
        self.issuer = issuer
        self.error: Mapping[str, Any] = step.get("error") or {}
        self.status: int | None = step.get("status")
        self.at_git = step["step"] == "repository"
        self.form = _form(step)
        said = step.get("message") if self.form in ("github", "json") else step.get("body")
        self.said = _straight((said or "")[:READ_CHARS])

    def header(self, name: str) -> str:
        """A header's value, empty if the answer has none."""
        return _header(self.step, name)

    @property
    def location(self) -> SplitResult:
        """Where a redirect leads."""
        return _location(self.step)


def _row_of(seen: _Seen) -> Row | None:
    """The row that decides; None for what was accepted."""
    if seen.status is None or (seen.error and seen.error.get("kind") != "not_github"):
        return _row_of_error(seen.error)
    accepted = 200 <= seen.status < 300 and not seen.error
    for row in ROWS:
        if accepted and row.sign not in OF_SUCCESSES:
            continue
        if row.fits(seen.step["step"], seen.status, seen.form, seen.said) and _has(row.sign, seen):
            return row
    return None if accepted else _row_of_error(seen.error)


def _row_of_error(error: Mapping[str, Any]) -> Row:
    """By the phase that failed (the probe's ``HttpsError``): each has a next step."""
    rows = {(row.phase, row.error): row for row in ROWS if row.phase}
    phase, kind = error.get("phase", ""), error.get("kind")
    return rows.get((phase, kind)) or rows.get((phase, None)) or BY_KEY[AnswerKey.NO_REPLY]


def _form(step: Mapping[str, Any]) -> Form:
    """Whose words an answer can be, by its content type and body."""
    message, body = step.get("message"), (step.get("body") or "").strip()
    content_type = _header(step, "content-type").lower()
    is_json = "json" in content_type or not content_type
    if is_json and step.get("documentation_url"):
        return "github"
    if is_json and isinstance(message, str) and not body:
        return "github"
    # A gateway's JSON can have a message too.
    if is_json and isinstance(message, str) and _header(step, "x-github-request-id"):
        return "json"
    if "html" in content_type or body.startswith("<"):
        return "page"
    if is_json and (content_type or body.startswith(("{", "["))):
        return "other_json"
    return "text" if body else "none"


def _header(step: Mapping[str, Any], name: str) -> str:
    value = (step.get("headers") or {}).get(name)
    return value if isinstance(value, str) else ""


def _straight(text: str) -> str:
    """In one line; an apostrophe for each of the quotes that GitHub has used."""
    return re.sub('[`\u00b4\u2018\u2019"]', "'", " ".join(text.split()))


# Signs

OF_SUCCESSES = (Sign.SUSPENDED, Sign.LACKS_PERMISSIONS, Sign.OWNERS_CUT_OFF, Sign.NO_SUCH_OWNER, Sign.NOT_OF_GIT)
"""What a success may still have."""


def _has(sign: Sign | None, seen: _Seen) -> bool:
    """Whether an answer has a row's sign."""
    match sign:
        case Sign.OF_A_PROXY:
            return _is_of_a_proxy(seen)
        case Sign.WRONG_API_URL:
            return _is_of_a_wrong_api_url(seen)
        case Sign.RATE_LIMIT:
            return _is_rate_limit(seen)
        case Sign.CLIENT_ID_TO_OWN_SERVER:
            is_client_id = seen.issuer is not None and not str(seen.issuer).isdecimal()
            return is_client_id and not _is_githubs_own(seen.step["url"])
        case Sign.SUSPENDED:
            return bool(seen.step.get("suspended"))
        case Sign.LACKS_PERMISSIONS:
            return bool(seen.step.get("lacking"))
        case Sign.OWNERS_CUT_OFF:
            return bool(seen.step.get("cut_off")) and not seen.step.get("installation_id")
        case Sign.NO_SUCH_OWNER:
            return "owners" in seen.step and not seen.step.get("installation_id")
        case Sign.NOT_OF_GIT:
            return seen.header("content-type") != GIT_ADVERTISEMENT
        case Sign.TO_LOGIN:
            place = seen.location
            return not place.path.endswith("/info/refs") and bool(TO_LOGIN.search(f"{place.hostname} {place.path}"))
        case Sign.TO_HTTP:
            return seen.location.scheme == "http"
        case Sign.TO_ANOTHER_HOST:
            return _origin(seen.location) != _origin(_split(seen.step["url"]))
    return True


def _is_of_a_proxy(seen: _Seen) -> bool:
    if seen.status in (407, 511):  # a proxy and a captive portal that ask for a login (RFC 9110, RFC 6585)
        return True
    named = f"{seen.header('server')} {seen.header('via')}"
    # A proxy that looks into TLS names itself on what it passes on as well.
    passed_on = seen.form != "page" and bool(seen.header("x-github-request-id"))
    if OF_A_PROXY.search(named) and not passed_on:
        return True
    if seen.form == "page" and BLOCKED.search(seen.said):
        return True
    if seen.form in ("page", "text") and OF_A_PROXY.search(seen.said):
        return True
    host = _split(seen.step["url"]).hostname or ""
    return seen.form == "page" and bool(GITHUBS_API.fullmatch(host)) and not seen.header("x-github-request-id")


def _is_of_a_wrong_api_url(seen: _Seen) -> bool:
    """By the address alone, or by what GitHub's web server says to a POST that has no cookie."""
    url = seen.step["url"]
    if "cookies must be enabled to use github" in seen.said.lower():
        return True
    if seen.status is not None and 300 <= seen.status < 400:
        return bool(GITHUBS_WEB.fullmatch(_split(url).hostname or ""))
    return bool(_other_api_url(url)) and (_is_githubs_own(url) or seen.form in ("page", "text", "none"))


def _is_rate_limit(seen: _Seen) -> bool:
    """GitHub's documentation, "Rate limits for the REST API": 403 or 429, with headers that say when to come back."""
    if seen.status == 429:
        return not (seen.form == "page" and _is_of_a_proxy(seen))
    if seen.form == "page" or (seen.form in ("text", "other_json") and not seen.at_git):
        return False
    told_to_wait = seen.header("retry-after") != "" or seen.header("x-ratelimit-remaining") == "0"
    return told_to_wait or bool(LIMITED.search(seen.said))


# Addresses


def _split(url: object) -> SplitResult:
    """The parts of an address that may be none."""
    try:
        parts = urlsplit(str(url))
        _ = parts.port
    except ValueError:
        return urlsplit("")
    return parts


def _location(step: Mapping[str, Any]) -> SplitResult:
    try:
        return _split(urljoin(str(step["url"]), _header(step, "location")))
    except ValueError:
        return urlsplit("")


def _place(parts: SplitResult) -> str:
    """An address without its query, which may hold what nobody else is to see."""
    return parts._replace(query="", fragment="").geturl() or "no address"


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme)


def _is_githubs_own(url: object) -> bool:
    """Whether the host is github.com or ghe.com, and no GitHub Enterprise Server."""
    host = _split(url).hostname or ""
    return bool(GITHUBS_WEB.fullmatch(host) or GITHUBS_API.fullmatch(host))


def _other_api_url(url: object) -> str:
    """What api_url should be instead, by its form; empty where the form is right.

    >>> _other_api_url("https://github.com/app/installations/1")
    'https://api.github.com'
    >>> _other_api_url("https://acme.ghe.com/api/v3/app/installations/1")
    'https://api.acme.ghe.com'
    >>> _other_api_url("https://ghes.acme.example:8443/app/installations/1")
    'https://ghes.acme.example:8443/api/v3'
    """
    parts = _split(url)
    host, has_prefix = parts.hostname or "", parts.path.startswith("/api/")
    if GITHUBS_API.fullmatch(host):
        return f"https://{host}" if has_prefix else ""
    if GITHUBS_WEB.fullmatch(host):
        return f"https://api.{host.removeprefix('www.')}"
    return "" if has_prefix or host.startswith("api.") else f"https://{parts.netloc.rpartition('@')[2]}/api/v3"


# What to do next


def _hints(step: Mapping[str, Any], repositories: tuple[str, ...]) -> dict[str, str]:
    """What a row's fields in braces are for this step, which stands for these repositories."""
    at_git = step["step"] == "repository"
    expected = "" if at_git else _other_api_url(step["url"])
    answered_by = ", ".join(f"{name}: {_header(step, name)}" for name in ("server", "via") if _header(step, name))
    said = _straight((step.get("message") or step.get("body") or "")[:READ_CHARS])
    named = re.search(r"\bthe '?([\w.\-]+)'? (?:organi[sz]ation|enterprise)\b", said, re.IGNORECASE)
    return {
        "owner": named[1] if named else "the organisation or enterprise",
        "egress": _egress(step, said),
        "repository": f"{step.get('repository')} (now {_new_name(step)})"
        if step.get("moved_to")
        else listed(repositories),
        "names_are": "the name is" if len(repositories) == 1 else "the names are",
        "lacking": listed([f"{name}: {level}" for name, level in sorted((step.get("lacking") or {}).items())]),
        "owners": _owners(step),
        "owners_in_all": str(step.get("owners_in_all")),
        "host": _split(step["url"]).netloc.rpartition("@")[2],
        "setting": "git_url" if at_git else "api_url",
        "expected": expected or "the address of the API",
        "expected_too": f" ({expected})" if expected else "",
        "wait_s": f"{_rate_limit_wait_s(step):.0f}",
        "answered_by": answered_by or "its headers do not say who it is",
        "to": _place(_location(step)) if _header(step, "location") else "no address",
        "read_it": _read_it(step),
    }


def _egress(step: Mapping[str, Any], said: str) -> str:
    """What is known of the address that GitHub saw: its own words, else the proxy, else the IP version."""
    for word in re.findall(r"[0-9A-Fa-f:.]*[.:][0-9A-Fa-f:.]+", said):
        try:
            return f"GitHub saw the address {ipaddress.ip_address(word.strip('.'))}: add it."
        except ValueError:
            continue
    if step.get("proxy"):
        return f"The request went through the proxy {step['proxy']}: add the address that this proxy goes out with."
    version = _ip_version(step.get("sent_to"))
    if not version:
        return "The request went out without a proxy: add the public address of this node, or of the NAT gateway before it."
    return (
        f"The request went out over {version}, without a proxy: add the public {version} address of this node, or of the NAT "
        "gateway before it (`sent_from` in report.json is the address that the node itself had)."
    )


def _ip_version(address: object) -> str:
    try:
        return f"IPv{ipaddress.ip_address(str(address).partition('%')[0]).version}"
    except ValueError:
        return ""


def _owners(step: Mapping[str, Any]) -> str:
    """For whom the App is installed, by the list of its installations."""
    owners = step.get("owners") or []
    more = (step.get("owners_in_all") or 0) - len(owners)
    return listed(owners or ["nobody"]) + (f" (and {more} not shown)" if more > 0 else "")


def _renamed(steps: Iterable[Mapping[str, Any]]) -> str:
    """Which repositories answered under another name."""
    names = {step.get("repository"): _new_name(step) for step in steps if step.get("moved_to")}
    return "; ".join(f"{old} is now {new}: git follows its redirect, give the new name" for old, new in names.items())


def _new_name(step: Mapping[str, Any]) -> str:
    """OWNER/NAME of where a repository's redirect led."""
    return "/".join(_split(step["moved_to"]).path.removesuffix(".git").split("/")[-2:])[:QUOTED_CHARS]


def _read_it(step: Mapping[str, Any]) -> str:
    """What is left to do about an answer that nobody knows."""
    refers = f", and what GitHub refers to: {step['documentation_url']}" if step.get("documentation_url") else ""
    return f"Read the answer, whole in report.json under `seen`{refers}; then check again."


def rate_limit_s(attempt: Mapping[str, Any]) -> float | None:
    """For how long GitHub's rate limit asks to wait, in seconds; None where it did not answer."""
    answer = classify(attempt)
    if answer.key is not AnswerKey.RATE_LIMIT or answer.step is None:
        return None
    return _rate_limit_wait_s(answer.step)


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
