from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.report import (
    group_nodes,
    judge_records,
    now,
    refusal,
    refusing_findings,
    summary_lines,
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

SCHEMA = json.loads((ROOT / "docs" / "report.schema.json").read_text())
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
def test_the_exit_code_tells_refusals_for_a_failure_from_not_knowing(records, verdict, exit_code, summary):
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


def test_times_are_written_in_utc_to_the_second():
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", now())


# For a reader

BAD_KEY = [
    {"name": "deploy", "attempts": [attempt("now", step("token", 401, "A JSON web token could not be decoded"))]}
]


def node_of(data: dict[str, Any]) -> dict[str, Any]:
    return judge_records({"n": data}, AT)["nodes"]["n"]


def test_what_was_skipped_is_told_only_where_nothing_else_refuses():
    assert [f["check"] for f in refusing_findings(node_of(FAILED))] == ["time_service"]
    skipped_alone = record(time_services=time_services(), of_policy=policy(checks=["ntp_sources", "sync_state"]))
    assert [f["check"] for f in refusing_findings(node_of(skipped_alone))] == ["ntp_sources", "sync_state"]


def test_an_advisory_finding_is_no_reason_of_a_refusal():
    data = record(
        time_services=time_services(), github_apps=BAD_KEY, of_policy=policy(advisory_checks=["time_service"])
    )
    assert "time_service" not in refusal(node_of(data))


def test_a_refusal_gives_the_reasons_and_each_remedy_once():
    said = refusal(node_of(record(45.0, github_apps=BAD_KEY)))
    assert said.startswith("Refused. clock_skew: 45.000 s ahead")
    assert "; github_app_token: deploy: the credential, and the clock beside it: GitHub answered '401 A JSON" in said
    assert said.count("does not help with this") == 1
    assert said.index(" Next: ") < said.index("does not help with this")


def test_what_stopped_the_remediation_is_told_with_the_refusal():
    stopped = {"attempted": True, "succeeded": False, "message": "Nothing was changed.", "changes": [], "backup": None}
    report = judge_records({"a": {**record(45.0), "remediation": stopped}, "b": record(45.0)}, AT)
    assert re.search(r" Remediation: Nothing was changed\. Next: ", refusal(report["nodes"]["a"]))
    assert "Remediation" not in refusal(report["nodes"]["b"])
    lines = summary_lines(report)
    assert lines[lines.index("2 nodes: refuse (a, b)") + 2] == "  remediation: Nothing was changed. (1 of them)"


def test_the_fleet_is_told_in_lines():
    lines = summary_lines(judge_records({"good": GOOD, "gone": NOT_JUDGED, "bad": FAILED}, AT))
    assert lines[0] == "1 admitted, 1 refused for a failure, 1 refused because they could not be judged"
    assert "good: admit" in lines
    at = lines.index("gone: refuse")
    assert lines[at + 1] == "  reachable (inconclusive): the node could not be reached: No route to host"
    assert lines[at + 2].startswith("    why: ")
    assert lines[at + 3].startswith("    next: ")
    assert "  time_service (fail): no time daemon runs on this node (none is installed)" in lines
    assert not any("skipped" in line for line in lines)


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


def test_three_hundred_nodes_with_one_cause_are_told_once():
    behind = {f"node{n:03}": record(-600.0 - n, time_services=time_services()) for n in range(300)}
    lines = summary_lines(judge_records({"good": GOOD, **behind}, AT))
    assert len(lines) < 40
    (heading,) = [line for line in lines if line.startswith("300 nodes: refuse (node000, node001,")]
    assert heading.endswith("node009 and 290 more)")
    low_s, high_s = re.fullmatch(
        r"  skew from (-\d+\.\d{3}) s to (-\d+\.\d{3}) s", lines[lines.index(heading) + 1]
    ).groups()
    assert (float(low_s), float(high_s)) == (pytest.approx(-899, abs=0.01), pytest.approx(-600, abs=0.01))
    (skew,) = [line for line in lines if line.startswith("  clock_skew (fail): on node000: 600.000 s behind")]
    assert lines[lines.index(skew) + 1].startswith("    why: Clients date")


def test_many_admitted_nodes_have_one_line():
    lines = summary_lines(judge_records({f"node{n:02}": GOOD for n in range(21)}, AT))
    assert lines[1].startswith("21 nodes: admit (node00, node01,")


# All nodes together


def test_what_all_nodes_tell_together_changes_no_verdict():
    off = {"before_ns": CONTROLLER["before_ns"] + 30 * NS, "after_ns": CONTROLLER["after_ns"] + 30 * NS}
    report = judge_records({name: {**GOOD, "controller": off} for name in "ab"}, AT)
    assert [finding["id"] for finding in report["fleet"]["findings"]] == ["controller_clock"]
    assert report["verdict"] == "admit"
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(json.dumps(report)))
    lines = summary_lines(report)
    at = next(
        n for n, line in enumerate(lines) if line.startswith("fleet: controller_clock: the controller's clock is ")
    )
    assert (lines[at + 1][:9], lines[at + 2][:10]) == ("    why: ", "    next: ")


def test_the_spread_between_nodes_is_told_in_a_line():
    lines = summary_lines(judge_records({"a": GOOD, "b": record(45.0)}, AT))
    (line,) = [line for line in lines if line.startswith("largest difference between two nodes: 4")]
    assert line.endswith(" (b ahead of a)")
