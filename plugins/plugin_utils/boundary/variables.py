"""Ansible's variables by their names alone: which are like our settings and none, and which a node tried to set.

A misspelt setting would be dropped without a word. A node's facts outrank an inventory's variables where Ansible injects them,
and a cache keeps them from run to run.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from .settings import meant, names_of, nearest

OF_PLAYBOOKS = frozenset({"gate_hosts", "gate_serial"})
"""What the playbooks read beside the roles' settings."""

OF_RUNS = frozenset(
    {
        "chrony_backup",
        "chrony_before",
        "chrony_changed",
        "chrony_dpkg",
        "chrony_installed",
        "chrony_measured",
        "chrony_plan",
        "chrony_proof",
        "chrony_removed",
        "chrony_stopped_by",
        "chrony_there",
        "chrony_undone",
        "gate_after",
        "gate_before",
        "gate_remediation",
        "gate_report",
    }
)
"""What the roles note while they run; a test compares it with their tasks."""

_ALIKE = 0.85
"""How alike two names are that are taken for one: `chrony_server` and `chrony_servers` are, `chrony_port` is like none."""


@functools.cache
def settings_of_roles() -> frozenset[str]:
    """All variables that the roles and the playbooks of this collection read."""
    return OF_PLAYBOOKS.union(yaml.safe_load(Path(__file__).with_name("settings.yml").read_text(encoding="utf-8")))


def not_known(names: Iterable[str], own: Any = None) -> tuple[list[str], list[str]]:
    """A problem for each variable that is taken for a misspelt setting; and the ``chrony_*`` that are none of ours, sorted.

    Every ``gate_`` that is not known is misspelt. Other roles have variables ``chrony_*`` too, so of those only the near misses
    are. ``own`` are the operator's (gate_own_variables), a list or a text with commas; what is neither is a problem.
    """
    settings = settings_of_roles()
    ours = {name for name in names if name.startswith(("gate_", "chrony_"))}
    problems: list[str] = []
    others: list[str] = []
    theirs = names_of({"own_variables": own}, "own_variables", problems)
    for name in sorted(ours - settings - OF_RUNS - {*theirs}):
        if name.startswith("chrony_") and not nearest(name, settings, _ALIKE):
            others.append(name)
        else:
            known = meant(name, sorted(settings), _ALIKE)
            problems.append(
                f"{name}: no setting has this name; {known} A variable of your own goes into gate_own_variables"
            )
    return problems, others


def set_by_facts(facts: Iterable[str]) -> list[str]:
    """The names of a node's facts that would stand in for settings, or for what the roles note; sorted."""
    known = settings_of_roles() | OF_RUNS
    return sorted(name for name in facts if name in known or name.startswith(("gate_", "__gate_", "__chrony_")))
