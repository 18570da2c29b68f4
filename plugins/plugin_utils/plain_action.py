"""The base of all actions: documented arguments, and plain JSON without Ansible's tags on
values.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase

from ..module_utils.node.core_dumps import forbid_core_dumps
from ..modules import node_evidence
from .boundary.answers import documented_keys, read_answer, shown
from .boundary.arguments import documented, read_arguments
from .boundary.calls import EVIDENCE, CallingAction, PrintableAction, asking, jwts_of
from .boundary.libraries import missing
from .boundary.play_variables import plain
from .boundary.text import Tokens
from .boundary.watch import CutOffError
from .boundary.written import ids_as_written
from .collection import NoAnswerError, NodeUnreachableError

COLLECTION = "skewgate.preflight"

LONGEST_TASK_S = 4 * 3600
"""No task of a remediation takes this long, because the role gives each a shorter ``timeout``."""

NODE_STARTS_WITHIN_S = 60
"""Time to connect, to become root, to start Python, and for steps that run in turn on a slow
node."""


class PlainAction(ActionBase):  # type: ignore[misc]
    """An action that does the same in check mode, because it changes nothing on the node."""

    documentation: ClassVar[str]
    """The ``DOCUMENTATION`` of the module with the action's name. It says how to read the
    arguments."""

    def __init_subclass__(cls) -> None:
        """Read the documentation once for all hosts: Ansible loads an action before it forks for
        each.
        """
        super().__init_subclass__()
        if hasattr(cls, "documentation"):  # NodeAction has none
            documented(cls.documentation)

    _supports_check_mode = True
    _supports_diff = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ansible's entry: the action's answer as the task's result, in plain JSON.

        Ansible's process reads it in a thread. A value with one of our classes, such as a finding's
        key, would make that thread import the class. A process that is forked meanwhile would wait
        for the end of that import for ever.
        """
        forbid_core_dumps()  # this process may read private keys, and sign with them
        result: dict[str, Any] = super().run(tmp, task_vars)
        if lacking := missing():
            return {**result, **failed(lacking, configuration_errors=[lacking])}
        given, wrong = self.given(task_vars or {})
        args, problems = read_arguments(self.documentation, given, prefix=self.prefix)
        return {**result, **plain(self.answer(args, [*wrong, *problems], task_vars or {}))}

    def given(self, variables: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:  # noqa: ARG002 - for those that read more
        """The task's arguments before they are read, and problems with their sources."""
        return plain(ids_as_written(self._task.args)), []

    @property
    def prefix(self) -> str:
        """The beginning of an option's name in a problem: that of the variables in our roles, else
        nothing.
        """
        role = getattr(self._task, "_role", None)
        collection, _dot, name = role.get_name().rpartition(".") if role else ("", "", "")
        return f"{name}_" if collection == COLLECTION else ""

    def other_action(self, name: str, arguments: dict[str, Any]) -> ActionBase:
        """Ansible's action of this name for the same host, as if a task with these arguments ran
        it.
        """
        task = self._task.copy(exclude_parent=True)
        task._parent = self._task._parent  # a copy of it would be one of all that it belongs to
        task.action, task.args = name, arguments
        return self._shared_loader_obj.action_loader.get(
            name,
            task=task,
            connection=self._connection,
            play_context=self._play_context,
            loader=self._loader,
            templar=self._templar,
            shared_loader_obj=self._shared_loader_obj,
        )

    @abstractmethod
    def answer(self, args: dict[str, Any], problems: list[str], variables: dict[str, Any]) -> dict[str, Any]:
        """The task's result, from its arguments and the host's variables; ``problems`` fail the
        task.
        """


class EvidenceAction(CallingAction, PlainAction):
    """An action that takes evidence on the node, and judges it on the controller."""

    _requires_connection = True

    def evidence(self, variables: dict[str, Any], tokens: Tokens, arguments: dict[str, Any]) -> Mapping[str, Any]:
        """One call of the node's module; raises NodeUnreachableError and NoAnswerError."""
        tokens.add(jwts_of(arguments))
        try:
            return self.call_node(EVIDENCE, arguments, variables, tokens, answer_limit_s(arguments))
        except AnsibleConnectionFailure as failure:
            raise NodeUnreachableError(str(failure.message).strip()) from failure
        except CutOffError as cut_off:
            raise NoAnswerError(str(cut_off)) from cut_off


def answer_limit_s(arguments: Mapping[str, Any]) -> float:
    """How long a node may take for its answer: its slowest probe's limit, plus
    NODE_STARTS_WITHIN_S.
    """
    options: Mapping[str, Any] = node_evidence.ARGUMENTS
    run = node_evidence.Run({**{name: option.get("default") for name, option in options.items()}, **arguments})
    bounds_s = [node_evidence.PROBES[section][1](run) for section in arguments["sections"]]
    return NODE_STARTS_WITHIN_S + node_evidence.QUIET_S + max(bounds_s, default=0.0)


class NodeAction(PrintableAction, PlainAction):
    """An action whose module works on the node.

    Only the documented keys of the answer are returned.

    Everything else in the answer is dropped. Ansible would make variables from facts, print
    warnings, and use its special keys.
    """

    returned: ClassVar[str]
    """The ``RETURN`` of the module of the action's name."""

    _requires_connection = True

    def __init_subclass__(cls) -> None:
        """As for the documentation."""
        super().__init_subclass__()
        documented_keys(cls.returned)

    def answer(self, args: dict[str, Any], problems: list[str], variables: dict[str, Any]) -> dict[str, Any]:
        """The node's module's result, in the documented keys."""
        if problems:
            return failed(f"Nothing was changed, because the task's arguments are wrong: {'; '.join(problems)}")
        given = {name: value for name, value in args.items() if value is not None}
        try:
            with asking(Tokens(), LONGEST_TASK_S):
                answer = self.asked(given, variables)
        except CutOffError as failure:
            return failed(f"The node's answer can't be used: {failure}")
        except AnsibleConnectionFailure as failure:  # the node is unreachable, and Ansible reports that
            raise AnsibleConnectionFailure(shown(failure.message)) from None
        except AnsibleError as failure:  # its result would be passed on
            return failed(shown(failure) or "The module could not be run on the node.")
        except Exception as failure:  # noqa: BLE001 - Ansible itself stumbles over keys of another type, `stdout: []` for one
            return failed(shown(f"The node's answer can't be read: {type(failure).__name__}: {failure}"))
        try:
            return read_answer(self.returned, answer)
        except ValueError as error:
            return failed(f"The node's answer can't be used: {error}")

    @abstractmethod
    def asked(self, args: dict[str, Any], variables: dict[str, Any]) -> Any:
        """The answer of the node's module to these arguments."""


def failed(msg: str, **more: Any) -> dict[str, Any]:
    """The answer that fails the task."""
    return {"failed": True, "msg": msg, **more}
