"""The axis of a picture of skews: symmetric about zero, nearly linear near it, and
logarithmic farther out.

A node is milliseconds or years off, and a client breaks at half a minute: one axis shows all of
them. The node that is behind stands on the left.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..clock.interval import Interval

MOST_S = 1e12
"""Farther out than this, 30,000 years, all skews stand at the edge."""

LEAST_S = 1e-6

_WITHOUT_S = 600.0
"""So far an axis reaches that has nothing to show."""

_ROOM = 1.25
"""The axis reaches so many times as far as what is shown."""

_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86_400, 31_557_600
_UNITS = ((_YEAR, "y"), (_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min"), (1, "s"), (1e-3, "ms"), (1e-6, "µs"))
_STEPS = (
    *(count * _YEAR for count in (10_000, 1000, 100, 10, 1)),
    *(count * _DAY for count in (30, 1)),
    *(count * _MINUTE for count in (60, 10, 1)),
    *(10, 1, 0.1, 0.01, 0.001, 1e-4, 1e-5, 1e-6),
)
"""The ticks that are wanted first, the farthest before the nearest."""

_BETWEEN = (100 * _DAY, 6 * _HOUR, 30 * _MINUTE, 5 * _MINUTE, 2 * _MINUTE, 30, 5, 2, 0.5, 0.2, 0.05, 0.02, 0.005, 0.002)
"""Those that stand between them if there is room."""


@dataclass(frozen=True)
class Axis:
    """Skews in seconds from ``-most_s`` to ``most_s``;
    it is nearly linear up to ``linear_s`` on both sides.
    """

    most_s: float
    linear_s: float

    def at(self, skew_s: float) -> float:
        """The place of a skew: 0 is the left edge, 0.5 no skew, 1 the right edge;
        skews beyond an edge stand there.
        """
        half = math.asinh(self._held(skew_s) / self.linear_s) / math.asinh(self.most_s / self.linear_s) / 2
        return min(1.0, max(0.0, 0.5 + half))

    def skew_s(self, place: float) -> float:
        """The skew at a place from 0 to 1: the inverse of ``at``."""
        return self.linear_s * math.sinh((place - 0.5) * 2 * math.asinh(self.most_s / self.linear_s))

    def ticks(self, apart: float = 0.1) -> list[float]:
        """Skews that are round numbers, from left to right, at least so far ``apart``;
        zero is one of them.
        """
        places = {0.0: 0.5}
        for step in (*_STEPS, *_BETWEEN):
            place = self.at(step)
            if step <= self.most_s and all(abs(place - other) >= apart for other in places.values()):
                places[float(step)] = place
        found = sorted(places)
        return [*(-step for step in reversed(found[1:])), *found]

    def _held(self, skew_s: float) -> float:
        return min(self.most_s, max(-self.most_s, skew_s))


def axis_for(skews: Iterable[Interval], limits_s: Sequence[float]) -> Axis:
    """The axis on which skews and limits have room; the smallest limit stands well off zero.

    Limits are distances from zero, in seconds.
    """
    limits = [limit for limit in limits_s if LEAST_S < limit < MOST_S]
    ends = [abs(end) for skew_s in skews for end in (skew_s.low, skew_s.high)]
    most_s = min(MOST_S, max(LEAST_S, max([*ends, *limits], default=_WITHOUT_S)) * _ROOM)
    # With no window to show, the linear part is that of seconds.
    linear_s = min([*limits, 10.0]) / 10
    return Axis(most_s, max(LEAST_S / 10, min(linear_s, most_s)))


def tick_text(skew_s: float) -> str:
    """A tick in few words, with its sign.

    >>> tick_text(-600), tick_text(0), tick_text(0.05), tick_text(31_557_600)
    ('\u221210 min', '0', '+50 ms', '+1 y')
    """
    sign = "+" if skew_s > 0 else "\u2212" if skew_s < 0 else ""
    return f"{sign}{duration_text(abs(skew_s))}" if skew_s else "0"


def duration_text(seconds: float) -> str:
    """A duration in its largest unit of which it has one, to three digits.

    >>> duration_text(90), duration_text(1052653), duration_text(0.02), duration_text(600)
    ('1.5 min', '12.2 d', '20 ms', '10 min')
    """
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{_short(seconds / size)} {unit}"
    return "0 s"


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"
