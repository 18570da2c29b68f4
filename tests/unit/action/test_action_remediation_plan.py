"""What the action has to do with Ansible: where the evidence comes from, and a task's result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible import constants
from ansible.errors import AnsibleConnectionFailure
from ansible_collections.skewgate.preflight.plugins.action.remediation_plan import ActionModule
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.current_run import begin_once, keep
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.judge import judge_record

from tests.builders import chrony, join_state, policy, record, source, time_services, tracking, wireguard
from tests.unit.plugin_utils.remediation.scenarios import EMPTY, TIMESYNC_ROLE, dead, measured, running
from tests.unit.plugin_utils.remediation.test_servers import blocked, nts
from tests.unit.plugin_utils.remediation.test_servers_with_nts import GETS_TIME, NTPSEC, TIMES_OUT

ARGS = {
    "measured": "checked",
    "servers": ["10.77.0.1", "10.77.0.2", "10.77.0.3"],
    "source_options": "iburst",
    "min_sources": 3,
    "makestep": "1 3",
    "joined_step_limit_s": 5,
    "joined_slew_limit_s": 60,
}


UNSYNCHRONISED = chrony(tracking(leap="Not synchronised", stratum=0, refid="00000000"), source(state="?", reach=0))
PLATFORM = {
    "os_release": {"ID": "debian", "VERSION_ID": "12"},
    "selinux": None,
    "read_only": None,
    "package_managers": ["apt-get", "dpkg-query"],
}


@pytest.fixture
def plan(run_action: Any) -> Any:
    """Runs the action for a node with this record or these sections, None for no evidence;
    returns the task's result.
    """

    def run(sections: dict[str, Any] | None, **changes: Any) -> dict[str, Any]:
        variables: dict[str, Any] = {"inventory_hostname": "node3"}
        if sections is not None:
            taken = sections if "evidence" in sections else record(**sections, of_policy=policy(github_apps=[]))
            variables["checked"] = {"record": taken, "judgement": judge_record(taken), "changed": False}
        return run_action(ActionModule, {**ARGS, **changes}, variables)

    return run


def test_a_plan_is_made_of_the_evidence_in_the_variable(plan: Any) -> None:
    joined = join_state()
    result = plan({"chrony": UNSYNCHRONISED, "platform": PLATFORM, "join_state": joined})
    assert "failed" not in result, result["msg"]
    assert result["changes"] == [change["what"] for change in result["plan"]["changes"]] != []
    assert result["changed"] is False
    assert len(result["backup_id"]) == len("20261122T083536Z")


def test_a_plan_is_made_of_the_check_that_the_gate_kept(
    run_action: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    begin_once("play", lambda: {"id": "run"})
    joined = join_state()
    taken = record(chrony=UNSYNCHRONISED, platform=PLATFORM, join_state=joined, of_policy=policy(github_apps=[]))
    keep("node3", {"record": taken, "judgement": judge_record(taken), "check_id": "c1", "follows": "run"})

    def planned(check_id: str) -> dict[str, Any]:
        return run_action(ActionModule, ARGS, {"inventory_hostname": "node3", "checked": {"check_id": check_id}})

    assert planned("c1")["changes"] != []
    assert "'checked'" in planned("another")["msg"]


def test_a_plan_that_refuses_fails_the_task_with_its_reason(plan: Any) -> None:
    result = plan({"chrony": UNSYNCHRONISED})
    assert result["failed"]
    assert result["plan"]["refusal"] in result["msg"]
    assert result["changes"] == []


def test_without_evidence_the_variable_is_named_and_nothing_is_planned(plan: Any) -> None:
    result = plan(None)
    assert result["failed"]
    assert "'checked'" in result["msg"]
    assert "plan" not in result


def test_wrong_settings_fail_the_task_with_each_problem(plan: Any) -> None:
    result = plan({}, servers=[], makestep="soon")
    assert result["failed"]
    assert "; servers: " in result["msg"]
    assert " makestep: " in result["msg"]
    assert "plan" not in result


@pytest.mark.parametrize(("said", "refused"), [("false", True), ("no", True), ("true", False), (True, False)])
def test_a_text_of_the_command_line_has_the_type_of_its_option(plan: Any, said: Any, refused: bool) -> None:
    foreign = measured(45, chrony=running("10.77.0.9", config=TIMESYNC_ROLE, synchronised=False, skew_s=45))
    result = plan(foreign, overwrite_foreign_config=said, servers="10.77.0.1,10.77.0.2,10.77.0.3", min_sources="3")
    assert result.get("failed", False) is refused, result
    if not refused:
        assert all(f"server 10.77.0.{n} iburst" in result["plan"]["node"]["files"][0]["content"] for n in (1, 2, 3))


def test_an_unknown_or_a_missing_option_fails_the_task(plan: Any) -> None:
    result = plan({}, min_source=3, min_sources=None, makestep=["1", "3"])
    assert result["failed"]
    assert "did you mean min_sources" in result["msg"]
    assert "makestep: expected a text" in result["msg"]


def test_the_plan_keeps_the_packages_file_and_nothing_said_later_changes_it(plan: Any) -> None:
    joined = join_state()
    sections = {"chrony": UNSYNCHRONISED, "platform": PLATFORM, "join_state": joined}
    assert plan(sections, package_file="/srv/chrony.deb")["package_file"] == "/srv/chrony.deb"
    assert plan(sections)["package_file"] is None


# NTS, which chronyd itself tries on the node.

NTS = {"servers": [nts("nts.example")]}
DEAD = measured(45, nts=NTS, chrony=dead(45))
FRESH = measured(-612, nts=NTS, time_services=time_services(), **EMPTY)


class Node:
    """A node whose chronyd answers so."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.answer, self.calls = answer, []

    def __call__(self, **call: Any) -> dict[str, Any]:
        self.calls.append(call["module_args"])
        return {"evidence": {"nts_client": {"tried": {"nts.example:4460:0": self.answer}}}}


