"""Plan on the controller what the role chrony changes on a node; the node is not contacted.

The documentation for users is in plugins/modules/remediation_plan.py.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ..modules import remediation_plan as module
from ..plugin_utils.boundary.arguments import documented, read_arguments
from ..plugin_utils.boundary.current_run import kept
from ..plugin_utils.boundary.play_variables import PlayVariables, host_of, plain
from ..plugin_utils.boundary.settings import SettingsError
from ..plugin_utils.boundary.variables import set_by_facts
from ..plugin_utils.model.record import Record
from ..plugin_utils.plain_action import PlainAction, failed
from ..plugin_utils.remediation.plan import make_plan
from ..plugin_utils.remediation.settings import Settings


class ActionModule(PlainAction):
    """The action ``skewgate.preflight.remediation_plan``."""

    documentation = module.DOCUMENTATION
    _requires_connection = False

    def given(self, variables: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """The task's arguments; with ``from_variables``, the host's settings in the place of those
        that it does not give.
        """
        given, wrong = super().given(variables)
        options = documented(self.documentation)[1]
        if not read_arguments(self.documentation, given)[0]["from_variables"]:
            return given, wrong
        play = PlayVariables(self._task, self._templar, variables)
        of_host = play.of(host_of(variables))
        names = {f"chrony_{option}": option for option in options if option not in given}
        values, problems = play.worked_out(of_host, [name for name in names if name in of_host])
        return {**{names[name]: value for name, value in values.items()}, **given}, [*wrong, *problems]

    def answer(self, args: dict[str, Any], problems: list[str], variables: dict[str, Any]) -> dict[str, Any]:
        """The plan for the host, from a registered node_check; if a plan is refused, the task
        fails.
        """
        if named := set_by_facts(variables.get("ansible_facts") or {}):
            return failed(f"Nothing was changed. The node's facts have the names of settings: {', '.join(named)}.")
        try:
            settings = Settings.read({**args, "host": host_of(variables)}, problems, prefix=self.prefix)
        except SettingsError as error:
            return failed(f"Nothing was changed. The settings are wrong: {error}")
        measured = _measured(variables, args["measured"])
        if not measured:
            return failed(
                f"Nothing was changed. The variable {args['measured']!r} is not a result of node_check. Register a node_check "
                "task in it."
            )
        plan = make_plan(Record(measured["record"]), measured["judgement"], settings)
        result: dict[str, Any] = {
            "changed": False,
            "plan": plan.as_json(),
            "changes": [change.what for change in plan.changes],
            "package_file": args["package_file"],
            # The controller's time: the node's own is what is at fault.
            "backup_id": datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ"),
        }
        if plan.warnings:
            result["warnings"] = [f"{settings.host}: {warning}" for warning in plan.warnings]
        if plan.refusal:
            result.update(failed(f"Nothing was changed. {plan.refusal}"))
        return result


def _measured(variables: dict[str, Any], name: str) -> dict[str, Any]:
    """The check that is registered in a variable, or was kept by the gate; nothing if there is
    none.

    Not as an argument: the evidence is large, and need not be templated to be read.
    """
    registered = variables.get(name) or {}
    if "record" in registered:
        found: dict[str, Any] = plain({key: registered[key] for key in ("record", "judgement")})
        return found
    check = kept(host_of(variables)) or {}
    return check if check.get("check_id") == registered.get("check_id", "") else {}
