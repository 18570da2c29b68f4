"""Judges Ansible's variables by their names: which are misspelt settings, and which a node tried to
set.

Ansible would ignore a misspelt setting without a warning. A node's facts replace an inventory's
variables if Ansible injects them, and a cache keeps them from run to run.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any

from .arguments import read_options
from .settings import meant, names_of, nearest
from .tables import table_of

OF_PLAYBOOKS = frozenset({"gate_hosts", "gate_serial"})
"""Settings that the playbooks read beside those of the roles."""

OF_RUNS = frozenset(
    {
        "chrony_backup",
        "chrony_before",
        "chrony_changed",
        "chrony_dpkg",
        "chrony_installed",
        "chrony_measured",
        "chrony_plan",
        "chrony_replanned",
        "chrony_proof",
        "chrony_removed",
        "chrony_stopped_by",
        "chrony_there",
        "chrony_undone",
        "gate_after",
        "gate_before",
        "gate_begun",
        "gate_remediation",
        "gate_report",
    }
)
"""Variables that the roles set while they run; a test compares this with their tasks."""

OF_COMMAND = frozenset({"gate_run_sources", "gate_run_timings"})
"""Variables that the command gives a run beside settings."""

_ALIKE = 0.85
"""How alike a name and a setting must be to count as a misspelling. `chrony_server` is one of
`chrony_servers`; `chrony_port` is not like any setting."""


NOT_OF_GATE = {"nts_servers": "chrony_nts_servers"}
"""The options of node_check that are settings of another role."""


@functools.cache
def settings_of_roles() -> frozenset[str]:
    """All variables that the roles and the playbooks of this collection read."""
    return OF_PLAYBOOKS.union(_table())


def setting_of(option: str) -> str:
    """The variable that the roles read for an option of node_check."""
    return NOT_OF_GATE.get(option, f"gate_{option}")


def read_settings(variables: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Each setting of a check and of its run by the variable's name, of its documented type; and a
    problem for each that is not.

    ``variables`` are worked out. What is not set, or is empty, or has a problem, has the documented
    default, or ``None``.
    """
    options = settings_of_checks()
    given = {name: value for name, value in variables.items() if name in options}
    values, problems = read_options("settings", options, given)
    problems = [problem.removeprefix("settings: ") for problem in problems]
    # Ansible gives a text to no task as its environment, not even one that could be read as a
    # mapping.
    environment = given.get("gate_environment")
    if isinstance(environment, str) and environment:
        problems = [problem for problem in problems if not problem.startswith("gate_environment:")]
        problems.append("gate_environment: expected a mapping, found a text; with -e, give it as JSON")
    return values, problems


@functools.cache
def _table() -> dict[str, dict[str, Any]]:
    """Every setting by its name, as settings.yml has it."""
    table: dict[str, dict[str, Any]] = table_of(__file__, "settings")
    return table


def may_be_shown(name: str) -> bool:
    """Whether a setting's value holds no secret: a mapping may have a key, or a proxy's
    password.
    """
    setting = _table().get(name, {"type": "str"})
    return "dict" not in (setting["type"], setting.get("elements"))


@functools.cache
def settings_of_checks() -> dict[str, dict[str, Any]]:
    """The settings of a check, as the documentation of a module has its options."""
    return {
        # The code that needs a required setting reports it, with a better message.
        name: {key: value for key, value in setting.items() if key not in ("text", "required")}
        for name, setting in _table().items()
        if name.startswith("gate_") or name in NOT_OF_GATE.values()
    }


def not_known(names: Iterable[str], own: Any = None) -> tuple[list[str], list[str]]:
    """A problem for each misspelt setting; and the variables ``chrony_*`` that are not settings,
    sorted.

    Every unknown ``gate_`` variable counts as misspelt. Other roles have variables ``chrony_*``
    too, so of these only the ones that resemble a setting do. ``own`` are the operator's names
    (gate_own_variables), a list or a text with commas. Anything else there is a problem.
    """
    settings = settings_of_roles()
    ours = {name for name in names if name.startswith(("gate_", "chrony_"))}
    problems: list[str] = []
    others: list[str] = []
    theirs = names_of({"own_variables": own}, "own_variables", problems)
    for name in sorted(ours - settings - OF_RUNS - OF_COMMAND - {*theirs}):
        if name.startswith("chrony_") and not nearest(name, settings, _ALIKE):
            others.append(name)
        else:
            known = meant(name, sorted(settings), _ALIKE)
            problems.append(
                f"{name}: no setting has this name; {known} If it is your own variable, add it to gate_own_variables"
            )
    return problems, others


def set_by_facts(facts: Iterable[str]) -> list[str]:
    """The names of a node's facts that would replace settings or the roles' variables; sorted."""
    known = settings_of_roles() | OF_RUNS | OF_COMMAND
    return sorted(name for name in facts if name in known or name.startswith(("gate_", "__gate_", "__chrony_")))
