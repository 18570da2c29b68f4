"""Writes the evidence and the report of all nodes of the play, and returns what an operator reads.

The documentation for users is in plugins/modules/fleet_report.py.
"""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible import context
from ansible.utils.display import Display

from ..modules import fleet_report as module
from ..plugin_utils.boundary.current_run import Standing, current_run, kept, note_standings
from ..plugin_utils.boundary.evidence import said
from ..plugin_utils.boundary.forms import RECORD, misfit, remediation_of
from ..plugin_utils.boundary.holder import FolderInUseError, Holder
from ..plugin_utils.boundary.no_evidence import words
from ..plugin_utils.boundary.play_variables import PlayVariables, address_of, host_of, plain
from ..plugin_utils.boundary.saved import EVIDENCE_FILE, SavedFileError, evidence_of, read_evidence
from ..plugin_utils.boundary.settings import unknown_names
from ..plugin_utils.boundary.signing_keys import read_signing_key
from ..plugin_utils.boundary.stored import Stored, TooLargeError
from ..plugin_utils.boundary.times import now
from ..plugin_utils.boundary.variables import set_by_facts
from ..plugin_utils.formats import DEFAULT, discover, report_text, write, write_evidence
from ..plugin_utils.model.policy import Policy
from ..plugin_utils.model.record import Record, without_evidence
from ..plugin_utils.plain_action import PlainAction, failed
from ..plugin_utils.verdict.again import earlier_readings, with_drift
from ..plugin_utils.verdict.judge import chrony_can_help, judge_record
from ..plugin_utils.verdict.next_step import of_playbook
from ..plugin_utils.verdict.node_words import refusal
from ..plugin_utils.verdict.report import NO_NODE, Together, node_entry, refusing_findings
from ..plugin_utils.verdict.timings import summed_up

NEVER_BEGUN = "none"
"""The ID of a check that Ansible could not begin."""

_UNSIGNED = (
    "{0}. No report was written, because it could not be signed, so no node is admitted. The evidence of this run is in {1}. "
    "Correct the key's file, then run `skewgate report {2} --report-dir {2} --signing-key FILE`"
)

display = Display()


class ActionModule(PlainAction):
    """The action ``skewgate.preflight.fleet_report``."""

    documentation = module.DOCUMENTATION
    _requires_connection = False

    def answer(self, args: dict[str, Any], problems: list[str], variables: dict[str, Any]) -> dict[str, Any]:
        """Collect all hosts' checks, write the report, and return what an operator needs to
        read.
        """
        if problems:
            return failed(f"Nothing was written. The settings are wrong: {'; '.join(problems)}")
        run = current_run()
        if not run and not args["report_dir"]:
            return failed(
                "Nothing was written, because no run has begun. The role skewgate.preflight.gate begins a run (tasks_from judge) "
                "before it reports (tasks_from conclude). Use the role, or give this task report_dir."
            )
        checks = _Checks(hostvars=variables["hostvars"], args=args, run=run, judged_at=now())
        if strategy := PlayVariables.without_order(self._task):
            display.warning(
                f"strategy {strategy}: no host waits for another, so no report is written here. Use `tasks_from: judge` in "
                "this play, and `tasks_from: conclude` in a play of strategy linear after it, on the same hosts."
            )
            host = host_of(variables)
            note_standings(checks.by_id({host: checks.standing(host)}))
            return {"changed": False, "id": run.get("id", ""), "files": [], "nodes": {}}
        if not args["hosts"]:
            return failed(NO_NODE)
        if unknown := unknown_names("report_formats: no format is called", args["report_formats"] or [], discover()):
            return failed(f"Nothing was written. {'; '.join(unknown)}")
        begun_mono_s = time.monotonic()
        directory = Path(args["report_dir"] or run["report_dir"]).expanduser().absolute()
        shown = _Shown(directory / report_text.FILE)
        try:
            report, files = self._written(directory, checks, shown)
        except ValueError as error:
            return failed(str(error))
        except FolderInUseError as error:
            return failed(f"The reports could not be written: {error}")
        except OSError as error:
            return failed(
                f"The reports could not be written to {directory}: {error.strerror}. Set gate_report_dir to a folder that can."
            )
        note_standings(checks.by_id(shown.standings))
        return {
            "changed": False,
            "id": run.get("id", ""),
            "report_dir": str(directory),
            **{key: report[key] for key in ("verdict", "exit_code", "summary")},
            "files": [str(path) for path in files],
            "lines": report_text.lines(report, files, commands=of_playbook(str(directory))),
            "nodes": shown.nodes,
            **checks.timings(time.monotonic() - begun_mono_s),
        }

    def _written(self, directory: Path, checks: _Checks, shown: _Shown) -> tuple[dict[str, Any], list[Path]]:
        """The report, each entry of which ``shown`` gets, and the files that were written; raises
        ValueError and OSError.
        """
        run_id = checks.args["run_id"] or checks.run.get("run_id", "")
        formats = checks.args["report_formats"] or checks.run.get("report_formats", DEFAULT)
        directory.mkdir(parents=True, exist_ok=True)
        records, together = Stored(directory), Together(Stored(directory))
        earlier = _earlier(directory)
        for host in sorted(set(checks.args["hosts"])):
            shown.add(host, _add(host, *checks.reported(host, earlier.get(host)), records, together))
        report = together.report(checks.judged_at, run_id, checks.run.get("settings"))
        for host in together.left:
            shown.add(host, report["nodes"][host], admitted=Standing.ADMITTED_BY_REPORT)
        evidence = evidence_of(records, checks.judged_at, run_id)
        holder = Holder.of(os.getppid(), run_id)
        file = checks.run.get("signing_key_file")
        try:
            key = read_signing_key(file, "gate_signing_key_file", directory) if file else None
        except ValueError as error:  # the run's work must not be lost with the key
            write_evidence(directory, evidence, holder)
            raise ValueError(_UNSIGNED.format(error, directory, shlex.quote(str(directory)))) from None
        return report, write(directory, report, evidence, formats, holder, signing_key=key)


