"""`check` and `gate` as a user calls them:
a real ansible-playbook, on a collection that answers as each test says.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import report_text

from skewgate import cli
from tests.findings import unsaid
from tests.reports import admitted, refused, report, shown, text_of, unreachable

NODE_CHECK = """
import time
from pathlib import Path
from ansible.plugins.action import ActionBase
class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        if takes_s := self._task.args.pop("takes_s", 0):
            Path("asked").touch()
            time.sleep(takes_s)
        return {**super().run(tmp, task_vars), **self._task.args}
"""


FLEET_BEGIN = """
from ansible.plugins.action import ActionBase
class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        return {**super().run(tmp, task_vars), **self._task.args}
"""


CHECK_TASK = """
- hosts: all
  gather_facts: false
  tasks:
    - skewgate.preflight.fleet_begin:
        hosts: "{{ ansible_play_hosts_all }}"
        report_dir: "{{ gate_report_dir }}"
      run_once: true
    - skewgate.preflight.node_check: "{{ answer }}"
      ignore_errors: true
      ignore_unreachable: true
"""


FLEET_REPORT = """
import json
from pathlib import Path
from ansible.plugins.action import ActionBase
class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        path = Path(self._task.args["report_dir"]) / "report.json"
        path.write_text(json.dumps({**self._task.args["reported"], "run_id": self._task.args["run_id"]}))
        return {**super().run(tmp, task_vars), "files": [str(path), str(path.with_name("report.txt"))]}
"""


REPORT_TASK = """
    - skewgate.preflight.fleet_report:
        reported: "{{ reported }}"
        report_dir: "{{ gate_report_dir }}"
        run_id: "{{ gate_run_id }}"
      delegate_to: localhost
      run_once: true
"""


@pytest.fixture
def user_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's directory with the collection's stand-in, and an empty folder for reports."""
    collection = tmp_path / "ansible_collections/skewgate/preflight"
    (collection / "plugins/action").mkdir(parents=True)
    (collection / "plugins/action/node_check.py").write_text(NODE_CHECK)
    (collection / "plugins/action/fleet_begin.py").write_text(FLEET_BEGIN)
    (collection / "plugins/action/fleet_report.py").write_text(FLEET_REPORT)
    (collection / "playbooks").mkdir()
    (tmp_path / "ansible.cfg").write_text("[defaults]\ncollections_path = .\n")
    (tmp_path / "skewgate-report").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def arrange(
    user_dir: Path, answers: dict[str, dict[str, Any]], reported: dict[str, Any] | None, playbook: str = "check"
) -> None:
    """What each node answers, and the report that the run writes (``None``: it writes none)."""
    path = user_dir / f"ansible_collections/skewgate/preflight/playbooks/{playbook}.yml"
    path.write_text(CHECK_TASK + (REPORT_TASK if reported else ""))
    local = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "reported": reported,
        "gate_report_dir": str(user_dir / "skewgate-report"),
    }
    hosts = {"localhost": local} | {name: {"answer": answer} for name, answer in answers.items()}
    # In an inventory no text is a template, so the answers stay as they are.
    inventory = {"all": {"children": {"nodes": {"hosts": {name: {**local, **hosts[name]} for name in answers}}}}}
    (user_dir / "hosts.yml").write_text(json.dumps(inventory))


def test_check_shows_each_node_as_it_finishes_then_the_report_and_the_files_that_were_written(
    user_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arrange(
        user_dir, {"node1": shown(admitted()), "node2": shown(refused())}, report(node1=admitted(), node2=refused())
    )
    assert cli.main(["check", "-i", "hosts.yml"]) == 4
    out = capsys.readouterr().out
    order = [
        " 2 nodes\n",
        "node1: ",
        text_of(report_text, report(node1=admitted(), node2=refused())).replace("INVENTORY", "hosts.yml"),
        f"{user_dir}/skewgate-report: report.json, report.txt\n",
    ]
    assert [out.index(part) for part in order] == sorted(out.index(part) for part in order)
    assert re.search(r"^node1: .*\b0\.000 s \(± 0\.005 s\)$", out.partition(order[2])[0], re.MULTILINE)
    assert out.endswith(order[-1])
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("nodes", "code"),
    [
        ({"node1": admitted()}, 0),
        ({"node1": admitted(), "node2": unreachable()}, 3),
        ({"node1": unreachable(), "node2": refused()}, 4),
    ],
    ids=["all admitted", "one not judged", "one refused beside one not judged"],
)
def test_the_exit_status_is_the_reports(user_dir: Path, nodes: dict[str, Any], code: int) -> None:
    arrange(user_dir, {name: shown(node) for name, node in nodes.items()}, report(**nodes), "gate")
    assert cli.main(["gate", "-i", "hosts.yml"]) == code


