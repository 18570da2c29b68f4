"""What the actions share: arguments as documented, and plain JSON without the tags that Ansible puts on a task's values."""

from __future__ import annotations

import json
from abc import abstractmethod
from typing import Any, ClassVar

from ansible.plugins.action import ActionBase

from .boundary.arguments import documented, read_arguments


class PlainAction(ActionBase):  # type: ignore[misc]
    """An action that works in check mode as ever, since it changes nothing on the node."""

    documentation: ClassVar[str]
    """The ``DOCUMENTATION`` of the module of the action's name, by which its arguments are read."""

    def __init_subclass__(cls) -> None:
        """Ansible loads an action before it forks for each host, so what is read here is read once for all of them."""
        super().__init_subclass__()
        documented(cls.documentation)

    _supports_check_mode = True
    _supports_diff = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ansible's entry: the action's answer as the task's result."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        args, problems = read_arguments(self.documentation, plain(self._task.args))
        return {**result, **self.answer(args, problems, task_vars or {})}

    @abstractmethod
    def answer(self, args: dict[str, Any], problems: list[str], variables: dict[str, Any]) -> dict[str, Any]:
        """The task's result: from its arguments, from what is wrong with them, which fails it, and from the host's variables."""


def plain(value: Any) -> Any:
    """A copy of JSON data without tags."""
    return json.loads(json.dumps(value))


def failed(msg: str, **more: Any) -> dict[str, Any]:
    """The answer that fails the task."""
    return {"failed": True, "msg": msg, **more}
