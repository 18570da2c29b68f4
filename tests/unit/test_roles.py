"""What the roles' files have to have in common."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.paths import ROOT

GATE = ROOT / "roles/gate"
CHECK = "skewgate.preflight.node_check"


def tasks_in(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All tasks, those of blocks too."""
    found = []
    for task in tasks:
        blocks = [tasks_in(task[part]) for part in ("block", "rescue", "always") if part in task]
        found += [task, *(inner for block in blocks for inner in block)]
    return found


def tasks_of(entry: str) -> list[dict[str, Any]]:
    """The tasks of an entry point of the role gate,
    with those of the files and entry points that it imports.
    """
    found = []
    for task in tasks_in(yaml.safe_load((GATE / f"tasks/{entry}.yml").read_text())):
        imported = task.get("ansible.builtin.import_tasks")
        role = task.get("ansible.builtin.import_role")
        entry = imported.removesuffix(".yml") if imported else role and role["tasks_from"]
        found += tasks_of(entry) if entry else [task]
    return found


def test_both_checks_of_the_gate_have_the_same_settings() -> None:
    first, again = (task for task in tasks_of("main") if CHECK in task)
    assert {**first[CHECK], "phase": "recheck", "follows": "{{ gate_before.check_id }}"} == again[CHECK]
    same = ("environment", "changed_when", "ignore_unreachable")
    assert [first[key] for key in same] == [again[key] for key in same]


@pytest.mark.parametrize("role", ["gate", "chrony"])
def test_a_check_of_a_role_is_given_by_hand_only_what_differs_from_the_settings(role: str) -> None:
    tasks = [
        task[CHECK]
        for path in (ROOT / f"roles/{role}/tasks").glob("*.yml")
        for task in tasks_in(yaml.safe_load(path.read_text()))
        if CHECK in task
    ]
    differs = {"gate": {"phase", "admit_to"}, "chrony": {"checks", "ntp_servers", "max_skew_s", "wait_s"}}[role]
    assert len(tasks) == 2
    for given in tasks:
        assert given["from_variables"] is True
        assert set(given) - {"follows"} == {"from_variables", *differs}


def test_the_entry_point_check_has_no_task_that_could_change_a_node() -> None:
    harmless = {
        CHECK,
        "skewgate.preflight.fleet_begin",
        "skewgate.preflight.fleet_report",
        *(f"ansible.builtin.{name}" for name in ("assert", "meta", "fail", "group_by")),
    }
    used = {key for task in tasks_of("check") for key in task if "." in key}
    assert CHECK in used
    assert used <= harmless


def test_no_task_that_runs_once_gives_all_hosts_one_mapping_for_their_facts() -> None:
    """ansible-core 2.21 does that for these actions, and a fact of one host is then one of all."""
    files = [*(ROOT / "roles").glob("*/tasks/*.yml")]
    tasks = [task for path in files for task in tasks_in(yaml.safe_load(path.read_text())) if isinstance(task, dict)]
    once = {key for task in tasks if task.get("run_once") for key in task if "." in key}
    assert "skewgate.preflight.fleet_report" in once
    assert not once & {f"ansible.builtin.{name}" for name in ("debug", "set_fact", "include_vars")}


@pytest.mark.parametrize(
    ("role", "entry"),
    [("gate", "main"), ("gate", "judge"), ("gate", "check"), ("gate", "check_nodes"), ("chrony", "main")],
)
def test_every_default_is_an_option_that_ansible_validates(role: str, entry: str) -> None:
    defaults = yaml.safe_load((ROOT / f"roles/{role}/defaults/main.yml").read_text())
    specs = yaml.safe_load((ROOT / f"roles/{role}/meta/argument_specs.yml").read_text())["argument_specs"]
    options = set(specs[entry]["options"])
    assert set(defaults) - options == ({"gate_remediate"} if entry.startswith("check") else set())


def test_no_task_of_the_remediation_passes_on_all_that_a_node_answers() -> None:
    """Facts of the node would become variables, and settings of the connection to it."""
    on_controller = {"debug", "fail", "meta", "set_fact", "include_tasks", "include_role", "import_tasks"}
    files = [*(ROOT / "roles/chrony/tasks").glob("*.yml"), GATE / "tasks/node.yml"]
    used = {key for path in files for task in tasks_in(yaml.safe_load(path.read_text())) for key in task if "." in key}
    assert "skewgate.preflight.node_task" in used
    theirs = {name for name in used if not name.startswith("skewgate.preflight.")}
    assert theirs <= {f"ansible.builtin.{name}" for name in on_controller}


def test_no_task_that_follows_the_nodes_own_answers_reads_which_file_of_the_controller_to_send() -> None:
    reading = [path.name for path in (ROOT / "roles/chrony/tasks").glob("*.yml") if "src:" in path.read_text()]
    assert reading == ["install.yml"]
    text = (ROOT / "roles/chrony/tasks/install.yml").read_text()
    assert set(re.findall(r"\w*chrony_package_file", text)) == {"__chrony_package_file"}
