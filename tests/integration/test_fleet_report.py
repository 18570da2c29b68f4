"""The action `fleet_report` in a playbook, on records of node_check; no node is contacted."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from ansible_collections.skewgate.preflight.plugins.module_utils.node.clocks import read_all_clocks
from ansible_collections.skewgate.preflight.plugins.module_utils.node.this_boot import observe
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.times import now
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.steady import steady_ns

from tests.builders import CONTROLLER, chrony, record, source, time_services
from tests.integration.conftest import playbook_here
from tests.reports import checked, checked_again

PLAYBOOK = [
    {
        "hosts": "nodes",
        "gather_facts": False,
        "tasks": [
            {
                "skewgate.preflight.fleet_report": {
                    "hosts": "{{ ansible_play_hosts_all }}",
                    "report_dir": "{{ playbook_dir }}/report",
                },
                "register": "gate_report",
                "run_once": True,
                "delegate_to": "localhost",
            },
            {"ansible.builtin.debug": {"var": "gate_report.lines"}, "run_once": True},
        ],
    }
]
JOIN = {
    "hosts": "nodes",
    "gather_facts": False,
    "tasks": [
        {"ansible.builtin.include_role": {"name": "skewgate.preflight.gate", "tasks_from": "admission"}},
        {"ansible.builtin.debug": {"msg": "joined"}},
    ],
}


def played(folder: Path, plays: list[dict[str, Any]], **hosts: dict[str, Any]) -> tuple[int, str]:
    """The exit status and the output of a playbook on hosts with these variables."""
    (folder / "hosts.json").write_text(json.dumps({"all": {"children": {"nodes": {"hosts": hosts}}}}))
    (folder / "play.yml").write_text(json.dumps(plays))
    done = playbook_here(folder, "-i", folder / "hosts.json", folder / "play.yml", timeout_s=120)
    return done.returncode, done.stdout


def reported(folder: Path, **hosts: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any], str]:
    """What is in report.json and evidence.json, and what was printed."""
    status, printed = played(folder, PLAYBOOK, **hosts)
    assert status == 0, printed
    report, evidence = (json.loads((folder / "report" / f"{name}.json").read_text()) for name in ("report", "evidence"))
    return report, evidence, printed


def test_nodes_with_one_cause_are_one_group_in_the_file_and_in_the_output(tmp_path):
    bad = {"gate_before": checked(record(time_services=time_services()))}
    report, _, printed = reported(tmp_path, good={"gate_before": checked(record())}, bad1=bad, bad2=bad, left={})
    assert [group["nodes"] for group in report["groups"]] == [["bad1", "bad2"], ["left"]]
    assert "refused: 2 nodes: bad1, bad2" in printed
    assert printed.count("  time_service: fail") == 1
    assert report["nodes"]["good"]["verdict"] == "admit"


def test_a_member_of_the_fleet_that_serves_time_is_known_by_its_address_in_the_inventory(tmp_path):
    follower = record(chrony=chrony(None, source(), source("10.77.0.12", "+")))
    hosts = {
        "a": {"ansible_host": "{{ '10.77.0.11' }}", "gate_before": checked(record())},
        "b": {"ansible_host": "10.77.0.12", "gate_before": checked(record())},
        "c": {"gate_before": checked(follower)},
    }
    report, evidence, _ = reported(tmp_path, **hosts)
    assert {name: node["address"] for name, node in evidence["nodes"].items()} == {
        "a": None,
        "b": "10.77.0.12",
        "c": None,
    }
    (finding,) = report["fleet"]["findings"]
    assert (finding["id"], finding["nodes"]) == ("fleet_members_as_servers", ["c"])
    assert finding["summary"].startswith("b ")
    assert " 1 " in finding["summary"]


def of_this_machine(check):
    """The same check, as if it had asked this machine just now."""
    record, at_ns = check["record"], steady_ns()
    clocks = {**read_all_clocks(), **observe()}
    taken = {**record["evidence"]["collected"], **clocks, "end_mono_ns": clocks["mono_ns"]}
    controller = {**record["controller"], "steady_before_ns": at_ns, "steady_after_ns": steady_ns()}
    evidence = {**record["evidence"], "collected": taken}
    return {**check, "record": {**record, "evidence": evidence, "controller": controller}}


STEADY = {**CONTROLLER, "steady_before_ns": 0, "steady_after_ns": 10**9}
HERE = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}


def test_only_what_the_report_admits_and_what_is_fresh_may_join(tmp_path):
    fresh = {**record(), "collected_at": now()}
    hosts = {
        "fresh": {**HERE, "gate_before": of_this_machine(checked(fresh, "of fresh"))},
        "fixed": {**HERE, "gate_before": checked(record(-612.0)), "gate_after": of_this_machine(checked_again(fresh))},
        "another-boot": {**HERE, "gate_before": checked({**fresh, "controller": STEADY}, "of another boot")},
        "stale": {"gate_before": checked(record(), "of stale")},
        "refused": {"gate_before": checked({**record(-612.0), "collected_at": now()}, "of refused")},
        "left": {},
    }
    status, printed = played(tmp_path, [*PLAYBOOK, JOIN], **hosts)
    assert status == 2, printed
    joined = re.findall(r'ok: \[(\w+)\] => \{\s+"msg": "joined"', printed)
    assert sorted(joined) == ["fixed", "fresh"]
    refused = re.findall(r"fatal: \[([\w-]+)\].* 3600 s ", printed)
    assert sorted(refused) == ["another-boot", "left", "refused", "stale"]
    assert printed.count("rebooted after it was judged") == 2  # the error, and the task's result


def test_without_a_report_of_this_run_nothing_may_join(tmp_path):
    status, printed = played(tmp_path, [JOIN], a={"gate_before": checked({**record(), "collected_at": now()})})
    assert (status, "joined" in printed) == (2, False), printed
    assert re.search(r"fatal: \[a\].* 3600 s ", printed), printed
