"""Where a node's check spent its time, as the controller and the node measured it.

Nothing decides by it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from statistics import median
from typing import Any

from ..clock.ntp_packet import NS

PARTS = ("prepare", "connect", "transfer", "start", "probes", "judging")
"""The parts of a node's check, in order.

``prepare``: settings, signing, making the module. ``transfer``: the way there and back. ``start``:
Python on the node. If a node is asked twice, the second time is in ``transfer``."""


class Stopwatch:
    """Times one check from when it is made; ``calls`` are commands on the node."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        """Begin now."""
        self._clock_s = clock_s
        self._begun_s = clock_s()
        self._first_call_s: float | None = None
        self._calls_s = self._connect_s = 0.0

    @contextmanager
    def call(self) -> Iterator[None]:
        """A command that takes evidence."""
        begun_s = self._clock_s()
        self._first_call_s = begun_s if self._first_call_s is None else self._first_call_s
        try:
            yield
        finally:
            self._calls_s += self._clock_s() - begun_s

    @contextmanager
    def connecting(self) -> Iterator[None]:
        """A command that does nothing: the first command must connect."""
        begun_s = self._clock_s()
        try:
            yield
        finally:
            self._connect_s += self._clock_s() - begun_s

    def parts(self, collected: Mapping[str, Any]) -> dict[str, float]:
        """The seconds of each part up to now;
        ``collected`` is that section of the evidence, empty without evidence.
        """
        whole_s = self._clock_s() - self._begun_s
        before_s = whole_s if self._first_call_s is None else self._first_call_s - self._begun_s
        prepare_s = before_s - self._connect_s
        start_s = float(collected.get("started_s") or 0)
        probes_s = max(0.0, (collected.get("end_mono_ns", 0) - collected.get("mono_ns", 0)) / NS)
        on_node_s = min(start_s + probes_s, self._calls_s)  # the node may say anything
        start_s = min(start_s, on_node_s)
        seconds = (
            prepare_s,
            self._connect_s,
            self._calls_s - on_node_s,
            start_s,
            on_node_s - start_s,
            whole_s - before_s - self._calls_s,
        )
        return {part: round(part_s, 3) for part, part_s in zip(PARTS, seconds, strict=True)}


def summed_up(nodes: Iterable[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """The median and the longest time of each part, over all nodes that were timed;
    empty without one.

    >>> summed_up([{"connect": 0.1}, {"connect": 0.3}, {"connect": 0.2}])
    {'connect': {'median_s': 0.2, 'longest_s': 0.3}}
    """
    timed = list(nodes)
    of_parts = {part: [node[part] for node in timed if part in node] for part in PARTS}
    return {
        part: {"median_s": round(median(seconds), 3), "longest_s": max(seconds)}
        for part, seconds in of_parts.items()
        if seconds
    }
