"""skewgate.sarif. What the official schema says of it is in tests/integration."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.rules import RULES
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import sarif
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.report import judge_records
from hypothesis import example, given

from tests.builders import chrony, policy, record, unreached
from tests.hostile import AT, hostile_report, texts
from tests.reports import text_of

CONFIG = "server 10.77.0.1 iburst\nmakestep 1 3\nrtcsync\nminsources 5\ndriftfile /d\n"
#: CHR104 one-source (a warning, of no line) and CHR108 minsources-out-of-reach (an error).
WEAK = record(chrony=chrony(config=CONFIG))


def run_of(content: dict[str, Any]) -> dict[str, Any]:
    log = json.loads(text_of(sarif, content))
    assert log["version"] == "2.1.0"
    [run] = log["runs"]
    return dict(run)


def judged_run(**records: dict[str, Any]) -> dict[str, Any]:
    return run_of(judge_records(records, AT))


def test_a_result_is_a_rule_at_a_line_of_a_nodes_file() -> None:
    run = judged_run(node1=WEAK)
    result = next(each for each in run["results"] if each["ruleId"] == "CHR108")
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "node1/etc/chrony/chrony.conf", "uriBaseId": "NODES"}
    assert place["region"] == {"startLine": 4, "snippet": {"text": "minsources 5"}}
    assert "NODES" in run["originalUriBaseIds"]


def test_the_same_file_of_two_nodes_is_two() -> None:
    results = judged_run(node1=WEAK, node2=WEAK)["results"]
    uris = {each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for each in results}
    assert uris == {"node1/etc/chrony/chrony.conf", "node2/etc/chrony/chrony.conf"}


def test_each_rule_is_there_once_with_its_help() -> None:
    run = judged_run(node1=WEAK, node2=WEAK)
    rules = run["tool"]["driver"]["rules"]
    assert sorted(rule["id"] for rule in rules) == ["CHR104", "CHR108"]
    for rule in rules:
        assert rule["name"] == RULES[rule["id"]].name
        assert RULES[rule["id"]].remedy in rule["help"]["text"]
    assert {rules[each["ruleIndex"]]["id"] == each["ruleId"] for each in run["results"]} == {True}


@pytest.mark.parametrize(
    ("changes", "levels"),
    [
        ({}, {"CHR104": "warning", "CHR108": "error"}),
        ({"advisory_checks": ["chrony_config"]}, {"CHR104": "note", "CHR108": "warning"}),
    ],
)
def test_the_level_says_whether_it_refuses_the_node(changes: dict[str, Any], levels: dict[str, str]) -> None:
    run = judged_run(node1={**WEAK, "policy": policy(**changes)})
    assert {each["ruleId"]: each["level"] for each in run["results"]} == levels


def test_an_accepted_rule_is_suppressed() -> None:
    run = judged_run(node1={**WEAK, "policy": policy(accepted_rules=["CHR108"])})
    assert {each["ruleId"]: len(each.get("suppressions", [])) for each in run["results"]} == {"CHR104": 0, "CHR108": 1}


def test_a_node_that_was_not_looked_at_makes_the_run_unsuccessful() -> None:
    not_asked = {**record(), "policy": policy(checks=["clock_skew"])}
    for others, count in (({}, 0), ({"node2": unreached()}, 1), ({"node2": not_asked, "node3": unreached()}, 2)):
        [invocation] = judged_run(node1=WEAK, **others)["invocations"]
        assert invocation["executionSuccessful"] is (count == 0)
        assert len(invocation["toolExecutionNotifications"]) == count


@given(texts)
@example("../../etc")
@example("..")
@example("javascript:x")
def test_no_string_of_a_node_is_a_link_or_leads_out_of_its_folder(text: str) -> None:
    run = run_of(hostile_report(text))
    [result] = run["results"]
    uri = urlsplit(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])
    assert (uri.scheme, uri.netloc, uri.query, uri.fragment) == ("", "", "", "")
    assert not {".", ".."} & set(uri.path.split("/"))
    assert not uri.path.startswith("/")
    assert uri.path.isascii()
    assert uri.path.isprintable()
    message = result["message"]["text"]
    assert "[" not in message.replace("\\\\", "").replace("\\[", "")
    assert message.isprintable()