@dataclass(frozen=True)
class _Shown:
    """What Ansible gets of each host: its verdict, and which checks refuse it; the report, which
    says why, has been shown.
    """

    text: Path
    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    standings: dict[str, tuple[Standing, str]] = field(default_factory=dict)

    def add(self, host: str, entry: Mapping[str, Any], admitted: Standing = Standing.ADMITTED) -> None:
        """Take a host's entry of the report, in the place of an earlier one; ``admitted`` is what
        it is if that admits it.
        """
        self.nodes[host] = {key: entry[key] for key in ("verdict", "judged_at")}
        checks = ", ".join(finding["check"] for finding in refusing_findings(entry))
        refused = f"Refused by {checks}. The report says why, and what to do next: {self.text}"
        self.standings[host] = (admitted, "") if entry["verdict"] == "admit" else (Standing.REFUSED, refused)


def _earlier(directory: Path) -> dict[str, dict[str, Any]]:
    """Each node's reading of the last run into this folder; none if there is no evidence of one."""
    found: dict[str, dict[str, Any]] = {}
    try:
        read_evidence(directory / EVIDENCE_FILE, lambda name, record: found.update(earlier_readings({name: record})))
    except SavedFileError:
        return {}
    return found


Check = dict[str, Any]
"""A host's ``record`` and ``judgement``, with the ``check_id`` and the ``address`` of the host, if
these are known."""


