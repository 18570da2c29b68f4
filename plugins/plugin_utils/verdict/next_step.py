"""What to do after a report: which nodes need what, and the commands for it. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ..boundary.saved import EVIDENCE_FILE
from ..boundary.values import is_host
from .judge import chrony_can_help
from .report import only_token_untried, remediation_message

MOST_NAMES = 20
"""So many nodes are named in a command; the names of more are read from report.json."""


class Action(StrEnum):
    """What nodes need next, the most useful first."""

    GATE = "gate"
    """The gate can fix the clock, and has not tried."""
    FIX_AND_GATE = "fix_and_gate"
    """The remediation was tried or stopped; what stopped it comes first, then the gate again."""
    FIX_AND_CHECK = "fix_and_check"
    """No remediation helps: fix the cause, then check again."""
    TRY_TOKEN = "try_token"  # noqa: S105
    """The clock is good, and the token was not tried: check again on the machine that has the
    App's key.
    """
    JOIN = "join"
    """Admitted. This step is there only if every node is."""


@dataclass(frozen=True)
class Step:
    """What the ``nodes`` need next; ``nodes`` are sorted."""

    action: Action
    nodes: tuple[str, ...]


_WHAT = {
    Action.GATE: "the gate fixes the clock of {}, and checks again:",
    Action.FIX_AND_GATE: "fix what stopped the remediation of {}, then run the gate again:",
    Action.FIX_AND_CHECK: "fix the cause on {}, then check again:",
    Action.TRY_TOKEN: "the clock of {} is good. Check again on the machine that has the GitHub App's key:",
    Action.JOIN: "join {}. Before each join, make sure that this report still admits:",
}


def sentence(step: Step) -> str:
    """What to do, before the command of the step."""
    count = len(step.nodes)
    return _WHAT[step.action].format(f"{count} node{'s' if count != 1 else ''}")


class NextSteps:
    """The steps after a report, whose nodes come one by one."""

    def __init__(self) -> None:
        """No node yet."""
        self._names: dict[Action, list[str]] = {action: [] for action in Action}

    def add(self, name: str, node: Mapping[str, Any]) -> None:
        """Take a node's entry of ``report.json``."""
        self._names[action_for(node)].append(name)

    def steps(self) -> list[Step]:
        """The steps in the order in which to take them."""
        found = [Step(action, tuple(sorted(names))) for action, names in self._names.items() if names]
        return [step for step in found if step.action is not Action.JOIN] or found


def next_steps(report: Mapping[str, Any]) -> list[Step]:
    """The steps after a report (the content of ``report.json``), which is gone through once."""
    steps = NextSteps()
    for name, node in report["nodes"].items():
        steps.add(name, node)
    return steps.steps()


def action_for(node: Mapping[str, Any]) -> Action:
    """What one node needs next, from its entry of ``report.json``."""
    if node["verdict"] == "admit":
        return Action.JOIN
    if only_token_untried(node):
        return Action.TRY_TOKEN
    if not chrony_can_help(node):
        return Action.FIX_AND_CHECK
    tried = (node.get("remediation") or {}).get("attempted") or remediation_message(node)
    return Action.FIX_AND_GATE if tried else Action.GATE


@dataclass(frozen=True)
class Commands:
    """How the user calls the commands; without arguments, with placeholders in capitals.

    ``gate`` and ``check`` are ready for a shell; ``--limit`` comes after them, and ``after_gate``
    and ``after_check`` after that. ``here``: the run was of this machine alone, and its commands
    take no limit. ``limit`` is the run's own pattern, quoted. ``directory`` has the report.
    ``verify`` is empty if there may be no such command. ``note``: what a reader has to know of the
    commands.
    """

    gate: str = "skewgate gate -i INVENTORY"
    check: str = "skewgate check -i INVENTORY"
    verify: str = "skewgate verify"
    directory: str = "REPORT_DIR"
    limit: str = ""
    after_gate: str = ""
    after_check: str = ""
    here: bool = False
    note: str = ""

    def of(self, step: Step) -> str:
        """The command of a step, on one line, to be pasted into a shell; empty if there is none."""
        if step.action is Action.JOIN:
            return f"{self.verify} {shlex.quote(self.directory)}" if self.verify else ""
        if step.action is Action.TRY_TOKEN and self.here:
            return f"skewgate report {EVIDENCE_FILE}"  # on another machine, which has the key
        gates = step.action in (Action.GATE, Action.FIX_AND_GATE)
        command, after = (self.gate, self.after_gate) if gates else (self.check, self.after_check)
        if self.here:
            return command + after
        if not all(map(_is_plain, step.nodes)):  # Ansible would read a pattern
            return (f"{command} --limit {self.limit}" if self.limit else command) + after
        if len(step.nodes) <= MOST_NAMES:
            return f"{command} --limit {shlex.quote(','.join(step.nodes))}{after}"
        report = shlex.quote(f"{self.directory}/report.json")
        names = f"jq -r {shlex.quote(_names(gates=gates))} {report} > {RETRY}"
        return f"{names} && {command} --limit @{RETRY}{after}"


def of_playbook(directory: str) -> Commands:
    """The commands for who runs the playbooks, and may have no ``skewgate``."""
    run = "ansible-playbook -i INVENTORY skewgate.preflight"
    return Commands(gate=f"{run}.gate", check=f"{run}.check", verify="", directory=directory)


RETRY = "skewgate-retry.txt"
"""The file for a limit with many names."""

_REMEDIABLE = "any(.value.findings[]; .required and .remediable)"


def _names(*, gates: bool) -> str:
    """A program for jq that lists the refused nodes which the gate can help, or the others."""
    helped = _REMEDIABLE if gates else f"({_REMEDIABLE} | not)"
    return f'.nodes | to_entries[] | select(.value.verdict == "refuse" and {helped}) | .key'


def _is_plain(name: str) -> bool:
    """Whether Ansible reads this name as one host, and not as a pattern or a file."""
    if re.fullmatch(r"[A-Za-z0-9_][\w.-]*", name, re.ASCII):
        return True
    # For Ansible, a colon separates patterns (``ab:cd``), but not inside an IPv6 address.
    return "%" not in name and is_host(name)
