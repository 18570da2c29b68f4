"""What Prometheus' own promtool says of skewgate.prom,
the alert rules and the dashboard's queries.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import prometheus
from prometheus_client.parser import text_string_to_metric_families

from tests.daemons.boxed import unpacked
from tests.every_finding import every_finding
from tests.hostile import PIECES, hostile_report
from tests.paths import ROOT
from tests.reports import admitted, finding, refused, report, text_of, unreachable

FOLDER = ROOT / "docs/monitoring"
ALERTS = FOLDER / "alerts.yml"
NODE_ALERTS = FOLDER / "node/alerts.yml"
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))
RULES = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"][0]["rules"]


@pytest.fixture(scope="module")
def promtool() -> Path:
    return unpacked("prometheus") / "usr/bin/promtool"


def run(promtool: Path, *words: str | Path, given: str = "") -> str:
    """What promtool says; it succeeds."""
    ended = subprocess.run([promtool, *words], input=given, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


@pytest.mark.parametrize("content", [every_finding, lambda: hostile_report("".join(PIECES))])
def test_promtool_finds_nothing_to_lint(promtool: Path, content: Callable[[], dict[str, Any]]) -> None:
    assert run(promtool, "check", "metrics", given=text_of(prometheus, content())) == ""


def test_the_rules_are_valid(promtool: Path) -> None:
    assert f"{len(RULES)} rules found" in run(promtool, "check", "rules", ALERTS)


def near(left_s: float) -> dict[str, Any]:
    """A clock that has so much left of a budget of 90 s."""
    row = {"name": "argocd", "left_behind_s": left_s, "behind_limit_s": 90, "left_ahead_s": None, "ahead_limit_s": None}
    return {**finding("clock_skew"), "seen": {"budget": [row]}}


GOOD = report(a=admitted(findings=[near(89.0)]))
#: Report, how long after the beginning, and the alerts that fire then with their nodes.
ALERTING: dict[str, tuple[dict[str, Any] | None, str, set[tuple[str, str]]]] = {
    "all is good": (GOOD, "1m", set()),
    "refused": (report(a=admitted(), b=refused()), "1m", {("SkewgateNodeRefused", "b")}),
    "not judged": (report(a=admitted(), c=unreachable()), "1m", {("SkewgateNodeNotJudged", "c")}),
    "near": (report(a=admitted(findings=[near(22.0)])), "1m", {("SkewgateSkewNearBudget", "a")}),
    "beyond": (report(a=refused(findings=[near(-1.0)])), "1m", {("SkewgateNodeRefused", "a")}),
    "not stale": ({**GOOD, "judged_at": "1970-01-01T00:00:00Z"}, "2h", set()),
    "stale": ({**GOOD, "judged_at": "1970-01-01T00:00:00Z"}, "2h1m", {("SkewgateReportStale", "")}),
    "missing for a while": (None, "30m", set()),
    "missing": (None, "61m", {("SkewgateReportMissing", "")}),
}


def series(content: dict[str, Any] | None) -> Iterator[dict[str, str]]:
    """What Prometheus has when it scrapes this report each minute for four hours."""
    for family in text_string_to_metric_families(text_of(prometheus, content)) if content else ():
        for sample in family.samples:
            labels = {**sample.labels, "instance": "bastion:9100", "job": "node"}
            inner = ",".join(f"{name}={json.dumps(value)}" for name, value in labels.items())
            yield {"series": f"{sample.name}{{{inner}}}", "values": f"{sample.value}x240"}


@pytest.mark.parametrize("case", ALERTING)
def test_the_alerts_fire_for_what_the_format_writes(promtool: Path, tmp_path: Path, case: str) -> None:
    content, after, expected = ALERTING[case]
    firing = [
        {
            "labels": "{" + ",".join(f'{k}="{v}"' for k, v in (("alertname", alert), ("node", node)) if v) + "}",
            "value": 1,
        }
        for alert, node in expected
    ]
    query = {
        "expr": 'count by (alertname, node) (ALERTS{alertstate="firing"})',
        "eval_time": after,
        "exp_samples": firing,
    }
    unit = {"interval": "1m", "input_series": list(series(content)), "promql_expr_test": [query]}
    tests = {"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": [unit]}
    (tmp_path / "tests.yml").write_text(json.dumps(tests))
    run(promtool, "test", "rules", tmp_path / "tests.yml")


#: When a node's own file was last written, by the node's clock: what its alerts say a while later.
OF_NODE: dict[str, tuple[float | None, str, set[str]]] = {
    "written a minute ago": (-60, "10m", set()),
    "by a clock that is a day ahead": (86400 - 60, "10m", set()),
    "stale": (-181, "10m", {"SkewgateNodeFileStale"}),
    "stale, and the clock was set back since": (86400 + 181, "10m", {"SkewgateNodeFileStale"}),
    "stale at this moment alone": (-181, "0m", set()),
    "not there yet": (None, "4m", set()),
    "not there": (None, "6m", {"SkewgateNodeFileMissing"}),
}


@pytest.mark.parametrize("case", OF_NODE)
@pytest.mark.parametrize("file", ["skewgate-node.prom", "/var/lib/prometheus/node-exporter/skewgate-node.prom"])
def test_the_alerts_about_a_nodes_own_file_fire(promtool: Path, tmp_path: Path, case: str, file: str) -> None:
    """node_exporter names the file with its folder or, before 1.5, without."""
    written_s, after, expected = OF_NODE[case]
    of_node = f'{{instance="a:9100",job="node",file="{file}"}}'
    ahead_s = 86400 if written_s and written_s > 0 else 0
    given = [{"series": 'node_time_seconds{instance="a:9100",job="node"}', "values": f"{ahead_s}+60x60"}]
    if written_s is not None:
        given.append({"series": f"node_textfile_mtime_seconds{of_node}", "values": f"{written_s}+60x60"})
        given.append({"series": f"node_textfile_mtime_seconds{of_node.replace(file, 'other.prom')}", "values": "0x60"})
    firing = [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in expected]
    query = {"expr": 'count by (alertname) (ALERTS{alertstate="firing"})', "eval_time": after, "exp_samples": firing}
    unit = {"interval": "1m", "input_series": given, "promql_expr_test": [query]}
    tests = {"rule_files": [str(NODE_ALERTS)], "evaluation_interval": "1m", "tests": [unit]}
    (tmp_path / "tests.yml").write_text(json.dumps(tests))
    run(promtool, "test", "rules", tmp_path / "tests.yml")


def test_the_rules_for_a_nodes_own_file_are_valid(promtool: Path) -> None:
    rules = yaml.safe_load(NODE_ALERTS.read_text(encoding="utf-8"))["groups"][0]["rules"]
    assert f"{len(rules)} rules found" in run(promtool, "check", "rules", NODE_ALERTS)
    assert {alert for _, _, expected in OF_NODE.values() for alert in expected} == {rule["alert"] for rule in rules}


@pytest.mark.parametrize(("after", "firing"), [("59m", 1), ("65m", 1), ("90m", 0)])
def test_an_alert_goes_on_for_a_while_without_a_report(promtool: Path, tmp_path: Path, after: str, firing: int) -> None:
    """A run removes the file when it begins. A critical alert that ends then, and begins again
    with the new file, calls a person each hour.
    """
    content = report(b=refused(), c=unreachable(), d=admitted(findings=[near(22.0)]))
    until_a_run = [{**each, "values": each["values"].replace("x240", "x60 stale")} for each in series(content)]
    queries = [
        {
            "expr": f'count(ALERTS{{alertstate="firing",alertname="{alert}"}})',
            "eval_time": after,
            "exp_samples": [{"labels": "{}", "value": 1}] * firing,
        }
        for alert in ("SkewgateNodeRefused", "SkewgateNodeNotJudged", "SkewgateSkewNearBudget")
    ]
    unit = {"interval": "1m", "input_series": until_a_run, "promql_expr_test": queries}
    tests = {"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": [unit]}
    (tmp_path / "tests.yml").write_text(json.dumps(tests))
    run(promtool, "test", "rules", tmp_path / "tests.yml")


def test_every_alert_is_seen_to_fire() -> None:
    assert {alert for _, _, expected in ALERTING.values() for alert, _ in expected} == {rule["alert"] for rule in RULES}


def test_an_alert_names_the_checks_that_refuse_the_node(promtool: Path, tmp_path: Path) -> None:
    [rule] = [rule for rule in RULES if rule["alert"] == "SkewgateNodeRefused"]
    texts = {
        "summary": rule["annotations"]["summary"].replace("{{ $labels.node }}", "b"),
        "description": re.sub(r"\{\{ range.*end \}\}", " clock_skew ntp_sources", rule["annotations"]["description"]),
    }
    alert = {"exp_labels": {"severity": "critical", "node": "b", "instance": "bastion:9100", "job": "node"}}
    unit = {
        "interval": "1m",
        "input_series": list(series(report(b=refused()))),
        "alert_rule_test": [
            {"eval_time": "1m", "alertname": rule["alert"], "exp_alerts": [{**alert, "exp_annotations": texts}]}
        ],
    }
    (tmp_path / "tests.yml").write_text(json.dumps({"rule_files": [str(ALERTS)], "tests": [unit]}))
    run(promtool, "test", "rules", tmp_path / "tests.yml")


def queries() -> list[str]:
    """The dashboard's, with what Grafana puts in for its variables."""
    found = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    return [re.sub(r"\$\w+", ".*", query) for query in found]


def test_the_dashboards_queries_are_valid(promtool: Path, tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": query} for number, query in enumerate(queries())]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    assert f"{len(rules)} rules found" in run(promtool, "check", "rules", tmp_path / "rules.yml")
