"""Where a run's settings come from: a flag or a variable of the command, ``-e``, the inventory, a
play, or the default.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .variables import may_be_shown, settings_of_roles

FROM_COMMAND = "gate_run_sources"
"""The variable in which the command says which settings its flags and its environment gave."""

NOT_NAMED = frozenset({"gate_run_id"})
"""The operator does not set these."""


def source_of(
    name: str,
    value: Any,
    *,
    extra: Mapping[str, Any],
    inventory: Mapping[str, Any],
    defaults: Mapping[str, Any],
) -> str:
    """Where a setting comes from, according to Ansible's variables before templates are evaluated.

    >>> source_of("gate_checks", ["reachable"], extra={}, inventory={}, defaults={"gate_checks": []})
    'play'
    """  # noqa: W505 - an example or a table
    if name in extra:
        by_command = extra.get(FROM_COMMAND)
        said = by_command.get(name) if isinstance(by_command, Mapping) else None
        return str(said) if isinstance(said, str) else "-e"
    if name in inventory:
        return "inventory"
    return "default" if name in defaults and defaults[name] == value else "play"


def settings_with_sources(groups: Iterable[tuple[Mapping[str, str], Mapping[str, Any]]]) -> dict[str, dict[str, Any]]:
    """The report's entry of each setting, from the sources and values of hosts with equal settings.

    It has a ``value`` if that is the same on all hosts and of a type that holds no secret.
    """
    found: dict[str, dict[str, Any]] = {}
    all_groups = list(groups)
    names = sorted({name for sources, _values in all_groups for name in sources} & settings_of_roles() - NOT_NAMED)
    for name in names:
        sources = sorted({sources[name] for sources, _values in all_groups if name in sources})
        found[name] = {"source": ", ".join(sources)}
        values = [values.get(name) for _sources, values in all_groups]
        if may_be_shown(name) and all(value == values[0] for value in values):
            found[name]["value"] = values[0]
    return found