def test_a_report_on_standard_output_is_alone_there_and_the_rest_goes_to_standard_error(
    user_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arrange(user_dir, {"node1": shown(admitted())}, report(node1=admitted()))
    assert cli.main(["check", "-i", "hosts.yml", "--format", "json", "--output", "-", "-v"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["nodes"]["node1"]["verdict"] == "admit"
    assert not unsaid(captured.err, "node1: ", f"{user_dir}/skewgate-report: ")


def test_a_run_without_a_report_leaves_none_of_an_earlier_run_in_the_output_file(
    user_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (user_dir / "out.json").write_text("an earlier one")
    arrange(user_dir, {"node1": shown(admitted())}, None)
    assert cli.main(["check", "-i", "hosts.yml", "--output", "out.json"]) == 1
    assert not (user_dir / "out.json").exists()
    assert "ansible-playbook" in capsys.readouterr().err


def test_the_reports_go_where_they_are_wanted(user_dir: Path) -> None:
    (user_dir / "other place").mkdir()
    arrange(user_dir, {"node1": shown(admitted())}, report(node1=admitted()))
    assert cli.main(["check", "-i", "hosts.yml", "--report-dir", "other place"]) == 0
    assert (user_dir / "other place/report.json").exists()


@pytest.mark.nightly
def test_a_folder_that_the_inventory_names_is_where_the_report_is_found(user_dir: Path) -> None:
    arrange(user_dir, {"node1": shown(admitted())}, report(node1=admitted()))
    (user_dir / "of the inventory").mkdir()
    text = (user_dir / "hosts.yml").read_text().replace("skewgate-report", "of the inventory")
    (user_dir / "hosts.yml").write_text(text)
    assert cli.main(["check", "-i", "hosts.yml"]) == 0
    assert (user_dir / "of the inventory/report.json").exists()


def interrupt_when_there(path: Path) -> None:
    """Send Ctrl-C a moment after a file is there."""

    def wait() -> None:
        while not path.exists():
            time.sleep(0.05)
        time.sleep(1)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=wait, daemon=True).start()


CHRONY_ROLE = """
- name: Plan
  ansible.builtin.debug:
    msg: a plan
- name: Change
  ansible.builtin.command: sh -c 'touch BEGUN; sleep 30'
"""
GATE_TASK = """
    - ansible.builtin.include_role:
        name: skewgate.preflight.chrony
      when: inventory_hostname == 'node2'
"""


def test_an_interrupted_gate_names_the_nodes_that_were_being_fixed(
    user_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arrange(user_dir, {"node1": shown(admitted()), "node2": shown(refused())}, None, "gate")
    collection = user_dir / "ansible_collections/skewgate/preflight"
    (collection / "roles/chrony/tasks").mkdir(parents=True)
    (collection / "roles/chrony/tasks/main.yml").write_text(CHRONY_ROLE.replace("BEGUN", str(user_dir / "begun")))
    with (collection / "playbooks/gate.yml").open("a") as playbook:
        playbook.write(GATE_TASK)
    interrupt_when_there(user_dir / "begun")
    assert cli.main(["gate", "-i", "hosts.yml"]) == 1
    captured = capsys.readouterr()
    of_nodes = [line.partition(":")[0] for line in captured.out.splitlines() if line.startswith("node")]
    # Each is judged, in any order, and one is being fixed.
    assert (sorted(of_nodes), of_nodes[-1]) == (["node1", "node2", "node2"], "node2")
    _, fixing, again = captured.err.splitlines()
    assert ("node2" in fixing, "node1" in fixing) == (True, False)
    assert "`skewgate gate`" in again


@pytest.mark.nightly
def test_an_interrupted_check_says_what_is_known_and_nothing_of_remediation(
    user_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arrange(user_dir, {"node1": shown(admitted()), "node2": {**shown(admitted()), "takes_s": 30}}, None)

    interrupt_when_there(user_dir / "asked")
    assert cli.main(["check", "-i", "hosts.yml"]) == 1
    known, again = capsys.readouterr().err.splitlines()
    assert not unsaid(known, " 1 of 2 nodes ", f" {user_dir}/skewgate-report")
    assert "`skewgate check`" in again


def test_a_report_of_an_earlier_run_admits_nothing(user_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = user_dir / "skewgate-report/report.json"
    old.write_text(json.dumps(report("an-earlier-run", node1=admitted())))
    arrange(user_dir, {"node1": shown(admitted())}, None)
    assert cli.main(["check", "-i", "hosts.yml"]) == 1
    assert "ansible-playbook" in capsys.readouterr().err
    assert not old.exists()


@pytest.mark.parametrize("arguments", [["-i", "nowhere.yml"], ["-i", "hosts.yml", "--", "--bogus"]])
def test_a_run_that_never_starts_takes_the_old_report_out_of_force_too(user_dir: Path, arguments: list[str]) -> None:
    old = user_dir / "skewgate-report/report.json"
    old.write_text(json.dumps(report("an-earlier-run", node1=admitted())))
    arrange(user_dir, {"node1": shown(admitted())}, None)
    assert cli.main(["check", *arguments]) == 2
    assert not old.exists()


def test_a_folder_that_can_not_be_written_is_found_before_anything_runs(
    user_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (user_dir / "file").write_text("in the way")
    arrange(user_dir, {"node1": shown(admitted())}, report(node1=admitted()))
    assert cli.main(["check", "-i", "hosts.yml", "--report-dir", "file/below"]) == 2
    captured = capsys.readouterr()
    assert f" {user_dir}/file/below: " in captured.err
    assert "node1" not in captured.out


def test_wrong_settings_are_reported_once_and_nothing_is_judged(
    user_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = {"failed": True, "configuration_errors": ["gate_clients: no client profile is called 'argo'"]}
    arrange(user_dir, {"node1": answer, "node2": answer}, None)
    assert cli.main(["check", "-i", "hosts.yml"]) == 2
    err = capsys.readouterr().err
    assert err.count("gate_clients: no client profile is called 'argo'") == 1
    assert not (user_dir / "skewgate-report/report.json").exists()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["-i", "nowhere.yml"], "Completely failed to parse inventory source"),
        (["-i", "hosts.yml", "-i", "nowhere.yml"], "Completely failed to parse inventory source"),
        (["-i", "empty.yml"], "provided hosts list is empty"),
        (["-i", "hosts.yml", "-l", "nosuch"], "Could not match supplied host pattern, ignoring: nosuch"),
        (["-i", "hosts.yml", "-e", "@nowhere.yml"], "nowhere.yml"),
        (["-i", "hosts.yml", "--", "--bogus"], "unrecognized arguments: --bogus"),
    ],
    ids=["no inventory", "one of two inventories", "empty inventory", "limit", "variables", "option"],
)
def test_a_run_that_checks_no_node_is_a_usage_error_with_ansibles_words(
    user_dir: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], text: str
) -> None:
    arrange(user_dir, {"node1": shown(admitted())}, report(node1=admitted()))
    (user_dir / "empty.yml").write_text("all:\n  hosts: {}\n")
    assert cli.main(["check", *arguments]) == 2
    err = capsys.readouterr().err
    assert text in err
    assert "ansible-inventory -i INVENTORY --graph" in err


def test_a_node_of_the_limit_that_is_unknown_is_reported(user_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arrange(user_dir, {"node1": shown(admitted())}, report(node1=admitted()))
    assert cli.main(["check", "-i", "hosts.yml", "-l", "node1,nod2"]) == 0
    assert "warning: Could not match supplied host pattern, ignoring: nod2" in capsys.readouterr().out


def test_ansibles_own_output_is_shown_only_when_asked_for(user_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arrange(user_dir, {"node1": shown(admitted())}, report(node1=admitted()))
    cli.main(["check", "-i", "hosts.yml"])
    assert "PLAY RECAP" not in capsys.readouterr().out
    cli.main(["check", "-i", "hosts.yml", "-v"])
    assert "PLAY RECAP" in capsys.readouterr().out


def test_an_internal_error_is_one_line_and_a_traceback_only_on_demand(
    user_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = report(node1=admitted())
    del broken["nodes"]["node1"]["verdict"]
    arrange(user_dir, {"node1": shown(admitted())}, broken)
    assert cli.main(["check", "-i", "hosts.yml"]) == 1
    err = capsys.readouterr().err
    assert "KeyError: 'verdict'" in err.splitlines()[0]
    assert "Traceback" not in err
    monkeypatch.setenv("SKEWGATE_DEBUG", "1")
    assert cli.main(["check", "-i", "hosts.yml"]) == 1
    assert "Traceback" in capsys.readouterr().err