@pytest.fixture
def planned(run_action: Any) -> Any:
    """Runs the action for a node that wants NTS.

    ``first``: the plan before chrony was installed.
    """

    def run(
        data: dict[str, Any], node: Node, first: dict[str, Any] | None = None, *, check_mode: bool = False, **args: Any
    ) -> dict[str, Any]:
        checked = {"record": data, "judgement": judge_record(data), "changed": False}
        variables = {"inventory_hostname": "node3", "checked": checked, "chrony_plan": first}
        given = {**ARGS, "nts_servers": ["nts.example"], **args, **({"planned": "chrony_plan"} if first else {})}
        return run_action(ActionModule, given, variables, module=node, check_mode=check_mode)

    return run


def servers_of(result: dict[str, Any]) -> list[str]:
    """The servers that a plan writes."""
    (content,) = (f["content"] for f in result["plan"]["node"]["files"] if f["path"].endswith("chrony.conf"))
    return [line for line in content.splitlines() if line.startswith("server ")]


PLAIN = [f"server 10.77.0.{n} iburst" for n in (1, 2, 3)]


@pytest.mark.parametrize(
    ("answer", "servers"),
    [(GETS_TIME, ["server nts.example iburst nts"]), (TIMES_OUT, PLAIN), ({"error": "chronyd: no"}, PLAIN)],
)
def test_what_chronyd_gets_with_nts_decides_what_is_written(planned: Any, answer: Any, servers: list[str]) -> None:
    for check_mode in (False, True):
        node = Node(answer)
        result = planned(DEAD, node, check_mode=check_mode)
        assert servers_of(result) == servers
        (call,) = node.calls
        assert call == {
            "sections": ["nts_client"],
            # Without an RTC a node is given this too.
            "nts_clients": {"nts.example:4460:0": ["server nts.example iburst nts maxsamples 1", "nocerttimecheck 1"]},
        }


def test_a_node_that_gets_no_nts_is_not_asked(planned: Any) -> None:
    node = Node(GETS_TIME)
    assert servers_of(planned(measured(45, nts={"servers": [blocked("nts.example")]}, chrony=dead(45)), node)) == PLAIN
    assert planned(measured(nts=NTS), node)["changes"] == []
    assert servers_of(planned(DEAD, node, nts_servers=[])) == PLAIN
    assert node.calls == []


def test_if_only_nts_is_wanted_and_chronyd_gets_no_time_nothing_is_planned(planned: Any) -> None:
    result = planned(DEAD, Node(TIMES_OUT), servers=[])
    assert result["failed"]
    assert result["changes"] == []
    assert result["msg"].startswith("Nothing was changed. No server is good (nts.example: chronyd itself gets no time")


