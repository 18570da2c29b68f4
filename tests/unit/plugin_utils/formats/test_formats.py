from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.saved import evidence_of, read_evidence
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.stored import Stored
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import DEFAULT, discover, write
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.report import judge_records

from tests.builders import record, unreached
from tests.every_finding import every_finding
from tests.reports import text_of

AT = "2026-11-22T08:35:43Z"
RECORDS = {"node1": record(), "nöde 2": unreached()}
EVIDENCE = evidence_of(RECORDS, AT)


@pytest.fixture
def report() -> dict[str, Any]:
    return judge_records(RECORDS, AT)


def test_each_format_has_another_name_and_another_file() -> None:
    formats = discover()
    assert {name: each.FILE for name, each in formats.items()}.items() >= {
        "json": "report.json",
        "text": "report.txt",
    }.items()
    assert len({each.FILE for each in formats.values()} | {"evidence.json"}) == len(formats) + 1


def test_the_ending_of_a_file_says_which_format_it_is() -> None:
    """``--output FILE`` goes by it."""
    endings = [Path(each.FILE).suffix for each in discover().values()]
    assert "" not in endings
    assert len(set(endings)) == len(endings)


def test_what_was_written_is_returned_and_nothing_else_is_there(tmp_path: Path, report: dict[str, Any]) -> None:
    (tmp_path / "report.json").write_text("old")
    written = write(tmp_path, report, EVIDENCE, discover())
    assert set(written) == set(tmp_path.iterdir())
    assert {path.name for path in written} == {"evidence.json", *(each.FILE for each in discover().values())}
    chosen = write(tmp_path / "default", report, EVIDENCE)
    default = {discover()[name].FILE for name in DEFAULT}
    assert {path.name for path in chosen} == {"evidence.json", "report.json", *default}


def test_the_report_is_written_as_it_is(tmp_path: Path, report: dict[str, Any]) -> None:
    write(tmp_path / "build", report, EVIDENCE)
    assert json.loads((tmp_path / "build/report.json").read_text()) == json.loads(json.dumps(report))


def test_the_written_evidence_is_judged_the_same_again(tmp_path: Path, report: dict[str, Any]) -> None:
    write(tmp_path, report, EVIDENCE)
    again = read_evidence(tmp_path / "evidence.json")
    assert judge_records(again["nodes"], AT) == json.loads((tmp_path / "report.json").read_text())


def test_a_saved_report_is_all_that_a_format_needs(tmp_path: Path, report: dict[str, Any]) -> None:
    written = write(tmp_path, report, EVIDENCE, discover())
    saved = json.loads((tmp_path / "report.json").read_text())
    texts = {path.name: path.read_bytes().decode() for path in written}
    for each in discover().values():
        assert text_of(each, saved) == texts[each.FILE]


def test_a_folder_that_cannot_be_made_is_an_os_error(tmp_path: Path, report: dict[str, Any]) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="file"):
        write(tmp_path / "file" / "report", report, EVIDENCE)


@pytest.mark.parametrize("name", discover())
def test_every_finding_of_every_check_can_be_written_node_by_node(name: str) -> None:
    """A format sees each node as it is read from a file: one at a time, and never all."""
    content = every_finding()
    stored = Stored()
    for node, entry in content["nodes"].items():
        stored[node] = entry
    text = text_of(discover()[name], {**content, "nodes": stored})
    assert text == text_of(discover()[name], content)
    assert text.endswith("\n")
