"""What judging costs on the controller, as ratios within one run: `python -m tests.benchmarks.judging` (with the venv's Python).

Judging a node against reading its evidence (json.loads), and a tenfold fleet against a small one (10 is linear).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, "collections")

from ansible_collections.skewgate.preflight.plugins.plugin_utils.report import judge_records

SAMPLES = sorted(Path("tests/unit/plugin_utils/samples").glob("*.json"))


def best_s(work: Callable[[], object], rounds: int = 5) -> float:
    """The least of some rounds: what the work costs when nothing disturbs it."""
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return min(times)


def fleet(nodes: int) -> dict[str, str]:
    """So many nodes' records as JSON text, from the samples of real ones in turn."""
    texts = [path.read_text() for path in SAMPLES]
    return {f"node{n}": texts[n % len(texts)] for n in range(nodes)}


def main() -> None:
    """Print the ratios."""
    small, large = fleet(100), fleet(1000)
    reading = best_s(lambda: [json.loads(text) for text in small.values()])
    records = {name: json.loads(text) for name, text in small.items()}
    judging = best_s(lambda: judge_records(records, "2026-11-22T00:00:00Z"))
    more = {name: json.loads(text) for name, text in large.items()}
    judging_more = best_s(lambda: judge_records(more, "2026-11-22T00:00:00Z"), rounds=2)
    print(f"judging 100 nodes / reading their evidence: {judging / reading:.1f}")
    print(f"judging 1000 nodes / judging 100:           {judging_more / judging:.1f}")
    print(f"(one node: {judging / 100 * 1e3:.2f} ms)")


if __name__ == "__main__":
    main()
