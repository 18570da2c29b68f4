"""Settings that are wrong, and those that a node would like to set, through real Ansible:
no node is contacted.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.builders import record, time_services
from tests.findings import unsaid
from tests.integration.conftest import playbook_here
from tests.reports import checked

CHECK = {"clients": ["argocd"], "ntp_servers": ["10.77.0.1"], "checks": ["clock_skew"]}
PLAN = {
    "measured": "gate_before",
    "servers": ["10.77.0.1"],
    "source_options": "iburst",
    "min_sources": 3,
    "makestep": "1 3",
    "joined_step_limit_s": 5,
    "joined_slew_limit_s": 60,
}


def results(folder: Path, *tasks: dict[str, Any]) -> list[dict[str, Any]]:
    """What each task answers on a node that no connection can be made to."""
    answers: list[dict[str, Any]] = []
    for number, task in enumerate(tasks):
        answers.append({**task, "register": f"answer{number}", "ignore_errors": True, "ignore_unreachable": True})
    keep = {
        "ansible.builtin.copy": {
            "dest": str(folder / "answers.json"),
            "content": "{{ [" + ", ".join(f"answer{number}" for number in range(len(tasks))) + "] | to_json }}",
        },
        "delegate_to": "localhost",
        "vars": {"ansible_connection": "local"},
    }
    (folder / "play.yml").write_text(json.dumps([{"hosts": "nodes", "gather_facts": False, "tasks": [*answers, keep]}]))
    host = {
        "ansible_host": "127.0.0.1",
        "ansible_port": 1,
        "gate_before": checked(record(time_services=time_services())),
    }
    (folder / "hosts.json").write_text(json.dumps({"all": {"children": {"nodes": {"hosts": {"a": host}}}}}))
    done = playbook_here(folder, "-i", folder / "hosts.json", folder / "play.yml", timeout_s=120)
    assert "Traceback" not in done.stdout
    found: list[dict[str, Any]] = json.loads((folder / "answers.json").read_text())
    return found


def test_an_argument_that_is_not_understood_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    tasks = [
        {"skewgate.preflight.node_check": {**CHECK, "max_skew": 1, "advisory_check": ["clock_skew"]}},
        {"skewgate.preflight.remediation_plan": {**PLAN, "overwrite": True}},
        {"skewgate.preflight.fleet_report": {"hosts": ["a"], "report_dir": str(tmp_path), "run": "x"}},
    ]
    check, plan, report = results(tmp_path, *tasks)
    assert len(check["configuration_errors"]) == 2
    assert not unsaid(check["msg"], "max_skew_s", "advisory_checks")
    for answer, name in ((check, "'max_skew'"), (plan, "'overwrite'"), (report, "'run'")):
        assert answer["failed"]
        assert name in answer["msg"]
    assert not (tmp_path / "report.json").exists()


def test_a_wrong_type_is_reported_with_all_else_that_is_wrong(tmp_path: Path) -> None:
    wrong = {**CHECK, "checks": ["clock"], "limits": {"etcd": 1}, "timeout_s": "soon", "max_clock_error_s": -1}
    (answer,) = results(tmp_path, {"skewgate.preflight.node_check": wrong})
    problems = "\n".join(answer["configuration_errors"])
    assert len(answer["configuration_errors"]) == 4
    assert all(name in problems for name in ("'clock'", "limits", "timeout_s", "max_clock_error_s"))


def test_a_misspelt_variable_is_refused_with_the_nearest_name_unless_it_is_ones_own(tmp_path: Path) -> None:
    task = {
        "skewgate.preflight.node_check": CHECK,
        "vars": {"gate_limit": ["etcd"], "gate_keeper": "eve", "chrony_port": 0},
    }
    ours = {**task, "vars": {**task["vars"], "gate_own_variables": ["gate_limit", "gate_keeper"]}}
    wrong, right = results(tmp_path, task, ours)
    assert len(wrong["configuration_errors"]) == 2
    assert not unsaid(wrong["msg"], "gate_limits", "gate_keeper")
    assert "configuration_errors" not in right
    assert right["judgement"]["findings"][0]["keys"][0] == "unreachable"
    assert ["chrony_port" in warning for warning in right["warnings"]] == [True]


def test_a_node_whose_facts_name_a_setting_is_refused_and_not_asked(tmp_path: Path) -> None:
    facts = {"ansible.builtin.set_fact": {"gate_checks": ["nts_servers"], "colour": "blue", "cacheable": True}}
    check = {"skewgate.preflight.node_check": {**CHECK, "checks": "{{ gate_checks }}"}}
    _, answer = results(tmp_path, facts, check)
    (finding,) = answer["judgement"]["findings"]
    assert (answer["verdict"], finding["state"]) == ("refuse", "fail")
    assert (finding["keys"], finding["about"]) == (["settings_in_facts"], ["gate_checks"])
    assert "unreachable" not in answer


def test_a_check_reads_from_variables_what_its_task_does_not_give(tmp_path: Path) -> None:
    settings = {
        "gate_ntp_servers": "10.77.0.1, 10.77.0.2",
        "gate_checks": ["github_app_token"],
        "gate_github_apps": "{{ nowhere }}",
        "gate_limits": "{{ ['etcd'] }}",
        "gate_max_skew_s": "0.25",
        "gate_advisory_checks": ["sync_state"],
    }
    check = {"from_variables": True, "checks": ["clock_skew", "sync_state"], "max_skew_s": 0.5}
    without = {"skewgate.preflight.node_check": {**check, "from_variables": False}, "vars": settings}
    answer, refused = results(tmp_path, {"skewgate.preflight.node_check": check, "vars": settings}, without)
    policy = answer["record"]["policy"]
    assert (policy["checks"], policy["max_skew_s"]) == (["clock_skew", "sync_state"], 0.5)
    assert (policy["limits"], policy["advisory_checks"], policy["clients"]) == (["etcd"], ["sync_state"], ["argocd"])
    assert "ntp_servers" in refused["msg"]


def test_what_is_wrong_with_a_variable_is_reported_by_its_name_and_the_node_is_not_contacted(tmp_path: Path) -> None:
    settings = {
        "gate_ntp_servers": "{{ nowhere }}",
        "gate_checks": ["clock_skew"],
        "gate_timeout_s": "soon",
        "gate_environment": "x",
        "gate_max_skew_s": -1,
        "chrony_nts_servers": {"a": 1},
    }
    (answer,) = results(tmp_path, {"skewgate.preflight.node_check": {"from_variables": True}, "vars": settings})
    problems = answer["configuration_errors"]
    found = {
        "gate_ntp_servers": "nowhere",
        "gate_timeout_s": "'soon'",
        "gate_environment": "a text",
        "gate_max_skew_s": "-1",
        "chrony_nts_servers": "a mapping",
    }
    assert {problem.partition(": ")[0] for problem in problems} == set(found)
    for name, value in found.items():
        assert [p for p in problems if p.startswith(f"{name}: ") and value in p], problems
    assert "unreachable" not in answer
