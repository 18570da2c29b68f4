"""Which of the findings that refuse a node are root causes, and what follows from each. Pure.

Keys alone decide. A clock that is off fails several checks at once. A reader needs the one
to fix first, and then, in short, what comes of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..checks import clock_skew, github_app_token, ntp_servers, ntp_sources
from ..clock.nts import NtsState

Finding = Mapping[str, Any]
"""A finding of ``report.json``, or of its ``groups``: ``check``, ``state``, ``keys``, ``cause``."""

CLOCK, TOKEN, SERVERS, SOURCES = "clock_skew", "github_app_token", "ntp_servers", "ntp_sources"

NEVER_SET = ("time_service", SOURCES)
"""The checks of which a failure says why nothing sets a clock right that is off."""


@dataclass(frozen=True)
class Cause:
    """A finding to fix, and the findings that go with it."""

    root: Finding
    leads_to: tuple[Finding, ...] = ()
    same: tuple[Finding, ...] = ()
    """The findings of other checks that say the same,
    for example because the node's answer is malformed.
    """

    @property
    def checks(self) -> list[str]:
        """The names of the checks that found it."""
        return [finding["check"] for finding in (self.root, *self.same)]

    @property
    def text(self) -> str:
        """The cause in a few words; of a clock that follows from it, which limits it breaks too."""
        clocks = [finding["cause"] for finding in self.leads_to if finding["check"] == CLOCK]
        return "; ".join([self.root["cause"] or self.root["state"], *clocks])


def causes(findings: Sequence[Finding]) -> list[Cause]:
    """The root causes of the findings that refuse a node, in the order to fix them."""
    roots = {position: _root(position, findings) for position in range(len(findings))}
    found = [
        Cause(
            findings[root],
            tuple(finding for position, finding in enumerate(findings) if roots[position] == root != position),
        )
        for root in dict.fromkeys(roots.values())
    ]
    return sorted(_together(found), key=_urgency)


def _together(found: Iterable[Cause]) -> Iterator[Cause]:
    """One cause for all that say the same and lead to nothing else."""
    alike: dict[tuple[Any, ...], list[Cause]] = {}
    for cause in found:
        says = [cause.root.get(key) for key in ("state", "cause", "summary", "remedy")]
        itself = (cause.root["check"],) if cause.leads_to or not cause.root["keys"] else ()
        alike.setdefault((*says, *cause.root["keys"], itself), []).append(cause)
    for first, *others in alike.values():
        yield replace(first, same=tuple(cause.root for cause in others))


def short(findings: Sequence[Finding]) -> str:
    """Why a node is refused, in a few words: the first cause, and how many others there are."""
    first, *others = causes(findings)
    return first.text + (f" (and {len(others)} more)" if others else "")


def _urgency(cause: Cause) -> tuple[bool, int, bool]:
    """Failures come first, then what leads to the most, then the clock."""
    return cause.root["state"] != "fail", -len(cause.leads_to), cause.root["check"] != CLOCK


def _root(position: int, findings: Sequence[Finding]) -> int:
    """The position of the finding that this one follows from, itself if there is none."""
    for other, finding in enumerate(findings):
        if other != position and finding["state"] == "fail" and _follows(findings[position], finding):
            return _root(other, findings)
    return position


def _follows(finding: Finding, root: Finding) -> bool:
    """Whether one finding follows from another. No chain of these ends where it begins."""
    keys, of_root, check, root_check = finding["keys"], root["keys"], finding["check"], root["check"]
    if check == TOKEN:
        blamed = _among(keys, github_app_token.Key) - {str(github_app_token.Key.NOT_REVOKED)}
        return root_check == CLOCK and (
            blamed == {github_app_token.Key.CLOCK}
            or (blamed == {github_app_token.Key.API_CLOCK} and clock_skew.Key.API_CLOCK in of_root)
        )
    if check == "nts_servers":
        return root_check == CLOCK and set(keys) == {NtsState.CLOCK}
    if check == CLOCK:
        return (set(keys) - clock_skew.BY_ROLE == {clock_skew.Key.BEYOND} and root_check in NEVER_SET) or (
            set(keys) == {clock_skew.Key.UNKNOWN_NO_REFERENCE} and root_check == SERVERS
        )
    if check == SOURCES and root_check == SERVERS:
        return any(set(keys) == {key} and _SILENT[key] & set(of_root) for key in _SILENT)
    return False


_SILENT = {
    ntp_sources.Key.NONE_ANSWERS: {
        ntp_servers.Key.UDP_BLOCKED,
        ntp_servers.Key.UDP_BLOCKED_OR_NO_NETWORK,
        ntp_servers.Key.NO_ROUTE,
    },
    ntp_sources.Key.NONE_RESOLVES: {ntp_servers.Key.NO_DNS},
}
"""What is wrong with the daemon's sources, and what the network has to do with it."""


def _among(keys: Iterable[str], known: Iterable[str]) -> set[str]:
    return set(keys) & {str(key) for key in known}
