"""What the actions do whose work a module does on the node:
its arguments go there, and of its answer little comes back.
"""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible_collections.skewgate.preflight.plugins.action import node_remediate, node_task

DONE = {
    "changed": False,
    "changes": [],
    "diff": [],
    "backup": None,
    "backup_id": None,
    "backup_state": None,
    "packages": {},
    "notes": [],
}


def raising(error: Exception) -> Any:
    def module(**_call: Any) -> Any:
        raise error

    return module


@pytest.fixture
def remediate(run_action: Any) -> Any:
    return lambda module, **args: run_action(
        node_remediate.ActionModule, {"state": "described", **args}, {}, module=module
    )


def test_the_nodes_module_gets_the_arguments_that_were_given_in_their_types(remediate: Any) -> None:
    asked: list[dict[str, Any]] = []
    file = {"path": "/etc/a", "content": "{{ x }}"}
    answer = remediate(
        lambda **call: asked.append(call) or DONE, state="confirmed", rtc="false", enable="a,b", files=[file]
    )
    assert answer == DONE
    (call,) = asked
    assert call["module_name"] == "skewgate.preflight.node_remediate"
    given = call["module_args"]
    assert (given["state"], given["rtc"], given["enable"], given["files"]) == ("confirmed", False, ["a", "b"], [file])
    assert not {"chronyd", "backup_id", "step_s"} & given.keys()


def test_an_argument_that_is_not_understood_contacts_no_node(remediate: Any) -> None:
    answer = remediate(raising(AssertionError("asked")), backup="x")
    assert answer["failed"]
    assert "'backup'" in answer["msg"]


def test_facts_and_warnings_of_the_node_stay_there(remediate: Any) -> None:
    more = {"ansible_facts": {"chrony_package_file": "/etc/shadow"}, "warnings": ["\x1b[2J"]}
    assert remediate(lambda **_call: {**DONE, **more}) == DONE


def test_an_answer_of_another_form_is_a_failure_that_names_the_key(remediate: Any) -> None:
    answer = remediate(lambda **_call: {**DONE, "changes": {}})
    assert answer["failed"]
    assert "changes: expected a list" in answer["msg"]


def test_a_node_that_is_not_reached_is_unreachable_with_printable_words(remediate: Any) -> None:
    with pytest.raises(AnsibleConnectionFailure) as raised:
        remediate(raising(AnsibleConnectionFailure("banner \x1b[2J")))
    assert "\x1b" not in str(raised.value)


def test_an_error_of_ansible_passes_on_no_result(remediate: Any) -> None:
    error = AnsibleActionFail("\x1b[2J", result={"ansible_facts": {"gate_checks": []}})
    answer = remediate(raising(error))
    assert answer["failed"]
    assert answer.keys() == {"failed", "msg"}
    assert "\x1b" not in answer["msg"]


def test_an_answer_that_ansible_stumbles_over_is_the_nodes_own_failure(remediate: Any) -> None:
    answer = remediate(raising(AttributeError("'list' object has no attribute 'splitlines'")))
    assert answer["failed"]
    assert "The node's answer can't be read" in answer["msg"]


def test_a_module_of_ansible_gets_its_own_arguments(run_action: Any) -> None:
    asked: list[dict[str, Any]] = []
    args = {"module": "command", "arguments": {"argv": ["true"]}}
    said = {"changed": True, "rc": 0, "stdout": "a\nb", "stdout_lines": ["of the node"], "ansible_facts": {"x": 1}}
    answer = run_action(node_task.ActionModule, args, {}, module=lambda **call: asked.append(call) or said)
    assert (asked[0]["module_name"], asked[0]["module_args"]) == ("ansible.builtin.command", {"argv": ["true"]})
    assert answer == {"changed": True, "rc": 0, "stdout": "a\nb", "stdout_lines": ["a", "b"]}


def test_only_the_modules_that_are_named_can_be_run(run_action: Any) -> None:
    answer = run_action(
        node_task.ActionModule, {"module": "setup", "arguments": {}}, {}, module=raising(AssertionError())
    )
    assert answer["failed"]
    assert "apt, command, copy, dnf, file" in answer["msg"]
