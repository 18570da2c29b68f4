"""Ansible's variables by their names alone: which are like our settings and none, and which a node tried to set.

A misspelt setting would be dropped without a word. A node's facts outrank an inventory's variables where Ansible injects them,
and a cache keeps them from run to run.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterable
from pathlib import Path

import yaml

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

_NEAR = 0.85
"""How alike two names are that are taken for one: `chrony_server` and `chrony_servers` are, `chrony_port` is like none."""


@functools.cache
def settings() -> frozenset[str]:
    """All variables that the roles and the playbooks of this collection read, from the roles' argument specs."""
    files = (Path(__file__).parents[3] / "roles").glob("*/meta/argument_specs.yml")
    entries = [entry for file in files for entry in yaml.safe_load(file.read_text())["argument_specs"].values()]
    return OF_PLAYBOOKS.union(*(entry["options"] for entry in entries))


def misspelt(names: Iterable[str], own: str | Iterable[str] = ()) -> list[str]:
    """A problem for each variable that is like a setting and is none; ``own`` are the operator's, a list or a text with commas.

    Every ``gate_`` that is not known is one. Other roles have variables ``chrony_*`` too, so of those only the near misses are.
    """
    problems = []
    for name in _unknown(names, own):
        near = _near(name)
        if near or name.startswith("gate_"):
            meant = f"; did you mean {near[0]}?" if near else f"; known: {', '.join(sorted(settings()))}"
            problems.append(
                f"{name}: no setting has this name{meant} A variable of your own goes into gate_own_variables"
            )
    return problems


def of_others(names: Iterable[str], own: str | Iterable[str] = ()) -> list[str]:
    """Variables ``chrony_*`` that are like no setting: another role's, or a setting of a former version; sorted."""
    return [name for name in _unknown(names, own) if name.startswith("chrony_") and not _near(name)]


def _unknown(names: Iterable[str], own: str | Iterable[str]) -> list[str]:
    theirs = own.split(",") if isinstance(own, str) else own
    ours = (name for name in names if name.startswith(("gate_", "chrony_")))
    return sorted(set(ours) - settings() - OF_RUNS - set(theirs))


def _near(name: str) -> list[str]:
    return difflib.get_close_matches(name, settings(), n=1, cutoff=_NEAR)


def set_by_facts(facts: Iterable[str]) -> list[str]:
    """The names of a node's facts that would stand in for settings, or for what the roles note; sorted."""
    return sorted(
        name for name in facts if name in settings() | OF_RUNS or name.startswith(("gate_", "__gate_", "__chrony_"))
    )
