"""One call of a module on a node: what comes back is evidence in the guaranteed form, or a bounded, printable reason.

Ansible takes more from a module's answer than its result: it prints what stands beside the JSON, and at -vvv all of it. A node
must not write to the terminal. So all that Ansible gets from it, and all that is printed meanwhile, is made printable first.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from .carried import script_for
from .evidence import MAX_ANSWER, parse_evidence, read_json, said
from .no_evidence import words
from .text import Tokens, printable_file
from .watch import CutOffError, ended_within

EVIDENCE = "skewgate.preflight.node_evidence"

MAX_PRINTED = 2 * MAX_ANSWER
"""The most that a command on a node may print, in characters: its evidence, and the arguments that Ansible's modules repeat."""

MAX_LINE = 20_000
"""The most that one message of Ansible's is, while a node is asked: at -vvv it has all that the node printed."""

display = Display()


class PrintableAction(ActionBase):  # type: ignore[misc]
    """An action that runs modules on a node. What Ansible itself prints of their answers while ``asking`` is printable."""

    on_call: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext
    """What surrounds each command on the node."""

    def _low_level_execute_command(self, *args: Any, **options: Any) -> dict[str, Any]:
        """What Ansible calls for each command on the node, with what it printed made printable."""
        with self.on_call():
            result: dict[str, Any] = super()._low_level_execute_command(*args, **options)
        for stream in ("stdout", "stderr"):
            shown = printable_file(str(result.get(stream) or "")[:MAX_PRINTED])
            result.update({stream: shown, f"{stream}_lines": shown.splitlines()})
        return result

    def _parse_returned_data(self, res: dict[str, Any], *profile: Any) -> Any:
        """What Ansible calls to read a module's answer, without what it would print a warning of.

        That is what comes after the JSON, and each key that is Ansible's own and no module's to answer. What it gives back is
        Ansible's own affair (a dict up to 2.20, an object from 2.21 on), so it gets them left out.
        """
        return super()._parse_returned_data({**res, "stdout": _answer_alone(str(res.get("stdout") or ""))}, *profile)


class CallingAction(PrintableAction):
    """An action that asks a node by modules whose answer has ``evidence``."""

    def _configure_module(self, module_name: str, module_args: dict[str, Any], task_vars: Any) -> Any:
        """What Ansible calls to make what it sends: for the module that takes the evidence, the script for its sections."""
        if module_name == EVIDENCE:
            script = script_for(module_args["sections"])
            self._shared_loader_obj.module_loader.add_directory(str(script.parent))
            module_name = (
                f"ansible.legacy.{script.stem}"  # else a play's or a role's own collections are searched, and no other
            )
        return super()._configure_module(module_name, module_args, task_vars)

    def call_node(
        self, module: str, arguments: dict[str, Any], variables: dict[str, Any], tokens: Tokens, limit_s: float
    ) -> dict[str, Any]:
        """The module's answer: ``evidence`` in the guaranteed form, or what says why not (``no_evidence.module_error``).

        Raises AnsibleConnectionFailure, and CutOffError after ``limit_s``. ``tokens``: all JWTs that the node was sent. Nothing
        else of the answer is passed on: no facts, no warnings.
        """
        try:
            with asking(tokens, limit_s):
                answer: Any = self._sent(module, arguments, variables)
        except AnsibleConnectionFailure as failure:
            raise AnsibleConnectionFailure(said(words(str(failure.message)), tokens) or "no reason was given") from None
        except CutOffError:
            raise
        except AnsibleError as failure:
            return {"msg": said(failure.message, tokens)}
        except Exception as failure:  # noqa: BLE001 - Ansible reads the answer first, and any form of it can trouble Ansible
            return {"msg": said(f"Ansible could not run the module or read its answer: {failure}", tokens)}
        if not isinstance(answer, Mapping):
            return {}
        if "evidence" in answer:
            return {"evidence": parse_evidence(_plain(answer["evidence"]), tokens)}
        printed = ("msg", "module_stderr", "module_stdout")
        # Without ssh's notes before it is cut: they may be longer than what is said.
        why: dict[str, Any] = {key: said(words(str(answer[key])), tokens) for key in printed if answer.get(key)}
        return {**why, "rc": ended} if isinstance(ended := answer.get("rc"), int) else why

    def _sent(self, module: str, arguments: dict[str, Any], variables: dict[str, Any]) -> Any:
        """What Ansible's way to run a module gives; raises what that raises.

        Where Python does not start, Ansible may still be writing the module to it, and knows only that the pipe broke. So Python
        is started once more, with nothing to read: then the node says why not.
        """
        try:
            return self._execute_module(module_name=module, module_args=arguments, task_vars=variables)
        except AnsibleConnectionFailure as failure:
            if not (
                isinstance(getattr(failure, "orig_exc", None) or failure.__cause__, BrokenPipeError)
                and self._used_interpreter
            ):
                raise
            tried = self._low_level_execute_command(f"{self._used_interpreter.lstrip('#!')} -c pass")
            if tried["rc"] == 0:
                raise
            return {
                "msg": failure.message,
                "rc": tried["rc"],
                **{f"module_{s}": tried[s] for s in ("stdout", "stderr")},
            }


def _answer_alone(printed: str) -> str:
    r"""A module's answer, as it was printed, without what is not the module's to say.

    >>> _answer_alone('Welcome {\n{"msg": "no", "_ansible_no_log": true}\nBye')
    '{"msg": "no"}'
    """
    begin = re.search(r"^\s*\{", printed, re.MULTILINE)  # as Ansible finds it
    if not begin:
        return printed
    printed = printed[: printed.rfind("}") + 1]
    try:
        answer = json.loads(printed[begin.start() :])
    except (ValueError, RecursionError):
        return printed  # Ansible says what is wrong with it
    return json.dumps(
        {key: value for key, value in answer.items() if not key.startswith("_ansible_") and key not in _OF_ANSIBLE}
    )


_OF_ANSIBLE = ("add_host", "add_group")
"""Keys by which an action of Ansible's own changes the inventory."""


def _plain(value: Any) -> Any:
    """The value without the tags that Ansible puts on what it reads; nothing where it is no JSON data."""
    try:
        return read_json(json.dumps(value))
    except (TypeError, ValueError, RecursionError):
        return None


@contextlib.contextmanager
def asking(tokens: Tokens, limit_s: float) -> Iterator[None]:
    """Whatever this process prints through Ansible meanwhile is printable, without tokens, and of a bounded length.

    What was started meanwhile is ended after ``limit_s``, or when its output fills the memory; raises CutOffError then.
    Ansible runs an action in a process of its own, so that nobody else's lines are concerned.
    """

    def shown(before: Callable[..., Any]) -> Callable[..., Any]:
        return lambda msg, *args, **options: before(said(msg, tokens, MAX_LINE), *args, **options)

    for name in _PRINTING:
        setattr(display, name, shown(getattr(display, name)))
    try:
        with ended_within(limit_s):
            yield
    finally:
        for name in _PRINTING:
            delattr(display, name)


# All that take a text. A worker sends each to Ansible's first process by itself, not through the first one.
_PRINTING = [
    name for name in ("display", "warning", "error", "_verbose_display", "_verbose_log") if hasattr(display, name)
]


def jwts_of(arguments: Mapping[str, Any]) -> Iterable[str]:
    """The JWTs in the arguments of a call."""
    return (attempt["jwt"] for app in arguments.get("github_apps") or [] for attempt in app["attempts"])
