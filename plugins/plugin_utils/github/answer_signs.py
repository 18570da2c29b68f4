"""Recognises an answer: who wrote it, and the signs that rows of ``answer_table`` ask for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

from ...module_utils.node.git_answer import is_advertisement
from .answer_table import BY_KEY, ROWS, AnswerKey, Form, Row, Sign

READ_CHARS = 2000
"""The characters of a body that the probe keeps. If a node sends more, the rest is not read."""

GITHUBS_WEB = re.compile(r"(?:www\.)?github\.com|[^.]+\.ghe\.com")
GITHUBS_API = re.compile(r"api\.github\.com|api\.[^.]+\.ghe\.com")

OF_A_PROXY = re.compile(
    r"\b(squid|zscaler|blue ?coat|proxysg|forcepoint|websense|web gateway|secure gateway|fortinet|forti(?:gate|guard|proxy)|"
    r"palo alto|sophos|barracuda|umbrella|opendns|netskope|mimecast|check ?point|iboss|trend ?micro|privoxy|"
    r"captive portal|proxy error|proxy authentication|proxy server|web ?filter\w*|url ?filter\w*|content ?filter\w*)\b",
    re.IGNORECASE,
)
"""Names of proxies, filters and portals, in the header ``server`` or ``via`` or on their pages."""

BLOCKED = re.compile(
    r"\b(blocked by|(?:has been|is|was) blocked|access (?:denied|blocked)|your administrator|(?:access|usage|security) policy)\b",
    re.IGNORECASE,
)
"""Words of pages that were sent instead of another page."""

TO_LOGIN = re.compile(
    r"\b(log-?in|logon|sign-?in|sso|saml2?|oauth2?|adfs|authorize|authenticate|captive|portal)\b|\bidp\b", re.IGNORECASE
)
LIMITED = re.compile(
    r"\b(rate limit|abuse detection|secondary (?:rate|quota)|too many requests|temporarily blocked)", re.IGNORECASE
)


class Seen:
    """A step's answer in the form that the rows of the table compare."""

    def __init__(self, step: Mapping[str, Any], issuer: object) -> None:
        """``issuer``: the App's ID or client ID in the JWT, None if it is not known."""
        self.step = step
        self.issuer = issuer
        self.error: Mapping[str, Any] = step.get("error") or {}
        self.status: int | None = step.get("status")
        self.at_git = step["step"] == "repository"
        self.form = _form(step)
        said = step.get("message") if self.form in ("github", "json") else step.get("body")
        self.said = straight((said or "")[:READ_CHARS])

    def header(self, name: str) -> str:
        """A header's value, empty if the answer has none."""
        return header(self.step, name)

    @property
    def location(self) -> SplitResult:
        """Where a redirect leads."""
        return location_of(self.step)


def row_of(seen: Seen) -> Row | None:
    """The row that decides; None for what was accepted."""
    if seen.status is None or (seen.error and seen.error.get("kind") != "not_github"):
        return _row_of_error(seen.error)
    accepted = 200 <= seen.status < 300 and not seen.error
    for row in _ROWS_OF_SUCCESSES if accepted else ROWS:
        if row.fits(seen.step["step"], seen.status, seen.form, seen.said) and _has(row.sign, seen):
            return row
    return None if accepted else _row_of_error(seen.error)


_BY_ERROR = {(row.phase, row.error): row for row in ROWS if row.phase}


def _row_of_error(error: Mapping[str, Any]) -> Row:
    """The row of the phase that failed (the probe's ``HttpsError``).

    Each phase has its next step.
    """
    phase, kind = error.get("phase", ""), error.get("kind")
    return _BY_ERROR.get((phase, kind)) or _BY_ERROR.get((phase, None)) or BY_KEY[AnswerKey.NO_REPLY]


def _form(step: Mapping[str, Any]) -> Form:
    """The form of an answer, according to its content type and body."""
    message, body = step.get("message"), (step.get("body") or "").strip()
    content_type = header(step, "content-type").lower()
    is_json = "json" in content_type or not content_type
    if is_json and step.get("documentation_url"):
        return "github"
    if is_json and isinstance(message, str) and not body:
        return "github"
    # A gateway's JSON can have a message too.
    if is_json and isinstance(message, str) and header(step, "x-github-request-id"):
        return "json"
    if "html" in content_type or body.startswith("<"):
        return "page"
    if is_json and (content_type or body.startswith(("{", "["))):
        return "other_json"
    return "text" if body else "none"


def header(step: Mapping[str, Any], name: str) -> str:
    """A header's value, empty if the answer has none."""
    value = (step.get("headers") or {}).get(name)
    return value if isinstance(value, str) else ""


_QUOTES = re.compile('[`\u00b4\u2018\u2019"]')


def straight(text: str) -> str:
    """The text in one line, with an apostrophe for each kind of quote that GitHub has used."""
    return _QUOTES.sub("'", " ".join(text.split()))


# Signs

