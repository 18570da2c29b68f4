"""Which host is admitted, by what the tasks of the gate registered."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.filter.admissions import FilterModule

BEGUN = {"id": "run"}
ADMITTED = {"verdict": "admit", "follows": "run", "check_id": "first"}
REFUSED = {"verdict": "refuse", "follows": "run", "check_id": "first"}
AGAIN = {"verdict": "admit", "follows": "first", "check_id": "second"}
REPORT = {"id": "run", "files": ["report.json"], "nodes": {"a": {"verdict": "admit"}, "b": {"verdict": "refuse"}}}
WITHOUT_ORDER = {"id": "run", "files": [], "nodes": {}}


def admits(report: Any, begun: Any, first: Any, again: Any, host: str = "a") -> bool:
    admitted: bool = FilterModule().filters()["admits"](report, host, begun, first, again)
    return admitted


@pytest.mark.parametrize(
    ("report", "begun", "first", "again"),
    [
        (REPORT, BEGUN, ADMITTED, {}),
        (REPORT, BEGUN, REFUSED, AGAIN),
        (WITHOUT_ORDER, BEGUN, ADMITTED, {}),
        (REPORT, BEGUN, ADMITTED, {"skipped": True}),
    ],
)
def test_what_the_last_check_and_the_report_admit_is_admitted(report: Any, begun: Any, first: Any, again: Any) -> None:
    assert admits(report, begun, first, again) is True


@pytest.mark.parametrize(
    ("report", "begun", "first", "again"),
    [
        (REPORT, BEGUN, REFUSED, {}),
        (REPORT, BEGUN, ADMITTED, {**AGAIN, "verdict": "refuse"}),
        (REPORT, BEGUN, REFUSED, {**AGAIN, "follows": "another"}),
        (REPORT, {"id": "another"}, ADMITTED, {}),
        (REPORT, BEGUN, {**ADMITTED, "follows": "another"}, {}),
        ({**REPORT, "id": "another"}, BEGUN, ADMITTED, {}),
        ({**REPORT, "nodes": {}}, BEGUN, ADMITTED, {}),
        ({"id": "run", "failed": True}, BEGUN, ADMITTED, {}),
        ({}, {}, {}, {}),
        ({}, BEGUN, ADMITTED, {}),
        (REPORT, {}, ADMITTED, {}),
        (REPORT, BEGUN, {}, {}),
        ("admit", ["run"], None, 1),
        ({**REPORT, "nodes": "admit"}, BEGUN, ADMITTED, {}),
        ({**REPORT, "nodes": {"a": "admit"}}, BEGUN, ADMITTED, {}),
    ],
)
def test_all_else_is_not(report: Any, begun: Any, first: Any, again: Any) -> None:
    assert admits(report, begun, first, again) is False


def test_the_report_may_refuse_what_the_check_admitted() -> None:
    assert admits(REPORT, BEGUN, ADMITTED, {}, host="b") is False
