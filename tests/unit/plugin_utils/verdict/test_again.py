from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.ntp_packet import NS
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.again import earlier_readings, with_drift
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.judge import judge_record

from tests.builders import evidence, policy, record, time_services, unreached
from tests.paths import SAMPLES

SAVED = {
    name: json.loads((SAMPLES / f"{name}.json").read_text())
    for name in ("good", "behind_without_daemon", "ahead_with_dead_source", "remediated")
}
RECORDS: dict[str, dict[str, Any]] = {
    **SAVED,
    "advisory": record(0.36, of_policy=policy(advisory_checks=["clock_skew"])),
    "without the check": record(time_services=time_services(), of_policy=policy(checks=["time_service"])),
    "unreachable": unreached(),
}


def an_hour_ago(data: dict[str, Any], skew_s: float = 0.0) -> dict[str, Any]:
    """A reading that is an hour older than the record's own."""
    collected = data["evidence"].get("collected") or record()["evidence"]["collected"]
    return {
        "true_time_s": collected["wall_ns"] / NS - 3600,
        "skew_s": {"low": skew_s - 0.001, "high": skew_s + 0.001},
    }


def findings(judgement: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {finding["check"]: finding for finding in judgement["findings"]}


@pytest.mark.parametrize("name", RECORDS)
def test_the_drift_makes_the_same_judgement_as_judging_the_whole_record_again(name: str) -> None:
    data = {**RECORDS[name], "earlier": an_hour_ago(RECORDS[name])}
    assert with_drift(judge_record(RECORDS[name]), data) == judge_record(data)


def test_only_the_finding_about_the_skew_is_made_again() -> None:
    data = record(0.36)
    noted = judge_record(data)
    for finding in noted["findings"]:
        finding["seen"] = {"noted": "the node's check made this"}
    again = with_drift(noted, {**data, "earlier": an_hour_ago(data)})
    made = {check for check, finding in findings(again).items() if "noted" not in finding["seen"]}
    assert made == {"clock_skew"}
    assert findings(again)["clock_skew"]["seen"]["drift"]["source"] == "two readings 3600 s apart"


@pytest.mark.parametrize("earlier", [None, {}], ids=["none", "an empty one"])
def test_without_an_earlier_reading_nothing_is_judged_again(earlier: dict[str, Any] | None) -> None:
    noted = {"verdict": "admit", "findings": [{"check": "clock_skew", "noted": True}]}
    assert with_drift(noted, {"earlier": earlier}) == noted


def test_each_nodes_reading_comes_from_its_record() -> None:
    readings = earlier_readings({"node1": record(5.0), "unreachable": unreached()})
    assert list(readings) == ["node1"]
    assert readings["node1"]["skew_s"]["low"] == pytest.approx(5.0, abs=0.01)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param({}, id="empty"),
        pytest.param({"evidence": 7}, id="a number"),
        pytest.param({"evidence": []}, id="a list"),
        pytest.param({**record(), "evidence": evidence(collected={})}, id="no time"),
        pytest.param({**record(), "evidence": evidence(collected={"wall_ns": 10**400})}, id="no clock's time"),
        pytest.param(7, id="no record"),
    ],
)
def test_a_record_of_another_form_gives_no_reading(data: Any) -> None:
    assert list(earlier_readings({"broken": data, "node1": record()})) == ["node1"]
