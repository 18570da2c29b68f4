"""``skewgate.prom``: the report as metrics, for the textfile collector of
Prometheus' node_exporter.

A node's name is in the label ``node``; ``instance`` is the machine that skewgate runs on. There
are at most six series for each node, one more for each check that refuses it, and a fixed number
for all nodes together.

docs/monitoring has alert rules and a Grafana dashboard for these metrics, and
docs/how-to/monitor-with-prometheus.md says how to use them.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import datetime
from typing import IO, Any, TextIO

from ..model.wording import clean
from ..verdict.report import CLOCK_CHECK, refusing_findings

NAME = "prometheus"
FILE = "skewgate.prom"

METRICS = {
    "skewgate_run_timestamp_seconds": "When the report was made, as Unix time.",
    "skewgate_info": "Always 1; the label version is that of skewgate.",
    "skewgate_exit_code": "The exit status of the run: 0 all admitted, 3 some not judged, 4 some refused.",
    "skewgate_nodes": "How many nodes have this verdict: admitted, refused or not_judged.",
    "skewgate_check_state": "How many nodes have this state of this check.",
    "skewgate_budget_left_seconds": (
        "How much further behind or ahead a clock may be for this client, on the node that has the least left; "
        "negative: beyond it."
    ),
    "skewgate_budget_limit_seconds": "How far behind or ahead of the true time this client tolerates a clock.",
    "skewgate_node_admitted": "1 if the node is admitted, 0 if it is refused.",
    "skewgate_node_judged": "0 if the node is refused because it could not be judged, else 1.",
    "skewgate_node_judged_timestamp_seconds": "When the node's evidence was taken, as Unix time.",
    "skewgate_node_refused_by": "Always 1: this check refuses the node.",
    "skewgate_node_skew_low_seconds": "The lower end of the node's skew: positive is ahead of the true time.",
    "skewgate_node_skew_high_seconds": "The upper end of the node's skew: positive is ahead of the true time.",
    "skewgate_node_budget_left_ratio": (
        "What is left of the tightest client's budget on the node: 1 is all of it, 0 or less is none."
    ),
}
"""The metrics with their help, in the order of the file; all are gauges."""

STATES = ("pass", "fail", "inconclusive", "skipped")
SIDES = ("behind", "ahead")

Sample = tuple[str, dict[str, str], float]
"""A metric, its labels, its value."""


def write(report: Mapping[str, Any], file: TextIO) -> None:
    """Go through the nodes once; each metric's lines wait in a file,
    because they have to stand together.
    """
    with ExitStack() as files:
        waiting: dict[str, IO[str]] = {}

        def add(metric: str, labels: Mapping[str, str], value: float) -> None:
            if metric not in waiting:
                waiting[metric] = files.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8"))
            inner = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
            waiting[metric].write(f"{metric}{f'{{{inner}}}' if inner else ''} {value!r}\n")

        for sample in _samples(report):
            add(*sample)
        for metric, help_text in METRICS.items():
            if metric in waiting:
                file.write(f"# HELP {metric} {help_text}\n# TYPE {metric} gauge\n")
                waiting[metric].seek(0)
                shutil.copyfileobj(waiting[metric], file)


def _samples(report: Mapping[str, Any]) -> Iterator[Sample]:
    yield "skewgate_run_timestamp_seconds", {}, _unix(report["judged_at"])
    yield "skewgate_info", {"version": report["skewgate_version"]}, 1
    yield "skewgate_exit_code", {}, report["exit_code"]
    for verdict, count in report["summary"].items():
        yield "skewgate_nodes", {"verdict": verdict}, count
    states: Counter[tuple[str, str]] = Counter()
    together = _Budgets()
    for name, node in report["nodes"].items():
        budgets = _Budgets()
        for finding in node["findings"]:
            states[finding["check"], finding["state"]] += 1
            if finding["check"] == CLOCK_CHECK:
                budgets.add(finding["seen"].get("budget", ()))
        together.take(budgets)
        yield from _of_node(name, node, budgets)
    for check in sorted({check for check, _ in states}):
        for state in STATES:
            yield "skewgate_check_state", {"check": check, "state": state}, states[check, state]
    for (client, side), (left_s, limit_s) in sorted(together.least.items()):
        labels = {"client": client, "side": side}
        yield "skewgate_budget_left_seconds", labels, left_s
        yield "skewgate_budget_limit_seconds", labels, limit_s


def _of_node(name: str, node: Mapping[str, Any], budgets: _Budgets) -> Iterator[Sample]:
    labels = {"node": name}
    admitted = node["verdict"] == "admit"
    yield "skewgate_node_admitted", labels, int(admitted)
    yield "skewgate_node_judged", labels, int(node["refused_because"] != "not_judged")
    yield "skewgate_node_judged_timestamp_seconds", labels, _unix(node["judged_at"])
    if not admitted:
        for check in dict.fromkeys(finding["check"] for finding in refusing_findings(node)):
            yield "skewgate_node_refused_by", {**labels, "check": check}, 1
    if node["skew_s"]:
        yield "skewgate_node_skew_low_seconds", labels, node["skew_s"]["low"]
        yield "skewgate_node_skew_high_seconds", labels, node["skew_s"]["high"]
    if (ratio := budgets.ratio()) is not None:
        yield "skewgate_node_budget_left_ratio", labels, ratio


class _Budgets:
    """The least that is left of each client's budget on each side, with the whole of it."""

    def __init__(self) -> None:
        self.least: dict[tuple[str, str], tuple[float, float]] = {}

    def add(self, rows: Any) -> None:
        """The rows of a finding: no number where the client has no limit on that side."""
        for row in rows:
            for side in SIDES:
                left_s, limit_s = row[f"left_{side}_s"], row[f"{side}_limit_s"]
                if left_s is not None and limit_s is not None:
                    self._put((row["name"], side), (left_s, limit_s))

    def take(self, other: _Budgets) -> None:
        """Those of another node too."""
        for of, left_and_limit in other.least.items():
            self._put(of, left_and_limit)

    def _put(self, of: tuple[str, str], left_and_limit: tuple[float, float]) -> None:
        self.least[of] = min(self.least.get(of, left_and_limit), left_and_limit)

    def ratio(self) -> float | None:
        """The least share that is left; a budget of nothing has none."""
        return min((left_s / limit_s for left_s, limit_s in self.least.values() if limit_s > 0), default=None)


def _unix(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()


def _escaped(text: str) -> str:
    """A label's value.

    Two names stay two: what shows a character as an escape doubles the backslashes that were there.
    """
    shown = clean(text.replace("\\", "\\\\")).replace("\n", "\\n")
    return shown.replace("\\", "\\\\").replace('"', '\\"')
