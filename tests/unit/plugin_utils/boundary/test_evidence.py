"""A node's evidence: what probes give passes as it is, and any other form is malformed
in its own section alone.
"""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.modules import node_evidence
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.evidence import (
    MAX_ANSWER,
    MAX_SAID,
    MAX_SECTION,
    parse_evidence,
    parse_record,
    read_json,
    said,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.sections import SECTIONS
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.shapes import MAX_TEXT
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.text import REDACTED, Tokens
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.judge import judge_record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.report import judge_records

from tests.builders import evidence, record
from tests.paths import SAMPLES
from tests.unit.plugin_utils.boundary.test_text import JWT


def malformed(parsed: dict[str, Any]) -> dict[str, str]:
    """Why each section that is malformed is that."""
    return {name: section["malformed"] for name, section in parsed.items() if "malformed" in section}


def changed(*path: Any, to: Any) -> dict[str, Any]:
    """A good node's evidence with another value at this place."""
    whole = copy.deepcopy(evidence())
    target = whole
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = to
    return whole


def test_what_a_good_node_shows_passes_as_it_is():
    assert parse_evidence(evidence()) == evidence()


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_what_real_nodes_showed_passes_but_for_what_nobody_reads_any_more(path):
    given = json.loads(path.read_text())["evidence"]
    parsed = parse_evidence(given)
    assert malformed(parsed) == {}
    given["time_services"].pop("timedatectl", None)
    assert parsed == given


def test_every_section_that_the_module_takes_has_its_own_form():
    assert {*node_evidence.SECTIONS, "collected"} == {*SECTIONS}


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("ntp", "servers", 0, "addresses"), None, "servers[0].addresses: expected a list of at most 1000 items, found null"),
        (("ntp", "servers", 0, "samples", 0, "t1_wall_ns"), -1, "found -1"),
        (("ntp", "servers", 0, "samples", 0, "t1_wall_ns"), 2**63, "found a number that is too large"),
        (("ntp", "servers", 0, "samples", 0, "t1_wall_ns"), 1.5, "found 1.5"),
        (("ntp", "servers", 0, "samples", 0, "t1_wall_ns"), True, "found true"),
        (("ntp", "servers", 0, "server"), "x" * 5000, "found a text of 5000 characters"),
        (("ntp", "servers"), [{}] * 101, "expected a list of at most 100 items"),
        (("clock",), [], "found a list of 0 items"),
        (("collected", "started_s"), -1, "started_s: expected a number from 0 to"),
        (("collected", "sections_s"), {"ntp": "long"}, "expected a number from 0 to"),
        (("collected", "sections_s"), dict.fromkeys(map(str, range(101)), 1), "expected a mapping of at most 100 names"),
        (("clock", "adjtimex", "maxerror_us"), float("nan"), "found nan"),
        (("chrony", "commands"), 7, "expected a mapping of at most 100 names"),
        (("chrony", "commands", "tracking", "stdout"), "x" * (MAX_TEXT + 1), "expected a text of at most 300000 characters"),
        (("chrony", "commands", "tracking", "stdout"), "\x1b" * MAX_TEXT, "expected a text of at most 300000 characters"),
        (("github_apps", 0, "attempts", 0, "steps", 0, "status"), 1, "[0].attempts[0].steps[0].status"),
        (("github_apps", 0, "attempts", 0, "steps", 0, "duration_s"), 10**400, "found a number that is too large"),
        (("chrony", "commands", "tracking", "stdout"), "x\n" * 3001, "expected a text of at most 3000 lines"),
        (("chrony", "config", "files"), [{"path": n, "text": "allow\n" * 1501} for n in "ab"], "in all files, found 3002"),
        (("boot", "uptime_s"), "long", "found a text of 4 characters"),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_makes_its_section_malformed_and_no_other(path, value, said):
    parsed = parse_evidence(changed(*path, to=value))
    why = malformed(parsed)
    assert [*why] == [path[0]]
    assert said in why[path[0]]
    assert {name: section for name, section in parsed.items() if name not in why} == {
        name: section for name, section in evidence().items() if name not in why
    }


def test_only_the_checks_that_need_a_malformed_section_are_inconclusive():
    entry = judge_record({**record(), "evidence": parse_evidence(changed("ntp", "servers", to=5))})
    unclear = {f["check"]: f["keys"] for f in entry["findings"] if f["state"] != "pass"}
    assert unclear == {"clock_skew": ["malformed_evidence"], "ntp_servers": ["malformed_evidence"]}
    assert entry["verdict"] == "refuse"


