from __future__ import annotations

import doctest
import math
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary import settings
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.settings import (
    SettingsError,
    count_of,
    limit_of,
    names_of,
    read_file,
)


def test_an_error_has_all_problems_a_line_each_and_says_them_all():
    error = SettingsError(line for line in ("a: wrong", "b: wrong"))
    assert error.problems == ["a: wrong", "b: wrong"]
    assert str(error) == "a: wrong; b: wrong"


@pytest.mark.parametrize(
    ("given", "limit_s", "wrong"),
    [
        pytest.param(None, None, False, id="not set"),
        pytest.param("", None, False, id="left empty"),
        pytest.param("0.5", 0.5, False, id="text of a number"),
        pytest.param(2, 2.0, False, id="number"),
        *(pytest.param(value, None, True, id=str(value)) for value in (0, -1, "soon", "nan", math.inf, math.nan)),
        *(pytest.param(value, None, True, id=repr(value)) for value in ("1_0", "\uff15", "1e999")),
    ],
)
def test_a_limit_is_a_number_of_seconds_above_0(given: Any, limit_s: float | None, wrong: bool):
    problems: list[str] = []
    assert limit_of({"max_skew_s": given}, "max_skew_s", problems) == limit_s
    expected = f"gate_max_skew_s: expected a number of seconds above 0, found {given!a}"
    assert problems == ([expected] if wrong else [])


@pytest.mark.parametrize("given", [True, [1], {"s": 1}, 10**400])
def test_a_limit_is_no_value_of_another_type(given: Any):
    problems: list[str] = []
    assert limit_of({"max_skew_s": given}, "max_skew_s", problems, prefix="") is None
    assert [problem.split(",")[0] for problem in problems] == ["max_skew_s: expected a number of seconds above 0"]


@pytest.mark.parametrize(
    ("given", "names", "wrong"),
    [
        pytest.param(None, (), 0, id="not set"),
        pytest.param("argocd", ("argocd",), 0, id="one text"),
        pytest.param("argocd, flux", ("argocd", "flux"), 0, id="a text with commas"),
        pytest.param(["argocd", 7], ("argocd", "7"), 0, id="a number is a name"),
        pytest.param(["argocd", "", "a\n", None, True, ["b"], "\u200bflux"], ("argocd",), 6, id="each that is none"),
        pytest.param({"argocd": 1}, (), 1, id="a mapping"),
        pytest.param(False, (), 1, id="false"),
    ],
)
def test_names_are_a_list_or_a_text_and_each_that_is_none_is_a_problem(given: Any, names: Any, wrong: int):
    problems: list[str] = []
    assert names_of({"clients": given}, "clients", problems) == names
    assert len([problem for problem in problems if problem.startswith("gate_clients: ")]) == len(problems) == wrong


@pytest.mark.parametrize(
    ("given", "count", "wrong"),
    [
        pytest.param(None, 60, False, id="not set"),
        pytest.param(2, 2, False, id="the least"),
        pytest.param("80", 80, False, id="text of a number"),
        *(pytest.param(value, 60, True, id=repr(value)) for value in (1, 0, -2, 2.5, "", "many", "\xb2")),
    ],
)
def test_a_count_is_a_whole_number_that_is_large_enough(given: Any, count: int, wrong: bool):
    problems: list[str] = []
    assert count_of({"mints": given}, "mints", 60, problems, least=2) == count
    assert problems == ([f"gate_mints: expected a whole number, at least 2, found {given!a}"] if wrong else [])


def test_a_file_is_read_from_the_users_home_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "key.pem").write_bytes(b"\x00key")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read_file("~/key.pem", "private_key_file") == b"\x00key"


@pytest.mark.parametrize(
    ("path", "reason"),
    [("/nowhere/key.pem", "No such file or directory"), ("~nobody-of-this-name/key.pem", "the home folder")],
)
def test_a_file_that_can_not_be_read_is_named_with_its_setting_and_the_reason(path: str, reason: str):
    with pytest.raises(ValueError, match=f"private_key_file {path}: {reason}"):
        read_file(path, "private_key_file")


def test_the_docstrings_examples_hold():
    tested = doctest.testmod(settings)
    assert tested.attempted > 0
    assert tested.failed == 0
