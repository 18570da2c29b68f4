"""junit.xml, as junitparser and an XML parser read it."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import junit
from hypothesis import example, given
from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from tests.hostile import hostile_report, judged, texts
from tests.reports import admitted, finding, refused, report, text_of


def read(content: dict[str, Any]) -> JUnitXml:
    return JUnitXml.fromstring(text_of(junit, content).encode())


def suites(**nodes: dict[str, Any]) -> dict[str, TestSuite]:
    return {suite.name: suite for suite in read(report(**nodes))}


def results(suite: TestSuite) -> dict[str, list[type]]:
    return {case.name: [type(result) for result in case.result] for case in suite}


def case_of(suite: TestSuite, name: str) -> TestCase:
    return next(case for case in suite if case.name == name)


def test_a_node_is_a_suite_and_a_check_a_case() -> None:
    content = judged()
    assert [suite.name for suite in read(content)] == list(content["nodes"])
    for suite in read(content):
        found = content["nodes"][suite.name]["findings"]
        assert [(case.classname, case.name) for case in suite] == [(suite.name, f["check"]) for f in found]


def test_the_state_of_a_required_check_is_the_result_of_its_case() -> None:
    findings = [finding(f"check_{state}", state) for state in ("pass", "fail", "inconclusive", "skipped")]
    suite = suites(a=refused(findings=findings))["a"]
    assert results(suite) == {
        "check_pass": [],
        "check_fail": [Failure],
        "check_inconclusive": [Error],
        "check_skipped": [Skipped],
    }
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (4, 1, 1, 1)


def test_a_failure_has_the_keys_as_its_type_and_all_that_the_finding_says() -> None:
    found = {**finding("clock_skew", "fail", "612 s behind"), "keys": ["beyond", "api_clock"]}
    [failure] = case_of(suites(a=refused(findings=[found]))["a"], "clock_skew").result
    assert (failure.type, failure.message) == ("beyond api_clock", "612 s behind")
    assert [text for text in ("612 s behind", found["why"], found["remedy"]) if text not in failure.text] == []


def test_an_advisory_check_never_fails_its_case_and_is_heard() -> None:
    advice = [finding("sync_state", state, f"seen {state}", required=False) for state in ("fail", "inconclusive")]
    suite = suites(a=admitted(findings=[finding("reachable"), *advice]))["a"]
    assert [case.result for case in suite] == [[], [], []]
    assert [case.system_out for case in suite if "Advisory" in (case.system_out or "")] != []
    assert all(text in "".join(case.system_out for case in suite) for text in ("seen fail", "seen inconclusive"))


def test_a_refused_node_fails_whatever_its_cases_say() -> None:
    skipped = refused(findings=[finding("clock_skew", "skipped")], refused_because="not_judged")
    nothing = refused(findings=[finding("sync_state", "fail", required=False)], refused_because="not_judged")
    for suite in suites(a=skipped, b=nothing).values():
        [failure] = case_of(suite, "verdict").result
        assert (type(failure), failure.type, suite.failures) == (Failure, "not_judged", 1)
        assert suite.tests == len(list(suite))


def test_a_suite_says_the_skew_and_the_verdict_and_when_it_was_judged() -> None:
    suite = suites(a=refused())["a"]
    properties = {each.name: each.value for each in suite.properties()}
    assert properties == {
        "verdict": "refuse",
        "refused_because": "failure",
        "judged_at": "2026-01-31T12:00:00Z",
        "skew": "612.004 s behind (± 0.012 s)",
        "skew_low_s": "-612.016",
        "skew_high_s": "-611.992",
    }
    assert "skew" not in {each.name for each in suites(a=refused(skew_s=None))["a"].properties()}


@given(texts)
@example("\x00\x0b\ufffe\ud800]]></failure>")
def test_no_string_of_a_node_becomes_markup(text: str) -> None:
    content = hostile_report(text)
    root = ElementTree.fromstring(text_of(junit, content))
    allowed = ["properties", "property", "testcase", "failure", "error", "skipped", "system-out", "testsuite"]
    assert {element.tag for element in root.iter()} <= {"testsuites", *allowed}
    assert len(root) == len(content["nodes"])
    assert [len(suite.findall("testcase")) for suite in root] == [3, 2, 2]
    assert [len(suite.findall("testcase/failure")) for suite in root] == [1, 1, 0]
