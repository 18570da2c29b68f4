"""A check's answer, and the keys that any check may use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

State = Literal["pass", "fail", "inconclusive", "skipped"]


class CommonKey(StrEnum):
    """The keys that a finding of any check may have.

    They are about the evidence, not about the check's question.
    """

    NOT_REACHED = "not_reached"
    MISSING_EVIDENCE = "missing_evidence"
    MALFORMED = "malformed_evidence"
    CHECK_FAILED = "check_failed"
    UNKNOWN_CHECK = "unknown_check"
    NO_DAEMON = "no_daemon"
    CANNOT_BE_ASKED = "cannot_be_asked"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A check's answer: one line with what was seen, why it matters, what to do
    next, and the readings.

    ``keys`` are members of the check's enum or of CommonKey. Code decides by them and by nothing
    else. ``about`` names their subjects (a client, an App, a daemon, a rule, a section of the
    evidence), the same on every node with that cause. Nodes with the same keys and subjects are one
    group. ``cause`` says the same in a few words for people, and nothing decides by it. ``keys``,
    ``cause``, ``why`` and ``remedy`` are empty only if the state is ``pass``.
    ``beyond_remediation``: the role ``chrony`` answers this check's findings, but not this one.
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
        """Every finding that is not a pass must say why it matters and what to do next,
        for people and for code.
        """
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

    ``check``: the other one. ``because``: what it found, if the reader needs that to
    see the connection.
    """
    return Finding(
        state="skipped",
        summary=summary,
        keys=(key,),
        about=about,
        cause=cause,
        why=f"{check} found the cause{because and f': {because}'}.",
        remedy=f"Fix what {check} reports, then run the check again.",
        seen=seen or {},
    )