@dataclass(frozen=True, kw_only=True)
class _Checks:
    """The checks of the run's hosts: as the gate kept them, or as they are registered in
    variables.
    """

    hostvars: Any
    args: Mapping[str, Any]
    run: Mapping[str, Any]
    judged_at: str
    timed: list[dict[str, float]] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)

    def by_id(self, standings: Mapping[str, tuple[Standing, str]]) -> dict[str, tuple[Standing, str]]:
        """The standings by the ID of each host's first check, for hosts that had one."""
        return {self.ids[host]: standing for host, standing in standings.items() if host in self.ids}

    def timings(self, report_s: float) -> dict[str, Any]:
        """Where the checks' time went, if they were timed."""
        if not self.timed:
            return {}
        forks = context.CLIARGS.get("forks")
        return {"timings": {"checks": summed_up(self.timed), "report_s": round(report_s, 3), "forks": forks}}

    def standing(self, host: str) -> tuple[Standing, str]:
        """A host's standing according to its last check only."""
        first, again, _noted = self._of(host)
        judgement = (again or first)["judgement"]
        admitted = judgement["verdict"] == "admit"
        return (Standing.ADMITTED, "") if admitted else (Standing.REFUSED, refusal(judgement))

    def reported(self, host: str, earlier: dict[str, Any] | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """A host's record and report entry, from its last check; a host that left early had
        none.
        """
        first, again, noted = self._of(host)
        last = again or first
        before = first if again else None
        record = {
            **last["record"],
            "before": before and before["record"],
            "remediation": noted,
            "earlier": earlier,
            "address": last.get("address"),
        }
        if wrong := misfit(record, RECORD):  # it would make the evidence of all others unreadable
            return _not_stored(wrong, self.judged_at)
        judgement = with_drift(last["judgement"], record)
        return record, node_entry(judgement, before and before["judgement"], record["remediation"])

    def _of(self, host: str) -> tuple[Check, Check | None, dict[str, Any] | None]:
        """A host's first check of this run, its repeated check, and the note on the remediation."""
        first = kept(host) if self.run else None
        if first and "timings" in first:
            self.timed.append(first["timings"])
        if first and first["follows"] == self.run["id"] and not chrony_can_help(first["judgement"]):
            self.ids[host] = first["check_id"]
            return first, None, None  # and Ansible need not put together the host's variables
        variables = self.hostvars.raw_get(host)
        address = {"address": address_of(variables)}
        # What is registered may be the node's own words.
        if named := set_by_facts(variables.get("ansible_facts") or {}):
            return {**_without_check(self.judged_at, settings_in_facts=named), **address}, None, None
        # A variable of the host may be of an earlier run, or an earlier check of this one.
        first = self._check(variables, "before", self.run.get("id", ""), first)
        if first is None:
            return {**_without_check(self.judged_at, not_checked=True), **address}, None, None
        if first["check_id"] != NEVER_BEGUN:
            self.ids[host] = first["check_id"]
        again = self._check(variables, "after", first["check_id"], kept(host, again=True))
        noted = variables.get(self.args["remediation"])
        if not isinstance(noted, Mapping) or noted.get("follows") != first["check_id"]:
            noted = None
        return {**first, **address}, again and {**again, **address}, noted and remediation_of(plain(noted))

    def _check(self, variables: Any, which: str, follows: str, found: Check | None) -> Check | None:
        """The check that follows this run or check, or the reason why Ansible could not begin
        it.
        """
        if found and found["follows"] == follows:
            return found
        name = self.args[which]
        return _registered(variables, name, follows) or _never_begun(variables, name, self.judged_at)


def _add(
    host: str, record: dict[str, Any], entry: dict[str, Any], records: Stored, together: Together
) -> dict[str, Any]:
    """Keep a host's record and its report entry, and return the entry.

    If one of them is too large, the host is refused for that.
    """
    try:
        records[host] = record
        together.add(host, Record(record), entry)
    except TooLargeError as error:
        record, entry = _not_stored(str(error), record["collected_at"])
        records[host] = record
        together.add(host, Record(record), entry)
    return entry


def _not_stored(wrong: str, judged_at: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The replacement for a record that could not be read again."""
    refused = _without_check(judged_at, module_error=f"its record can't be stored: {wrong}")
    return refused["record"], node_entry(refused["judgement"], None, None)


def _registered(variables: Any, name: str, follows: str) -> dict[str, Any] | None:
    """The result that a node_check task registered, if it ran and follows this run or check."""
    registered = variables.get(name) or {}
    if not (registered.get("record") and registered.get("judgement")) or registered.get("follows", "") != follows:
        return None
    found: dict[str, Any] = plain({key: registered[key] for key in ("record", "judgement", "check_id")})
    return found


def _never_begun(variables: Any, name: str, judged_at: str) -> dict[str, Any] | None:
    """The replacement for a check that Ansible could not begin, if it gives a reason."""
    registered = variables.get(name) or {}
    reason = said(words(str(registered.get("msg") or "")))
    if not reason or registered.get("record") or not (registered.get("failed") or registered.get("unreachable")):
        return None
    why = "unreachable" if registered.get("unreachable") else "module_error"
    return {**_without_check(judged_at, **{why: reason}), "check_id": NEVER_BEGUN}


def _without_check(judged_at: str, **why: Any) -> dict[str, Any]:
    """The replacement for a check without evidence; ``why`` as for ``without_evidence``."""
    record = without_evidence(Policy((), (), ()), judged_at, **why)
    return {"record": record, "judgement": judge_record(record)}
