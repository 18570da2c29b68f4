"""Who may still join by the admission of a run: what the controller kept, what the node says."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from ansible import constants
from ansible.errors import AnsibleConnectionFailure
from ansible_collections.skewgate.preflight.plugins.action import node_admission
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.current_run import (
    Standing,
    begin_once,
    keep,
    kept,
    note_standings,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.times import now
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.steady import steady_ns
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.judge import judge_record

from tests.builders import NS, record, time_services

OTHER_BOOT_ID = "9f8f071d-18ad-457d-9349-458fa717e2e2"
Result = dict[str, Any]


class Node:
    """A node that the gate of this run has admitted, a minute ago by all clocks."""

    def __init__(self) -> None:
        self.evidence: dict[str, Any] = record()["evidence"]
        self.calls: list[dict[str, Any]] = []
        self.failure: Exception | None = None
        self.lacking: set[str] = set()
        self.boot_id: str | None = None
        self.stepped_s = 0.0
        self.vmclocks: list[dict[str, Any]] = []
        self.admitted_at = steady_ns() - 60 * NS
        self.registered: dict[str, Any] = {}

    def kept(self, check_id: str = "first", follows: str = "run", **changes: Any) -> None:
        """The gate's check of it, as the controller keeps it."""
        taken = {**record(**changes), "collected_at": now()}
        began = {"steady_before_ns": self.admitted_at - NS, "steady_after_ns": self.admitted_at + 2 * NS}
        taken["controller"] = {**taken["controller"], **began}
        judgement = judge_record(taken)
        asked = {"ntp_servers": ["10.77.0.1"], "timeout_s": 5}
        check = {"record": taken, "judgement": judgement, "check_id": check_id, "follows": follows, "asked": asked}
        keep("node1", check)
        name = "gate_before" if follows == "run" else "gate_after"
        self.registered[name] = {key: check[key] for key in ("check_id", "follows")}

    def module(self, **call: Any) -> Result:
        """As node_evidence answers now."""
        self.calls.append(call["module_args"])
        if self.failure:
            raise self.failure
        passed_ns = steady_ns() - self.admitted_at
        if call["module_args"]["sections"]:  # the references in it have the time of the node's clock
            return {"evidence": copy.deepcopy(self.evidence)}
        collected = copy.deepcopy(self.evidence["collected"])
        for name in ("wall_ns", "mono_ns", "boot_ns", "raw_ns", "end_mono_ns"):
            collected[name] += passed_ns
        collected["end_mono_ns"] = collected["mono_ns"]
        collected["wall_ns"] += round(self.stepped_s * NS)
        collected["vmclocks"] = self.vmclocks
        if self.boot_id:
            collected["boot_id"] = self.boot_id
            collected |= dict.fromkeys(("mono_ns", "boot_ns", "raw_ns", "end_mono_ns"), 30 * NS)
        answer = {name: value for name, value in collected.items() if name not in self.lacking}
        return {"evidence": {"schema": "skewgate/evidence/1", "collected": answer}}


