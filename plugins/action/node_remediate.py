"""Run the module of this name on the node, and return only what it documents.

The documentation for users is in plugins/modules/node_remediate.py.
"""

from __future__ import annotations

from typing import Any

from ..modules import node_remediate as module
from ..plugin_utils.plain_action import NodeAction


class ActionModule(NodeAction):
    """The action ``skewgate.preflight.node_remediate``."""

    documentation = module.DOCUMENTATION
    returned = module.RETURN
    _supports_diff = True

    def asked(self, args: dict[str, Any], variables: dict[str, Any]) -> Any:
        """The module's answer, from the node."""
        return self._execute_module(
            module_name="skewgate.preflight.node_remediate", module_args=args, task_vars=variables
        )