def test_on_a_fresh_node_nts_is_tried_after_chrony_was_installed(planned: Any) -> None:
    node = Node(TIMES_OUT)
    first = planned(FRESH, node)
    assert (servers_of(first), node.calls) == (["server nts.example iburst nts"], [])
    second = planned(FRESH, node, {**first, "backup_id": "20261122T083536Z"})
    assert (servers_of(second), len(node.calls)) == (PLAIN, 1)
    assert second["backup_id"] == "20261122T083536Z"
    assert second["plan"]["install"].keys() == first["plan"]["install"].keys()


def test_a_refusal_after_the_installation_has_the_backup_that_is_undone(planned: Any) -> None:
    node = Node(TIMES_OUT)
    first = planned(FRESH, node, servers=[])
    second = planned(FRESH, node, first, servers=[])
    assert second["failed"]
    assert second["backup_id"] == first["backup_id"]
    assert not second["msg"].startswith("Nothing was changed")


def gone(**_call: Any) -> Any:
    """A node to which there is no connection."""
    raise AnsibleConnectionFailure("no route to host")


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        (gone, "no route to host"),
        (lambda **_call: {"msg": "no Python"}, "no Python"),
        (lambda **_call: {"evidence": {"nts_client": {"error": "it did not end"}}}, "it did not end"),
    ],
    ids=["unreachable", "no evidence", "no section"],
)
def test_a_node_that_does_not_answer_is_not_given_plain_servers_for_it(planned: Any, answers: Any, why: str) -> None:
    """It is not known whether NTS works, and a later run would leave plain servers that work."""
    result = planned(DEAD, answers)
    assert result["failed"]
    assert result["msg"].startswith("Nothing was changed. ")
    assert why in result["msg"]
    first = planned(FRESH, Node(TIMES_OUT))
    second = planned(FRESH, answers, {**first, "backup_id": "20261122T083536Z"})
    assert second["failed"]
    assert second["backup_id"] == "20261122T083536Z"
    assert not second["msg"].startswith("Nothing was changed")


def test_a_try_that_had_no_answer_in_the_check_is_made_again(planned: Any) -> None:
    node = Node(GETS_TIME)
    entry = nts("nts.example", **NTPSEC)
    lost = {"tried": {"nts.example:4460:0": {"error": "no route to host"}}}
    data = measured(45, nts={"servers": [entry]}, chrony=dead(45), nts_client=lost)
    assert servers_of(planned(data, node)) == ["server nts.example iburst nts"]
    assert len(node.calls) == 1


def test_without_chrony_a_server_that_answers_only_chronyd_refuses_and_the_operator_learns_why(planned: Any) -> None:
    node = Node(GETS_TIME)
    data = measured(-612, nts={"servers": [nts("nts.example", **NTPSEC)]}, time_services=time_services(), **EMPTY)
    for check_mode in (False, True):
        result = planned(data, node, servers=[], check_mode=check_mode)
        assert result["failed"]
        (warning,) = result["warnings"]
        assert "chrony is not installed" in warning
    assert node.calls == []


def test_a_node_whose_clock_must_not_be_stepped_is_not_asked_and_no_other_reason_is_given(planned: Any) -> None:
    node = Node(GETS_TIME)
    of_wireguard = wireguard(interfaces=["wg0"])
    there = measured(45, nts=NTS, chrony=dead(45), join_state=of_wireguard)
    fresh = measured(45, nts=NTS, time_services=time_services(), join_state=of_wireguard, **EMPTY)
    for data in (there, fresh):
        result = planned(data, node)
        assert "WireGuard" in result["msg"]
        assert not any("not installed" in said for said in result["warnings"])
    assert node.calls == []


def test_in_check_mode_a_fresh_node_is_not_asked_and_the_operator_is_warned(planned: Any) -> None:
    node = Node(TIMES_OUT)
    first = planned(FRESH, node, check_mode=True)
    assert any("cannot be tried in check mode before chrony is installed" in said for said in first["warnings"])
    assert servers_of(planned(FRESH, node, first, check_mode=True)) == servers_of(first)
    assert node.calls == []
