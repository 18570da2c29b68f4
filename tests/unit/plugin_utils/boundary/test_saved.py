from __future__ import annotations

import json
import os
import stat
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.holder import HOLDER_FILE
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.saved import (
    EVIDENCE_SCHEMA,
    MAX_BYTES,
    SavedFileError,
    begin_folder,
    evidence_of,
    read_evidence,
    read_report,
    replace_files,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.stored import write_nodes
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.times import now, read_time

from tests.builders import record, unreached
from tests.reports import admitted, report, saying

AT = "2026-11-22T08:35:43Z"
EVIDENCE = evidence_of({"node1": record(), "nöde 2": unreached()}, AT, "run 7")


def test_evidence_is_read_as_it_was_written(tmp_path: Path) -> None:
    (path,) = replace_files(tmp_path, {"evidence.json": partial(write_nodes, EVIDENCE)})
    assert read_evidence(path) == json.loads(json.dumps(EVIDENCE))
    assert (EVIDENCE["schema"], EVIDENCE["judged_at"], EVIDENCE["run_id"]) == (EVIDENCE_SCHEMA, AT, "run 7")


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


def record_with(path: str, value: Any) -> dict[str, Any]:
    """A record with this value somewhere in it."""
    changed: dict[str, Any] = json.loads(json.dumps({**record(), "before": record()}))
    *parents, last = path.split(".")
    inner = changed
    for key in parents:
        inner[key] = inner.get(key) or {}
        inner = inner[key]
    inner[last] = value
    return changed


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        ("policy", [], "policy: expected an object, found a list"),
        ("evidence", "none", "evidence: expected an object, found 'none'"),
        ("controller", {"before_ns": 1.5, "after_ns": 2}, "controller.before_ns: expected a whole number, found 1.5"),
        ("controller", {"before_ns": 1}, "controller.after_ns: expected a whole number, found nothing"),
        ("unreachable", {"a": 1}, "unreachable: expected a text, found an object"),
        ("settings_in_facts", ["a", 1], "settings_in_facts[1]: expected a text, found 1"),
        ("before", [1], "before: expected an object, found a list"),
        ("before.evidence", None, "before.evidence: expected an object, found nothing"),
        ("remediation", "done", "remediation: expected an object, found 'done'"),
        ("remediation", {"attempted": 1}, "remediation.attempted: expected true or false, found 1"),
        ("earlier.true_time_s", True, "earlier.true_time_s: expected a number, found True"),
        ("address", 7, "address: expected a text, found 7"),
    ],
)
def test_a_record_of_another_form_is_refused_with_the_place(tmp_path: Path, path: str, value: Any, text: str) -> None:
    file = tmp_path / "evidence.json"
    file.write_text(json.dumps(evidence_of({"a": record_with(path, value)}, AT)))
    with pytest.raises(SavedFileError) as refused:
        read_evidence(file)
    assert str(refused.value) == f"{file}: node 'a', {text}"


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
def test_numbers_that_json_does_not_have_are_refused_as_a_limit_of_them_limits_nothing(
    tmp_path: Path, number: str
) -> None:
    path = tmp_path / "evidence.json"
    path.write_text(json.dumps(evidence_of({"a": record_with("policy.max_skew_s", 0.25)}, AT)).replace("0.25", number))
    with pytest.raises(SavedFileError, match=f"is not JSON: .* found {number}"):
        read_evidence(path)


def test_what_is_no_file_is_not_waited_for_and_what_is_too_large_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").touch()
    os.truncate(tmp_path / "large", MAX_BYTES + 1)
    (tmp_path / "latin-1").write_bytes(b'{"schema": "\xfc"}')
    for name, text in (
        ("pipe", "it is not a file"),
        ("large", f"it has {MAX_BYTES + 1} bytes"),
        ("", "Is a directory"),
    ):
        with pytest.raises(SavedFileError, match=text):
            read_evidence(tmp_path / name)
    with pytest.raises(SavedFileError, match="is not JSON"):
        read_evidence(tmp_path / "latin-1")


REPORTS = ("report.json", "report.txt")


def files_in(folder: Path) -> dict[str, str]:
    """All but who holds the folder."""
    return {path.name: path.read_text() for path in folder.iterdir() if path.name != HOLDER_FILE}


def test_files_are_replaced_whole_and_everybody_may_read_them(tmp_path: Path) -> None:
    folder = tmp_path / "build" / "report"
    for text in ("old and longer", "new"):
        written = replace_files(folder, {"report.json": saying(text), "evidence.json": saying(text)})
        assert written == [folder / "report.json", folder / "evidence.json"]
    assert files_in(folder) == {"report.json": "new", "evidence.json": "new"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in written} == {0o644}


def test_if_one_file_can_not_be_written_all_of_the_old_ones_stay_and_nothing_else(tmp_path: Path) -> None:
    replace_files(tmp_path, {"evidence.json": saying("old"), "report.json": saying("old")})
    with pytest.raises(UnicodeEncodeError):
        replace_files(tmp_path, {"evidence.json": saying("new"), "report.json": saying("\udc80")})
    assert files_in(tmp_path) == {"evidence.json": "old", "report.json": "old"}


def test_a_run_that_begins_takes_the_old_report_out_of_force_and_keeps_the_evidence(tmp_path: Path) -> None:
    replace_files(tmp_path, dict.fromkeys(["evidence.json", *REPORTS], saying("old")))
    (tmp_path / "notes").write_text("mine")
    begin_folder(tmp_path, REPORTS)
    assert files_in(tmp_path) == {"evidence.json": "old", "notes": "mine"}
    with pytest.raises(SavedFileError, match="run into this folder"):
        read_report(tmp_path)


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path: Path) -> None:
    (tmp_path / ".skewgate-killed").mkdir()
    (tmp_path / ".skewgate-killed/report.json").write_text("half")
    begin_folder(tmp_path, REPORTS)
    assert files_in(tmp_path) == {}


def test_a_folder_that_can_not_be_written_is_found_as_the_run_begins(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "report/report.json").mkdir(parents=True)
    for folder, why in (
        ("file", "it is not a folder"),
        ("file/below", "it is not a folder"),
        ("report", "Is a directory"),
    ):
        with pytest.raises(SavedFileError, match=f"can't write to {tmp_path}/{folder}: {why}"):
            begin_folder(tmp_path / folder, REPORTS)
    with pytest.raises(SavedFileError, match="expected a folder on the controller that this user can write"):
        begin_folder(tmp_path / "new", REPORTS, room_bytes=2**62)


def test_times_are_written_in_utc_to_the_second() -> None:
    assert read_time(now()).strftime("%Y-%m-%dT%H:%M:%SZ") == now()
    assert read_time("2026-01-31T12:00:00+01:00") == read_time("2026-01-31T11:00:00Z")


@pytest.mark.parametrize("found", ["yesterday", "2026-01-31T12:00:00", "", None, 7])
def test_what_is_no_time_with_a_zone_is_refused(found: Any) -> None:
    with pytest.raises(ValueError, match="expected RFC 3339 with a zone"):
        read_time(found)
