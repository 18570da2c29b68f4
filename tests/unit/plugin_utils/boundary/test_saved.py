from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.saved import (
    EVIDENCE_SCHEMA,
    SavedFileError,
    evidence_of,
    evidence_text,
    read_evidence,
    read_report,
    replace_file,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.times import now, read_time

from tests.builders import record, unreached
from tests.reports import admitted, report

AT = "2026-11-22T08:35:43Z"
EVIDENCE = evidence_of({"node1": record(), "nöde 2": unreached()}, AT, "run 7")


def test_evidence_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = replace_file(tmp_path / "evidence.json", evidence_text(EVIDENCE))
    assert read_evidence(path) == json.loads(json.dumps(EVIDENCE))
    assert (EVIDENCE["schema"], EVIDENCE["judged_at"], EVIDENCE["run_id"]) == (EVIDENCE_SCHEMA, AT, "run 7")


def test_evidence_has_a_line_for_each_node() -> None:
    lines = evidence_text(EVIDENCE).splitlines()
    assert [line for line in lines if line.startswith('"node1": {')]
    assert len(lines) == 2 + len(EVIDENCE["nodes"]) + 1


def test_a_report_is_read_from_its_folder(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(json.dumps(report(node1=admitted())))
    assert read_report(tmp_path) == report(node1=admitted())


NO_EVIDENCE: dict[str, tuple[str | None, str]] = {
    "missing": (None, "No such file or directory; expected what `skewgate check` wrote"),
    "broken": ("{", "is not JSON"),
    "nested too deeply": ("[" * 200_000, "is not JSON"),
    "a list": ("[]", "expected schema 'skewgate/evidence-set/1' with nodes, found schema None"),
    "a report": (json.dumps(report(a=admitted())), "found schema 'skewgate/report/1'"),
    "another version": ('{"schema": "skewgate/evidence-set/2", "nodes": {}}', "found schema 'skewgate/evidence-set/2'"),
    "no nodes": ('{"schema": "skewgate/evidence-set/1"}', "expected schema 'skewgate/evidence-set/1' with nodes"),
    "nodes that are no object": ('{"schema": "skewgate/evidence-set/1", "nodes": [1]}', "with nodes"),
    "a node that is no object": ('{"schema": "skewgate/evidence-set/1", "nodes": {"a": 1}}', "node 'a', collected_at"),
    "a node without a time": (
        '{"schema": "skewgate/evidence-set/1", "nodes": {"a": {"collected_at": "yesterday"}}}',
        "node 'a', collected_at: found the time 'yesterday'; expected RFC 3339",
    ),
}


@pytest.mark.parametrize("name", NO_EVIDENCE)
def test_what_is_no_evidence_is_refused_with_what_was_found_and_expected(tmp_path: Path, name: str) -> None:
    content, text = NO_EVIDENCE[name]
    path = tmp_path / "evidence.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SavedFileError) as refused:
        read_evidence(path)
    assert text in str(refused.value)
    assert str(path) in str(refused.value)


def test_a_file_is_replaced_whole_and_everybody_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "build" / "report" / "x.json"
    for text in ("old and longer", "new"):
        assert replace_file(path, text) == path
    assert path.read_text() == "new"
    assert [each.name for each in path.parent.iterdir()] == ["x.json"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_file_that_can_not_be_written_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    replace_file(tmp_path / "x.json", "old")
    with pytest.raises(UnicodeEncodeError):
        replace_file(tmp_path / "x.json", "\udc80")
    assert (tmp_path / "x.json").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]


def test_times_are_written_in_utc_to_the_second() -> None:
    assert read_time(now()).strftime("%Y-%m-%dT%H:%M:%SZ") == now()
    assert read_time("2026-01-31T12:00:00+01:00") == read_time("2026-01-31T11:00:00Z")


@pytest.mark.parametrize("found", ["yesterday", "2026-01-31T12:00:00", "", None, 7])
def test_what_is_no_time_with_a_zone_is_refused(found: Any) -> None:
    with pytest.raises(ValueError, match="expected RFC 3339 with a zone"):
        read_time(found)
