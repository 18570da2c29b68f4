"""docs/monitoring: the alert rules and the dashboard name metrics and labels
that the format writes, and no others.
"""

from __future__ import annotations

import json
import re
from itertools import combinations
from typing import Any

import yaml
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import prometheus
from prometheus_client.parser import text_string_to_metric_families

from tests.hostile import judged
from tests.paths import ROOT
from tests.reports import text_of

FOLDER = ROOT / "docs/monitoring"
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))
ALERTS = yaml.safe_load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))
RULES: list[dict[str, Any]] = ALERTS["groups"][0]["rules"]

VARIABLES = [variable["query"]["query"] for variable in DASHBOARD["templating"]["list"]]
PANELS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
QUERIES = [*VARIABLES, *PANELS, *(rule["expr"] for rule in RULES)]
#: What Prometheus adds when it scrapes.
SCRAPED = {"instance", "job"}


def written() -> dict[str, set[str]]:
    """The labels of each metric that the format writes."""
    families = list(text_string_to_metric_families(text_of(prometheus, judged())))
    return {family.name: {label for sample in family.samples for label in sample.labels} for family in families}


def named(text: str) -> set[str]:
    return set(re.findall(r"\bskewgate_\w+", text))


def test_every_metric_that_they_name_is_written() -> None:
    everything = "\n".join([*QUERIES, *(str(rule["annotations"]) for rule in RULES)])
    assert named(everything) - written().keys() == set()


def test_the_dashboard_shows_every_metric_but_the_flags_for_the_alerts() -> None:
    shown = named("\n".join(PANELS))
    assert written().keys() - shown == {"skewgate_node_judged", "skewgate_node_judged_timestamp_seconds"}


def test_every_label_that_a_query_selects_by_is_written() -> None:
    for query in QUERIES:
        for metric, selectors in re.findall(r"(skewgate_\w+)\{([^}]*)\}", query):
            labels = set(re.findall(r"(\w+)=~?\"", selectors))
            assert labels <= written()[metric] | SCRAPED, query


def test_the_data_source_is_chosen_when_the_dashboard_is_imported() -> None:
    [source] = DASHBOARD["__inputs"]
    assert (source["type"], source["pluginId"]) == ("datasource", "prometheus")
    asked = [part["datasource"] for part in (*DASHBOARD["panels"], *DASHBOARD["templating"]["list"])]
    asked += [target["datasource"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    assert {each["uid"] for each in asked} == {f"${{{source['name']}}}"}
    assert DASHBOARD["id"] is None


def test_each_panel_has_a_place_and_a_description() -> None:
    def cells(panel: dict[str, Any]) -> set[tuple[int, int]]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        return {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}

    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(panel["title"] and panel["description"] for panel in panels)
    assert not any(cells(one) & cells(other) for one, other in combinations(panels, 2))


def test_every_alert_says_how_bad_it_is_and_what_to_do() -> None:
    assert all({"summary", "description"} <= rule["annotations"].keys() for rule in RULES)
    assert {rule["labels"]["severity"] for rule in RULES} == {"critical", "warning"}
