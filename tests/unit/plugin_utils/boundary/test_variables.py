"""Ansible's variables by their names: misspelt settings, and settings in a node's facts."""

from __future__ import annotations

import re

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.variables import (
    OF_PLAYBOOKS,
    OF_RUNS,
    not_known,
    set_by_facts,
    settings_of_roles,
)

from tests.paths import ROOT

TASKS = "\n".join(path.read_text() for path in (ROOT / "roles").glob("*/tasks/*.yml"))


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("gate_limit", "gate_limits"),
        ("gate_advisory_check", "gate_advisory_checks"),
        ("gate_max_skew", "gate_max_skew_s"),
        ("gate_ntp_server", "gate_ntp_servers"),
        ("chrony_server", "chrony_servers"),
        ("chrony_overwrite_foreign_configs", "chrony_overwrite_foreign_config"),
    ],
)
def test_a_misspelt_setting_is_a_problem_with_the_name_that_was_meant(name: str, meant: str) -> None:
    (problem,), _ = not_known([name, "ansible_host"])
    assert problem.startswith(f"{name}: ")
    assert f"did you mean {meant}?" in problem


def test_a_name_of_the_gate_that_is_like_no_setting_is_a_problem_too() -> None:
    (problem,), _ = not_known(["gate_zzzzzz"])
    assert "gate_max_skew_s" in problem


@pytest.mark.parametrize(
    "name", ["chrony_port", "chrony_ntp_pool_iburst", "chronyd_servers", "ntp_servers", "my_gate_limit"]
)
def test_variables_of_others_are_none_of_our_matter(name: str) -> None:
    assert not_known([name])[0] == []


def test_variables_of_chrony_that_are_like_no_setting_are_reported() -> None:
    names = ["chrony_take_over", "chrony_server", "chrony_servers", "chrony_port", "gate_zzz", "chronyd", "chrony_mine"]
    assert not_known(names, own=["chrony_mine"])[1] == ["chrony_port", "chrony_take_over"]


def test_settings_what_a_run_notes_and_ones_own_are_no_problem() -> None:
    assert not_known([*settings_of_roles(), *OF_RUNS]) == ([], [])
    assert not_known(["gate_keeper", "chrony_server"], own=["gate_keeper", "chrony_server"])[0] == []
    assert not_known(["gate_keeper", "chrony_server"], own="gate_keeper,chrony_server")[0] == []


def test_what_the_roles_note_is_what_their_tasks_register_and_set() -> None:
    registered = set(re.findall(r"register: (\w+)", TASKS))
    set_there = set(re.findall(r"^\s+((?:gate|chrony)_\w+):", TASKS, re.MULTILINE))
    assert registered | set_there == OF_RUNS


def test_what_the_playbooks_read_beside_settings_is_known() -> None:
    playbooks = "\n".join(path.read_text() for path in (ROOT / "playbooks").glob("*.yml"))
    assert set(re.findall(r"\bgate_\w+", playbooks)) <= OF_PLAYBOOKS


def test_facts_with_the_name_of_a_setting_are_found() -> None:
    facts = ["distribution", "gate_checks", "chrony_package_file", "gate_before", "__chrony_plan", "chrony_version"]
    assert set_by_facts(facts) == ["__chrony_plan", "chrony_package_file", "gate_before", "gate_checks"]
