"""The variables of any host of a play, as the play's tasks see them, but without facts of nodes.

Ansible puts a node's facts among its variables. There they replace variables of the inventory, and
a cache keeps them from run to run. If a setting uses facts (``ansible_facts.x``), that is the
operator's choice.
"""

from __future__ import annotations

import contextlib
import functools
import json
import multiprocessing
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible.utils.unsafe_proxy import wrap_var
from ansible.vars.clean import namespace_facts
from jinja2 import Environment, TemplateSyntaxError, meta

from .sources import source_of
from .values import texts_in
from .written import ids_as_written

OF_PLAY = ("ansible_play_batch", "ansible_play_hosts", "ansible_play_hosts_all", "play_hosts")
"""Long variables that are the same for all hosts of a play."""

_TEMPLATE = re.compile(r"\{[{%#]")
_LOOKUPS = frozenset({"lookup", "query", "q"})
_SAME_FOR_ALL = re.compile(r"""(?:lookup|query|q)\(\s*["'](?:ansible\.builtin\.)?(?:env|file)["']""")
_OF_ALL_VARIABLES = frozenset({"vars", "hostvars", "groups", *OF_PLAY})


class PlayVariables:
    """Made from the task, the templar and the host's variables that Ansible gives an action."""

    def __init__(self, task: Any, templar: Any, variables: Mapping[str, Any]) -> None:
        """Nothing is read yet."""
        self._task, self._templar, self._variables = task, templar, variables
        self._play = self.play_of(task)

    @staticmethod
    def play_of(task: Any) -> Any:
        """The play that a task belongs to."""
        parent = task._parent
        while not hasattr(parent, "_play"):
            parent = parent._parent
        return parent._play

    @classmethod
    def without_order(cls, task: Any) -> str:
        """The strategy of a task's play if its hosts do not wait for each other; else nothing.

        With such a strategy ``run_once`` runs for each host.
        """
        strategy = str(getattr(cls.play_of(task), "strategy", "")).rpartition(".")[2]
        return strategy if strategy in ("free", "host_pinned") else ""

    @property
    def play_id(self) -> str:
        """The same for all tasks, hosts and batches of this play in this run."""
        return str(self._play._uuid)

    def of(self, host: str) -> dict[str, Any]:
        """A host's variables, before templates are worked out."""
        facts = self._manager._fact_cache
        found = self._without_facts(host, play=self._play, task=self._task)
        with contextlib.suppress(KeyError):
            # A text from a node is never a template.
            found |= wrap_var(namespace_facts(facts.get(host) or {}))
        return found | {name: self._variables[name] for name in OF_PLAY if name in self._variables}

    def groups_of(self, host: str) -> list[str]:
        """The inventory's groups that a host is in, without those of all hosts."""
        groups = self._variables["hostvars"]._inventory.get_host(host).get_groups()
        return [group.name for group in groups if group.name not in ("all", "ungrouped")]

    @property
    def _manager(self) -> Any:
        return self._variables["hostvars"]._variable_manager

    def _without_facts(self, host: str, **scope: Any) -> dict[str, Any]:
        """Ansible's variables of a host, without the host's facts."""
        manager = self._manager
        facts, manager._fact_cache = manager._fact_cache, _NoFacts()
        try:
            found: dict[str, Any] = manager.get_vars(
                host=self._variables["hostvars"]._inventory.get_host(host),
                # Otherwise Ansible makes the list of all hosts for each host.
                _hosts=[host],
                _hosts_all=[host],
                **scope,
            )
        finally:
            manager._fact_cache = facts
        return found

    def sources(self, host: str, variables: Mapping[str, Any], names: Iterable[str]) -> dict[str, str]:
        """Where those of a host's ``variables`` come from that have these names."""
        inventory = self._without_facts(host, include_hostvars=False)
        role = getattr(self._task, "_role", None)
        defaults = role.get_default_vars() if role else {}
        extra = self._manager.extra_vars
        return {
            name: source_of(name, variables[name], extra=extra, inventory=inventory, defaults=defaults)
            for name in names
            if name in variables
        }

    def worked_out(self, variables: Mapping[str, Any], names: Iterable[str]) -> tuple[dict[str, Any], list[str]]:
        """Those of a host's ``variables`` that have these names, as plain data; and a problem for
        each that has no value.
        """
        values: dict[str, Any] = {}
        problems = []
        templar = self._templar.copy_with_new_env(available_variables=variables)
        for name in names:
            value = variables[name]
            try:
                value = templar.template(value) if any(templates_in(value)) else value
                if value != variables.get("omit"):
                    values[name] = plain(ids_as_written(value))
            except Exception as error:  # noqa: BLE001 - whatever a template does, it is wrong with the settings
                problems.append(f"{name}: its template can't be evaluated: {error}")
        return values, problems


class _NoFacts:
    """Replaces Ansible's cache of facts, whose content Ansible may put among the variables."""

    def get(self, host: str, *default: Any) -> Any:
        """The default, or KeyError, as the cache does for a host that it does not know."""
        if default:
            return default[0]
        raise KeyError(host)


def host_of(variables: Mapping[str, Any]) -> str:
    """The host that this process works for.

    The variable ``inventory_hostname`` is not used, because a node's fact may replace it.
    """
    host = getattr(multiprocessing.current_process(), "_host", None)
    return str(variables.get("inventory_hostname") if host is None else host.name)


def address_of(variables: Mapping[str, Any]) -> str | None:
    """The host's address as the inventory has it; a template is not worked out for it."""
    address = variables.get("ansible_host")
    return str(address) if address and "{{" not in str(address) else None


def plain(value: Any) -> Any:
    """A copy as JSON data without Ansible's tags. A date, or a text in a vault, becomes text."""
    return json.loads(json.dumps(value, default=str))


def templates_in(value: Any) -> Iterator[str]:
    """The texts in a value, at any depth, that may be templates."""
    return (text for text in texts_in(value) if _TEMPLATE.search(text))


def fingerprint(variables: Mapping[str, Any], names: Iterable[str]) -> str | None:
    """A text that is equal on two hosts only if these variables have equal values there.

    It has the variables, and all others that their templates read. None if that is not known.
    """
    seen: dict[str, Any] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in seen or name not in variables:
            continue
        seen[name] = variables[name]
        for text in templates_in(variables[name]):
            read = _names_in(text)
            if read is None:
                return None
            waiting += read
    try:
        return json.dumps(seen, sort_keys=True, default=lambda value: f"{type(value)} {id(value)}")
    except (TypeError, ValueError):
        return None


@functools.lru_cache(maxsize=1024)
def _names_in(template: str) -> frozenset[str] | None:
    """The variables that a template reads; None if its value depends on more than variables."""
    try:
        names = frozenset(meta.find_undeclared_variables(Environment(autoescape=True).parse(template)))
    except TemplateSyntaxError:
        return None
    lookups = len(re.findall(r"\b(?:lookup|query|q)\(", template))
    if names & _OF_ALL_VARIABLES or (names & _LOOKUPS and lookups != len(_SAME_FOR_ALL.findall(template))):
        return None
    return names - _LOOKUPS
