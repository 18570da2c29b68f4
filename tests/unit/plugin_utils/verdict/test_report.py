from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats.report_text import lines
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import Record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.judge import judge_record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.node_words import refusal
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.report import (
    GroupText,
    Together,
    group_nodes,
    judge_records,
    node_entry,
    refusing_findings,
    wider,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.version import VERSION

from tests.builders import (
    CONTROLLER,
    NS,
    attempt,
    ntp_server,
    policy,
    record,
    silent_sample,
    step,
    time_services,
    unreached,
)
from tests.paths import ROOT, SAMPLES

SCHEMA = json.loads((ROOT / "docs/reference/report.schema.json").read_text())
AT = "2026-11-22T08:35:43Z"


def sample(name: str) -> dict[str, Any]:
    return json.loads((SAMPLES / f"{name}.json").read_text())


GOOD = record()
FAILED = record(time_services=time_services())
NOT_JUDGED = unreached("No route to host")


@pytest.mark.parametrize(
    ("records", "verdict", "exit_code", "summary"),
    [
        pytest.param([GOOD, GOOD], "admit", 0, (2, 0, 0), id="all admitted"),
        pytest.param([GOOD, NOT_JUDGED], "refuse", 3, (1, 0, 1), id="one not judged"),
        pytest.param([GOOD, FAILED], "refuse", 4, (1, 1, 0), id="one failed"),
        pytest.param([NOT_JUDGED, FAILED, GOOD], "refuse", 4, (1, 1, 1), id="a failure outweighs what is not known"),
        pytest.param([NOT_JUDGED], "refuse", 3, (0, 0, 1), id="nobody judged"),
    ],
)
def test_the_exit_code_distinguishes_refusals_for_a_failure_from_not_knowing(records, verdict, exit_code, summary):
    report = judge_records({f"node{n}": data for n, data in enumerate(records)}, AT)
    assert (report["verdict"], report["exit_code"]) == (verdict, exit_code)
    assert tuple(report["summary"][key] for key in ("admitted", "refused", "not_judged")) == summary


def test_a_run_without_a_node_is_an_error_and_no_admission():
    with pytest.raises(ValueError, match="no node was checked"):
        judge_records({}, AT)


def test_a_report_carries_who_made_it_and_when():
    report = judge_records({"node1": GOOD}, AT, "run 7")
    assert (report["schema"], report["skewgate_version"]) == ("skewgate/report/1", VERSION)
    assert (report["judged_at"], report["run_id"]) == (AT, "run 7")
    assert report["nodes"]["node1"]["judged_at"] == GOOD["collected_at"]


def test_nodes_are_in_the_order_of_their_names():
    assert list(judge_records({"b": GOOD, "a": GOOD}, AT)["nodes"]) == ["a", "b"]


def test_what_was_before_the_remediation_and_the_remediation_are_carried_along():
    node = judge_records({"node2": sample("remediated")}, AT)["nodes"]["node2"]
    assert node["verdict"] == "admit"
    assert node["remediation"] == {"attempted": True, "succeeded": True, "message": None}
    assert (node["before"]["verdict"], node["before"]["refused_because"]) == ("refuse", "failure")
    assert node["before"]["skew_s"]["high"] < -611
    assert {f["check"]: f["state"] for f in node["before"]["findings"]}["github_app_token"] == "fail"
    assert node["before"]["judged_at"] < node["judged_at"]


def test_without_a_remediation_there_is_nothing_before():
    node = judge_records({"node1": GOOD}, AT)["nodes"]["node1"]
    assert (node["remediation"], node["before"]) == (None, None)


RECORDS = {
    **{name: sample(name) for name in ("good", "behind_without_daemon", "ahead_with_dead_source", "remediated")},
    "unreachable": NOT_JUDGED,
    "without evidence": {**GOOD, "evidence": {}, "module_error": "no python"},
    "unknown skew": record(ntp={"servers": [ntp_server("a", silent_sample())]}, api_date={"apis": []}),
    "advisory": record(time_services=time_services(), of_policy=policy(advisory_checks=["time_service"])),
    "own limit": record(0.7, of_policy=policy(max_skew_s=0.5)),
}


@pytest.mark.parametrize("name", RECORDS)
def test_every_report_has_the_form_that_its_schema_promises(name):
    report = judge_records({name: RECORDS[name]}, AT)
    jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker()).validate(
        json.loads(json.dumps(report))
    )


def test_a_judgement_that_was_made_before_is_taken_as_it_is():
    noted = {**judge_record(GOOD), "verdict": "refuse", "refused_because": "failure"}
    entry = node_entry(noted, None, None)
    together = Together({})
    together.add("a", Record(GOOD), entry)
    report = together.report(AT)
    assert report["nodes"] == {"a": entry}
    assert (report["verdict"], report["exit_code"]) == ("refuse", 4)


# What refuses a node

BAD_KEY = [
    {"name": "deploy", "attempts": [attempt("now", step("token", 401, "A JSON web token could not be decoded"))]}
]


def node_of(data: dict[str, Any]) -> dict[str, Any]:
    return judge_records({"n": data}, AT)["nodes"]["n"]