@pytest.mark.parametrize("given", [None, 5, "text", [], {"a" + str(n): 1 for n in range(51)}, {"clock": {"a": {1, 2}}}])
def test_what_is_no_evidence_at_all_is_malformed(given):
    assert malformed(parse_evidence(given))


def test_nesting_without_an_end_is_malformed():
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    parsed = parse_evidence({**evidence(), "clock": deep, "other": deep})
    assert {*malformed(parsed)} == {*SECTIONS}


def test_what_no_section_documents_is_dropped():
    given = changed("ntp", "servers", 0, "colour", to="red") | {"Not a name": 1, "schema": "another/1"}
    expected = evidence()
    del expected["schema"]
    assert parse_evidence(given) == expected


def test_a_section_of_a_probe_to_come_is_kept_within_bounds():
    given = {"connman": {"present": True, "commands": {"clock": {"rc": 0, "stdout": "\x1b[2J"}}, "n": [None, 1.5]}}
    assert parse_evidence(given) == {
        "connman": {"present": True, "commands": {"clock": {"rc": 0, "stdout": "\\x1b[2J"}}, "n": [None, 1.5]}
    }
    assert "connman" in malformed(parse_evidence({"connman": [[[[[[[[[1]]]]]]]]]}))


def large(size: int) -> dict[str, Any]:
    """Configuration files of so many characters together."""
    files = [{"path": f"/etc/{n}", "text": "#" * 250_000, "mtime_s": 0.0} for n in range(size // 250_000)]
    return {"path": "/etc/0", "files": files, "unread": []}


def test_a_section_has_a_limit_and_the_answer_has_one():
    whole = evidence()
    whole["chrony"]["config"] = large(MAX_SECTION + 250_000)
    assert [*malformed(parse_evidence(whole))] == ["chrony"]
    whole["chrony"]["config"] = large(MAX_SECTION - 250_000)
    assert malformed(parse_evidence(whole)) == {}
    whole["ntpd"] = {"present": False, "config": large(MAX_ANSWER - MAX_SECTION + 500_000), "commands": {}}
    assert {*malformed(parse_evidence(whole))} == {*SECTIONS}


def test_a_jwt_is_recognised_wherever_it_stands_and_a_name_is_a_place_too():
    code = base64.b64encode(JWT.encode()).decode()
    whole = changed("chrony", "commands", "tracking", "stderr", to=f"sent {code}")
    whole["join_state"] = {"paths": {JWT: True}, "processes": [JWT]}
    whole["clock"]["adjtimex"] = {"error": JWT}
    parsed = parse_evidence(whole, Tokens([JWT]))
    assert parsed["chrony"]["commands"]["tracking"]["stderr"] == REDACTED
    assert parsed["join_state"] == {"paths": {REDACTED: True}, "processes": [REDACTED]}
    assert JWT.rpartition(".")[2][:30] not in json.dumps(parsed)


def test_parsed_again_nothing_changes():
    odd = changed("chrony", "commands", "tracking", "stderr", to=f"\x1b[31m{JWT}\u202e\tx\r\n")
    odd["ntp"] = 5
    once = parse_evidence(odd)
    assert parse_evidence(once) == once
    assert parse_evidence(json.loads(json.dumps(once))) == once


def test_saved_evidence_is_parsed_when_it_is_judged_again():
    strange = {**record(), "evidence": changed("ntp", "servers", to=5), "unreachable": None}
    before = {**record(-612.0), "evidence": {"clock": []}}
    nodes = judge_records({"a": {**strange, "before": before}}, "2026-11-22T08:40:00Z")["nodes"]
    found = {f["check"]: f["keys"] for f in nodes["a"]["findings"]}
    assert found["clock_skew"] == ["malformed_evidence"]
    assert nodes["a"]["before"]["verdict"] == "refuse"
    assert parse_record({**record(), "unreachable": "\x1b[2Jgone"})["unreachable"] == "\\x1b[2Jgone"


def test_numbers_that_json_does_not_have_are_null():
    assert read_json("[NaN, Infinity, -Infinity, 1e999, 1.5, 2]") == [None, None, None, None, 1.5, 2]


def test_what_a_node_says_beside_its_evidence_is_printable_bounded_and_without_tokens():
    shown = said(f"\x1b]0;owned\x07 {JWT} " + "x" * 10_000 + " OSError: [Errno 28] No space left")
    assert shown.startswith("\\x1b]0;owned\\x07 [redacted] xxx")
    assert shown.endswith("OSError: [Errno 28] No space left")
    assert len(shown) <= MAX_SAID
