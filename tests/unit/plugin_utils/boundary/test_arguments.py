"""A task's arguments are those that its module documents, with the documented types."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.modules import fleet_report, node_check, remediation_plan
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.arguments import read_arguments

DOCUMENTATION = """
module: example
options:
  force: {type: bool, default: true}
  wait_s: {type: float, default: 5}
  count: {type: int}
  names: {type: list, elements: str, default: []}
  apps: {type: list, elements: dict, default: []}
  rows: {type: dict, default: {}}
  phase: {type: str, choices: [check, recheck]}
  file: {type: path}
"""


def value_of(name: str, given: Any) -> Any:
    values, problems = read_arguments(DOCUMENTATION, {name: given})
    assert problems == []
    return values[name]


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("force", "false", False),
        ("force", "no", False),
        ("force", False, False),
        ("force", "true", True),
        ("force", "", True),
        ("force", None, True),
        ("wait_s", "2.5", 2.5),
        ("wait_s", 0, 0.0),
        ("count", "60", 60),
        ("count", None, None),
        ("names", "a, b,c", ["a", "b", "c"]),
        ("names", "argocd", ["argocd"]),
        ("names", ["a", 7], ["a", "7"]),
        ("rows", '{"mine": {"iat_s": 0}}', {"mine": {"iat_s": 0}}),
        ("phase", "recheck", "recheck"),
        ("file", "/etc/ca.crt", "/etc/ca.crt"),
    ],
)
def test_a_value_has_the_documented_type(name, given, value):
    found = value_of(name, given)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("force", "maybe"),
        ("force", []),
        ("wait_s", "soon"),
        ("wait_s", True),
        ("count", 1.5),
        ("count", False),
        ("names", {"a": 1}),
        ("names", [["a"]]),
        ("names", 7),
        ("apps", "argocd"),
        ("apps", {"app_id": 1}),
        ("rows", "x"),
        ("rows", [1]),
        ("phase", "later"),
        ("file", ["/etc/ca.crt"]),
    ],
)
def test_what_is_of_another_type_is_a_problem_that_names_the_option(name, given):
    values, problems = read_arguments(DOCUMENTATION, {name: given})
    assert len(problems) == 1
    assert problems[0].startswith(f"example: {name}: ")
    assert values[name] == read_arguments(DOCUMENTATION, {})[0][name]


def test_an_unknown_option_is_a_problem_with_the_nearest_known_name():
    _, (problem,) = read_arguments(DOCUMENTATION, {"wait": 3})
    assert "'wait'" in problem
    assert "wait_s" in problem


def test_an_unknown_option_that_is_near_to_none_is_a_problem_with_all_of_them():
    _, (problem,) = read_arguments(DOCUMENTATION, {"zzz": 3})
    assert all(name in problem for name in ("force", "wait_s", "count", "names", "rows", "phase", "file"))


def test_with_a_prefix_the_variables_are_named() -> None:
    given = {"wait_s": "soon", "phase": "later", "wait": 3}
    problems = read_arguments(DOCUMENTATION, given, prefix="gate_")[1]
    assert problems == [
        "no setting is called 'gate_wait'; did you mean gate_wait_s?",
        "gate_wait_s: expected a number, found 'soon'",
        "gate_phase: expected one of check, recheck, found 'later'",
    ]


@pytest.mark.parametrize("given", ["nan", float("inf"), "\uff15", "1_0", "1e999", 10**400])
def test_a_number_is_finite_and_in_plain_digits(given: Any) -> None:
    assert len(read_arguments(DOCUMENTATION, {"wait_s": given})[1]) == 1


def test_a_value_with_parts_is_not_shown():
    _, problems = read_arguments(DOCUMENTATION, {"rows": ["SECRET"], "names": {"private_key": "SECRET"}})
    assert len(problems) == 2
    assert "SECRET" not in " ".join(problems)


@pytest.mark.parametrize("module", [fleet_report, node_check, remediation_plan])
def test_the_documentation_of_each_action_can_be_read(module):
    values, problems = read_arguments(module.DOCUMENTATION, {})
    assert values
    assert all(" is required" in problem for problem in problems)
