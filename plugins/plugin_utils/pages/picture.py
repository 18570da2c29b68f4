"""The picture of a report: each node's skew as an interval on one axis, before the windows of the
clients that it serves.

A track is an SVG whose places are percentages, so it is as wide as there is room. In the page it
stands beside HTML, which is read aloud and wraps on a phone; ``svg`` makes one document with
words, of the same tracks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ..clock.interval import Interval
from ..model.wording import listed
from .axis import Axis, duration_text, tick_text
from .looks import ADMITTED, NOT_JUDGED, REFUSED, UNTRIED, Look, skew_words
from .markup import Markup, element, joined, of_the_project
from .scene import Row, Scene, Window

STYLE = of_the_project(Path(__file__).with_name("picture.css").read_text(encoding="utf-8"))
"""What the picture looks like, light and dark; the page has more."""

_DASHES = ("", "7 4", "2 3", "9 3 2 3")
"""How the edges of one window differ from those of the next, in black and white too."""

_BINS = 120
_SHAPES: dict[Look, tuple[str, dict[str, str | float]]] = {
    ADMITTED: ("circle", {"r": 6}),
    REFUSED: ("path", {"d": "M-10 0 0-10 10 0 0 10ZM-3.5-3.5 3.5 3.5M-3.5 3.5 3.5-3.5"}),
    UNTRIED: ("path", {"d": "M-6-6H6V6H-6Z"}),
    NOT_JUDGED: ("path", {"d": "M-7 6 0-7 7 6Z"}),
}
"""Each verdict has a shape: no colour is needed to see it."""


def percent(place: float) -> str:
    """A place on the axis as SVG's geometry has it."""
    return f"{place * 100:.2f}%".replace(".00%", "%")


class Picture:
    """The tracks of a scene on its axis."""

    def __init__(self, scene: Scene) -> None:
        """Draw nothing yet."""
        self.scene, self.axis = scene, scene.axis()
        sets: dict[tuple[int, ...], int] = {(): 0}
        for row in scene.rows:
            sets.setdefault(row.windows, len(sets))
        self._all = tuple(range(len(scene.windows)))
        sets.setdefault(self._all, len(sets))
        self._sets = sets

    def grounds(self) -> Markup:
        """What lies behind the rows, once for all that have the same windows."""
        return element("defs", [self._ground(number, windows) for windows, number in self._sets.items()])

    def _ground(self, number: int, windows: Sequence[int]) -> Markup:
        lines = [_line(self.axis.at(tick), "zero" if tick == 0 else "tick") for tick in self.axis.ticks()]
        bands = [self._band(each, "100%", "0") for each in windows]
        return element("g", lines, bands, id=f"g{number}")

    def _band(self, number: int, height: str, top: str) -> Markup:
        window = self.scene.windows[number]
        low, high = _ends(self.axis, window)
        edges = [_line(place, "edge", dash=_DASHES[number % len(_DASHES)]) for place in (low, high) if 0 < place < 1]
        band = element("rect", x=percent(low), y=top, width=percent(high - low), height=height, class_="window")
        return joined([band, edges])

    def ground(self, windows: tuple[int, ...]) -> Markup:
        """A reference to what lies behind a row."""
        return element("use", href=f"#g{self._sets[windows]}")

    def everywhere(self) -> Markup:
        """A reference to all windows."""
        return self.ground(self._all)

    def ruler(self) -> Markup:
        """The axis with its ticks in words; on a narrow screen only those that have room there."""
        near = set(self.axis.ticks(0.16))
        return joined(
            [
                element("text", tick_text(tick), x=percent(self.axis.at(tick)), y=14, class_=_tick_class(tick, near))
                for tick in self.axis.ticks()
            ]
        )

    def lane(self, number: int) -> Markup:
        """The window of one client, whose name stands beside it."""
        low, high = _ends(self.axis, self.scene.windows[number])
        bar = element("rect", x=percent(low), y=5, width=percent(high - low), height=10, class_="lane")
        edges = [_line(place, "edge", dash=_DASHES[number % len(_DASHES)]) for place in (low, high) if 0 < place < 1]
        return joined([self.ground(()), bar, edges])

    def row(self, row: Row) -> Markup:
        """A node's skew, and how it came there."""
        if row.skew_s is None:
            ways = [
                element("line", x1=start, x2=end, y1="50%", y2="50%", class_="unknown")
                for start, end in (("0", "11%"), ("39%", "100%"))
            ]
            return joined([self.ground(row.windows), ways, _label("25%", "skew unknown")])
        parts = [self.ground(row.windows)]
        if row.before and row.before[1]:
            parts += self._arrow(row.before[1], row.skew_s)
            parts.append(self._mark(row.before[1], row.before[0], was=True))
        return joined([*parts, self._mark(row.skew_s, row.look)])

    def _mark(self, skew_s: Interval, look: Look, *, was: bool = False) -> Markup:
        low, high, middle = map(self.axis.at, (skew_s.low, skew_s.high, skew_s.middle))
        reach = element("line", x1=percent(low), x2=percent(high), y1="50%", y2="50%", class_=f"reach {look.style}")
        shape, form = _SHAPES[look]
        style = f"mark {look.style}{' was' if was else ''}"
        mark = element("svg", element(shape, class_=style, **form), x=percent(middle), y="50%", overflow="visible")
        return joined([reach, mark])

    def _arrow(self, before_s: Interval, after_s: Interval) -> list[Markup]:
        start, end = self.axis.at(before_s.middle), self.axis.at(after_s.middle)
        if abs(start - end) < 0.03:
            return []
        tip = "M8 0 16-5V5Z" if start > end else "M-8 0-16-5V5Z"
        line = element("line", x1=percent(start), x2=percent(end), y1="50%", y2="50%", class_="way")
        return [line, element("svg", element("path", d=tip, class_="tip"), x=percent(end), y="50%", overflow="visible")]

    def strip(self, skews_s: Iterable[float], height: int, style: str) -> Markup:
        """How many nodes stand where: a column for each place, whose height is logarithmic,
        and at least visible.
        """
        counts = [0] * (_BINS + 1)
        for skew_s in skews_s:
            counts[round(self.axis.at(skew_s) * _BINS)] += 1
        most = math.log1p(max(counts))
        columns = []
        for number, count in enumerate(counts):
            if count:
                tall = max(3.0, (height - 4) * math.log1p(count) / most)
                columns.append(
                    element(
                        "rect",
                        x=percent((number - 0.5) / _BINS),
                        y=f"{height - tall:.1f}",
                        width=percent(1 / _BINS),
                        height=f"{tall:.1f}",
                        class_=style,
                    )
                )
        return joined([self.everywhere(), columns])


