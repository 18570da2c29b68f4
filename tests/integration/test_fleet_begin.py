"""How a run begins: settings of all hosts at once, the old report out of force,
and nothing that a node says is a setting.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from skewgate import cli
from tests.builders import record, time_services
from tests.findings import unsaid
from tests.integration.conftest import BIN, REPOSITORY, playbook_here
from tests.reports import checked

GOOD: dict[str, Any] = {
    "ansible_connection": "local",
    "ansible_python_interpreter": sys.executable,
    "gate_ntp_servers": ["127.0.0.1"],
    "gate_checks": ["clock_skew"],
    "gate_timeout_s": 1,
}
BEGIN = {
    "skewgate.preflight.fleet_begin": {"hosts": "{{ ansible_play_hosts_all }}"},
    "register": "gate_begun",
    "run_once": True,
    "delegate_to": "localhost",
}


def inventory(folder: Path, settings: dict[str, Any] | None = None, **hosts: dict[str, Any]) -> Path:
    """An inventory of these hosts, whose reports go to the folder's ``report``."""
    path = folder / "hosts.json"
    all_of_them = {**GOOD, "gate_report_dir": str(folder / "report"), **(settings or {})}
    path.write_text(json.dumps({"all": {"hosts": hosts, "vars": all_of_them}}))
    return path


def old_report(folder: Path) -> Path:
    """What an earlier run left."""
    (folder / "report").mkdir()
    for name in ("report.json", "report.txt", "evidence.json"):
        (folder / "report" / name).write_text("old")
    return folder / "report"


def played(folder: Path, *tasks: dict[str, Any], **play: Any) -> tuple[int, str]:
    """The exit status and the output of a play of these tasks."""
    (folder / "play.yml").write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks, **play}]))
    done = playbook_here(folder, "-i", folder / "hosts.json", folder / "play.yml", timeout_s=120)
    assert "Traceback" not in done.stdout
    return done.returncode, done.stdout


WRONG: dict[str, dict[str, Any]] = {
    "a": {"gate_limit": ["etcd"]},
    "b": {"gate_clients": ["argo"], "gate_timeout_s": "soon"},
    "c": {"gate_clients": ["argo"], "gate_ntp_servers": "{{ nowhere }}"},
    "d": {"gate_environment": "x", "gate_remediate": "perhaps"},
}


def test_the_settings_of_all_hosts_are_refused_at_once_and_no_host_is_contacted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = old_report(tmp_path)
    hosts = inventory(tmp_path, **WRONG, good={})
    assert cli.main(["gate", "-i", str(hosts), "--report-dir", str(report)]) == 2
    captured = capsys.readouterr()
    problems = [line.strip() for line in captured.err.splitlines() if line.startswith("  ")]
    expected = {
        "gate_limit": ("gate_limits", " a)"),
        "gate_clients": ("'argo'", " b, c)"),
        "gate_timeout_s": ("'soon'", " b)"),
        "gate_ntp_servers": ("nowhere", " c)"),
        "gate_environment": ("a text", " d)"),
        "gate_remediate": ("'perhaps'", " d)"),
    }
    assert {line.partition(": ")[0] for line in problems} == set(expected)
    for name, (found, hosts_text) in expected.items():
        lines = [line for line in problems if line.startswith(f"{name}: ") and line.endswith(hosts_text)]
        assert [line for line in lines if found in line.partition(": ")[2]], problems
    assert not re.search(r"^(a|b|c|d|good): ", captured.out, re.MULTILINE)
    assert sorted(path.name for path in report.iterdir()) == ["evidence.json"]


