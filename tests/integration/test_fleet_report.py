"""The action `fleet_report` in a playbook of its own, on records as node_check registers them; no node is contacted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.builders import chrony, record, source, time_services
from tests.integration.conftest import playbook_here

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
                "register": "told",
                "run_once": True,
                "delegate_to": "localhost",
            },
            {"ansible.builtin.debug": {"var": "told.lines"}, "run_once": True},
        ],
    }
]


def reported(folder: Path, **hosts: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any], str]:
    """What is in report.json and evidence.json, and what was printed."""
    (folder / "hosts.json").write_text(json.dumps({"all": {"children": {"nodes": {"hosts": hosts}}}}))
    (folder / "play.yml").write_text(json.dumps(PLAYBOOK))
    done = playbook_here(folder, "-i", folder / "hosts.json", folder / "play.yml", timeout_s=120)
    assert done.returncode == 0, done.stdout
    report, evidence = (json.loads((folder / "report" / f"{name}.json").read_text()) for name in ("report", "evidence"))
    return report, evidence, done.stdout


def test_nodes_with_one_cause_are_one_group_in_the_file_and_in_the_output(tmp_path):
    bad = {"gate_before": {"record": record(time_services=time_services())}}
    report, _, printed = reported(tmp_path, good={"gate_before": {"record": record()}}, bad1=bad, bad2=bad, left={})
    assert [group["nodes"] for group in report["groups"]] == [["bad1", "bad2"], ["left"]]
    assert "2 nodes: refuse (bad1, bad2)" in printed
    assert printed.count("  time_service (fail): ") == 1
    assert report["nodes"]["good"]["verdict"] == "admit"


def test_a_member_of_the_fleet_that_serves_time_is_known_by_its_address_in_the_inventory(tmp_path):
    follower = record(chrony=chrony(None, source(), source("10.77.0.12", "+")))
    hosts = {
        "a": {"ansible_host": "{{ '10.77.0.11' }}", "gate_before": {"record": record()}},
        "b": {"ansible_host": "10.77.0.12", "gate_before": {"record": record()}},
        "c": {"gate_before": {"record": follower}},
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
