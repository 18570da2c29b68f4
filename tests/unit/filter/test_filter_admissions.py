"""What the run says of a host at its end, as the tasks ask for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible import constants
from ansible_collections.skewgate.preflight.plugins.filter.admissions import FilterModule
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.current_run import (
    Standing,
    note_standings,
)


@pytest.fixture(autouse=True)
def of_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    return tmp_path


def said_of(check_id: Any) -> tuple[str, str]:
    filters = FilterModule().filters()
    return filters["standing"](check_id), filters["refusal"](check_id)


def test_each_host_has_what_the_report_says_of_it() -> None:
    refused = (Standing.REFUSED, "Refused by clock_skew.\nNext: fix it")
    note_standings({"good": (Standing.ADMITTED, ""), "late": (Standing.ADMITTED_BY_REPORT, ""), "bad": refused})
    assert said_of("good") == ("admitted", "")
    assert said_of("late") == ("admitted_by_report", "")
    assert said_of("bad") == ("refused", "Refused by clock_skew.\nNext: fix it")


def test_a_host_of_which_the_report_says_nothing_is_refused() -> None:
    note_standings({"good": (Standing.ADMITTED, "")})
    standing, refusal = said_of("another")
    assert standing == "refused"
    assert refusal != ""


@pytest.mark.parametrize("check_id", ["", "none", "another", None, {"check_id": "good"}, "../skewgate-run.json"])
def test_without_a_report_on_its_check_a_host_is_refused(check_id: Any) -> None:
    assert said_of(check_id)[0] == "refused"
    note_standings({"good": (Standing.ADMITTED, "")})
    assert said_of(check_id)[0] == "refused"


@pytest.mark.parametrize("content", ["", "admit\n", "yes", "\n"])
def test_what_can_not_be_read_is_refused(content: str, of_one_run: Path) -> None:
    note_standings({"a": (Standing.ADMITTED, "")})
    (file,) = (of_one_run / "skewgate-standings").iterdir()
    file.write_text(content)
    assert said_of("a")[0] == "refused"
