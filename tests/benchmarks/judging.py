"""What judging costs on the controller, as ratios within one run:
`python -m tests.benchmarks.judging` (with the venv's Python).

What one node costs this process, in ms of CPU time: its answer read (JSON, and what the boundary
does with it), judged, and written. Judging against reading the JSON alone, and tenfold fleets
against smaller ones (10 is linear): judged, and what only all nodes together show (groups, spread,
shared servers), in report.json and in report.txt.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, "collections")

from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.evidence import parse_evidence, read_json
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats.report_text import lines
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import Record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.fleet import judge_fleet
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.judge import judge_record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.report import (
    group_nodes,
    judge_records,
)

from tests.builders import record

SAMPLES = sorted(Path("tests/samples").glob("*.json"))


def best_s(work: Callable[[], object], rounds: int = 5) -> float:
    """The least of some rounds: what the work costs when nothing disturbs it."""
    times = []
    for _ in range(rounds):
        begun = time.process_time()
        work()
        times.append(time.process_time() - begun)
    return min(times)


def fleet(nodes: int) -> dict[str, str]:
    """So many nodes' records as JSON text, from the samples of real ones in turn."""
    texts = [path.read_text() for path in SAMPLES]
    return {f"node{n}": texts[n % len(texts)] for n in range(nodes)}


AT = "2026-11-22T00:00:00Z"


def together_s(report: dict[str, Any], records: dict[str, Record]) -> float:
    """What all nodes together cost beside the judging of each."""

    def work() -> None:
        group_nodes(report["nodes"])
        judge_fleet(records)
        lines(report)

    return best_s(work)


def of_one_node() -> None:
    """Print what a node costs, one that has all sections and passes,
    and the samples of real ones.
    """
    nodes = {"a healthy node": record()} | {path.stem: json.loads(path.read_text()) for path in SAMPLES}
    for name, data in nodes.items():
        text = json.dumps(data["evidence"])
        parsed = {**data, "evidence": parse_evidence(read_json(text))}
        judged = judge_record(parsed)
        read_s = best_s(lambda text=text: parse_evidence(read_json(text)), rounds=50)
        judged_s = best_s(lambda parsed=parsed: judge_record(parsed), rounds=50)
        written_s = best_s(lambda both=(parsed, judged): json.dumps(both), rounds=50)
        print(f"{name}: read {read_s * 1e3:.2f} ms, judged {judged_s * 1e3:.2f} ms, written {written_s * 1e3:.2f} ms")


def one_node_ms() -> float:
    """What judging one node costs, in milliseconds of CPU."""
    records = {name: json.loads(text) for name, text in fleet(100).items()}
    return best_s(lambda: judge_records(records, AT)) / len(records) * 1e3


def main() -> None:
    """Print what a node costs, and the ratios."""
    of_one_node()
    small, large = fleet(100), fleet(1000)
    reading = best_s(lambda: [json.loads(text) for text in small.values()])
    records = {name: json.loads(text) for name, text in small.items()}
    judging = best_s(lambda: judge_records(records, AT))
    more = {name: json.loads(text) for name, text in large.items()}
    judging_more = best_s(lambda: judge_records(more, AT), rounds=2)
    print(f"judging 100 nodes / reading their evidence:       {judging / reading:.1f}")
    print(f"judging 1000 nodes / judging 100:                 {judging_more / judging:.1f}")

    # 10000 nodes from 1000 judged ones under ten names each: the judging of each is measured above.
    thousand = judge_records(more, AT)
    of_nodes = {name: Record(record) for name, record in more.items()}
    judge_fleet(of_nodes)  # a record keeps its skew once it was asked for
    names = [(f"{name}-{n}", name) for n in range(10) for name in more]
    nodes = {copy: thousand["nodes"][name] for copy, name in names}
    ten_records = {copy: of_nodes[name] for copy, name in names}
    ten_thousand = {**thousand, "nodes": nodes, "groups": group_nodes(nodes), "fleet": judge_fleet(ten_records)}
    once, ten = together_s(thousand, of_nodes), together_s(ten_thousand, ten_records)
    print(f"10000 nodes together / 1000 together:             {ten / once:.1f}")
    print(f"10000 nodes together / judging 10000 one by one:  {ten / (judging_more * 10):.2f}")
    print(f"(one node: {judging / 100 * 1e3:.2f} ms)")


if __name__ == "__main__":
    main()
