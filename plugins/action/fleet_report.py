"""All nodes of the play together: writes the evidence and the report in every format, and says what an operator needs to read.

The documentation for users is in plugins/modules/fleet_report.py.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.utils.display import Display

from ..modules import fleet_report as module
from ..plugin_utils.boundary.current_run import current_run
from ..plugin_utils.boundary.evidence import said
from ..plugin_utils.boundary.forms import RECORD, misfit, remediation_of
from ..plugin_utils.boundary.holder import FolderInUseError, Holder
from ..plugin_utils.boundary.no_evidence import words
from ..plugin_utils.boundary.play_variables import PlayVariables, plain
from ..plugin_utils.boundary.saved import EVIDENCE_FILE, SavedFileError, evidence_of, read_evidence
from ..plugin_utils.boundary.times import now
from ..plugin_utils.boundary.variables import set_by_facts
from ..plugin_utils.formats import report_text, write
from ..plugin_utils.model.policy import Policy
from ..plugin_utils.model.record import Record, without_evidence
from ..plugin_utils.plain_action import PlainAction, failed
from ..plugin_utils.verdict.again import earlier_readings, with_drift
from ..plugin_utils.verdict.judge import judge_record
from ..plugin_utils.verdict.report import node_entry, refusing_findings, report_of

_WITHOUT_ORDER = ("free", "host_pinned")
"""Strategies in which no host waits for another, and ``run_once`` runs for each."""

display = Display()


class ActionModule(PlainAction):
    """The action ``skewgate.preflight.fleet_report``."""

    documentation = module.DOCUMENTATION
    _requires_connection = False

    def answer(self, args: dict[str, Any], problems: list[str], variables: dict[str, Any]) -> dict[str, Any]:
        """Put all hosts together, write the report, and return what an operator needs to read."""
        if problems:
            return failed(f"Nothing was written. The settings are wrong: {'; '.join(problems)}")
        run = current_run()
        if not run and not args["report_dir"]:
            return failed(
                "Nothing was written: no run has begun. The role skewgate.preflight.gate begins one (tasks_from judge) before it "
                "reports (tasks_from conclude); a task of your own gives report_dir."
            )
        if self._is_without_order():
            return {"changed": False, "id": run.get("id", ""), "files": [], "nodes": {}, "refusals": {}}
        judged_at = now()
        run_id = args["run_id"] or run.get("run_id", "")
        directory = Path(args["report_dir"] or run["report_dir"]).expanduser().absolute()
        earlier = _earlier(directory)
        records, nodes = {}, {}
        for host in args["hosts"]:
            of_host = variables["hostvars"].raw_get(host)
            records[host], nodes[host] = _checked(of_host, args, run, earlier.get(host), judged_at)
        try:
            of_nodes = {name: Record(data) for name, data in records.items()}
            report = report_of(of_nodes, nodes, judged_at, run_id, run.get("settings"))
            files = write(directory, report, evidence_of(records, judged_at, run_id), Holder.of(os.getppid(), run_id))
        except ValueError as error:
            return failed(str(error))
        except FolderInUseError as error:
            return failed(f"The reports could not be written: {error}")
        except OSError as error:
            return failed(
                f"The reports could not be written to {directory}: {error.strerror}. Set gate_report_dir to a folder that can."
            )
        return {"changed": False, "report_dir": str(directory), **_outcome(report, files, run)}

    def _is_without_order(self) -> bool:
        """Whether each host comes here by itself, so that none can report on all; says so."""
        strategy = str(getattr(PlayVariables.play_of(self._task), "strategy", "")).rpartition(".")[2]
        if strategy in _WITHOUT_ORDER:
            display.warning(
                f"strategy {strategy}: no host waits for another, so no report is written here. Use `tasks_from: judge` in this "
                "play, and `tasks_from: conclude` in a play of strategy linear after it, on the same hosts."
            )
        return strategy in _WITHOUT_ORDER


def _earlier(directory: Path) -> dict[str, dict[str, Any]]:
    """Each node's reading of the last run into this folder; none if there is no evidence of one."""
    try:
        return earlier_readings(read_evidence(directory / EVIDENCE_FILE)["nodes"])
    except SavedFileError:
        return {}


