"""Sign on the controller, collect on the node in one module call, judge on the controller.

The documentation for users is in plugins/modules/node_check.py.
"""

from __future__ import annotations

import contextlib
import functools
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleError
from ansible.utils.display import Display

from ..modules import node_check as module
from ..plugin_utils.boundary.arguments import documented, read_arguments
from ..plugin_utils.boundary.calls import asking
from ..plugin_utils.boundary.current_run import current_id, keep
from ..plugin_utils.boundary.minters import noted_minter
from ..plugin_utils.boundary.no_evidence import Cause, recognised
from ..plugin_utils.boundary.play_variables import PlayVariables, address_of, host_of
from ..plugin_utils.boundary.settings import ROLES, SettingsError
from ..plugin_utils.boundary.ssh_login import offered
from ..plugin_utils.boundary.text import Tokens
from ..plugin_utils.boundary.times import now
from ..plugin_utils.boundary.variables import not_known, read_settings, set_by_facts, setting_of
from ..plugin_utils.boundary.watch import CutOffError
from ..plugin_utils.clock.measuring import measured_once
from ..plugin_utils.collection import (
    Collection,
    nts_answers,
    with_nts_tried,
)
from ..plugin_utils.github.apps import GithubApp
from ..plugin_utils.github.minters import Minting, identity_of
from ..plugin_utils.github.throttle import MintThrottle, state_file
from ..plugin_utils.model.policy import Policy
from ..plugin_utils.model.record import without_evidence
from ..plugin_utils.plain_action import NODE_STARTS_WITHIN_S, EvidenceAction, failed
from ..plugin_utils.verdict.before_the_fork import before_the_fork
from ..plugin_utils.verdict.judge import chrony_can_help, judge_record
from ..plugin_utils.verdict.node_words import reason, refusal
from ..plugin_utils.verdict.nts_clients import to_try
from ..plugin_utils.verdict.run_settings import options_of
from ..plugin_utils.verdict.settings import CREDENTIALS_CHECK, CheckSettings, read_check_settings
from ..plugin_utils.verdict.timings import Stopwatch
from ..plugin_utils.verdict.tokens import awaits_others

WAIT_STEP_S = 2
WAIT_REPORTED_FROM_S = 20

display = Display()

before_the_fork()


