"""All nodes of the play together: writes report.json and evidence.json, and says what an operator needs to read.

The documentation for users is in plugins/modules/fleet_report.py.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from ..plugin_utils.formats import write_reports
from ..plugin_utils.formats.evidence_json import NAME as EVIDENCE_NAME
from ..plugin_utils.formats.evidence_json import earlier_readings
from ..plugin_utils.model.policy import Policy
from ..plugin_utils.verdict.report import EVIDENCE_SCHEMA, judge_records, now, refusal, summary_lines


class ActionModule(ActionBase):  # type: ignore[misc]
    """The action ``skewgate.preflight.fleet_report``."""

    _requires_connection = False
    _supports_check_mode = True
    _supports_diff = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        args = json.loads(json.dumps(self._task.args))
        hostvars = (task_vars or {})["hostvars"]
        judged_at = now()
        directory = Path(args["report_dir"]).expanduser().absolute()
        earlier = earlier_readings(directory / EVIDENCE_NAME)
        records = {}
        for host in args["hosts"]:
            variables = hostvars.raw_get(host)
            records[host] = {
                **self._record(variables, args, judged_at),
                "earlier": earlier.get(host),
                "address": _address(variables),
            }
        try:
            report = judge_records(records, judged_at, args.get("run_id"))
        except ValueError as error:
            return {**result, "failed": True, "msg": str(error)}
        evidence = {"schema": EVIDENCE_SCHEMA, "run_id": args.get("run_id"), "judged_at": judged_at, "nodes": records}
        try:
            write_reports(directory, report, evidence)
        except OSError as error:
            msg = f"The reports could not be written to {directory}: {error.strerror}. Set gate_report_dir to a folder that can."
            return {**result, "failed": True, "msg": msg}
        result.update(changed=False, report_dir=str(directory), **_outcome(report))
        return result

    def _record(self, variables: Any, args: dict[str, Any], judged_at: str) -> dict[str, Any]:
        """The host's last record, with the one of before its remediation; a host that left the play early has none."""
        first = _registered(variables, args.get("before", "gate_before"))
        last = _registered(variables, args.get("after", "gate_after"))
        record = last or first
        if record is None:
            return {
                "policy": Policy((), (), ()).as_json(),
                "collected_at": judged_at,
                "evidence": {},
                "controller": None,
                "unreachable": None,
                "module_error": "the node was not checked in this run (it failed earlier in the play, or left it)",
            }
        remediation = variables.get(args.get("remediation", "gate_remediation"))
        return {
            **record,
            "before": first if last else None,
            "remediation": json.loads(json.dumps(remediation)) if remediation else None,
        }


def _registered(variables: Any, name: str) -> dict[str, Any] | None:
    """The record that a node_check task registered, if it ran."""
    record = (variables.get(name) or {}).get("record")
    return None if record is None else json.loads(json.dumps(record))


def _address(variables: Any) -> str | None:
    """The host's address as the inventory has it; a template is not worked out for it."""
    address = variables.get("ansible_host")
    return str(address) if address and "{{" not in str(address) else None


def _outcome(report: dict[str, Any]) -> dict[str, Any]:
    return {
        "verdict": report["verdict"],
        "exit_code": report["exit_code"],
        "summary": report["summary"],
        "lines": summary_lines(report),
        "refusals": {name: refusal(node) for name, node in report["nodes"].items() if node["verdict"] == "refuse"},
    }