@pytest.fixture
def node(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Node:
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    begin_once("play", lambda: {"id": "run"})
    node = Node()
    node.kept()
    note_standings({"first": (Standing.ADMITTED, "")})
    return node


@pytest.fixture
def asked(run_action: Callable[..., Result], node: Node) -> Callable[..., Result]:
    """Runs the action for the node, with these arguments beside or in the place of the usual
    ones.
    """

    def run(facts: dict[str, Any] | None = None, **args: Any) -> Result:
        return run_action(
            node_admission.ActionModule,
            {"check_id": "first", "max_age_s": 3600, **args},
            {"inventory_hostname": "node1", "ansible_facts": facts or {}, **node.registered},
            module=node.module,
            role="skewgate.preflight.gate",
        )

    return run


def test_a_node_that_was_left_alone_joins_after_one_call_that_takes_no_section(
    asked: Callable[..., Result], node: Node
) -> None:
    answer = asked()
    assert (answer.get("failed"), answer["changed"], answer["msg"]) == (None, False, "The admission holds.")
    assert node.calls == [{"sections": []}]


@pytest.mark.parametrize(
    ("change", "key"),
    [
        pytest.param({"boot_id": OTHER_BOOT_ID}, "rebooted", id="a reboot"),
        pytest.param({"stepped_s": -1.5}, "stepped", id="a step"),
        pytest.param({"failure": AnsibleConnectionFailure("No route to host")}, "no_answer", id="unreachable"),
        pytest.param({"failure": RuntimeError("no JSON")}, "no_answer", id="an answer that cannot be read"),
        pytest.param({"lacking": {"boot_id"}}, "not_shown", id="an answer without its boot"),
        pytest.param({"lacking": {"wall_ns"}}, "not_shown", id="a malformed answer"),
    ],
)
def test_a_node_whose_answer_does_not_prove_its_clock_does_not_join(
    asked: Callable[..., Result], node: Node, change: dict[str, Any], key: str
) -> None:
    vars(node).update(change)
    answer = asked()
    assert (answer["failed"], answer["ended_by"]) == (True, [key])
    assert answer["msg"].startswith("node1 has no admission of this run that is younger than 3600 s and still holds: ")
    assert answer["msg"].endswith(
        (
            "Run the gate for it again, then join it.",
            "may join if its clock passes.",
        )
    )


def test_an_answer_of_the_module_without_evidence_is_no_answer(
    asked: Callable[..., Result], node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node, "module", lambda **_call: {"failed": True, "msg": "no space left"})
    answer = asked()
    assert answer["ended_by"] == ["no_answer"]
    assert "no space left" in answer["msg"]


def test_a_vmclock_that_cannot_be_read_is_said_and_changes_nothing(asked: Callable[..., Result], node: Node) -> None:
    node.vmclocks = [{"device": "/dev/vmclock0", "error": "PermissionError: no"}]
    answer = asked()
    assert answer["unread"] == node.vmclocks
    assert answer["msg"] == "The admission holds. /dev/vmclock0 can't be read: PermissionError: no."


FLOOD = "\x1b[2J\x1b]0;admitted\x07" + "x" * 250_000


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"failure": AnsibleConnectionFailure(FLOOD)}, id="what ssh printed"),
        pytest.param({"failure": RuntimeError(FLOOD)}, id="an answer that cannot be read"),
    ],
)
def test_what_a_node_says_of_itself_neither_floods_a_terminal_nor_steers_it(
    asked: Callable[..., Result], node: Node, change: dict[str, Any]
) -> None:
    vars(node).update(change)
    answer = asked()
    assert "\x1b" not in answer["msg"]
    assert "xxx" in answer["msg"]
    assert len(answer["msg"]) < 10_000


@pytest.mark.parametrize(
    "vmclocks",
    [
        pytest.param([{"device": "/dev/vmclock0", "error": FLOOD}], id="a long error"),
        pytest.param([{"device": "/dev/" + "v" * 300, "error": "no"}], id="a long name"),
        pytest.param([{"device": "/dev/vmclock0", "error": "no"}] * 5, id="more than are read"),
    ],
)
def test_a_vmclock_that_no_module_shows_makes_the_answer_malformed(
    asked: Callable[..., Result], node: Node, vmclocks: list[dict[str, Any]]
) -> None:
    """What can't be read is printed for a node that may join."""
    node.vmclocks = vmclocks
    answer = asked()
    assert answer["ended_by"] == ["not_shown"]
    assert len(answer["msg"]) < 1000


@pytest.mark.parametrize(
    ("args", "facts", "key"),
    [
        ({}, {"gate_allow_reboot": True}, "settings_in_facts"),
        ({}, {"chrony_servers": []}, "settings_in_facts"),
        ({"check_id": ""}, {}, "not_admitted"),
        ({"check_id": "of another gate"}, {}, "not_admitted"),
        ({"max_age_s": 0}, {}, "too_old"),
    ],
)
def test_a_node_without_an_admission_of_this_run_is_not_even_asked(
    asked: Callable[..., Result], node: Node, args: dict[str, Any], facts: dict[str, Any], key: str
) -> None:
    assert asked(facts, **args)["ended_by"] == [key]
    assert node.calls == []


