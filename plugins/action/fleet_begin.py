"""Begins a run: reads the settings of all hosts before any is contacted, and takes an earlier
report out of force.

The documentation for users is in plugins/modules/fleet_begin.py.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.utils.display import Display

from ..modules import fleet_begin as module
from ..modules import node_check, remediation_plan
from ..plugin_utils.boundary.arguments import documented, read_arguments
from ..plugin_utils.boundary.current_run import begin_once, forget
from ..plugin_utils.boundary.holder import Holder
from ..plugin_utils.boundary.minters import note_minters
from ..plugin_utils.boundary.placeholders import to_fill_in
from ..plugin_utils.boundary.play_variables import PlayVariables, address_of, fingerprint, host_of
from ..plugin_utils.boundary.saved import ROOM_BYTES, SavedFileError
from ..plugin_utils.boundary.settings import SettingsError
from ..plugin_utils.boundary.sources import settings_with_sources
from ..plugin_utils.boundary.variables import OF_RUNS, not_known, read_settings, setting_of, settings_of_roles
from ..plugin_utils.clock.measuring import measured_once
from ..plugin_utils.formats import begin, discover
from ..plugin_utils.github.minters import choose, network_of
from ..plugin_utils.github.throttle import MintThrottle, state_file
from ..plugin_utils.plain_action import PlainAction, failed
from ..plugin_utils.remediation.settings import Settings
from ..plugin_utils.verdict.before_the_fork import before_the_fork
from ..plugin_utils.verdict.run_settings import RunSettings, Variables, read_run_settings

ROOM_OF_NODE_BYTES = 128 * 1024
"""The bytes that a node's evidence and its entries in the reports need, roughly. Both exist twice
until the files are complete."""

display = Display()

before_the_fork()  # for this action, and for the checks after it


class ActionModule(PlainAction):
    """The action ``skewgate.preflight.fleet_begin``."""

    documentation = module.DOCUMENTATION
    _requires_connection = False

    def answer(self, args: dict[str, Any], problems: list[str], variables: dict[str, Any]) -> dict[str, Any]:
        """The run's data; the task fails if a setting is wrong, or if the folder can't be
        written.
        """
        if problems:
            return _wrong(problems)
        play = PlayVariables(self._task, self._templar, variables)
        # Without an order each host begins by itself, and what the others have kept by now is of
        # this run.
        alone = PlayVariables.without_order(self._task)
        forget([host_of(variables)] if alone else variables["ansible_play_batch"])
        # Every batch of a play comes here, and every host if the strategy has no order.
        return begin_once(play.play_id, lambda: _begin(args["hosts"], play, remediation=args["remediation"]))


def _begin(hosts: list[str], play: PlayVariables, *, remediation: bool) -> dict[str, Any]:
    options = documented(node_check.DOCUMENTATION)[1]
    try:
        networks: dict[str, str] = {}
        groups = list(_groups(hosts, play, networks, remediation=remediation))
        if unfilled := [problem for group in groups for problem in to_fill_in(group.hosts, group.values)]:
            return _wrong(list(dict.fromkeys(unfilled)))  # other problems may follow from these
        run = read_run_settings(groups, options, list(discover()))
        # The process of ansible-playbook: this one ends with the task.
        holder = Holder.of(os.getppid(), run.run_id)
        begin(run.report_dir, holder, ROOM_BYTES + ROOM_OF_NODE_BYTES * len(hosts))
    except SettingsError as error:
        return _wrong(error.problems)
    except SavedFileError as error:
        return _wrong([f"gate_report_dir: {error}"])
    choice = choose(
        run.wanted_tokens, run.mint_nodes, lambda host: [networks[host], *play.groups_of(host)], _room_of_hour
    )
    begun = {**_begun(run, hosts), "mint_notes": list(choice.notes)}
    try:
        note_minters(begun["id"], choice.minters)
    except OSError as error:
        return failed(
            f"The choice of the nodes that mint a token could not be written to {constants.DEFAULT_LOCAL_TMP}: {error.strerror}. "
            "No node was contacted. Make room there, or set Ansible's local_tmp to another folder."
        )
    for warning in (*run.warnings, *choice.notes):
        display.warning(warning)
    if run.apps:  # JWTs will be signed, so measure now, with the references of all hosts
        measured_once(Path(constants.DEFAULT_LOCAL_TMP), run.references.measure)
    return {**begun, "settings": settings_with_sources((group.sources, group.values) for group in groups)}


def _room_of_hour(api_url: str, issuer: str, per_hour: int) -> int:
    """How many more tokens of this App fit into this hour; if unknown, each node's check reports
    that.
    """
    with contextlib.suppress(OSError):
        return MintThrottle(state_file(api_url, issuer), per_hour=per_hour).room()
    return per_hour


def _groups(
    hosts: list[str], play: PlayVariables, networks: dict[str, str], *, remediation: bool
) -> Iterator[Variables]:
    """The hosts in groups with equal settings, which are validated once.

    ``networks`` gets each host's.
    """
    members: dict[str, list[str]] = {}
    variables_of: dict[str, tuple[Mapping[str, Any], list[str]]] = {}
    for host in hosts:
        variables = play.of(host)
        networks[host] = network_of(host, address_of(variables))
        names = [name for name in variables if name.startswith(("gate_", "chrony_")) and name not in OF_RUNS]
        key = fingerprint(variables, names) or f"host {host}"
        members.setdefault(key, []).append(host)
        variables_of.setdefault(key, (variables, names))
    for key, (of_first, names) in variables_of.items():
        of_checks = [name for name in names if name.startswith("gate_") or name == setting_of("nts_servers")]
        read = names if remediation else of_checks
        values, problems = play.worked_out(of_first, [name for name in read if name in settings_of_roles()])
        if remediation and read_settings(values)[0]["gate_remediate"]:
            problems += _wrong_in_role(values)
        misspelt, others = not_known(names, values.get("gate_own_variables"))
        if others:  # Ansible shows the same warning once
            display.warning(f"skewgate does not read these variables: {', '.join(others)}")
        sources = play.sources(members[key][0], of_first, values)
        yield Variables(hosts=members[key], values=values, problems=[*problems, *misspelt], sources=sources)


def _wrong_in_role(values: Mapping[str, Any]) -> list[str]:
    """Problems of the settings of the role that remediates."""
    options = documented(remediation_plan.DOCUMENTATION)[1]
    given = {name: values[f"chrony_{name}"] for name in options if f"chrony_{name}" in values}
    # By default they are the gate's, which are read as such; and a check registers what is
    # measured.
    given = {"servers": ["ntp.invalid"], **given, "measured": "gate_before"}
    args, problems = read_arguments(remediation_plan.DOCUMENTATION, given, prefix="chrony_")
    try:
        Settings.read({**args, "host": ""}, problems)
    except SettingsError as error:
        return error.problems
    return []


def _begun(run: RunSettings, hosts: list[str]) -> dict[str, Any]:
    return {
        "changed": False,
        "id": uuid.uuid4().hex,
        "hosts": hosts,
        "report_dir": str(run.report_dir),
        "report_formats": list(run.report_formats),
        "signing_key_file": run.signing_key_file,
        "run_id": run.run_id,
        "admission_max_age_s": run.admission_max_age_s,
        "ntp_servers": list(run.ntp_servers),
        "apis": [app.api_url for app in run.apps],
    }


def _wrong(problems: list[str]) -> dict[str, Any]:
    msg = f"The settings are wrong, and no node was contacted: {'; '.join(problems)}"
    return failed(msg, configuration_errors=problems)
