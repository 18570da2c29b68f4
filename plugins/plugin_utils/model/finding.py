"""What a check answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

State = Literal["pass", "fail", "inconclusive", "skipped"]


class CommonKey(StrEnum):
    """The keys that a finding of any check may have: they are about the evidence, not about what the check asks."""

    NOT_REACHED = "not_reached"
    MISSING_EVIDENCE = "missing_evidence"
    MALFORMED = "malformed_evidence"
    CHECK_FAILED = "check_failed"
    UNKNOWN_CHECK = "unknown_check"
    NO_DAEMON = "no_daemon"
    CANNOT_BE_ASKED = "cannot_be_asked"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A check's answer: one line of what was seen, why it matters, what to do next, and the readings behind it.

    ``keys`` are members of the check's own enum or of CommonKey: all that code decides by. ``about`` names whom they are about (a
    client, an App, a daemon, a rule, a section of the evidence), the same on every node with that cause: nodes with the same
    keys about the same are one group. ``cause`` is the same in a few words for people, and nothing decides by it.
    ``keys``, ``cause``, ``why`` and ``remedy`` are empty only if the state is ``pass``. ``beyond_remediation``: the role
    ``chrony`` answers this check's findings, but not this one.
    """

    state: State
    summary: str
    keys: tuple[StrEnum, ...] = ()
    about: tuple[str, ...] = ()
    cause: str = ""
    why: str = ""
    remedy: str = ""
    seen: Mapping[str, Any] = field(default_factory=dict)
    beyond_remediation: bool = False

    def __post_init__(self) -> None:
        """Every finding that is no pass says why it matters and what to do next, for people and for code."""
        if self.state != "pass" and not (self.keys and self.cause and self.why and self.remedy):
            raise ValueError(f"a finding that is {self.state} needs keys, cause, why and remedy: {self.summary!r}")


def follows_from(
    check: str,
    *,
    key: StrEnum,
    summary: str,
    cause: str,
    about: tuple[str, ...] = (),
    seen: Mapping[str, Any] | None = None,
    because: str = "",
) -> Finding:
    """A finding that is skipped, because another check of the same node already says what to fix.

    ``check``: the other one. ``because``: what it found, if the reader needs that to see the connection.
    """
    return Finding(
        state="skipped",
        summary=summary,
        keys=(key,),
        about=about,
        cause=cause,
        why=f"It follows from what {check} found{because and f': {because}'}.",
        remedy=f"Fix what {check} says, and check again.",
        seen=seen or {},
    )
