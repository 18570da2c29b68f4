"""All nodes together: ``report.json`` from their records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ..model.record import Record
from ..model.wording import listed, span_text
from ..version import VERSION
from .fleet import judge_fleet
from .judge import judge_record

SCHEMA = "skewgate/report/1"
EVIDENCE_SCHEMA = "skewgate/evidence-set/1"

EXIT_ADMITTED = 0
EXIT_NOT_JUDGED = 3
EXIT_FAILURE = 4

FOLDED_FROM = 20
"""So many admitted nodes have a line each; more of them share one."""


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
    of_nodes = {name: Record(records[name]) for name in sorted(records)}
    nodes = {name: _node(record) for name, record in of_nodes.items()}
    failed = sum(node["refused_because"] == "failure" for node in nodes.values())
    not_judged = sum(node["refused_because"] == "not_judged" for node in nodes.values())
    return {
        "schema": SCHEMA,
        "skewgate_version": VERSION,
        "run_id": run_id,
        "judged_at": judged_at,
        "verdict": "refuse" if failed or not_judged else "admit",
        "exit_code": EXIT_FAILURE if failed else EXIT_NOT_JUDGED if not_judged else EXIT_ADMITTED,
        "summary": {"admitted": len(nodes) - failed - not_judged, "refused": failed, "not_judged": not_judged},
        "fleet": judge_fleet(of_nodes),
        "groups": group_nodes(nodes),
        "nodes": nodes,
    }


def group_nodes(nodes: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The refused nodes by what refuses them, the largest group first: the same checks in the same state by the same keys."""
    members: dict[tuple[tuple[str, ...], ...], list[str]] = {}
    for name, node in nodes.items():
        if node["verdict"] == "refuse":
            found = refusing_findings(node)
            by = tuple((f["check"], f["state"], "keys", *f["keys"], "about", *f["about"]) for f in found)
            members.setdefault(by, []).append(name)
    groups = sorted(members.values(), key=lambda names: (-len(names), names[0]))
    shown = ("check", "state", "keys", "about", "cause")
    return [
        {
            "findings": [{key: f[key] for key in shown} for f in refusing_findings(nodes[names[0]])],
            "nodes": names,
            "example": names[0],
        }
        for names in groups
    ]


def _node(record: Record) -> dict[str, Any]:
    before = record.data.get("before")
    summary = judge_record(before) if before else None
    return {
        **judge_record(record),
        "remediation": record.data.get("remediation"),
        "before": summary
        and {key: summary[key] for key in ("verdict", "judged_at", "refused_because", "skew_s", "findings")},
    }


def refusing_findings(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The findings that refuse a node; what was skipped follows from another one, and counts where there is no other."""
    found = [f for f in node["findings"] if f["required"] and f["state"] != "pass"]
    return [f for f in found if f["state"] != "skipped"] or found


def refusal(node: Mapping[str, Any]) -> str:
    """Why a node is refused, what stopped its remediation, and what to do next."""
    found = refusing_findings(node)
    reasons = "; ".join(f"{f['check']}: {f['summary']}" for f in found)
    remediation = "".join(f" Remediation: {line}" for line in remediation_lines([node]))
    return f"Refused. {reasons}.{remediation} Next: {' '.join(dict.fromkeys(f['remedy'] for f in found))}"


def remediation_lines(nodes: Sequence[Mapping[str, Any]]) -> list[str]:
    """What stopped the remediation of the nodes of a group, a line for each reason."""
    messages = Counter((node.get("remediation") or {}).get("message") for node in nodes)
    return [
        message if count == len(nodes) else f"{message} ({count} of them)"
        for message, count in messages.items()
        if message
    ]


def group_findings(report: Mapping[str, Any], group: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What refuses the nodes of a group, once for all: a text that differs between them is the example's, and says so."""
    of_nodes = [refusing_findings(report["nodes"][name]) for name in group["nodes"]]
    told = []
    for same in zip(*of_nodes, strict=True):
        finding = dict(same[0])
        for key in ("summary", "why", "remedy"):
            if len({each[key] for each in same}) > 1:
                finding[key] = f"on {group['example']}: {finding[key]}"
        told.append(finding)
    return told


def skew_range(nodes: Iterable[Mapping[str, Any]]) -> dict[str, float] | None:
    """The least interval that holds every skew that is known of these nodes; ``None`` where none is."""
    known = [node["skew_s"] for node in nodes if node["skew_s"]]
    return {"low": min(s["low"] for s in known), "high": max(s["high"] for s in known)} if known else None


def summary_lines(report: Mapping[str, Any]) -> list[str]:
    """The whole fleet for a reader of a playbook's output: the counts, the admitted nodes, and each cause of refusals once."""
    counts = report["summary"]
    lines = [
        f"{counts['admitted']} admitted, {counts['refused']} refused for a failure, "
        f"{counts['not_judged']} refused because they could not be judged"
    ]
    admitted = [name for name, node in report["nodes"].items() if node["verdict"] == "admit"]
    if len(admitted) > FOLDED_FROM:
        lines.append(f"{len(admitted)} nodes: admit ({listed(admitted)})")
    else:
        lines += [f"{name}: admit" for name in admitted]
    for group in report["groups"]:
        names = group["nodes"]
        if len(names) == 1:
            lines.append(f"{names[0]}: refuse")
        else:
            lines.append(f"{len(names)} nodes: refuse ({listed(names)})")
            if skew_s := skew_range(report["nodes"][name] for name in names):
                lines.append(f"  skew from {span_text(skew_s)}")
        lines += [f"  remediation: {line}" for line in remediation_lines([report["nodes"][name] for name in names])]
        for finding in group_findings(report, group):
            lines += [
                f"  {finding['check']} ({finding['state']}): {finding['summary']}",
                f"    why: {finding['why']}",
                f"    next: {finding['remedy']}",
            ]
    lines += fleet_lines(report["fleet"])
    for finding in report["fleet"]["findings"]:
        lines += [
            f"fleet: {finding['id']}: {finding['summary']}",
            f"    why: {finding['why']}",
            f"    next: {finding['remedy']}",
        ]
    return lines


def fleet_lines(fleet: Mapping[str, Any]) -> list[str]:
    """The measurements of all nodes together, a line each. A controller that may be right is not worth one."""
    lines = []
    if apart := fleet["spread_s"]:
        who = f" ({apart['ahead']} ahead of {apart['behind']})" if apart["ahead"] else ""
        lines.append(f"largest difference between two nodes: {span_text(apart, sign='-')}{who}")
    controller_s = fleet["controller_skew_s"]
    if controller_s and not controller_s["low"] <= 0 <= controller_s["high"]:
        lines.append(f"the controller's own clock, by the nodes' references: {span_text(controller_s)}")
    return lines
