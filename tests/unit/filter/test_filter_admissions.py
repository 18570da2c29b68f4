"""Why the gate refuses a host, by its report, or by the host's checks where there can be no report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible import constants
from ansible_collections.skewgate.preflight.plugins.filter.admissions import FilterModule
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.current_run import (
    begin_once,
    end_run,
    end_run_without_report,
)

ADMITTED = {"verdict": "admit", "follows": "run", "check_id": "first"}
REFUSED = {"verdict": "refuse", "follows": "run", "check_id": "first", "msg": "Refused. The clock is off."}
AGAIN = {"verdict": "admit", "follows": "first", "check_id": "second"}


@pytest.fixture(autouse=True)
def of_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))


def refusal(host: str, first: Any = ADMITTED, again: Any = None) -> str:
    text: str = FilterModule().filters()["refusal"](host, first, {} if again is None else again)
    return text


def test_the_report_of_the_run_has_the_say_whatever_a_hosts_variables_hold() -> None:
    begin_once("play", lambda: {"id": "run"})
    end_run({"good": "", "bad": "Refused by clock_skew."})
    assert refusal("good", REFUSED) == ""
    assert refusal("bad") == "Refused by clock_skew."
    assert refusal("another") != ""


@pytest.mark.parametrize("first", [ADMITTED, {}, None, "admit"])
def test_without_a_run_or_its_report_nothing_is_admitted(first: Any) -> None:
    assert refusal("a", first) != ""
    begin_once("play", lambda: {"id": "run"})
    assert refusal("a", first) != ""


def test_a_report_of_an_earlier_run_admits_nothing() -> None:
    begin_once("play", lambda: {"id": "run"})
    end_run({"a": ""})
    begin_once("the next play", lambda: {"id": "second"})
    assert refusal("a") != ""


@pytest.mark.parametrize(("first", "again"), [(ADMITTED, None), (REFUSED, AGAIN), (ADMITTED, {"skipped": True})])
def test_where_no_host_waits_for_another_the_last_check_has_the_say(first: Any, again: Any) -> None:
    begin_once("play", lambda: {"id": "run"})
    end_run_without_report()
    assert refusal("a", first, again) == ""


@pytest.mark.parametrize(
    ("first", "again"),
    [
        (REFUSED, None),
        (ADMITTED, {**AGAIN, "verdict": "refuse"}),
        (REFUSED, {**AGAIN, "follows": "another"}),
        ({**ADMITTED, "follows": "another"}, None),
        ({**REFUSED, "awaits_report": True}, None),
        ({}, None),
        (None, 1),
        ("admit", ["admit"]),
    ],
)
def test_and_all_else_is_refused(first: Any, again: Any) -> None:
    begin_once("play", lambda: {"id": "run"})
    end_run_without_report()
    assert refusal("a", first, again) != ""


def test_a_check_that_refused_says_why() -> None:
    begin_once("play", lambda: {"id": "run"})
    end_run_without_report()
    assert refusal("a", REFUSED) == "Refused. The clock is off."
