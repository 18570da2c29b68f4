"""What the run says of a host at its end, as the tasks ask for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible import constants
from ansible_collections.skewgate.preflight.plugins.filter.admissions import FilterModule
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.current_run import (
    Standing,
    begin_once,
    forget,
    keep,
    note_standings,
)


@pytest.fixture(autouse=True)
def of_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    return tmp_path


def said_of(host: str) -> tuple[str, str]:
    filters = FilterModule().filters()
    return filters["standing"](host), filters["refusal"](host)


def test_each_host_has_what_the_report_says_of_it() -> None:
    begin_once("play", lambda: {"id": "run"})
    refused = (Standing.REFUSED, "Refused by clock_skew.\nNext: fix it")
    note_standings({"good": (Standing.ADMITTED, ""), "late": (Standing.ADMITTED_BY_REPORT, ""), "bad": refused})
    assert said_of("good") == ("admitted", "")
    assert said_of("late") == ("admitted_by_report", "")
    assert said_of("bad") == ("refused", "Refused by clock_skew.\nNext: fix it")


def test_a_host_of_which_the_report_says_nothing_is_refused() -> None:
    begin_once("play", lambda: {"id": "run"})
    note_standings({"good": (Standing.ADMITTED, "")})
    standing, refusal = said_of("another")
    assert standing == "refused"
    assert refusal != ""


def test_before_a_run_has_ended_all_are_refused() -> None:
    assert said_of("a")[0] == "refused"
    begin_once("play", lambda: {"id": "run"})
    assert said_of("a")[0] == "refused"


def test_when_a_run_begins_for_a_host_what_was_said_of_it_no_longer_holds() -> None:
    note_standings({"a": (Standing.ADMITTED, ""), "b": (Standing.ADMITTED, "")})
    forget(["a", "new"])
    assert said_of("a")[0] == "refused"
    assert said_of("b")[0] == "admitted"


def test_when_a_host_is_checked_again_what_was_said_of_it_no_longer_holds() -> None:
    begin_once("play", lambda: {"id": "run"})
    note_standings({"a": (Standing.ADMITTED, "")})
    keep("a", {"record": {}, "judgement": {}, "check_id": "second", "follows": "run"})
    assert said_of("a")[0] == "refused"


@pytest.mark.parametrize("content", ["", "admit\n", "yes", "\n"])
def test_what_can_not_be_read_is_refused(content: str, of_one_run: Path) -> None:
    begin_once("play", lambda: {"id": "run"})
    note_standings({"a": (Standing.ADMITTED, "")})
    (file,) = (of_one_run / "skewgate-standings").iterdir()
    file.write_text(content)
    assert said_of("a")[0] == "refused"
