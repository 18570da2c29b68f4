"""What a check answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

State = Literal["pass", "fail", "inconclusive", "skipped"]


@dataclass(frozen=True)
class Finding:
    """A check's answer: one line of what was seen, why it matters, what to do next, and the readings behind it.

    ``why``, ``remedy`` and ``cause`` are empty only where the state is ``pass``. ``cause`` is the finding in a few words that
    are the same on every node with the same cause: nodes are grouped by it. ``beyond_remediation``:
    although the role ``chrony`` fixes what this check asks for, it does not fix this.
    """

    state: State
    summary: str
    why: str = ""
    remedy: str = ""
    seen: Mapping[str, Any] = field(default_factory=dict)
    cause: str = ""
    beyond_remediation: bool = False

    def __post_init__(self) -> None:
        """A finding that does not say why, or what to do, leaves its reader alone; one without a cause, among many nodes."""
        if self.state != "pass" and not (self.why and self.remedy and self.cause):
            raise ValueError(f"a finding that is {self.state} says why, what to do, and its cause: {self.summary!r}")


def follows_from(
    check: str, summary: str, cause: str, seen: Mapping[str, Any] | None = None, because: str = ""
) -> Finding:
    """A finding that is skipped, as another check of the same node already tells what is to be fixed."""
    return Finding(
        "skipped",
        summary,
        f"It follows from what {check} found{because and f': {because}'}.",
        f"Fix what {check} says, and check again.",
        seen or {},
        cause,
    )
