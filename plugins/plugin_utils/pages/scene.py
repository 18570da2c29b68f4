"""What the picture of a report shows, taken from its nodes one by one: rows, windows of clients,
and the skews of the rest.

A report may have more nodes than fit on a page, or into memory: what is kept here has a bound, but
for a number for each admitted node.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..clock.interval import Interval
from ..model.limits import CLUSTER_CA
from ..verdict.report import CLOCK_CHECK, refusing_findings, wider
from .axis import Axis, axis_for
from .looks import ADMITTED, Look, Node, Report, look_of, skew_of

MOST_ROWS = 60
"""Up to so many nodes have a row each. Of more, the admitted ones share a strip."""

MOST_REFUSED_ROWS = 300
"""Of more nodes than MOST_ROWS, so many refused ones have a row each.

The others share a row for each cause.
"""

MOST_WINDOWS = 12
MOST_CAUSES = 40
_NEAR_S = 3600
"""A limit farther from zero than this does not stretch the axis:
a cluster's CA is valid for years.
"""
_OF_ONE_CA = 0.1
"""The limits of a cluster's CA differ by so much at most between the nodes of a run."""


@dataclass(frozen=True)
class Window:
    """The skews that a client or limit tolerates; a side may have no limit."""

    name: str
    behind_s: float | None
    ahead_s: float | None


@dataclass(frozen=True)
class Row:
    """A node of the picture, or the nodes that share a cause."""

    label: str
    look: Look
    skew_s: Interval | None
    index: int | None = None
    """The node's place in the report, if it is one node."""
    windows: tuple[int, ...] = ()
    outcomes: Mapping[str, str] = field(default_factory=dict)
    """What becomes of each client or limit, by its name."""
    refused_by: tuple[str, ...] = ()
    before: tuple[Look, Interval | None] | None = None
    """How the node was before its remediation."""


def budget_of(node: Node) -> list[Mapping[str, Any]]:
    """What a node's clock was held against, a row for each client and limit;
    empty if its skew is not known.
    """
    rows = next((f["seen"].get("budget") for f in node["findings"] if f["check"] == CLOCK_CHECK), None)
    return [row for row in rows if isinstance(row, Mapping) and "name" in row] if isinstance(rows, list) else []


def _is_of_one_ca(one: Window, other: Window) -> bool:
    """Whether two windows are those of one CA, each at the time when its node was checked."""
    sides = ((one.behind_s, other.behind_s), (one.ahead_s, other.ahead_s))
    return all(a == b or (a and b and math.isclose(a, b, rel_tol=_OF_ONE_CA)) for a, b in sides)


def _seconds(value: object) -> float | None:
    """A limit in seconds, if the report has a number there."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None  # type: ignore[arg-type]


class Scene:
    """All that the picture shows; nodes are added in the order of the report."""

    def __init__(self, report: Report) -> None:
        """No node yet."""
        self.total = len(report["nodes"])
        self.rows: list[Row] = []
        self.windows: list[Window] = []
        self.more_windows = 0
        self.crowd = array("d")
        """The middle of each admitted node's skew, if the nodes share a strip."""
        self.crowd_s: Interval | None = None
        self.crowd_unknown = 0
        self.crowd_fixed = array("d")
        """The skews of those before their remediation."""
        self._number: dict[Window, int | None] = {}
        self._cas: list[Window] = []
        self._extent_s: Interval | None = None
        self._cause_of = {name: number for number, group in enumerate(report["groups"]) for name in group["nodes"]}
        self._causes = [", ".join(dict.fromkeys(f["check"] for f in group["findings"])) for group in report["groups"]]
        self._rest: dict[int, tuple[int, Look, Interval | None]] = {}

    @property
    def crowded(self) -> bool:
        """Whether the admitted nodes share a strip."""
        return self.total > MOST_ROWS

    def add(self, index: int, name: str, node: Node) -> None:
        """Take a node, which stands at this place of the report."""
        look, before = look_of(node), node.get("before")
        self._extent_s = wider(wider(self._extent_s, node), before) if before else wider(self._extent_s, node)
        windows = self._windows_of(node)
        if self.crowded and look is ADMITTED:
            self._add_to_crowd(node)
        elif self.crowded and len(self.rows) >= MOST_REFUSED_ROWS:
            cause = self._cause_of[name]
            count, first, skew_s = self._rest.get(cause, (0, look, None))
            self._rest[cause] = (count + 1, first, wider(skew_s, node))
        else:
            self.rows.append(
                Row(
                    name,
                    look,
                    skew_of(node),
                    index,
                    windows,
                    {str(row["name"]): str(row.get("outcome")) for row in budget_of(node)},
                    tuple(dict.fromkeys(f["check"] for f in refusing_findings(node))) if look is not ADMITTED else (),
                    (look_of(before), skew_of(before)) if before else None,
                )
            )

    def _add_to_crowd(self, node: Node) -> None:
        skew_s, before = skew_of(node), node.get("before")
        self.crowd_s = wider(self.crowd_s, node)
        if skew_s:
            self.crowd.append(skew_s.middle)
        else:
            self.crowd_unknown += 1
        if before and (was_s := skew_of(before)):
            self.crowd_fixed.append(was_s.middle)

    def _windows_of(self, node: Node) -> tuple[int, ...]:
        found = []
        for row in budget_of(node):
            window = Window(str(row["name"]), _seconds(row.get("behind_limit_s")), _seconds(row.get("ahead_limit_s")))
            if window.name == CLUSTER_CA:
                window = self._of_ca(window)
            if window not in self._number and len(self.windows) < MOST_WINDOWS:
                self._number[window] = len(self.windows)
                self.windows.append(window)
            elif window not in self._number:
                self.more_windows += 1
                if self.more_windows < 1000:  # a report may have a window for each node
                    self._number[window] = None
            found.append(self._number.get(window))
        return tuple(number for number in found if number is not None)

    def _of_ca(self, window: Window) -> Window:
        """The window of this CA on the first node that has it: as the CA ages, it moves."""
        known = next((each for each in self._cas if _is_of_one_ca(each, window)), None)
        if known is None:
            self._cas.append(window)
        return known or window

    def axis(self) -> Axis:
        """The axis on which all of it has room."""
        limits = [abs(limit) for window in self.windows for limit in (window.behind_s, window.ahead_s) if limit]
        return axis_for([self._extent_s] if self._extent_s else [], [limit for limit in limits if limit <= _NEAR_S])

    def shared_rows(self) -> Iterator[Row]:
        """A row for each cause of the refused nodes that have none, the largest groups first."""
        rest = sorted(self._rest.items(), key=lambda each: -each[1][0])
        for cause, (count, look, skew_s) in rest[:MOST_CAUSES]:
            yield Row(f"{count:,} more: {self._causes[cause]}", look, skew_s)
        if others := rest[MOST_CAUSES:]:
            count = sum(each[0] for _, each in others)
            yield Row(f"{count:,} more, for {len(others)} other causes", others[0][1][1], None)
