"""Run one of Ansible's own modules on the node, and return only what is documented here.

The documentation for users is in plugins/modules/node_task.py.
"""

from __future__ import annotations

from typing import Any

from ..modules import node_task as module
from ..plugin_utils.plain_action import NodeAction

ACTIONS = ("copy", "dnf")
"""The modules that do a part of their work on the controller."""


class ActionModule(NodeAction):
    """The action ``skewgate.preflight.node_task``."""

    documentation = module.DOCUMENTATION
    returned = module.RETURN
    _supports_diff = True

    def answer(self, args: dict[str, Any], problems: list[str], variables: dict[str, Any]) -> dict[str, Any]:
        """The module's result, with its output by lines too, as Ansible gives it."""
        result = super().answer(args, problems, variables)
        lines = {
            f"{name}_lines": result[name].splitlines() for name in ("stdout", "stderr") if result.get(name) is not None
        }
        return {**result, **lines}

    def asked(self, args: dict[str, Any], variables: dict[str, Any]) -> Any:
        """The module's answer, as Ansible's action of that name returns it."""
        name, arguments = f"ansible.builtin.{args['module']}", args["arguments"]
        if args["module"] not in ACTIONS:
            return self._execute_module(module_name=name, module_args=arguments, task_vars=variables)
        return self.other_action(name, arguments).run(task_vars=variables)
