"""Runs an action plugin as Ansible does, without a playbook."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

Result = dict[str, Any]


class Connection:
    """A connection that pipes modules to the node if it is asked to and can;
    ``transport`` is its name.
    """

    _shell = SimpleNamespace(tmpdir="/tmp")

    def __init__(self, *, can_pipe: bool, transport: str) -> None:
        self.can_pipe, self.pipelining, self.transport = can_pipe, False, transport

    def get_option(self, name: str) -> None:
        """No option is set."""

    def set_option(self, name: str, value: bool) -> None:
        assert name == "pipelining"
        self.pipelining = value

    def is_pipelining_enabled(self, wrap_async: bool) -> bool:
        return self.can_pipe and self.pipelining and not wrap_async


@pytest.fixture
def run_action(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs an action with these arguments and variables of its host, whose modules answer by
    ``module``: the task's result.

    ``role``: whose task it is, if it is a role's.
    """

    def run(
        action_class: Any,
        args: dict[str, Any],
        variables: dict[str, Any] | None = None,
        *,
        module: Callable[..., Result] | None = None,
        can_pipe: bool = True,
        transport: str = "carrier",
        role: str | None = None,
        check_mode: bool = False,
    ) -> Result:
        task = SimpleNamespace(args=args, async_val=0, check_mode=check_mode, action=action_class.__module__)
        task._role = role and SimpleNamespace(get_name=lambda: role)
        action = action_class(
            task, Connection(can_pipe=can_pipe, transport=transport), SimpleNamespace(), None, None, None
        )
        monkeypatch.setattr(action, "_execute_module", module, raising=False)
        return action.run(task_vars=variables)

    return run
