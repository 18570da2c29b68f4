"""The flow of the gate in Ansible: batches, strategies, playbooks of others, and what it
costs the controller.

The check is the real one, on hosts of this machine that are asked by a good NTP server or by one
that is off, and no host is remediated.
"""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import BIN
from tests.integration.test_ansible_versions import playbook_of
from tests.lab.liar import NTP_PORT, ScriptedServer, lie
from tests.paths import ROOT

RIGHT, WRONG = ([f"127.77.{net}.{n}" for n in (1, 2, 3)] for net in (2, 3))
OFF_S = 0.1
"""So little that the controller's own reading agrees with it,
and more than the limit of the nodes that ask these servers.
"""
CLOSED_PORT = 9


@pytest.fixture(scope="module", autouse=True)
def servers() -> Iterator[None]:
    """NTP servers with the true time, and some by which this machine is a little behind."""
    try:
        running = [ScriptedServer(lambda request: [lie(request, 0.0)], address, NTP_PORT) for address in RIGHT]
    except PermissionError:
        pytest.skip("the port of NTP is for root")
    running += [ScriptedServer(lambda request: [lie(request, OFF_S)], address, NTP_PORT) for address in WRONG]
    yield
    for server in running:
        server.udp.close()


GOOD: dict[str, Any] = {"gate_ntp_servers": RIGHT}
BAD: dict[str, Any] = {"gate_ntp_servers": WRONG, "gate_max_skew_s": 0.02}
GONE: dict[str, Any] = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": CLOSED_PORT, **GOOD}

JOIN: dict[str, Any] = {
    "hosts": "skewgate_admitted",
    "gather_facts": False,
    "tasks": [
        {"ansible.builtin.include_role": {"name": "skewgate.preflight.gate", "tasks_from": "admission"}},
        {"ansible.builtin.copy": {"dest": "{{ folder }}/joined-{{ inventory_hostname }}", "content": ""}},
    ],
}
GATE = {"ansible.builtin.import_playbook": "skewgate.preflight.gate"}
CHECK = {"ansible.builtin.import_playbook": "skewgate.preflight.check"}
TOUCH = {"ansible.builtin.copy": {"dest": "{{ folder }}/after-{{ inventory_hostname }}", "content": ""}}


def role(how: str, tasks_from: str = "main") -> dict[str, Any]:
    """A play that has the role gate in one of the ways in which a play can have one,
    and a task after it.
    """
    name = "skewgate.preflight.gate"
    if how == "roles":
        return {"roles": [name], "tasks": [TOUCH]}
    return {"tasks": [{f"ansible.builtin.{how}": {"name": name, "tasks_from": tasks_from}}, TOUCH]}


def play(**keys: Any) -> dict[str, Any]:
    return {"hosts": "all", "gather_facts": False, **keys}


CONCLUDE = play(tasks=[{"ansible.builtin.import_role": {"name": "skewgate.preflight.gate", "tasks_from": "conclude"}}])


@dataclass
class Played:
    """How a playbook ended, and what it left."""

    status: int
    output: str
    folder: Path
    forks: int

    @property
    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "report/report.json").read_text())
        return found

    def verdicts(self) -> dict[str, str]:
        return {name: node["verdict"] for name, node in self.report["nodes"].items()}

    def left(self, what: str) -> set[str]:
        """The hosts that left a file of this kind: ``joined`` or ``after``."""
        return {path.name.partition("-")[2] for path in self.folder.glob(f"{what}-*")}


Ansible = Callable[..., Played]

COUNT_FORKS = """
import os
if "ansible-playbook" in " ".join(open("/proc/self/cmdline").read().split("\\0")):
    first = os.getpid()
    def count():
        if os.getpid() == first:
            with open(os.environ["FORKS_FILE"], "a") as file:
                file.write(".")
    os.register_at_fork(after_in_parent=count)
"""