@pytest.mark.parametrize(
    ("extra", "found"),
    [
        ("gate_environment=x", "a text"),
        ("gate_environment=HTTPS_PROXY=http://proxy:3128", "a text"),
        ("gate_remediate=maybe", "'maybe'"),
        ("gate_admission_max_age_s=-1", "-1"),
    ],
)
def test_what_is_wrong_on_all_hosts_is_reported_once_and_without_their_names(
    tmp_path: Path, extra: str, found: str
) -> None:
    hosts = inventory(tmp_path, a={}, b={})
    done = playbook_here(tmp_path, "-i", hosts, "skewgate.preflight.gate", "-e", extra, timeout_s=120)
    assert done.returncode == 2, done.stdout
    problems = re.findall(rf"\b{extra.partition('=')[0]}: [^\n]*", done.stdout)
    assert problems
    assert all(found in problem for problem in problems), problems
    assert "(on " not in done.stdout
    assert len(re.findall(r"^TASK ", done.stdout, re.MULTILINE)) == 1, done.stdout


def test_the_settings_of_remediation_are_read_before_any_host_is_contacted_if_it_may_be_needed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = {"chrony_makestep": "sometimes", "chrony_servers": ["a b"], "chrony_min_sources": "few"}
    hosts = inventory(tmp_path, wrong, a={}, b={"chrony_pools": "{{ nowhere }}"})
    assert cli.main(["gate", "-i", str(hosts), "--report-dir", str(tmp_path / "report")]) == 2
    err = capsys.readouterr().err
    for name in (*wrong, "chrony_pools"):
        assert f"\n  {name}: " in err, err
    assert err.count("chrony_servers: ") == 1
    assert cli.main(["check", "-i", str(hosts), "--report-dir", str(tmp_path / "report")]) in (3, 4)


def test_hosts_that_name_different_folders_for_one_report_are_refused(tmp_path: Path) -> None:
    inventory(tmp_path, a={}, b={"gate_report_dir": str(tmp_path / "elsewhere")})
    status, printed = played(tmp_path, BEGIN)
    assert status == 2
    assert not unsaid(printed, "gate_report_dir: ", f"{tmp_path}/report", f"{tmp_path}/elsewhere")


def test_settings_of_a_play_and_defaults_of_the_role_count_for_every_host(tmp_path: Path) -> None:
    path = tmp_path / "hosts.json"
    path.write_text(json.dumps({"all": {"hosts": {"a": GOOD, "b": {**GOOD, "gate_ntp_servers": ["127.0.0.2"]}}}}))
    show = {"ansible.builtin.debug": {"msg": "{{ [gate_begun.report_dir, gate_begun.ntp_servers] | to_json }}"}}
    tasks = [{"ansible.builtin.include_role": {"name": "skewgate.preflight.gate", "tasks_from": "begin"}}, show]
    status, printed = played(tmp_path, *tasks, vars={"gate_report_dir": "{{ playbook_dir }}/mine"})
    assert status == 0, printed
    assert printed.count(f'[\\"{tmp_path}/mine\\", [\\"127.0.0.1\\", \\"127.0.0.2\\"]]') == 2


@pytest.mark.parametrize("strategy", ["linear", "free"])
def test_a_run_begins_once_in_batches_and_if_hosts_do_not_wait_for_each_other(tmp_path: Path, strategy: str) -> None:
    report = old_report(tmp_path)
    inventory(tmp_path, a={}, b={}, c={})
    # What a batch found is not taken away by the next one.
    keep = {"ansible.builtin.copy": {"dest": f"{report}/report.json", "content": "{{ inventory_hostname }}"}}
    there = {
        "ansible.builtin.assert": {
            "that": [
                "gate_begun.report_dir == report",
                "inventory_hostname == 'a' or lookup('ansible.builtin.file', report ~ '/report.json') in ['a', 'b']",
            ]
        }
    }
    play = {"serial": 1} if strategy == "linear" else {"strategy": strategy}
    tasks = [BEGIN, there, keep] if strategy == "linear" else [BEGIN]
    status, printed = played(tmp_path, *tasks, vars={"report": str(report)}, **play)
    assert status == 0, printed
    assert not (report / "report.txt").exists()
    assert (report / "report.json").exists() is (strategy == "linear")


