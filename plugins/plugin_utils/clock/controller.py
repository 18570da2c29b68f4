"""The controller's time: its own clock, corrected by the controller's own measurement.

JWTs are dated with this time, and no JWT is signed that would be valid long after it. Nodes have no
part in it. Otherwise a node that lies about the time would get a JWT of any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .interval import Interval, difference
from .skew import Reference, SkewEstimate, UnknownSkew, as_json, controller_bracket


@dataclass(frozen=True)
class Moment:
    """One reading of the controller's time, in Unix seconds.

    ``own_s`` is its own clock's time. ``skew_s`` is how far that is ahead of true time, None if
    unknown.
    """

    own_s: float
    skew_s: Interval | None

    @property
    def now_s(self) -> float:
        """The earliest possible time.

        A JWT may be a little old, but must not be dated in the future.
        """
        return self.own_s if self.skew_s is None else self.own_s - self.skew_s.high


@dataclass(frozen=True)
class ControllerClock:
    """The controller's measurement of its clock: its skew (positive: ahead), or None and the
    reason.

    ``votes``: how many independent references agree on it.
    """

    skew_s: Interval | None
    unknown: UnknownSkew | None = None
    unknown_because: str = ""
    references: Mapping[str, Any] = field(default_factory=dict)
    votes: int = 0

    @classmethod
    def of(cls, estimate: SkewEstimate) -> ControllerClock:
        """From an estimate in which the controller was the node."""
        seen = estimate.seen()
        references = {key: seen[key] for key in ("references", "falsetickers", "shared_votes")}
        votes = 0 if estimate.skew_s is None else estimate.votes
        return cls(estimate.skew_s, estimate.unknown, estimate.unknown_because, references, votes)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ControllerClock:
        """As ``as_json`` wrote it; raises KeyError, TypeError or ValueError for another form."""
        skew_s, unknown = data["skew_s"], data["unknown"]
        own = ("skew_s", "unknown", "unknown_because", "votes")
        references = {key: value for key, value in data.items() if key not in own}
        return cls(
            None if skew_s is None else Interval(float(skew_s["low"]), float(skew_s["high"])),
            None if unknown is None else UnknownSkew(unknown),
            str(data["unknown_because"]),
            references,
            int(data.get("votes") or 0),
        )

    def as_json(self) -> dict[str, Any]:
        """As a record keeps it (``controller.measured``)."""
        return {
            "skew_s": as_json(self.skew_s),
            "unknown": self.unknown,
            "unknown_because": self.unknown_because,
            "votes": self.votes,
            **self.references,
        }

    def api_reading_s(self, url: str) -> Interval | None:
        """Controller minus API, for an API whose ``Date`` the controller's other references
        contradict; None for any other.
        """
        name = Reference(kind="date", of=url).name
        if self.skew_s is None or name not in (self.references.get("falsetickers") or ()):
            return None
        found = self.references["references"][name]["skew_s"]
        return Interval(float(found["low"]), float(found["high"]))

    def api_ahead_s(self, url: str) -> Interval | None:
        """API minus true time, for such an API; None for any other."""
        reading_s = self.api_reading_s(url)
        return None if reading_s is None or self.skew_s is None else difference(self.skew_s, reading_s)

    def at(self, own_s: float) -> Moment:
        """The controller's time when its own clock shows ``own_s``."""
        return Moment(own_s, self.skew_s)


def measured_of(controller: Mapping[str, Any] | None) -> ControllerClock | None:
    """The measurement in a record's ``controller``; None if nothing was signed for that node."""
    try:
        return ControllerClock.from_json((controller or {})["measured"])
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return None


def node_ahead_s(collected: Mapping[str, Any], controller: Mapping[str, Any] | None) -> Interval | None:
    """How far a node is ahead of true time, according to the controller's measurement; None if
    unknown.
    """
    measured = measured_of(controller)
    if controller is None or measured is None or measured.skew_s is None:
        return None
    try:
        bracket = controller_bracket(collected, controller)
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return None
    return Interval(bracket.low + measured.skew_s.low, bracket.high + measured.skew_s.high)
