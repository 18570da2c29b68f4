"""Plan on the controller what the role chrony changes on a node; the node is not contacted.

The documentation for users is in plugins/modules/remediation_plan.py.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from ansible.plugins.action import ActionBase

from ..plugin_utils.model.policy import SettingsError
from ..plugin_utils.model.record import Record
from ..plugin_utils.remediation.plan import make_plan
from ..plugin_utils.remediation.settings import Settings


class ActionModule(ActionBase):  # type: ignore[misc]
    """The action ``skewgate.preflight.remediation_plan``."""

    _requires_connection = False
    _supports_check_mode = True
    _supports_diff = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        args = json.loads(json.dumps(self._task.args))
        # Not as an argument: the evidence is large, and need not be templated to be read.
        measured = variables.get(args["measured"]) or {}
        if "record" not in measured:
            return {
                **result,
                "failed": True,
                "msg": f"Nothing was changed. There is no variable {args['measured']!r} of node_check.",
            }
        measured = json.loads(json.dumps({key: measured[key] for key in ("record", "judgement")}))
        try:
            settings = Settings.read({**args, "host": variables["inventory_hostname"]})
        except SettingsError as error:
            problems = "; ".join(error.problems)
            return {**result, "failed": True, "msg": f"Nothing was changed. The settings are wrong: {problems}"}
        plan = make_plan(Record(measured["record"]), measured["judgement"], settings)
        result.update(
            changed=False,
            plan=plan.as_json(),
            changes=[change.what for change in plan.changes],
            # The controller's time: the node's own is what is at fault.
            backup_id=datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ"),
        )
        if plan.warnings:
            result["warnings"] = [f"{settings.host}: {warning}" for warning in plan.warnings]
        if plan.refusal:
            result.update(failed=True, msg=f"Nothing was changed. {plan.refusal}")
        return result