LIAR = """#!/usr/bin/python
from ansible.module_utils.basic import AnsibleModule
module = AnsibleModule(argument_spec={})
module.exit_json(ansible_facts={"site_servers": ["192.0.2.1"], "gate_report_dir": "/nowhere/at/all"})
"""


def test_no_fact_of_a_node_is_a_setting_nor_part_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_INJECT_FACT_VARS", "true")
    (tmp_path / "library").mkdir()
    (tmp_path / "library/liar.py").write_text(LIAR)
    inventory(tmp_path, {"gate_ntp_servers": "{{ site_servers }}", "site_servers": ["127.0.0.1"]}, a={}, b={})
    injected = {"ansible.builtin.debug": {"msg": "{{ site_servers }} {{ gate_report_dir }}"}}
    show = {"ansible.builtin.debug": {"msg": "{{ gate_begun.report_dir }} {{ gate_begun.ntp_servers }}"}}
    status, printed = played(tmp_path, {"liar": {}}, injected, BEGIN, show)
    assert status == 0, printed
    assert "192.0.2.1'] /nowhere/at/all" in printed
    assert f"{tmp_path}/report ['127.0.0.1']" in printed


def test_a_run_that_is_killed_leaves_no_admission_of_an_earlier_one(tmp_path: Path) -> None:
    report = old_report(tmp_path)
    slow = tmp_path / "slow"
    slow.write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\nsleep 60\n")
    slow.chmod(0o755)
    hosts = inventory(tmp_path, a={"ansible_python_interpreter": str(slow)})
    argv = [BIN / "ansible-playbook", "-i", hosts, "skewgate.preflight.check", "-e", "ansible_become=false"]
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    run = subprocess.Popen(argv, cwd=REPOSITORY, env=environment, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        deadline_s = time.monotonic() + 60
        while not (tmp_path / "asked").exists():
            assert time.monotonic() < deadline_s, "the node was not asked"
            time.sleep(0.05)
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    assert cli.main(["verify", str(report)]) == 2
    assert (report / "evidence.json").read_text() == "old"


def test_a_fact_of_another_name_loosens_no_check_of_its_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_INJECT_FACT_VARS", "true")
    (tmp_path / "library").mkdir()
    (tmp_path / "library/liar.py").write_text(
        LIAR.replace('"gate_report_dir": "/nowhere/at/all"', '"site_skew_s": 9999')
    )
    inventory(tmp_path, {"gate_max_skew_s": "{{ site_skew_s }}", "site_skew_s": 0.5}, a={})
    check = {"skewgate.preflight.node_check": {"from_variables": True}, "register": "gate_before"}
    show = {"ansible.builtin.debug": {"msg": "{{ site_skew_s }} {{ gate_before.record.policy.max_skew_s }}"}}
    status, printed = played(tmp_path, {"liar": {}}, check, show)
    assert status == 0, printed
    assert '"msg": "9999 0.5"' in printed


def test_a_fact_of_another_name_does_not_choose_a_file_of_the_controller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANSIBLE_INJECT_FACT_VARS", "true")
    (tmp_path / "library").mkdir()
    (tmp_path / "library/liar.py").write_text(
        LIAR.replace('"gate_report_dir": "/nowhere/at/all"', '"site_file": "/etc/shadow"')
    )
    settings = {
        "chrony_package_file": "{{ site_file }}",
        "site_file": "/srv/chrony.deb",
        "chrony_servers": ["127.0.0.1"],
    }
    inventory(tmp_path, settings, a={"measured": checked(record(time_services=time_services()))})
    plan = {
        "skewgate.preflight.remediation_plan": {"measured": "measured", "from_variables": True},
        "register": "plan",
        "ignore_errors": True,
    }
    show = {"ansible.builtin.debug": {"msg": "{{ site_file }} {{ plan.package_file }}"}}
    status, printed = played(tmp_path, {"liar": {}}, plan, show)
    assert status == 0, printed
    assert '"msg": "/etc/shadow /srv/chrony.deb"' in printed