def _ends(axis: Axis, window: Window) -> tuple[float, float]:
    low = 0.0 if window.behind_s is None else axis.at(-window.behind_s)
    high = 1.0 if window.ahead_s is None else axis.at(window.ahead_s)
    return min(low, high), max(low, high)


def _line(place: float, style: str, dash: str = "") -> Markup:
    at = percent(place)
    return element("line", x1=at, x2=at, y1="0", y2="100%", class_=style, stroke_dasharray=dash or None)


def _label(x: str, text: str) -> Markup:
    return element("text", text, x=x, y="50%", dy=".35em", class_="inside")


def _tick_class(tick: float, near: set[float]) -> str:
    return "tick-text" if tick in near else "tick-text minor"


# In words


def window_words(window: Window) -> str:
    """The skews that a client tolerates.

    >>> window_words(Window("argocd", 90, 30)), window_words(Window("lease", None, 40))
    ('90 s behind to 30 s ahead', 'no limit behind, to 40 s ahead')
    >>> window_words(Window("a CA that is not valid yet", -3300, 600000))
    '3300 s ahead to 6.94 d ahead'
    """
    low = "no limit behind," if window.behind_s is None else _limit(window.behind_s, "behind", "ahead")
    high = "no limit ahead" if window.ahead_s is None else _limit(window.ahead_s, "ahead", "behind")
    return f"{low} to {high}"


def _limit(seconds: float, side: str, other: str) -> str:
    distance_s = abs(seconds)
    shown = f"{distance_s:g} s" if distance_s < 600_000 else duration_text(distance_s)
    return f"{shown} {other if seconds < 0 else side}"


def outcome_words(row: Row, most: int | None = None) -> str:
    """What becomes of a node's clients, how it was before it was fixed, and what else
    refuses it, in one line.

    Of more than ``most`` characters, the first statements that fit.

    >>> outcome_words(Row("a", REFUSED, Interval(44, 45), outcomes={"argocd": "fail", "pygithub": "pass"}))
    'breaks argocd; works for pygithub'
    """  # noqa: W505 - an example or a table
    words = ""
    for part in _outcomes(row):
        longer = f"{words}; {part}" if words else part
        if words and most is not None and len(longer) > most:
            break
        words = longer
    return words


def _outcomes(row: Row) -> Iterator[str]:
    if row.before and row.look is ADMITTED:
        yield f"fixed: was {skew_words(row.before[1])}"
    found = set(row.outcomes.values())
    if found == {"pass"} and len(row.outcomes) > 1:
        yield "works for every client"
    else:
        for outcome, verb in (("fail", "breaks"), ("inconclusive", "at the edge of"), ("pass", "works for")):
            if names := [name for name, each in row.outcomes.items() if each == outcome]:
                yield f"{verb} {listed(names, 4)}"
    if row.refused_by and not {"fail", "inconclusive"} & found:
        yield f"refused by {listed(row.refused_by, 3)}"
    if row.before and row.look is not ADMITTED:
        yield f"before the remediation: {skew_words(row.before[1])}"
