"""What the project wants to be as fast as, computed from what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.measuring import median

Results = Mapping[str, Any]


@dataclass(frozen=True)
class Target:
    """A figure beside what it should be."""

    what: str
    wanted: float
    measured: float | None
    """None where something that is compared was not measured."""
    unit: str = "times"
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Whether it is as good as it should be.

        >>> Target("", 1.5, 1.5).met, Target("", 5, 4.9, at_least=True).met
        (True, False)
        """
        if self.measured is None:
            return False
        return self.measured >= self.wanted if self.at_least else self.measured <= self.wanted


def targets(results: Results) -> Iterator[Target]:
    """All of them, also those that these results say nothing of."""
    for way in ("playbook", "command"):
        of_fifty = _Part(results, "sshd50", f"{way}, token")
        yield from of_fifty.against(f"50 nodes, {way} with a token: wall time, of ping's", "ping", "wall_s", 1.4)
        yield from of_fifty.against(f"50 nodes, {way} with a token: controller's CPU, of ping's", "ping", "cpu_s", 1.2)
    thousand = _Part(results, "replayed1000", "playbook, jwt")
    yield from thousand.against("1,000 replayed nodes, `depth: jwt`: wall time, of ping's", "ping", "wall_s", 1.5)
    yield from thousand.against("1,000 replayed nodes, `depth: jwt`: peak memory, of ping's", "ping", "peak_mb", 1.3)
    cpu_s = thousand.median("cpu_s")
    yield Target("1,000 replayed nodes, `depth: jwt`: controller's CPU a node", 0.12, _ratio(cpu_s, 1000), "s")
    large, small = _Part(results, "replayed5000", "playbook, jwt"), _Part(results, "replayed100", "playbook, jwt")
    times = _ratio(large.median("wall_s"), small.median("wall_s"))
    yield Target("Time a node at 5,000 replayed nodes, of that at 100", 1.1, _ratio(times, 50))
    yield from _Part(results, "sshd50", "playbook, token").faster(
        "50 nodes: faster than built-in modules", "built-in modules", 5
    )
    yield from _Part(results, "sshd5", "playbook, token").faster(
        "5 nodes: faster than testinfra over ansible", "testinfra", 10
    )
    yield Target("Judging a node", 1.0, results.get("judging", {}).get("ms"), "ms")
    sizes = results.get("payload", {}).get("bytes", {})
    yield Target("What is piped to a node, of ping's", 1.5, _ratio(sizes.get("check"), sizes.get("ping")))


def _ratio(one: float | None, other: float | None) -> float | None:
    return one / other if one and other else None


class _Part:
    """One side in one part, against others there."""

    def __init__(self, results: Results, part: str, side: str) -> None:
        self.sides: Mapping[str, Any] = results.get(part, {}).get("sides", {})
        self.side = side

    def median(self, what: str, side: str | None = None) -> float | None:
        rounds = self.sides.get(side or self.side)
        return median(rounds, what) if rounds else None

    def against(self, title: str, other: str, what: str, wanted: float) -> Iterator[Target]:
        yield Target(title, wanted, _ratio(self.median(what), self.median(what, other)))

    def faster(self, title: str, other: str, wanted: float) -> Iterator[Target]:
        found = _ratio(self.median("wall_s", other), self.median("wall_s"))
        yield Target(title, wanted, found, at_least=True)
