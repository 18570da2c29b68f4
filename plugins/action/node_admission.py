"""Ask an admitted node once more, and refuse it unless its clock went on as it was judged.

The documentation for users is in plugins/modules/node_admission.py.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..modules import node_admission as module
from ..plugin_utils.boundary.current_run import Standing, kept, standing_of
from ..plugin_utils.boundary.no_evidence import module_error
from ..plugin_utils.boundary.play_variables import host_of, plain
from ..plugin_utils.boundary.text import Tokens
from ..plugin_utils.boundary.variables import set_by_facts
from ..plugin_utils.clock.steady import steady_ns
from ..plugin_utils.collection import Collection, NoAnswerError, NodeUnreachableError
from ..plugin_utils.model.policy import Policy
from ..plugin_utils.plain_action import EvidenceAction, failed
from ..plugin_utils.verdict.admission import Ended, stale_because
from ..plugin_utils.verdict.before_the_fork import before_the_fork
from ..plugin_utils.verdict.judge import judge_record
from ..plugin_utils.verdict.node_words import refusal, skew_of
from ..plugin_utils.verdict.settings import sections_for
from ..plugin_utils.verdict.since_admission import (
    LackingError,
    Reading,
    changes,
    next_step,
    policy_after_reboot,
    words,
)

before_the_fork()


@dataclass
class _EndedError(Exception):
    """The admission does not hold, for these reasons."""

    found: Mapping[Ended, str]


class ActionModule(EvidenceAction):
    """The action ``skewgate.preflight.node_admission``."""

    documentation = module.DOCUMENTATION

    def answer(self, args: dict[str, Any], problems: list[str], variables: dict[str, Any]) -> dict[str, Any]:
        """Whether the node may still join by the admission of this run; the task fails if not."""
        host = host_of(variables)
        try:
            if named := set_by_facts(variables.get("ansible_facts") or {}):
                raise _EndedError(
                    {Ended.SETTINGS_IN_FACTS: f"the node's facts have the names of settings: {', '.join(named)}"}
                )
            if problems:
                return failed(f"No node was asked, because the task's arguments are wrong: {'; '.join(problems)}")
            check = _admitted(host, args, variables)
            return self._holds(check, args, variables)
        except _EndedError as ended:
            return failed(
                f"{host} has no admission of this run that is younger than {args['max_age_s'] or 0:g} s and still holds: "
                f"{words(ended.found)}. {next_step(ended.found)}",
                ended_by=[str(key) for key in ended.found],
            )

    def _holds(self, check: Mapping[str, Any], args: Mapping[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        record = check["record"]
        try:
            judged = Reading.of(record["evidence"], record["controller"])
        except LackingError as lacking:
            text = f"its evidence lacks what the node's clock is compared with: {lacking}"
            raise _EndedError({Ended.NOT_RECORDED: text}) from None
        evidence, now = self._asked(variables)
        found = changes(judged, now)
        unread = [clock for clock in evidence["collected"].get("vmclocks") or [] if clock.get("error")]
        held = " ".join(
            ["The admission holds.", *(f"{clock['device']} can't be read: {clock['error']}." for clock in unread)]
        )
        answer = {"changed": False, "msg": held, "unread": unread}
        if not found:
            return answer
        if {*found} != {Ended.REBOOTED} or not (args["allow_reboot"] and "asked" in check):
            raise _EndedError(found)
        judgement = self._after_reboot(check, variables)
        if judgement["verdict"] != "admit":
            raise _EndedError({**found, Ended.CLOCK_AFTER_REBOOT: f"its clock does not pass now: {refusal(judgement)}"})
        return {
            **answer,
            "msg": f"The admission holds. The node rebooted since, and its clock is {skew_of(judgement)}.",
        }

    def _asked(self, variables: dict[str, Any]) -> tuple[Mapping[str, Any], Reading]:
        """The node's evidence without any section, and its clocks."""
        before_ns = steady_ns()
        try:
            answer = self.evidence(variables, Tokens(), {"sections": []})
        except (NodeUnreachableError, NoAnswerError) as error:
            raise _EndedError({Ended.NO_ANSWER: f"the node gave no answer: {error}"}) from None
        controller = {"steady_before_ns": before_ns, "steady_after_ns": steady_ns()}
        if "evidence" not in answer:
            raise _EndedError({Ended.NO_ANSWER: f"the node gave no answer: {module_error(answer)}"})
        try:
            return answer["evidence"], Reading.of(answer["evidence"], controller)
        except LackingError as lacking:
            text = f"the node's answer lacks what its clock is compared by: {lacking}"
            raise _EndedError({Ended.NOT_SHOWN: text}) from None

    def _after_reboot(self, check: Mapping[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """The judgement of what a reboot changes, by the policy of the admission.

        No JWT is sent, so the APIs and their Date are left out.
        """
        record, asked = check["record"], check["asked"]
        policy = policy_after_reboot(Policy.from_json(record["policy"]))
        return judge_record(
            Collection(
                policy=policy,
                apps=(),
                sections=sections_for(policy),
                ntp_servers=asked["ntp_servers"],
                nts_servers=(),
                timeout_s=asked["timeout_s"],
                same_machine=record["controller"].get("same_machine", False),
                call=functools.partial(self.evidence, variables, Tokens()),
            ).take()
        )


def _admitted(host: str, args: Mapping[str, Any], variables: Mapping[str, Any]) -> Mapping[str, Any]:
    """The check that admitted the host in this run."""
    first = _check(variables, "gate_before", kept(host))
    check_id = args["check_id"] or ""
    if not first or first["check_id"] != check_id or standing_of(check_id)[0] is Standing.REFUSED:
        raise _EndedError({Ended.NOT_ADMITTED: "no report of this run admits it"})
    # Only a pair that fits counts: the second check may be of an earlier gate of this run.
    again = _check(variables, "gate_after", kept(host, again=True))
    last = again if again.get("follows") == first["check_id"] else first
    judged_at = last["judgement"]["judged_at"]
    if stale := stale_because(judged_at, args["max_age_s"], datetime.now(UTC)):
        raise _EndedError({Ended.TOO_OLD: stale})
    return last


def _check(variables: Mapping[str, Any], name: str, found: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """A check with its evidence, as the gate kept it, or as a task of another role registered it;
    empty without one. What is registered is stronger than any fact.
    """
    registered = variables.get(name)
    if not isinstance(registered, Mapping):
        return {}
    if found and found["check_id"] == registered.get("check_id"):
        return found
    whole: dict[str, Any] = plain({key: registered[key] for key in _PARTS if key in registered})
    return whole if whole.get("record") and whole.get("judgement") else {}


_PARTS = ("record", "judgement", "check_id", "follows", "asked")
