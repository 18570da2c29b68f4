"""Intervals of seconds, and what a majority of several references leaves possible."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """The values that a measurement leaves possible, in seconds: ``low <= value <= high``."""

    low: float
    high: float

    def __post_init__(self) -> None:
        """Refuse an empty interval, or one with NaN: it is the caller's mistake, never a
        measurement.
        """
        if math.isnan(self.low) or math.isnan(self.high) or self.low > self.high:
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


def difference(one: Interval, other: Interval) -> Interval:
    """All possible values of ``one`` minus ``other``."""
    return Interval(one.low - other.high, one.high - other.low)


@dataclass(frozen=True)
class Agreement:
    """The values that more than half of the references leave possible, those references that share
    the likeliest of them, and those that contradict these.
    """

    interval: Interval
    agreeing: tuple[str, ...]
    falsetickers: tuple[str, ...]


def agree(readings: Mapping[str, Interval], weights: Mapping[str, int] | None = None) -> Agreement:
    """Find the interval that contains the truth if readings of more than half of all weight do
    (after Marzullo's algorithm; RFC 5905, 11.2.1).

    It spans all places where more than half of the weight meets. A narrower one, where the most
    weight meets, need not have the truth: a wrong reading inside of a wide right one would choose
    it. The readings that reach the places with the most weight agree, because so the fewest have
    to be wrong. ``weights`` are above 0; the default is 1. Readings that are not independent share
    one vote. Raises ValueError if there is no reading, or if no place has a strict majority.
    """
    if not readings:
        raise ValueError("no reference gave a reading")
    weigh = {name: weights[name] if weights else 1 for name in readings}
    # Starts are sorted before ends, so intervals that only touch agree too.
    edges = sorted(
        [(i.low, 0, weigh[name]) for name, i in readings.items()]
        + [(i.high, 1, weigh[name]) for name, i in readings.items()]
    )
    total = sum(weigh.values())
    depth = most = 0
    best: list[Interval] = []
    possible: list[float] = []  # where a majority begins or ends
    for position, (value, is_end, weight) in enumerate(edges):
        if is_end:
            if 2 * depth > total:
                possible.append(value)
            depth -= weight
            continue
        depth += weight
        if 2 * depth > total:
            possible.append(value)
        if depth > most:
            most, best = depth, []
        if depth == most:
            best.append(Interval(value, edges[position + 1][0]))
    if not possible:
        listed = ", ".join(f"{name} [{i.low:.3f}, {i.high:.3f}]" for name, i in readings.items())
        raise ValueError(f"no majority of the references agrees: {listed}")
    ends = [shared.high for shared in best]  # each begins after the end of the one before it

    def shares(reading: Interval) -> bool:
        """Whether it overlaps the first of the best places that does not end before it."""
        first = bisect_left(ends, reading.low)
        return first < len(best) and best[first].overlaps(reading)

    agreeing = tuple(name for name, reading in readings.items() if shares(reading))
    agreed = set(agreeing)  # a fleet may have thousands of nodes
    falsetickers = tuple(name for name in readings if name not in agreed)
    return Agreement(Interval(possible[0], possible[-1]), agreeing, falsetickers)