def test_what_was_skipped_is_reported_only_if_nothing_else_refuses():
    assert [f["check"] for f in refusing_findings(node_of(FAILED))] == ["time_service"]
    skipped_alone = record(time_services=time_services(), of_policy=policy(checks=["ntp_sources", "sync_state"]))
    assert [f["check"] for f in refusing_findings(node_of(skipped_alone))] == ["ntp_sources", "sync_state"]


def test_an_advisory_finding_is_no_reason_of_a_refusal():
    data = record(
        time_services=time_services(), github_apps=BAD_KEY, of_policy=policy(advisory_checks=["time_service"])
    )
    assert "time_service" not in {f["check"] for f in refusing_findings(node_of(data))}


def test_a_refusal_gives_each_remedy_once():
    said = refusal(node_of(record(45.0, github_apps=BAD_KEY)))
    assert said.startswith("Refused. clock_skew: 45.000 s ahead")
    assert "; github_app_token: deploy: " in said
    assert "'401 A JSON" in said
    assert said.count("not a clock problem") == 1
    assert said.index(" Next: ") < said.index("not a clock problem")


def test_each_reason_that_stopped_the_remediation_is_reported_with_its_number_of_nodes():
    def stopped(*messages: str | None) -> list[str]:
        text = GroupText("n", node_of(FAILED))
        for message in messages:
            remediation = {"attempted": True, "succeeded": message is None, "message": message}
            text.add({**node_of(FAILED), "remediation": remediation})
        text.add({**node_of(FAILED), "remediation": None})
        return text.remediation_lines()

    assert stopped("no server", "no server", "no disk", None) == ["no server (2 of them)", "no disk (1 of them)"]
    each_its_own = stopped(*(f"no file {number}" for number in range(9)))
    assert each_its_own[-2:] == ["no file 4 (1 of them)", "other reasons (4 of them)"]


# Groups


def changed(data: dict[str, Any], check: str, **changes: Any) -> dict[str, Any]:
    """A node's entry as the judge makes it, but for one finding."""
    node = judge_records({"n": data}, AT)["nodes"]["n"]
    for finding in node["findings"]:
        if finding["check"] == check:
            finding.update(changes)
    return node


def test_nodes_are_grouped_by_what_refuses_them():
    report = judge_records(
        {
            "good": GOOD,
            "gone": NOT_JUDGED,
            "b": FAILED,
            "a": FAILED,
            "also gone": unreached("to 10.0.0.1: No route to host"),
        },
        AT,
    )
    grouped = [(group["nodes"], group["example"]) for group in report["groups"]]
    assert grouped == [(["a", "b"], "a"), (["also gone", "gone"], "also gone")]
    of_failed = {(f["check"], f["state"]) for f in report["groups"][0]["findings"]}
    assert of_failed == {(f["check"], f["state"]) for f in refusing_findings(report["nodes"]["a"])}


@pytest.mark.parametrize("differs", [{"keys": ["several_daemons"]}, {"about": ["chrony", "ntpd"]}])
def test_the_same_check_with_other_keys_or_about_others_is_another_group(differs):
    nodes = {name: changed(FAILED, "time_service") for name in ("a", "c")}
    nodes["b"] = changed(FAILED, "time_service", **differs)
    assert [group["nodes"] for group in group_nodes(nodes)] == [["a", "c"], ["b"]]


def test_other_words_for_the_same_keys_make_no_other_group():
    other = changed(FAILED, "time_service", cause="x", summary="y", why="z", remedy="w")
    (group,) = group_nodes({"a": changed(FAILED, "time_service"), "b": other})
    assert group["nodes"] == ["a", "b"]


def test_a_node_of_which_nothing_was_judged_is_in_a_group_too():
    nothing = record(of_policy=policy(checks=["reachable"]))
    (group,) = judge_records({"a": nothing, "b": nothing}, AT)["groups"]
    assert (group["findings"], group["nodes"]) == ([], ["a", "b"])


def test_an_admitted_fleet_has_no_groups():
    assert judge_records({"a": GOOD}, AT)["groups"] == []


def test_three_hundred_nodes_with_one_cause_are_reported_once():
    behind = {f"node{n:03}": record(-600.0 - n, time_services=time_services()) for n in range(300)}
    report = judge_records({"good": GOOD, **behind}, AT)
    (group,) = report["groups"]
    text = GroupText(group["example"], report["nodes"][group["example"]])
    for name in group["nodes"]:
        text.add(report["nodes"][name])
    assert (text.skew_s.low, text.skew_s.high) == (pytest.approx(-899, abs=0.01), pytest.approx(-600, abs=0.01))
    (skew,) = [f for f in text.findings() if f["check"] == "clock_skew"]
    assert skew["summary"].startswith("on node000: 600.000 s behind")
    assert "401" in skew["why"]
    assert len(lines(report)) < 60


def test_nodes_without_a_known_skew_have_no_range():
    assert wider(None, node_of(NOT_JUDGED)) is None


# All nodes together


def test_what_all_nodes_show_together_changes_no_verdict():
    off = {"before_ns": CONTROLLER["before_ns"] + 30 * NS, "after_ns": CONTROLLER["after_ns"] + 30 * NS}
    report = judge_records({name: {**GOOD, "controller": off} for name in "ab"}, AT)
    assert [finding["id"] for finding in report["fleet"]["findings"]] == ["controller_clock"]
    assert report["verdict"] == "admit"
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(json.dumps(report)))
