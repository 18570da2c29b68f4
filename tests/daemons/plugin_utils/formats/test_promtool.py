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