def played(
    folder: Path,
    plays: list[dict[str, Any]],
    hosts: dict[str, dict[str, Any]],
    *words: str,
    command: Path | None = None,
    **settings: Any,
) -> Played:
    """Run these plays on these hosts."""
    settings = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "ansible_become": False,
        "folder": str(folder),
        "gate_checks": ["clock_skew"],
        "gate_own_variables": [],
        "gate_remediate": False,
        "gate_report_dir": str(folder / "report"),
        "gate_timeout_s": 2,
        **settings,
    }
    (folder / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts, "vars": settings}}))
    (folder / "play.yml").write_text(json.dumps(plays))
    (folder / "python").mkdir(exist_ok=True)
    (folder / "python/sitecustomize.py").write_text(COUNT_FORKS)
    environment = {
        **os.environ,
        "XDG_CACHE_HOME": str(folder / "cache"),
        "PYTHONPATH": f"{folder}/python",
        "FORKS_FILE": str(folder / "forks"),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
    }
    (folder / "forks").write_text("")
    argv = [command or BIN / "ansible-playbook", "-f", "20", "-i", folder / "hosts.json", folder / "play.yml", *words]
    done = subprocess.run(
        argv,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert "Traceback" not in done.stdout, done.stdout
    return Played(done.returncode, done.stdout, folder, len((folder / "forks").read_text()))


@pytest.fixture(params=[None, *(pytest.param(core, marks=pytest.mark.nightly) for core in ("2.18", "2.21"))])
def ansible(request: pytest.FixtureRequest) -> Ansible:
    """Runs plays with the ansible-core of the project's .venv,
    nightly also with the oldest and the newest that it names.
    """
    return functools.partial(played, command=request.param and playbook_of(request.param))


def named(count: int, settings: dict[str, Any], letter: str = "n", first: int = 1) -> dict[str, dict[str, Any]]:
    return {f"{letter}{number:02}": settings for number in range(first, first + count)}


def test_of_twenty_nodes_in_batches_of_five_all_are_judged_though_the_whole_first_batch_is_refused(
    tmp_path: Path,
    ansible: Ansible,
) -> None:
    hosts = {**named(5, BAD), **named(15, GOOD, first=6)}
    run = ansible(tmp_path, [GATE, JOIN], hosts, gate_serial=5)
    assert run.status == 2, run.output
    refused = {name for name, verdict in run.verdicts().items() if verdict == "refuse"}
    assert refused == set(named(5, BAD))
    assert len(run.verdicts()) == 20
    assert run.left("joined") == set(hosts) - refused
    assert run.report["exit_code"] == 4


@pytest.mark.parametrize(
    "playbook",
    [pytest.param(GATE, id="gate"), pytest.param(CHECK, id="check", marks=pytest.mark.nightly)],
)
def test_a_healthy_node_costs_the_controller_one_fork(
    tmp_path: Path, ansible: Ansible, playbook: dict[str, Any]
) -> None:
    forks = []
    for count in (1, 4):
        folder = tmp_path / str(count)
        folder.mkdir()
        run = ansible(folder, [playbook], named(count, GOOD))
        assert run.status == 0, run.output
        assert "changed=0" in run.output
        assert not re.search(r"changed=[1-9]", run.output)
        forks.append(run.forks)
    assert forks[1] - forks[0] == 3
    assert forks[0] == 1 + 3  # beginning, the report, and showing it


def test_a_refusal_is_read_once(tmp_path: Path, ansible: Ansible) -> None:
    run = ansible(tmp_path, [CHECK], {**named(2, BAD), **named(1, GOOD, "good"), **named(2, GONE, "gone")})
    assert run.status == 2, run.output
    assert run.output.count("Give the node a working NTP configuration") == 1, run.output
    _, refusing = run.output.split("Refuse the node]")
    assert "gate_max_skew_s" not in refusing
    assert "report.txt" in refusing
    for node in ("n01", "n02"):
        assert run.output.count(f"fatal: [{node} ") == 1
    assert "UNREACHABLE" not in run.output
    assert run.output.count("fatal: [gone01 ") == 1
    assert "evidence" not in re.sub(r"evidence\.json", "", run.output), run.output


WAYS = {
    "roles": role("roles"),
    "import_role": role("import_role"),
    "include_role": role("include_role"),
}


HOSTS = {"a-good": GOOD, "b-bad": BAD, "c-gone": GONE, "d-good": GOOD}


def no_refused_node_runs_on(folder: Path, how: str, strategy: str, serial: Any, command: Path | None = None) -> None:
    run = played(folder, [play(strategy=strategy, serial=serial, **WAYS[how]), JOIN], HOSTS, command=command)
    assert run.status != 0, run.output
    good = {"a-good", "d-good"}
    assert run.left("after") <= good, run.output
    assert run.left("joined") <= good, run.output
    if serial == "100%":
        assert run.left("after") == good, run.output
        assert run.left("joined") == good, run.output


@pytest.mark.parametrize(("how", "strategy"), [("roles", "linear"), ("include_role", "free")])
def test_in_a_play_of_others_no_refused_node_runs_a_task_after_the_gate(
    tmp_path: Path, how: str, strategy: str
) -> None:
    no_refused_node_runs_on(tmp_path, how, strategy, "100%")


@pytest.mark.nightly
@pytest.mark.parametrize("core", ["2.18", "2.19", "2.21"])
@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("strategy", ["linear", "free", "host_pinned"])
@pytest.mark.parametrize("serial", [1, 2, "100%"])
def test_no_refused_node_runs_on_in_any_batch_strategy_way_and_ansible_core(
    tmp_path: Path, core: str, how: str, strategy: str, serial: Any
) -> None:
    no_refused_node_runs_on(tmp_path, how, strategy, serial, playbook_of(core))


@pytest.mark.nightly
@pytest.mark.parametrize("strategy", ["free", "host_pinned"])
def test_if_no_host_waits_for_another_the_conclusion_is_a_separate_play(
    tmp_path: Path, ansible: Ansible, strategy: str
) -> None:
    hosts = {"a-bad": BAD, "b-good": GOOD, "c-gone": GONE}
    judge = {"ansible.builtin.include_role": {"name": "skewgate.preflight.gate", "tasks_from": "judge"}}
    run = ansible(tmp_path, [play(strategy=strategy, serial=1, tasks=[judge]), CONCLUDE, JOIN], hosts)
    assert run.status == 2, run.output
    assert run.verdicts() == {"a-bad": "refuse", "b-good": "admit", "c-gone": "refuse"}
    assert run.left("joined") == {"b-good"}


@pytest.mark.nightly
def test_a_play_that_ignores_errors_ends_with_0_and_still_admits_no_refused_node(
    tmp_path: Path, ansible: Ansible
) -> None:
    judge = {"ansible.builtin.import_role": {"name": "skewgate.preflight.gate", "tasks_from": "judge"}}
    ignoring = {**CONCLUDE, "ignore_errors": True}
    run = ansible(tmp_path, [play(tasks=[judge]), ignoring, JOIN], {"a-bad": BAD, "b-good": GOOD})
    assert run.status == 0, run.output
    assert run.report["exit_code"] == 4
    assert run.left("joined") == {"b-good"}


TURN = play(tasks=[{"ansible.builtin.set_fact": BAD, "when": "inventory_hostname == 'b'"}])
"""What was a good node is a bad one from here on."""


def test_a_second_gate_in_one_playbook_never_admits_by_the_first(tmp_path: Path, ansible: Ansible) -> None:
    hosts = {"a": GOOD, "b": GOOD, "c": GOOD}
    lost = {"ansible.builtin.fail": {"msg": "lost"}, "when": "inventory_hostname == 'c'"}
    judge = {"ansible.builtin.import_role": {"name": "skewgate.preflight.gate", "tasks_from": "judge"}}
    second = play(pre_tasks=[lost], tasks=[judge])
    run = ansible(tmp_path, [GATE, TURN, second, CONCLUDE, JOIN], hosts)
    assert run.status == 2, run.output
    assert run.verdicts() == {"a": "admit", "b": "refuse", "c": "refuse"}
    assert run.left("joined") == {"a"}


@pytest.mark.nightly
def test_a_second_gate_without_a_report_admits_nobody(tmp_path: Path, ansible: Ansible) -> None:
    second = play(tasks=[{"ansible.builtin.import_role": {"name": "skewgate.preflight.gate", "tasks_from": "judge"}}])
    run = ansible(tmp_path, [GATE, second, JOIN], {"a": GOOD})
    assert run.status == 2, run.output
    assert run.left("joined") == set()


def test_wrong_settings_end_the_run_before_any_batch(tmp_path: Path, ansible: Ansible) -> None:
    wrong = {"gate_timeout_s": "abc", "gate_client_profiles": [1], "gate_environment": "x"}
    run = ansible(tmp_path, [GATE, JOIN], named(3, GOOD), gate_serial=1, **wrong)
    assert run.status == 2, run.output
    assert not (tmp_path / "report/report.json").exists()
    assert all(name in run.output for name in wrong), run.output
    assert run.left("joined") == set()


def test_two_runs_in_one_folder_do_not_mix_and_the_second_says_who_holds_it(tmp_path: Path, ansible: Ansible) -> None:
    slow = tmp_path / "slow"
    slow.write_text(
        f'#!/bin/sh\ntouch {tmp_path}/asked\nwhile [ ! -e {tmp_path}/go ]; do sleep 0.1; done\nexec {sys.executable} "$@"\n'
    )
    slow.chmod(0o755)
    first, second, shared = tmp_path / "first", tmp_path / "second", {"gate_report_dir": str(tmp_path / "report")}
    first.mkdir()
    second.mkdir()
    with ThreadPoolExecutor() as beside:
        one = beside.submit(ansible, first, [CHECK], {"a": {**GOOD, "ansible_python_interpreter": str(slow)}}, **shared)
        try:
            while not (tmp_path / "asked").exists():
                assert not one.done(), one.result().output
                time.sleep(0.05)
            other = ansible(second, [CHECK], {"b": GOOD}, **shared)
        finally:
            (tmp_path / "go").touch()
    assert other.status == 2
    assert re.search(r"gate_report_dir: \S+/report .*\bprocess \d+ ", other.output), other.output
    assert one.result().status == 0, one.result().output
    assert set(json.loads((tmp_path / "report/report.json").read_text())["nodes"]) == {"a"}


def included(tasks_from: str, **more: Any) -> dict[str, Any]:
    return {"ansible.builtin.include_role": {"name": "skewgate.preflight.gate", "tasks_from": tasks_from}, **more}


ADMISSION, JOINED = JOIN["tasks"]
UNREACHED = {"gate_checks": ["ntp_servers"], "gate_ntp_servers": ["127.77.9.9"]}
"""Settings by which no node passes."""


def test_a_node_that_its_last_check_refused_does_not_join_by_an_earlier_admission(
    ansible: Ansible, tmp_path: Path
) -> None:
    tasks = [included("main"), included("judge", vars=UNREACHED), ADMISSION, JOINED]
    done = ansible(tmp_path, [play(tasks=tasks)], {"a": GOOD, "b": GOOD})
    assert (done.status, done.left("joined")) == (2, set()), done.output


def test_a_second_gate_whose_check_comes_to_no_end_does_not_admit_by_the_first_ones(
    ansible: Ansible, tmp_path: Path
) -> None:
    second = included("main", vars=UNREACHED)
    second["ansible.builtin.include_role"]["apply"] = {"timeout": 1}
    done = ansible(tmp_path, [play(tasks=[included("main"), second])], {"a": GOOD, "b": GOOD}, gate_timeout_s=30)
    assert (done.status, set(done.verdicts().values())) == (2, {"refuse"}), done.output


def test_what_was_gated_in_two_plays_joins_in_one(ansible: Ansible, tmp_path: Path) -> None:
    gated = {"ansible.builtin.import_role": {"name": "skewgate.preflight.gate"}}
    plays = [{**play(tasks=[gated]), "hosts": host} for host in ("a", "b")]
    done = ansible(tmp_path, [*plays, JOIN], {"a": GOOD, "b": GOOD})
    assert (done.status, done.left("joined")) == (0, {"a", "b"}), done.output


@pytest.mark.parametrize(
    ("strategy", "serial"),
    [("free", "100%"), *(pytest.param(*how, marks=pytest.mark.nightly) for how in (("linear", 1), ("host_pinned", 2)))],
)
def test_the_admission_asks_the_node_and_a_node_that_proves_nothing_does_not_join(
    ansible: Ansible, tmp_path: Path, strategy: str, serial: Any
) -> None:
    unreachable = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": CLOSED_PORT}
    meanwhile = [
        {"ansible.builtin.set_fact": unreachable, "when": "inventory_hostname == 'gone'"},
        {
            "ansible.builtin.set_fact": {"gate_allow_reboot": True, "cacheable": True},
            "when": "inventory_hostname == 'hostile'",
        },
    ]
    join = {**JOIN, "strategy": strategy, "serial": serial, "ignore_unreachable": True}
    hosts = dict.fromkeys(("good", "gone", "hostile"), GOOD)
    done = ansible(tmp_path, [GATE, play(tasks=meanwhile), join], hosts)
    assert (done.status, done.left("joined")) == (2, {"good"}), done.output
    assert [done.output.count(f'"ended_by": ["{key}"]') for key in ("no_answer", "settings_in_facts")] == [1, 1]


def test_the_admission_is_asked_for_in_check_mode_too(ansible: Ansible, tmp_path: Path) -> None:
    asked = {"ansible.builtin.debug": {"msg": "{{ inventory_hostname }} would join"}}
    join = {**JOIN, "tasks": [included("admission"), asked]}
    done = ansible(tmp_path, [GATE, join], {"a": GOOD}, "--check")
    assert (done.status, "a would join" in done.output) == (0, True), done.output
    old = ansible(tmp_path, [GATE, join], {"a": GOOD}, "--check", gate_admission_max_age_s=0)
    assert (old.status, "a would join" in old.output) == (2, False), old.output


def test_an_admission_costs_the_controller_one_fork_and_the_node_one_call(ansible: Ansible, tmp_path: Path) -> None:
    """Beside the forks of include_role and of Ansible's validation, which any role has."""
    forks = []
    for tasks in (
        [],
        [{"skewgate.preflight.node_admission": {"check_id": "{{ gate_before.check_id }}", "max_age_s": 99}}],
    ):
        folder = tmp_path / str(len(tasks))
        folder.mkdir()
        run = ansible(folder, [GATE, {**JOIN, "tasks": tasks}], named(3, GOOD))
        assert run.status == 0, run.output
        forks.append(run.forks)
    assert forks[1] - forks[0] == 3
