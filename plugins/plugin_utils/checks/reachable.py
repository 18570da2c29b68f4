"""Could the node be reached, and did it show its evidence?

Without evidence nothing is known about a node, and what is not known does not admit it. An unreachable node is reported
beside the others and never stops them.

Passes where the connection worked and the module ran to its end. Fails where the node's facts have the name of a setting: they
could outrank the operator's.

The answer has a time limit: as long as its exchanges may take by `gate_timeout_s`, and one minute. Then the connection is closed,
and the node is refused as not judged.

What to do: see that Ansible reaches the node (`ansible NODE -m ping`), that it has Python 3.8 or later, and `become` unless
Ansible logs in as root; then check it again with `--limit`.

Source: skewgate's own rule, fail closed.
"""

from __future__ import annotations

from enum import StrEnum

from ..model.finding import Finding
from ..model.policy import Policy
from ..model.record import Record

NEEDS = ()
REMEDIABLE = False


class Key(StrEnum):
    """Why there is no evidence."""

    UNREACHABLE = "unreachable"
    NO_EVIDENCE = "no_evidence"
    NO_ANSWER = "no_answer"
    SETTINGS_IN_FACTS = "settings_in_facts"


def judge(record: Record, policy: Policy) -> Finding:  # noqa: ARG001 - each check has the same form
    """Judge whether there is evidence at all."""
    if record.unreachable:
        return Finding(
            state="inconclusive",
            summary=f"the node could not be reached: {record.unreachable}",
            why="Nothing is known about this node's clock and credentials, and what is not known does not admit it.",
            remedy="See that Ansible reaches it (`ansible NODE -m ping`), then run the check again for this node with --limit.",
            seen={"unreachable": record.unreachable},
            keys=(Key.UNREACHABLE,),
            about=(_without_address(record.unreachable),),
            cause=f"unreachable: {_without_address(record.unreachable)}",
        )
    if record.settings_in_facts:
        names = ", ".join(record.settings_in_facts)
        return Finding(
            state="fail",
            summary=f"the node's facts have names of this gate's settings: {names}",
            why="Where Ansible injects facts they outrank an inventory's variables: the node could choose by what it is judged. "
            "It was not asked.",
            remedy="Find out which module or local fact of the node gave them; put "
            "settings into the inventory instead, empty the fact cache (`ansible-playbook --flush-cache`), and check it again.",
            seen={"settings_in_facts": record.settings_in_facts},
            keys=(Key.SETTINGS_IN_FACTS,),
            about=tuple(record.settings_in_facts),
            cause=f"settings in facts: {names}",
        )
    if record.module_error:
        return Finding(
            state="inconclusive",
            summary=f"the evidence could not be taken: {record.module_error}",
            why="Nothing is known about this node's clock and credentials, and what is not known does not admit it.",
            remedy="Nodes need Python 3.8 or later, room on the disk of /tmp (`df /tmp`) and, unless Ansible logs in as root, "
            "`become`; fix that and check again.",
            seen={"module_error": record.module_error},
            keys=(Key.NO_EVIDENCE,),
            about=(record.module_error.splitlines()[0],),
            cause=f"no evidence: {record.module_error.splitlines()[0]}",
        )
    if record.no_answer:
        return _cut_off(record.no_answer)
    collected = record.section("collected")
    return Finding(
        state="pass", summary="reached, evidence taken", seen={"python": collected["python"], "euid": collected["euid"]}
    )


def _cut_off(reason: str) -> Finding:
    return Finding(
        state="inconclusive",
        summary=f"the node was asked for its evidence, and {reason}",
        why="Nothing is known about this node's clock and credentials, and what is not known does not admit it.",
        remedy="Run `ansible NODE -m ping`. If that hangs too, log in and see what the node waits for: its disk, a network "
        "file system, memory (`dmesg`). If it answers, the node is slow: give more gate_timeout_s, and check it again.",
        seen={"no_answer": reason},
        keys=(Key.NO_ANSWER,),
        cause="the node did not answer to its end",
    )


def _without_address(message: str) -> str:
    """What ssh says last: ``ssh: connect to host 10.0.0.5 port 22: No route to host`` is the same on every such node."""
    return message.splitlines()[-1].rpartition(": ")[2]