def test_a_check_of_another_role_counts_with_the_evidence_that_it_registered(
    asked: Callable[..., Result], node: Node
) -> None:
    whole = kept("node1")
    assert whole
    node.registered["gate_before"] = {**whole, "check_id": "of another role"}
    note_standings({"of another role": (Standing.ADMITTED, "")})
    assert asked(check_id="of another role")["msg"] == "The admission holds."
    del node.registered["gate_before"]["record"]
    assert asked(check_id="of another role")["ended_by"] == ["not_admitted"]


def test_neither_is_one_that_no_gate_has_checked(asked: Callable[..., Result], node: Node) -> None:
    del node.registered["gate_before"]
    assert [asked(check_id=check_id)["ended_by"] for check_id in ("", "first")] == [["not_admitted"]] * 2
    assert node.calls == []


def test_neither_is_one_that_the_report_refused(asked: Callable[..., Result], node: Node) -> None:
    note_standings({"first": (Standing.REFUSED, "no")})
    assert asked()["ended_by"] == ["not_admitted"]
    assert node.calls == []


def test_neither_is_one_whose_admission_has_no_clocks(asked: Callable[..., Result], node: Node) -> None:
    old = {name: node.evidence["collected"][name] for name in ("wall_ns", "mono_ns", "end_mono_ns", "python", "euid")}
    node.kept(collected=old)
    answer = asked()
    assert answer["ended_by"] == ["not_recorded"]
    assert "boot_id" in answer["msg"]
    assert node.calls == []


@pytest.mark.parametrize(
    ("follows", "keys"), [("first", []), ("of another gate", ["rebooted"])], ids=["of this check", "of another check"]
)
def test_the_check_after_the_remediation_counts_if_it_follows_the_first(
    asked: Callable[..., Result], node: Node, follows: str, keys: list[str]
) -> None:
    collected = {**node.evidence["collected"], "boot_id": OTHER_BOOT_ID, "boot_ns": 0, "mono_ns": 0, "raw_ns": 0}
    node.kept("again", follows, collected={**collected, "end_mono_ns": 0, "wall_ns": collected["wall_ns"] - 30 * NS})
    node.evidence["collected"] = {**collected, "end_mono_ns": 0, "wall_ns": collected["wall_ns"] - 30 * NS}
    assert asked().get("ended_by", []) == keys


def test_a_reboot_is_accepted_by_setting_if_the_clock_passes_again(asked: Callable[..., Result], node: Node) -> None:
    node.boot_id = OTHER_BOOT_ID
    answer = asked(allow_reboot="true")
    assert not answer.get("failed"), answer["msg"]
    assert "rebooted since" in answer["msg"]
    first, again = node.calls
    assert first == {"sections": []}
    assert {"chrony", "ntp", "time_services"} < set(again["sections"])
    assert (again["ntp_servers"], again["github_apps"]) == (["10.77.0.1"], [])


@pytest.mark.parametrize(
    "failing", [{"skew_s": -612.0}, {"time_services": time_services()}], ids=["the clock", "its daemon"]
)
def test_and_refused_if_it_does_not(asked: Callable[..., Result], node: Node, failing: dict[str, Any]) -> None:
    node.boot_id = OTHER_BOOT_ID
    node.evidence = record(**failing)["evidence"]
    answer = asked(allow_reboot=True)
    assert (answer["failed"], answer["ended_by"]) == (True, ["rebooted", "clock_after_reboot"])
    assert "its clock does not pass now" in answer["msg"]


def test_nothing_but_a_reboot_is_accepted_by_that_setting(asked: Callable[..., Result], node: Node) -> None:
    node.stepped_s = 5
    assert asked(allow_reboot=True)["ended_by"] == ["stepped"]
    assert node.calls == [{"sections": []}]
