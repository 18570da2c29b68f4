"""All nodes together: ``report.json`` from their records."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from .judge import judge_record
from .version import VERSION

SCHEMA = "skewgate/report/1"
EVIDENCE_SCHEMA = "skewgate/evidence-set/1"

EXIT_ADMITTED = 0
EXIT_NOT_JUDGED = 3
EXIT_FAILURE = 4


def now() -> str:
    """The controller's time as reports write it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def judge_records(
    records: Mapping[str, Mapping[str, Any]], judged_at: str, run_id: str | None = None
) -> dict[str, Any]:
    """Judge every record and sum up (schema ``skewgate/report/1``, docs/report.schema.json).

    A record may carry ``before`` (the record of before the remediation) and ``remediation``. Raises ValueError where there
    is no record: a report about nothing would admit everything.
    """
    if not records:
        raise ValueError("no node was checked: the inventory or the limit matches none")
    nodes = {name: _node(records[name]) for name in sorted(records)}
    failed = sum(node["cause"] == "failure" for node in nodes.values())
    not_judged = sum(node["cause"] == "not_judged" for node in nodes.values())
    return {
        "schema": SCHEMA,
        "skewgate_version": VERSION,
        "run_id": run_id,
        "judged_at": judged_at,
        "verdict": "refuse" if failed or not_judged else "admit",
        "exit_code": EXIT_FAILURE if failed else EXIT_NOT_JUDGED if not_judged else EXIT_ADMITTED,
        "summary": {"admitted": len(nodes) - failed - not_judged, "refused": failed, "not_judged": not_judged},
        "nodes": nodes,
    }


def _node(record: Mapping[str, Any]) -> dict[str, Any]:
    before = record.get("before")
    summary = judge_record(before) if before else None
    return {
        **judge_record(record),
        "remediation": record.get("remediation"),
        "before": summary and {key: summary[key] for key in ("verdict", "judged_at", "cause", "skew_s", "findings")},
    }


def refusing_findings(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The findings that refuse a node; what was skipped follows from another one, and counts where there is no other."""
    found = [f for f in node["findings"] if f["required"] and f["state"] != "pass"]
    return [f for f in found if f["state"] != "skipped"] or found


def refusal(node: Mapping[str, Any]) -> str:
    """Why a node is refused and what to do next, in a sentence or two."""
    found = refusing_findings(node)
    reasons = "; ".join(f"{f['check']}: {f['summary']}" for f in found)
    return f"Refused. {reasons}. Next: {' '.join(dict.fromkeys(f['remedy'] for f in found))}"


def summary_lines(report: Mapping[str, Any]) -> list[str]:
    """The whole fleet for a reader of a playbook's output: the counts, a line a node, and each refusal's reasons."""
    counts = report["summary"]
    lines = [
        f"{counts['admitted']} admitted, {counts['refused']} refused for a failure, "
        f"{counts['not_judged']} refused because they could not be judged"
    ]
    for name, node in report["nodes"].items():
        lines.append(f"{name}: {node['verdict']}")
        if node["verdict"] == "refuse":
            for finding in refusing_findings(node):
                lines += [
                    f"  {finding['check']} ({finding['state']}): {finding['summary']}",
                    f"    why: {finding['why']}",
                    f"    next: {finding['remedy']}",
                ]
    return lines
