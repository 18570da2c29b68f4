"""Who holds a folder for reports: one run at a time, for as long as its process lives."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.holder import HOLDER_FILE, Holder
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.saved import (
    SavedFileError,
    begin_folder,
    end_folder,
    replace_files,
)

from tests.reports import saying

REPORTS = ["report.json"]


#: A process that lives as long as the machine is up.
OTHER = 1


def test_the_second_run_is_refused_at_once_with_who_holds_the_folder(tmp_path: Path) -> None:
    begin_folder(tmp_path, REPORTS, holder=Holder.of(OTHER))
    (tmp_path / "report.json").write_text("of the first run")
    for act in (lambda: begin_folder(tmp_path, REPORTS), lambda: replace_files(tmp_path, {"report.json": saying("x")})):
        with pytest.raises((SavedFileError, OSError), match=f"in use by another run \\(process {OTHER} of "):
            act()
    assert (tmp_path / "report.json").read_text() == "of the first run"


def test_the_folder_is_free_when_the_report_is_there_and_when_the_run_gives_it_up(tmp_path: Path) -> None:
    first = Holder.of(OTHER)
    begin_folder(tmp_path, REPORTS, holder=first)
    replace_files(tmp_path, {"report.json": saying("x")}, first)
    assert {path.name for path in tmp_path.iterdir()} == {"report.json"}
    begin_folder(tmp_path, REPORTS, holder=first)
    end_folder(tmp_path, first)
    assert not list(tmp_path.iterdir())
    begin_folder(tmp_path, REPORTS, holder=first)
    end_folder(tmp_path, first)
    begin_folder(tmp_path, REPORTS)


def test_a_run_ends_no_other_runs_hold(tmp_path: Path) -> None:
    begin_folder(tmp_path, REPORTS, holder=Holder.of(OTHER))
    end_folder(tmp_path, Holder.of())
    with pytest.raises(SavedFileError):
        begin_folder(tmp_path, REPORTS)


def test_a_command_and_the_playbook_that_it_started_are_one_run(tmp_path: Path) -> None:
    begin_folder(tmp_path, REPORTS, holder=Holder.of(run_id="a"))
    begin_folder(tmp_path, REPORTS, holder=Holder.of(OTHER, run_id="a"))
    with pytest.raises(SavedFileError):
        begin_folder(tmp_path, REPORTS, holder=Holder.of(run_id="b"))


@pytest.mark.parametrize(
    ("changes", "held"),
    [
        ({}, True),
        ({"started": "1"}, False),
        ({"boot": "an earlier one"}, False),
        ({"machine": "elsewhere pid:[1]", "boot": "its own", "pid": 1}, True),
        ({"machine": "elsewhere pid:[1]", "boot": "its own", "pid": 1, "since": "2020-01-01T00:00:00Z"}, False),
        ({"machine": "elsewhere pid:[1]", "boot": "its own", "pid": 1, "since": "soon"}, False),
        ({"pid": 10**30}, False),
    ],
    ids=str,
)
def test_a_process_that_is_gone_holds_nothing_and_one_that_nobody_can_see_only_for_hours(
    tmp_path: Path, changes: dict[str, object], held: bool
) -> None:
    holder = dataclasses.replace(Holder.of(OTHER), **changes)  # type: ignore[arg-type]
    (tmp_path / HOLDER_FILE).write_text(json.dumps(dataclasses.asdict(holder)))
    if held:
        with pytest.raises(SavedFileError, match="in use by another run"):
            begin_folder(tmp_path, REPORTS)
    else:
        begin_folder(tmp_path, REPORTS)


@pytest.mark.parametrize("text", ["", "{half", "[]", '{"pid": "x"}', "null", "[" * 100_000])
def test_a_holder_that_was_not_written_to_its_end_holds_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / HOLDER_FILE).write_text(text)
    begin_folder(tmp_path, REPORTS)