class ActionModule(EvidenceAction):
    """The action ``skewgate.preflight.node_check``."""

    documentation = module.DOCUMENTATION
    _from_variables = False

    @property
    def prefix(self) -> str:
        """The gate's prefix if the settings are read from variables, as in both roles; else
        nothing.
        """
        return ROLES if super().prefix or self._from_variables else ""

    def given(self, variables: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """The task's arguments; with ``from_variables``, the host's settings in the place of those
        that it does not give.
        """
        self._stopwatch = Stopwatch()
        given, wrong = super().given(variables)
        options = documented(self.documentation)[1]
        args = read_arguments(self.documentation, given)[0]
        self._from_variables = args["from_variables"]
        if not self._from_variables:
            return given, wrong
        play = PlayVariables(self._task, self._templar, variables)
        of_host = play.of(host_of(variables))
        read = {option for option in options if option not in given}
        if args["checks"] and CREDENTIALS_CHECK not in args["checks"]:
            read.discard("github_apps")  # they may not be set if only the clock is checked
        names = [*map(setting_of, read), "gate_environment"]
        values, problems = play.worked_out(of_host, [name for name in names if name in of_host])
        settings, more = read_settings(values)
        return {**options_of(settings, read), **given}, [*wrong, *problems, *more]

    def answer(self, args: dict[str, Any], problems: list[str], variables: dict[str, Any]) -> dict[str, Any]:
        """The node's record, judgement and verdict; the task fails only if the settings are
        wrong.
        """
        named = set_by_facts(variables.get("ansible_facts") or {})
        if named:
            policy = Policy((), (), ())
            return self._kept(_result(without_evidence(policy, now(), settings_in_facts=named), args), args, variables)
        misspelt, others = not_known(variables, variables.get("gate_own_variables"))
        if others:  # Ansible shows the same warning once
            display.warning(f"skewgate does not read these variables: {', '.join(others)}")
        try:
            settings = read_check_settings(
                args,
                self._ways_into_a_file,
                [*problems, *misspelt, *self._wrong_admission(args)],
                prefix=self.prefix,
            )
        except SettingsError as error:
            msg = f"The settings are wrong, and no node was contacted: {error}"
            return failed(msg, configuration_errors=error.problems)
        if not current_id():  # whose begin has shown them
            for warning in settings.warnings:
                display.warning(warning)
        if timed := variables.get("gate_run_timings") is True:
            self._connect()
        collection = self._collection(settings, variables, args)
        deadline_s = time.monotonic() + args["wait_s"]
        while True:
            record = collection.take()
            result = _result(record, args)
            if clients := to_try(record, result["judgement"]):
                record = with_nts_tried(record, nts_answers(clients, collection.call))
                result = _result(record, args)
            done = result["verdict"] == "admit" or result["awaits_report"] or "no_answer" in record
            if done or time.monotonic() >= deadline_s:
                break
            time.sleep(WAIT_STEP_S)
        if login := self._refused_login(record):
            result = _result({**record, "ssh_login": login}, args)
        if args["admit_to"] and result["verdict"] == "admit":
            result |= self._admitted(args["admit_to"], variables)
        result["asked"] = {
            "checks": settings.policy.checks,
            "ntp_servers": settings.ntp_servers,
            "nts_servers": settings.nts_servers,
            "timeout_s": settings.timeout_s,
        }
        if timed:
            collected = result["record"]["evidence"].get("collected") or {}
            result["timings"] = self._stopwatch.parts(collected)
        return self._kept(result, args, variables)

    def _refused_login(self, record: Mapping[str, Any]) -> dict[str, Any] | None:
        """Which certificates ssh offers, if the node refused ssh's login: its clock may be why."""
        said = record["unreachable"]
        if not said or self._connection.transport != "ssh" or recognised(said)[0] is not Cause.LOGIN_REFUSED:
            return None
        return offered(self._connection.get_option)

    def _connect(self) -> None:
        """Connect with a command that does nothing, to measure its time.

        The check itself reports whether the node can be reached.
        """
        with (
            self._stopwatch.connecting(),
            contextlib.suppress(AnsibleError, CutOffError),
            asking(Tokens(), NODE_STARTS_WITHIN_S),
        ):
            self._low_level_execute_command("true", sudoable=False)
        self.on_call = self._stopwatch.call

    def _kept(self, result: dict[str, Any], args: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        """The result. The gate's check keeps evidence and findings for the run's report instead."""
        if not (args["admit_to"] and current_id()):
            return result
        kept: dict[str, Any] = {
            key: result[key]
            for key in ("record", "judgement", "check_id", "follows", "timings", "asked")
            if key in result
        }
        keep(host_of(variables), {**kept, "address": address_of(variables)})
        return {key: value for key, value in result.items() if key not in ("record", "judgement")}

    def _wrong_admission(self, args: Mapping[str, Any]) -> list[str]:
        """Only the gate, which fails the hosts that its report refuses, may admit."""
        if args["admit_to"] and super().prefix != "gate_":
            return [
                "admit_to: expected only in the role skewgate.preflight.gate; group hosts by the role's report, or by `verdict`"
            ]
        return []

    def _admitted(self, group: str, variables: dict[str, Any]) -> dict[str, Any]:
        """The result that adds the host to the group, from Ansible's action, as each ansible-core
        reads it.
        """
        action = self.other_action("ansible.builtin.group_by", {"key": group})
        answer = action.run(task_vars=variables)
        return {key: answer[key] for key in ("add_group", "parent_groups")}

    def _ways_into_a_file(self) -> list[str]:
        """Problems that would write the JWT to a file: it is safe only if the module is piped to
        the node.
        """
        with contextlib.suppress(KeyError):  # a connection plugin may lack the option
            self._connection.set_option("pipelining", True)
        if constants.config.get_config_value("DEFAULT_DEBUG"):
            return [
                "ANSIBLE_DEBUG is on, so Ansible would print the JWT with the module's arguments; turn it off for this run"
            ]
        if constants.config.get_config_value("DEFAULT_KEEP_REMOTE_FILES"):
            return [
                "ANSIBLE_KEEP_REMOTE_FILES is on, so the JWT would stay in a file on the node; turn it off for this run"
            ]
        if not self._is_pipelining_enabled("new"):
            return [
                f"the connection {self._connection.transport!r} can't pipe modules to the node with this become method, so the "
                "JWT would be written to a file there. Use ssh as root or with sudo, or leave github_app_token out of "
                f"{self.prefix}checks"
            ]
        return []

    def _collection(self, settings: CheckSettings, variables: dict[str, Any], args: Mapping[str, Any]) -> Collection:
        host = host_of(variables)
        return Collection(
            policy=settings.policy,
            apps=settings.apps,
            sections=settings.sections,
            ntp_servers=settings.ntp_servers,
            nts_servers=settings.nts_servers,
            timeout_s=settings.timeout_s,
            same_machine=self._connection.transport == "local",
            call=functools.partial(self.evidence, variables, Tokens()),
            controller=functools.partial(measured_once, Path(constants.DEFAULT_LOCAL_TMP), settings.references.measure),
            throttle=functools.partial(_throttle, settings, host),
            # Other nodes mint for this one only if a report follows, because the report shows the
            # result.
            minting=functools.partial(minting_on, current_id() if args["admit_to"] else "", host),
        )


def _result(record: dict[str, Any], args: Mapping[str, Any]) -> dict[str, Any]:
    judgement = judge_record(record)
    awaits_report = bool(args["admit_to"]) and awaits_others(judgement)
    result = {
        "changed": False,
        "msg": _message(judgement, awaits_report=awaits_report),
        "judgement": judgement,
        "record": record,
        "phase": args["phase"],
        "check_id": uuid.uuid4().hex,
        "follows": args["follows"] or current_id(),
        **{key: judgement[key] for key in ("verdict", "refused_because", "judged_at", "skew_s")},
        "reason": reason(judgement),
        "awaits_report": awaits_report,
        "chrony_can_help": chrony_can_help(judgement),
    }
    # The gate's report says it once for all nodes.
    if record["unreachable"] and not args["admit_to"]:
        result.update(unreachable=True, msg=record["unreachable"])
    return result


def _message(judgement: Mapping[str, Any], *, awaits_report: bool) -> str:
    if awaits_report:
        return "Not decided yet: only the token is left. Other nodes of the run try it, and the report decides."
    return "Admitted." if judgement["verdict"] == "admit" else refusal(judgement)


def minting_on(run_id: str, host: str, app: GithubApp) -> Minting:
    """How an App's token is tried on this host, as the run chose; without a run each host mints
    it.
    """
    noted = noted_minter(run_id, identity_of(app.public()), host)
    return Minting.WAITS if noted is None else Minting(noted or Minting.JWT_ALONE)


def _throttle(settings: CheckSettings, node: str, app: GithubApp) -> MintThrottle:
    return MintThrottle(
        state_file(app.api_url, app.issuer),
        settings.mints_per_minute,
        settings.mints_per_hour,
        on_wait=_report_wait,
        node=node,
    )


def _report_wait(wait_s: float) -> None:
    if wait_s > WAIT_REPORTED_FROM_S:
        display.warning(
            f"waiting up to {wait_s:.0f} s, because GitHub limits how many tokens are minted in a minute and in an hour "
            "(`depth: jwt` mints none)"
        )
