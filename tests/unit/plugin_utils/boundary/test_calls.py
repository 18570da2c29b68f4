"""What Ansible is given to read of a module's answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.plugins.action import ActionBase
from ansible_collections.skewgate.preflight.plugins.action.node_task import ActionModule as NodeTask

ANSWER = {"evidence": {"collected": {"wall_ns": 1}}, "changed": False}


@pytest.fixture
def read_by_ansible(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What Ansible itself has to read where a module printed this,
    whatever it makes of it in this version.
    """
    monkeypatch.setattr(ActionBase, "_parse_returned_data", lambda _self, res, *_profile: res["stdout"])
    action = NodeTask.__new__(NodeTask)
    return lambda printed: action._parse_returned_data({"stdout": printed, "stderr": "", "rc": 0}, "legacy")


@pytest.mark.parametrize(
    "beside",
    [{"_ansible_no_log": True, "_ansible_verbose_override": 1}, {"add_host": {"host_name": "x"}, "add_group": "x"}],
)
def test_what_is_ansibles_own_is_left_out_before_ansible_reads_and_warns_of_it(
    read_by_ansible: Any, beside: Any
) -> None:
    assert json.loads(read_by_ansible(json.dumps({**ANSWER, **beside}))) == ANSWER


def test_what_stands_around_the_answer_is_left_out_with_it(read_by_ansible: Any) -> None:
    printed = f"Welcome {{\n{json.dumps({**ANSWER, '_ansible_no_log': True})}\nconnection closed"
    assert json.loads(read_by_ansible(printed)) == ANSWER


@pytest.mark.parametrize(
    "printed", ["", "pyenv: python3: command not found", "{", "{]}", "[1]", '{"a": ' * 100_000 + "}"]
)
def test_what_is_no_answer_ansible_reads_as_it_is(read_by_ansible: Any, printed: str) -> None:
    assert printed.startswith(read_by_ansible(printed))
