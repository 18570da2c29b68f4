"""Fills the fields in braces of an ``answer_table`` row for one answer: names, addresses, waits."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from ..boundary.text import listed
from .answer_signs import READ_CHARS, header, location_of, other_api_url, place_of, split_url, straight

QUOTED_CHARS = 300

MAX_RATE_LIMIT_S = 3600.0
"""GitHub counts its rate limits by the hour, so none of them asks for a longer wait."""


def hints_of(step: Mapping[str, Any], repositories: tuple[str, ...]) -> dict[str, str]:
    """The values of a row's fields in braces for this step, which stands for these repositories."""
    at_git = step["step"] == "repository"
    expected = "" if at_git else other_api_url(step["url"])
    answered_by = ", ".join(f"{name}: {header(step, name)}" for name in ("server", "via") if header(step, name))
    said = straight((step.get("message") or step.get("body") or "")[:READ_CHARS])
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
        "host": split_url(step["url"]).netloc.rpartition("@")[2],
        "setting": "git_url" if at_git else "api_url",
        "expected": expected or "the address of the API",
        "expected_too": f" ({expected})" if expected else "",
        "wait_s": f"{rate_limit_wait_s(step):.0f}",
        "answered_by": answered_by or "its headers do not name it",
        "to": place_of(location_of(step)) if header(step, "location") else "no address",
        "read_it": _read_it(step),
        "through": _through(step),
    }


def _through(step: Mapping[str, Any]) -> str:
    """The proxy on the way, which may itself have answered the handshake in the host's place."""
    if not step.get("proxy"):
        return ""
    return (
        f" The request went through the proxy {step['proxy']}: check what this proxy connects to, and what it changes."
    )


def _egress(step: Mapping[str, Any], said: str) -> str:
    """The address that GitHub saw, as far as known: from its message, the proxy, or the IP
    version.
    """
    for word in re.findall(r"[0-9A-Fa-f:.]*[.:][0-9A-Fa-f:.]+", said):
        try:
            return f"GitHub saw the address {ipaddress.ip_address(word.strip('.'))}. Add it."
        except ValueError:
            continue
    if step.get("proxy"):
        return f"The request went through the proxy {step['proxy']}. Add the address that this proxy sends from."
    version = _ip_version(step.get("sent_to"))
    if not version:
        return "Add the public address that the request came from: this node's, or that of a NAT gateway or proxy before it."
    return (
        f"The request used {version} without a proxy. Add the public {version} address of this node, or of the NAT gateway "
        "before it (`sent_from` in report.json is the node's own address)."
    )


def _ip_version(address: object) -> str:
    try:
        return f"IPv{ipaddress.ip_address(str(address).partition('%')[0]).version}"
    except ValueError:
        return ""


def _owners(step: Mapping[str, Any]) -> str:
    """The owners of the App's installations."""
    owners = step.get("owners") or []
    more = (step.get("owners_in_all") or 0) - len(owners)
    return listed(owners or ["nobody"]) + (f" (and {more} not shown)" if more > 0 else "")


def renamed(steps: Iterable[Mapping[str, Any]]) -> str:
    """The repositories that answered with another name."""
    names = {step.get("repository"): _new_name(step) for step in steps if step.get("moved_to")}
    return "; ".join(f"{old} is now {new}. git follows the redirect; use the new name" for old, new in names.items())


def _new_name(step: Mapping[str, Any]) -> str:
    """OWNER/NAME of the repository to which a redirect led."""
    return "/".join(split_url(step["moved_to"]).path.removesuffix(".git").split("/")[-2:])[:QUOTED_CHARS]


def _read_it(step: Mapping[str, Any]) -> str:
    """The remedy for an unknown answer."""
    refers = f" and GitHub's page {step['documentation_url']}" if step.get("documentation_url") else ""
    return f"Read the whole answer in report.json under `seen`{refers}, then check again."


def rate_limit_wait_s(step: Mapping[str, Any]) -> float:
    """The wait in seconds, from ``Retry-After`` or ``X-RateLimit-Reset``; otherwise a minute.

    ``X-RateLimit-Reset`` is a Unix time, compared with the answer's own Date. GitHub counts by the
    hour, so a longer wait is not from GitHub. It is ignored, like a value that is not a number.
    Source: GitHub's documentation, "Rate limits for the REST API" and "Exceeding the rate limit".
    """
    headers = step.get("headers") or {}
    for found in (_seconds(headers.get("retry-after")), _until_reset_s(headers)):
        if found is not None and 0 <= found <= MAX_RATE_LIMIT_S:
            return found
    return 60.0


def _seconds(text: object) -> float | None:
    """A header's finite number; None for anything else."""
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
