"""One call of a module on a node.

Its result is evidence in the guaranteed form, or a bounded, printable reason. Ansible uses more of
a module's answer than its result. It prints text beside the JSON, and with -vvv the whole answer. A
node must not write to the terminal. So everything that Ansible gets from it, and everything that is
printed meanwhile, is made printable first.
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
"""The most characters that a command on a node may print.

That is its evidence, and the arguments that Ansible's modules repeat.
"""

MAX_LINE = 20_000
"""The most characters of one message from Ansible while a node is asked.

With -vvv a message has everything that the node printed.
"""

display = Display()


class PrintableAction(ActionBase):  # type: ignore[misc]
    """An action that runs modules on a node.

    Ansible prints only printable text while ``asking``.
    """

    on_call: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext
    """The context in which each command on the node runs."""

    def _low_level_execute_command(self, *args: Any, **options: Any) -> dict[str, Any]:
        """Ansible calls this for each command on the node. Its output is made printable."""
        with self.on_call():
            result: dict[str, Any] = super()._low_level_execute_command(*args, **options)
        for stream in ("stdout", "stderr"):
            shown = printable_file(str(result.get(stream) or "")[:MAX_PRINTED])
            result.update({stream: shown, f"{stream}_lines": shown.splitlines()})
        return result

    def _parse_returned_data(self, res: dict[str, Any], *profile: Any) -> Any:
        """Ansible calls this to read a module's answer. Parts that cause a warning are left out.

        These are text after the JSON, and keys that belong to Ansible and not to a module. They are
        removed before Ansible reads the answer, because its type differs between versions (a dict
        up to 2.20, an object from 2.21 on).
        """
        return super()._parse_returned_data({**res, "stdout": _answer_alone(str(res.get("stdout") or ""))}, *profile)


class CallingAction(PrintableAction):
    """An action that asks a node with modules whose answer has ``evidence``."""

    def _configure_module(self, module_name: str, module_args: dict[str, Any], task_vars: Any) -> Any:
        """Ansible calls this to build what it sends.

        For the evidence, that is the carried script.
        """
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
        """The module's answer: ``evidence`` in the guaranteed form, or the reason without evidence.

        The reason is for ``no_evidence.module_error``. Raises AnsibleConnectionFailure, and
        CutOffError after ``limit_s``. ``tokens`` has all JWTs that were sent to the node. Nothing
        else of the answer is passed on, neither facts nor warnings.
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
        # ssh's notes are removed before the text is cut, because they may be longer than the rest.
        why: dict[str, Any] = {key: said(words(str(answer[key])), tokens) for key in printed if answer.get(key)}
        return {**why, "rc": ended} if isinstance(ended := answer.get("rc"), int) else why

    def _sent(self, module: str, arguments: dict[str, Any], variables: dict[str, Any]) -> Any:
        """The result of Ansible's own way to run a module; raises what that raises.

        If Python does not start while Ansible still writes the module to it, Ansible knows only
        that the pipe broke. So Python is started once more, with nothing to read. Then the node
        says why it does not start.
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
    r"""A module's printed answer, without the parts that are not the module's.

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
"""Keys with which Ansible's actions change the inventory."""


def _plain(value: Any) -> Any:
    """The value without Ansible's tags; nothing if it is not JSON data."""
    try:
        return read_json(json.dumps(value))
    except (TypeError, ValueError, RecursionError):
        return None


@contextlib.contextmanager
def asking(tokens: Tokens, limit_s: float) -> Iterator[None]:
    """Meanwhile, this process prints through Ansible only printable, bounded text without tokens.

    Processes that were started meanwhile are ended after ``limit_s``, or when their output fills
    the memory; this raises CutOffError then. Ansible runs each action in a separate process, so no
    other action's lines are concerned.
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


# All methods that take a text. A worker sends each of them to Ansible's main process separately.
_PRINTING = [
    name for name in ("display", "warning", "error", "_verbose_display", "_verbose_log") if hasattr(display, name)
]


def jwts_of(arguments: Mapping[str, Any]) -> Iterable[str]:
    """The JWTs in the arguments of a call."""
    return (attempt["jwt"] for app in arguments.get("github_apps") or [] for attempt in app["attempts"])
