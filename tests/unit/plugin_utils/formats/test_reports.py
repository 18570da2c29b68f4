from __future__ import annotations

import json
import stat
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import evidence_json, write_reports
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.report import EVIDENCE_SCHEMA, judge_records

from tests.builders import record, unreached

AT = "2026-11-22T08:35:43Z"


@pytest.fixture
def evidence() -> dict[str, Any]:
    nodes = {"node1": record(), "nöde 2": unreached()}
    return {"schema": EVIDENCE_SCHEMA, "run_id": None, "judged_at": AT, "nodes": nodes}


@pytest.fixture
def report(evidence) -> dict[str, Any]:
    return judge_records(evidence["nodes"], AT)


def test_report_and_evidence_are_written_as_they_are(tmp_path, report, evidence):
    directory = tmp_path / "build" / "report"
    write_reports(directory, report, evidence)
    assert json.loads((directory / "report.json").read_text()) == json.loads(json.dumps(report))
    assert json.loads((directory / "evidence.json").read_text()) == json.loads(json.dumps(evidence))


def test_the_written_evidence_is_judged_the_same_again(tmp_path, report, evidence):
    write_reports(tmp_path, report, evidence)
    again = json.loads((tmp_path / "evidence.json").read_text())
    assert judge_records(again["nodes"], AT) == json.loads((tmp_path / "report.json").read_text())


def test_evidence_has_a_line_for_each_node(evidence):
    lines = evidence_json.render({}, evidence).splitlines()
    assert [line for line in lines if line.startswith('"node1": {')]
    assert len(lines) == 2 + len(evidence["nodes"]) + 1


def test_a_report_that_was_there_is_replaced_and_nothing_else_is_left(tmp_path, report, evidence):
    (tmp_path / "report.json").write_text("old")
    write_reports(tmp_path, report, evidence)
    write_reports(tmp_path, report, evidence)
    written = sorted(path.name for path in tmp_path.iterdir())
    assert [name for name in written if name.startswith(".")] == []
    assert {"report.json", "evidence.json"} <= set(written)
    assert json.loads((tmp_path / "report.json").read_text())["verdict"] == "refuse"


def test_everybody_may_read_a_report(tmp_path, report, evidence):
    write_reports(tmp_path, report, evidence)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o644}


def test_a_folder_that_cannot_be_made_is_an_os_error(tmp_path, report, evidence):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="file"):
        write_reports(tmp_path / "file" / "report", report, evidence)
