"""Plan on the controller what the role chrony changes on a node. The node is asked only whether NTS
works there.

The documentation for users is in plugins/modules/remediation_plan.py.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ..modules import remediation_plan as module
from ..plugin_utils.boundary.arguments import documented, read_arguments
from ..plugin_utils.boundary.current_run import kept
from ..plugin_utils.boundary.play_variables import PlayVariables, host_of, plain
from ..plugin_utils.boundary.settings import SettingsError
from ..plugin_utils.boundary.text import Tokens
from ..plugin_utils.boundary.variables import set_by_facts
from ..plugin_utils.collection import NodeUnreachableError, NoEvidenceError, nts_tried, with_nts_tried
from ..plugin_utils.model.record import Record
from ..plugin_utils.plain_action import EvidenceAction, failed
from ..plugin_utils.remediation.plan import Plan, make_plan
from ..plugin_utils.remediation.settings import Settings


class ActionModule(EvidenceAction):
    """The action ``skewgate.preflight.remediation_plan``."""

    documentation = module.DOCUMENTATION

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
        before = plain(variables.get(args["planned"] or "") or {})
        plan, notes = self._plan(measured, settings, variables, after_installing=bool(before))
        result: dict[str, Any] = {
            "changed": False,
            "plan": plan.as_json(),
            "changes": [change.what for change in plan.changes],
            "package_file": args["package_file"],
            # The controller's time: the node's own is what is at fault.
            "backup_id": before.get("backup_id") or datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ"),
        }
        if warnings := [*plan.warnings, *notes]:
            result["warnings"] = [f"{settings.host}: {warning}" for warning in warnings]
        if plan.refusal:
            # The task before it has installed chrony, and undoing that reports what was changed.
            result.update(failed(plan.refusal if before else f"Nothing was changed. {plan.refusal}"))
        return result

    def _plan(
        self, measured: Mapping[str, Any], settings: Settings, variables: dict[str, Any], *, after_installing: bool
    ) -> tuple[Plan, list[str]]:
        """The plan, and further warnings. If chronyd is there to try NTS before NTS is written, the
        plan is of what it got.

        If the node does not answer, it is not known whether NTS works. So it gets no plain servers.
        """
        record, judgement = measured["record"], measured["judgement"]
        plan = make_plan(Record(record), judgement, settings)
        if not plan.nts_clients:
            return plan, []
        in_check_mode = bool(self._task.check_mode)
        installed = bool((Record(record).evidence.get("chrony") or {}).get("present"))
        if installed or (after_installing and not in_check_mode):
            try:
                tried = nts_tried(plan.nts_clients, functools.partial(self.evidence, variables, Tokens()))
            except (NodeUnreachableError, NoEvidenceError) as error:
                return Plan(refusal=f"{_NOT_TRIED}: {error}. Run the remediation again.", warnings=plan.warnings), []
            return make_plan(Record(with_nts_tried(record, tried)), judgement, settings), []
        if plan.refusal:
            return plan, [_NOT_INSTALLED]
        return plan, [_NOT_PREDICTED] if in_check_mode and not after_installing else []


_NOT_TRIED = "It is not known whether chronyd gets the time with NTS, because the node did not show it"

_NOT_INSTALLED = (
    "chronyd itself did not try NTS, because chrony is not installed; it may get the time from servers that answer only "
    "authenticated requests, as NTPsec does: install chrony and run the remediation again"
)

_NOT_PREDICTED = (
    "whether NTS works cannot be tried in check mode before chrony is installed: a run may write other servers than shown "
    "here, or refuse"
)


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
