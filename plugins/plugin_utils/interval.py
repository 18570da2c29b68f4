"""Intervals of seconds, and the interval on which most of several references agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """All that a measurement leaves possible, in seconds: ``low <= value <= high``."""

    low: float
    high: float

    def __post_init__(self) -> None:
        """An interval that is empty or not a number is a mistake of the caller's, never a measurement."""
        if not self.low <= self.high:
            raise ValueError(f"not an interval: [{self.low}, {self.high}]")

    @property
    def middle(self) -> float:
        """The best single value."""
        return (self.low + self.high) / 2

    @property
    def bound(self) -> float:
        """How far the truth may be from ``middle``."""
        return (self.high - self.low) / 2

    def contains(self, other: Interval) -> bool:
        """Whether ``other`` lies wholly inside this one."""
        return self.low <= other.low and other.high <= self.high

    def overlaps(self, other: Interval) -> bool:
        """Whether the two have a point in common."""
        return self.low <= other.high and other.low <= self.high


@dataclass(frozen=True)
class Agreement:
    """The interval that most references share, who they are, and who contradicts them."""

    interval: Interval
    agreeing: tuple[str, ...]
    falsetickers: tuple[str, ...]


def agree(readings: Mapping[str, Interval]) -> Agreement:
    """Find the interval that lies in more than half of the readings (Marzullo's algorithm; RFC 5905, 11.2.1).

    Where several places are shared by equally many, any of them may be the true one: the interval then spans them all.
    Raises ValueError where there is no reading, or where no interval has a strict majority.
    """
    if not readings:
        raise ValueError("no reference gave a reading")
    # Sorted with starts before ends, so that intervals which only touch still agree.
    edges = sorted([(i.low, 0) for i in readings.values()] + [(i.high, 1) for i in readings.values()])
    depth = most = 0
    best: list[Interval] = []
    for position, (value, is_end) in enumerate(edges):
        if is_end:
            depth -= 1
            continue
        depth += 1
        if depth > most:
            most, best = depth, []
        if depth == most:
            best.append(Interval(value, edges[position + 1][0]))
    if 2 * most <= len(readings):
        listed = ", ".join(f"{name} [{i.low:.3f}, {i.high:.3f}]" for name, i in readings.items())
        raise ValueError(f"no majority of the references agrees: {listed}")
    agreeing = tuple(name for name, i in readings.items() if any(i.overlaps(shared) for shared in best))
    falsetickers = tuple(name for name in readings if name not in agreeing)
    return Agreement(Interval(best[0].low, best[-1].high), agreeing, falsetickers)
