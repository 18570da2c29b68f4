"""All nodes together: ``report.json`` from their judgements, and what its readers ask of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..boundary.evidence import parse_record
from ..boundary.saved import REPORT_SCHEMA
from ..clock.interval import Interval
from ..model.record import Record
from ..version import VERSION
from .exit_code import ExitCode, exit_code_of
from .fleet import judge_fleet
from .judge import judge_record


def judge_records(
    records: Mapping[str, Mapping[str, Any]], judged_at: str, run_id: str | None = None
) -> dict[str, Any]:
    """Judge every record and sum up (schema ``skewgate/report/1``, docs/reference/report.schema.json).

    A record may carry ``before`` (the record of before the remediation) and ``remediation``. Raises ValueError if there
    is no record: a report about nothing would admit everything; and if one's policy can't be read.
    """
    of_nodes = {name: Record(parse_record(data)) for name, data in records.items()}
    return report_of(of_nodes, {name: _judged(name, record) for name, record in of_nodes.items()}, judged_at, run_id)


def _judged(name: str, record: Record) -> dict[str, Any]:
    before = record.data.get("before")
    try:
        return node_entry(judge_record(record), before and judge_record(before), record.data.get("remediation"))
    except ValueError as error:
        raise ValueError(f"node {name!r}: {error}") from error


def node_entry(
    judgement: Mapping[str, Any], before: Mapping[str, Any] | None, remediation: Mapping[str, Any] | None
) -> dict[str, Any]:
    """A node's entry of ``report.json``; ``before`` is the judgement of before the remediation, where there was one."""
    return {**judgement, "remediation": remediation, "before": before}


def report_of(
    records: Mapping[str, Record],
    nodes: Mapping[str, dict[str, Any]],
    judged_at: str,
    run_id: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """``report.json`` from each node's record and entry by name. Raises ValueError if there is no node.

    ``settings`` are those of the run with their sources, as ``fleet_begin`` returns them, where they are known.
    """
    if not nodes:
        raise ValueError("no node was checked: the inventory or the limit matches none")
    nodes = {name: nodes[name] for name in sorted(nodes)}
    refusals = Counter(node["refused_because"] for node in nodes.values())
    exit_code = exit_code_of(refusals)
    return {
        "schema": REPORT_SCHEMA,
        "skewgate_version": VERSION,
        "run_id": run_id,
        "judged_at": judged_at,
        "verdict": "admit" if exit_code is ExitCode.ADMITTED else "refuse",
        "exit_code": int(exit_code),
        **({"settings": dict(settings)} if settings else {}),
        "summary": {
            "admitted": refusals[None],
            "refused": refusals["failure"],
            "not_judged": refusals["not_judged"],
        },
        "fleet": judge_fleet({name: records[name] for name in nodes}),
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


def refusing_findings(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The findings that refuse a node; what was skipped follows from another one, and counts where there is no other."""
    found = [f for f in node["findings"] if f["required"] and f["state"] != "pass"]
    return [f for f in found if f["state"] != "skipped"] or found


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


def skew_range(nodes: Iterable[Mapping[str, Any]]) -> Interval | None:
    """The least interval that holds every skew that is known of these nodes; ``None`` if none is."""
    known = [node["skew_s"] for node in nodes if node["skew_s"]]
    return Interval(min(s["low"] for s in known), max(s["high"] for s in known)) if known else None