OF_SUCCESSES = (
    *(Sign.SUSPENDED, Sign.LACKS_PERMISSIONS, Sign.OWNERS_CUT_OFF, Sign.NO_SUCH_OWNER),
    *(Sign.NOT_OF_GIT, Sign.GIT_ERROR),
)
"""Signs that a successful answer may have too."""

_ROWS_OF_SUCCESSES = [row for row in ROWS if row.sign in OF_SUCCESSES]


def _has(sign: Sign | None, seen: Seen) -> bool:
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
        case Sign.NOT_OF_GIT | Sign.GIT_ERROR:  # the body of references is not kept
            of_git = is_advertisement(seen.header("content-type"))
            return not of_git if sign is Sign.NOT_OF_GIT else of_git and bool(seen.step.get("body"))
        case Sign.TO_LOGIN:
            place = seen.location
            return not place.path.endswith("/info/refs") and bool(TO_LOGIN.search(f"{place.hostname} {place.path}"))
        case Sign.TO_HTTP:
            return seen.location.scheme == "http"
        case Sign.TO_ANOTHER_HOST:
            return bool(seen.location.hostname) and _origin(seen.location) != _origin(split_url(seen.step["url"]))
    return True


def _is_of_a_proxy(seen: Seen) -> bool:
    if seen.status in (407, 511):  # a proxy and a captive portal that ask for a login (RFC 9110, RFC 6585)
        return True
    named = f"{seen.header('server')} {seen.header('via')}"
    # A proxy that inspects TLS also names itself in answers that it passes on.
    passed_on = seen.form != "page" and bool(seen.header("x-github-request-id"))
    if OF_A_PROXY.search(named) and not passed_on:
        return True
    if seen.form == "page" and BLOCKED.search(seen.said):
        return True
    if seen.form in ("page", "text") and OF_A_PROXY.search(seen.said):
        return True
    host = split_url(seen.step["url"]).hostname or ""
    return seen.form == "page" and bool(GITHUBS_API.fullmatch(host)) and not seen.header("x-github-request-id")


def _is_of_a_wrong_api_url(seen: Seen) -> bool:
    """Whether the address is wrong, or GitHub's web server refused a POST without a cookie."""
    url = seen.step["url"]
    if "cookies must be enabled to use github" in seen.said.lower():
        return True
    if seen.status is not None and 300 <= seen.status < 400:
        return bool(GITHUBS_WEB.fullmatch(split_url(url).hostname or ""))
    return bool(other_api_url(url)) and (_is_githubs_own(url) or seen.form in ("page", "text", "none"))


def _is_rate_limit(seen: Seen) -> bool:
    """Whether it is a rate limit: 403 or 429, with headers that say when to try again.

    Source: GitHub's documentation, "Rate limits for the REST API".
    """
    if seen.status == 429:
        return not (seen.form == "page" and _is_of_a_proxy(seen))
    if seen.form == "page" or (seen.form in ("text", "other_json") and not seen.at_git):
        return False
    asks_to_wait = seen.header("retry-after") != "" or seen.header("x-ratelimit-remaining") == "0"
    return asks_to_wait or bool(LIMITED.search(seen.said))


# Addresses


def split_url(url: object) -> SplitResult:
    """The parts of a text that may not be an address."""
    try:
        parts = urlsplit(str(url))
        _ = parts.port
    except ValueError:
        return urlsplit("")
    return parts


def location_of(step: Mapping[str, Any]) -> SplitResult:
    """Where a redirect leads."""
    try:
        return split_url(urljoin(str(step["url"]), header(step, "location")))
    except ValueError:
        return urlsplit("")


def place_of(parts: SplitResult) -> str:
    """An address without its query, which may hold a secret."""
    return parts._replace(query="", fragment="").geturl() or "no address"


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme)


def _is_githubs_own(url: object) -> bool:
    """Whether the host is github.com or ghe.com, not a GitHub Enterprise Server."""
    host = split_url(url).hostname or ""
    return bool(GITHUBS_WEB.fullmatch(host) or GITHUBS_API.fullmatch(host))


def other_api_url(url: object) -> str:
    """The correct api_url, according to its form; empty if the form is right.

    >>> other_api_url("https://github.com/app/installations/1")
    'https://api.github.com'
    >>> other_api_url("https://acme.ghe.com/api/v3/app/installations/1")
    'https://api.acme.ghe.com'
    >>> other_api_url("https://ghes.acme.example:8443/app/installations/1")
    'https://ghes.acme.example:8443/api/v3'
    """
    parts = split_url(url)
    host, has_prefix = parts.hostname or "", parts.path.startswith("/api/")
    if GITHUBS_API.fullmatch(host):
        return f"https://{host}" if has_prefix else ""
    if GITHUBS_WEB.fullmatch(host):
        return f"https://api.{host.removeprefix('www.')}"
    return "" if has_prefix or host.startswith("api.") else f"https://{parts.netloc.rpartition('@')[2]}/api/v3"