def _checked(
    variables: Any,
    args: Mapping[str, Any],
    run: Mapping[str, Any],
    earlier: dict[str, Any] | None,
    judged_at: str,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A host's record and its entry of the report, from its last check; a host that left the play early had none."""
    if named := set_by_facts(variables.get("ansible_facts") or {}):  # what is registered may be the node's own words
        last = _without_check(judged_at, settings_in_facts=named)
        record = {
            **last["record"],
            "before": None,
            "remediation": None,
            "earlier": earlier,
            "address": _address(variables),
        }
        return record, node_entry(last["judgement"], None, None)
    # A variable of the host may be of an earlier run, or an earlier check of this one.
    first = _registered(variables, args["before"], run.get("id", "")) or _never_begun(
        variables, args["before"], judged_at
    )
    again = first and (
        _registered(variables, args["after"], first["check_id"]) or _never_begun(variables, args["after"], judged_at)
    )
    before = first if again else None
    last = again or first or _without_check(judged_at, not_checked=True)
    noted = variables.get(args["remediation"])
    follows = noted.get("follows") if isinstance(noted, Mapping) else None
    remediation = noted if first and follows == first["check_id"] else None
    record = {
        **last["record"],
        "before": before and before["record"],
        "remediation": None if remediation is None else remediation_of(plain(remediation)),
        "earlier": earlier,
        "address": _address(variables),
    }
    if wrong := misfit(record, RECORD):  # nobody could read the evidence of the others beside it
        refused = _without_check(judged_at, module_error=f"its record can't be stored: {wrong}")
        return refused["record"], node_entry(refused["judgement"], None, None)
    judgement = with_drift(last["judgement"], record)
    return record, node_entry(judgement, before and before["judgement"], record["remediation"])


def _registered(variables: Any, name: str, follows: str) -> dict[str, Any] | None:
    """What a node_check task registered, if it ran and follows from this run or check."""
    registered = variables.get(name) or {}
    if not (registered.get("record") and registered.get("judgement")) or registered.get("follows", "") != follows:
        return None
    found: dict[str, Any] = plain({key: registered[key] for key in ("record", "judgement", "check_id")})
    return found


def _never_begun(variables: Any, name: str, judged_at: str) -> dict[str, Any] | None:
    """What stands for a check that Ansible could not even begin, if it says why."""
    registered = variables.get(name) or {}
    reason = said(words(str(registered.get("msg") or "")))
    if not reason or registered.get("record") or not (registered.get("failed") or registered.get("unreachable")):
        return None
    why = "unreachable" if registered.get("unreachable") else "module_error"
    return {**_without_check(judged_at, **{why: reason}), "check_id": "none"}


def _without_check(judged_at: str, **why: Any) -> dict[str, Any]:
    """What stands for a check of a node of which nothing counts; ``why`` as for ``without_evidence``."""
    record = without_evidence(Policy((), (), ()), judged_at, **why)
    return {"record": record, "judgement": judge_record(record)}


def _address(variables: Any) -> str | None:
    """The host's address as the inventory has it; a template is not worked out for it."""
    address = variables.get("ansible_host")
    return str(address) if address and "{{" not in str(address) else None


def _outcome(report: Mapping[str, Any], files: list[Path], run: Mapping[str, Any]) -> dict[str, Any]:
    nodes = report["nodes"]
    return {
        "id": run.get("id", ""),
        "verdict": report["verdict"],
        "exit_code": report["exit_code"],
        "summary": report["summary"],
        "files": [str(path) for path in files],
        "lines": report_text.lines(report, files),
        "nodes": {name: {key: node[key] for key in ("verdict", "judged_at")} for name, node in nodes.items()},
        "refusals": {name: _refusal(node, files) for name, node in nodes.items() if node["verdict"] == "refuse"},
    }


def _refusal(node: Mapping[str, Any], files: list[Path]) -> str:
    """Which checks refuse a node; the report, which says why, has been shown."""
    checks = ", ".join(finding["check"] for finding in refusing_findings(node))
    return f"Refused by {checks}. The report says why, and what to do next: {files[0].parent / report_text.FILE}"
