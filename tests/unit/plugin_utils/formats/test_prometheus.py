"""skewgate.prom, as prometheus_client reads it. What promtool says of it is in tests/daemons."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import prometheus
from hypothesis import example, given
from prometheus_client.parser import text_string_to_metric_families

from tests.hostile import hostile_report, judged, texts
from tests.reports import admitted, finding, refused, report, text_of, unreachable

Labels = frozenset[tuple[str, str]]


def read(content: dict[str, Any]) -> dict[str, dict[Labels, float]]:
    """The values by metric and labels; each series is there once, and each metric is announced."""
    found: dict[str, dict[Labels, float]] = defaultdict(dict)
    for family in text_string_to_metric_families(text_of(prometheus, content)):
        assert family.type == "gauge"
        assert family.documentation == prometheus.METRICS[family.name]
        assert family.name not in found
        for sample in family.samples:
            labels = frozenset(sample.labels.items())
            assert labels not in found[family.name]
            found[family.name][labels] = sample.value
    return found


def of(**labels: str) -> Labels:
    return frozenset(labels.items())


def test_all_metrics_are_written_and_no_other() -> None:
    assert set(read(judged())) == set(prometheus.METRICS)


def test_each_node_has_its_verdict() -> None:
    found = read(report(a=admitted(), b=refused(), c=unreachable()))
    assert found["skewgate_node_admitted"] == {of(node="a"): 1, of(node="b"): 0, of(node="c"): 0}
    assert found["skewgate_node_judged"] == {of(node="a"): 1, of(node="b"): 1, of(node="c"): 0}
    assert found["skewgate_nodes"] == {
        of(verdict="admitted"): 1,
        of(verdict="refused"): 1,
        of(verdict="not_judged"): 1,
    }
    assert found["skewgate_exit_code"] == {of(): 4}


def test_the_skew_is_in_seconds_and_is_not_there_where_it_is_unknown() -> None:
    found = read(report(b=refused(), c=unreachable()))
    assert found["skewgate_node_skew_low_seconds"] == {of(node="b"): -612.016}
    assert found["skewgate_node_skew_high_seconds"] == {of(node="b"): -611.992}


def test_times_are_unix_time() -> None:
    found = read(report(a=admitted()))
    assert found["skewgate_run_timestamp_seconds"] == {of(): 1769860805.0}
    assert found["skewgate_node_judged_timestamp_seconds"] == {of(node="a"): 1769860800.0}


def test_what_refuses_a_node_has_a_series_and_advice_has_none() -> None:
    found = read(report(a=admitted(), b=refused()))["skewgate_node_refused_by"]
    assert found == {of(node="b", check="ntp_sources"): 1, of(node="b", check="clock_skew"): 1}


def test_the_nodes_are_counted_by_check_and_state() -> None:
    nodes = {"a": admitted(findings=[finding("x")]), "b": refused(findings=[finding("x", "fail")])}
    found = read(report(**nodes))["skewgate_check_state"]
    states = {"pass": 1, "fail": 1, "inconclusive": 0, "skipped": 0}
    assert found == {of(check="x", state=state): count for state, count in states.items()}


def budget(left_behind_s: float | None, left_ahead_s: float | None) -> dict[str, Any]:
    row = {"name": "argocd", "left_behind_s": left_behind_s, "left_ahead_s": left_ahead_s}
    row |= {"behind_limit_s": left_behind_s and 90, "ahead_limit_s": left_ahead_s and 30}
    return {**finding("clock_skew"), "seen": {"budget": [row]}}


def test_the_least_of_a_budget_is_shown_for_all_nodes_and_as_a_share_for_each() -> None:
    nodes = {"a": admitted(findings=[budget(81.0, 30.0)]), "b": admitted(findings=[budget(90.0, 6.0)])}
    found = read(report(**nodes))
    behind, ahead = of(client="argocd", side="behind"), of(client="argocd", side="ahead")
    assert found["skewgate_budget_left_seconds"] == {behind: 81.0, ahead: 6.0}
    assert found["skewgate_budget_limit_seconds"] == {behind: 90, ahead: 30}
    assert found["skewgate_node_budget_left_ratio"] == {of(node="a"): 0.9, of(node="b"): 0.2}


def test_a_side_without_a_limit_has_no_series() -> None:
    found = read(report(a=admitted(findings=[budget(None, 30.0)])))
    assert set(found["skewgate_budget_left_seconds"]) == {of(client="argocd", side="ahead")}


def test_the_series_are_bounded_by_the_number_of_nodes() -> None:
    def series(count: int) -> int:
        nodes = {f"n{number}": admitted(findings=[budget(81.0, 30.0)]) for number in range(count)}
        return sum(map(len, read(report(**nodes)).values()))

    assert series(30) - series(20) == 10 * 6


@given(texts)
@example('a"} 1\nskewgate_node_admitted{node="b')
@example("\x1b\\x1b")
def test_no_string_of_a_node_becomes_a_series_and_two_names_stay_two(text: str) -> None:
    content = hostile_report(text)
    other = text.encode("unicode_escape").decode()
    content["nodes"][other] = content["nodes"].get(other, admitted())
    found = read(content)
    assert len(found["skewgate_node_admitted"]) == len(content["nodes"])
    assert set(found) <= set(prometheus.METRICS)
    assert all(line.isprintable() for line in text_of(prometheus, content).splitlines())
