"""What the actions share: arguments and answers are plain JSON, without the tags that Ansible puts on a task's values."""

from __future__ import annotations

import json
from abc import abstractmethod
from typing import Any

from ansible.plugins.action import ActionBase


class PlainAction(ActionBase):  # type: ignore[misc]
    """An action that works in check mode as ever, since it changes nothing on the node."""

    _supports_check_mode = True
    _supports_diff = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ansible's entry: the action's answer as the task's result."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        return {**result, **self.answer(plain(self._task.args), task_vars or {})}

    @abstractmethod
    def answer(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """The task's result, from its arguments (as given, unchecked) and the host's variables."""


def plain(value: Any) -> Any:
    """A copy of JSON data without tags."""
    return json.loads(json.dumps(value))


def failed(msg: str, **more: Any) -> dict[str, Any]:
    """The answer that fails the task."""
    return {"failed": True, "msg": msg, **more}
