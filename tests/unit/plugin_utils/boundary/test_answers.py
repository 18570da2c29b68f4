"""Of a module's answer only what its RETURN documents is passed on, each key of its type,
printable and bounded.
"""

from __future__ import annotations

import doctest
import json
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.modules import node_remediate, node_task
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary import answers
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.answers import MAX_ANSWER, read_answer

DONE: dict[str, Any] = {
    "changed": True,
    "changes": ["changed /etc/chrony/chrony.conf"],
    "diff": [{"before": "", "after": "server\ta\n", "before_header": "x (absent)", "after_header": "x"}],
    "backup": None,
    "backup_id": "20261122T152134Z",
    "backup_state": "open",
    "packages": {"manager": "apt", "replaces": ["ntp"], "purge": True},
    "notes": [],
}
DEEP: Any = json.loads("[" * 900 + "]" * 900)


def read(**changes: Any) -> dict[str, Any]:
    return read_answer(node_remediate.RETURN, {**DONE, **changes})


def test_the_docstrings_examples_hold():
    assert doctest.testmod(answers).failed == 0


def test_what_the_module_documents_comes_back_as_it_is():
    assert read() == DONE


@pytest.mark.parametrize(
    "key",
    [
        "ansible_facts",
        "warnings",
        "deprecations",
        "exception",
        "add_host",
        "add_group",
        "invocation",
        "ansible_delegated_vars",
        "_ansible_no_log",
        "_ansible_delegated_vars",
        "results",
        "ansible_job_id",
        "verdict",
        "gate_before",
    ],
)
def test_nothing_else_is_passed_on(key: str):
    assert read(**{key: {"gate_checks": []}}) == DONE


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("changes", "text"),
        ("changes", [1]),
        ("changes", None),
        ("diff", {}),
        ("diff", ["text"]),
        ("backup", ["/var"]),
        ("backup_state", {"open": True}),
        ("packages", []),
        ("packages", {"deep": DEEP}),
        ("packages", {"number": float("nan")}),
        ("notes", ["x" * MAX_ANSWER]),
        ("notes", ["\x1b" * (MAX_ANSWER // 3)]),
    ],
)
def test_a_key_that_does_not_fit_is_named_and_the_answer_is_not_used(key: str, value: Any):
    with pytest.raises(ValueError, match=f"{key}: |it is larger"):
        read(**{key: value})


@pytest.mark.parametrize("answer", [None, [], "text", 1])
def test_what_is_no_answer_is_not_used(answer: Any):
    with pytest.raises(ValueError, match="expected a mapping"):
        read_answer(node_remediate.RETURN, answer)


def test_a_success_without_its_keys_is_none():
    with pytest.raises(ValueError, match="it is missing"):
        read_answer(node_remediate.RETURN, {"changed": False})


@pytest.mark.parametrize("claim", ["failed", "unreachable", "skipped"])
def test_a_claim_that_nothing_was_done_is_a_failure(claim: str):
    answer = read(**{claim: True, "msg": "no space", "changes": 1, "ansible_facts": {"a": 1}})
    assert answer.keys() <= {*DONE, "failed", "msg"}
    assert (answer["failed"], answer["msg"]) == (True, "no space")
    assert "changes" not in answer


def test_a_failure_without_words_has_some():
    assert read_answer(node_remediate.RETURN, {"failed": True})["msg"]


def test_no_text_of_a_node_obeys_or_hides_anything():
    evil = "\x1b]0;x\x07\u202eevil\u200b\x9b2J\x00\r"
    answers_ = (
        read(changes=[evil], packages={evil: [{evil: evil}]}, backup=evil, diff=[{evil: evil}]),
        read(failed=True, msg=evil),
        read_answer(node_task.RETURN, {"rc": 1, "stdout": evil, "stderr": evil, "failures": [evil]}),
    )
    for answer in answers_:
        assert all(c.isprintable() or c in "\n\t" for c in repr_of(answer))


def repr_of(value: Any) -> str:
    """All text in it, as it is."""
    if isinstance(value, dict):
        return "".join(repr_of(key) + repr_of(item) for key, item in value.items())
    return "".join(map(repr_of, value)) if isinstance(value, list) else str(value)


def test_a_message_that_nobody_would_read_is_cut_where_it_shows():
    msg = read(failed=True, msg="a" * 10_000 + "b" * 10_000)["msg"]
    assert len(msg) < answers.MAX_MESSAGE + 10
    assert (msg[0], msg[-1], "[cut]" in msg) == ("a", "b", True)


def test_a_module_of_ansible_that_check_mode_left_out_has_not_failed():
    assert read_answer(node_task.RETURN, {"skipped": True, "rc": 0, "msg": "left out"}) == {
        "changed": False,
        "skipped": True,
        "rc": 0,
    }
