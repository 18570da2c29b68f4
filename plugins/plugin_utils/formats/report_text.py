"""``report.txt``: the report for people, as ``skewgate check`` and the playbooks show it.

Plain lines without colours, the same on a terminal, in a log and in a pipe. Control characters of whatever came from a node are
written as escapes. Addresses and commands stay whole, to be copied: only they may make a line longer than the width.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..clock.interval import Interval
from ..clock.skew import is_off
from ..model.wording import clean, difference_text, listed, range_text, skew_text, wrapped
from ..verdict.report import group_findings, refusing_findings, remediation_lines, skew_range

NAME = "text"
FILE = "report.txt"
WIDTH = 100
FOLDED_FROM = 20
"""So many admitted nodes have a line each; more of them share one."""

_HEADER = ("Node", "Verdict", "Skew", "Reason")
_WIDEST = (0.28, 0.1, 0.28)
"""The most of the width for each column before the last one, which gets what is left."""
_LEAST = 10

Node = Mapping[str, Any]
Report = Mapping[str, Any]


def render(report: Report) -> str:
    """All that people read of a report, at most 100 columns wide."""
    return "\n".join(lines(report)) + "\n"


def lines(report: Report, files: Sequence[Path] = (), width: int = WIDTH) -> list[str]:
    """The nodes, what refuses them, what all tell together, the outcome; then which ``files`` of one folder were written."""
    found = [*_table(report, width), *_refusals(report, width), *_fleet(report, width), *_settings(report, width)]
    found += ["", *_outcome(report, width)]
    if files:
        found.append(files_line(files))
    return found


def files_line(files: Sequence[Path]) -> str:
    """Which files of one folder were written."""
    return f"Reports in {files[0].parent}: {', '.join(path.name for path in files)}"


# One node, as messages and progress show it


def verdict_text(node: Node) -> str:
    """The node's verdict in one word, two if nothing could be proved."""
    if node["verdict"] == "admit":
        return "admitted"
    return "not judged" if node.get("refused_because") == "not_judged" else "refused"


def skew_of(node: Node) -> str:
    """The node's measured skew, or that it is unknown."""
    return skew_text(Interval(**node["skew_s"])) if node["skew_s"] else "unknown"


def reason(node: Node) -> str:
    """Why the node has its verdict, in a few words; empty for a node that was good from the start."""
    if node["verdict"] == "admit":
        return _fixed(node)
    findings = _failures_first(refusing_findings(node))
    if not findings:
        return "no required check gave an answer"
    return clean(findings[0]["summary"]) + _and_more(findings)


def refusal(node: Node) -> str:
    """On one line, why a node is refused, what stopped its remediation, and what to do next."""
    found = refusing_findings(node)
    reasons = "; ".join(f"{f['check']}: {f['summary']}" for f in found)
    remediation = "".join(f" Remediation: {line}" for line in remediation_lines([node]))
    return clean(f"Refused. {reasons}.{remediation} Next: {' '.join(dict.fromkeys(f['remedy'] for f in found))}")


def _fixed(node: Node) -> str:
    before = node.get("before")
    if not before or before["verdict"] == "admit":
        return ""
    # What comes after the comma of a change says why.
    changes = [c["what"].partition(",")[0] for c in (node.get("remediation") or {}).get("changes") or []]
    done = f" ({clean('; '.join(changes))})" if changes else ""
    return f"fixed{done}; the skew was {skew_of(before)}"


def _failures_first(findings: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(findings, key=lambda finding: finding["state"] != "fail")


def _and_more(findings: Sequence[object]) -> str:
    return f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""


# The table


def _table(report: Report, width: int) -> Iterator[str]:
    """A row for each node or group of refused nodes: verdict, skew with its bound, reason."""
    rows = [_HEADER, *_rows(report)]
    columns = zip(*rows, strict=True)
    most = [max(_LEAST, round(share * width)) for share in _WIDEST]
    widths = [min(widest, max(map(len, column))) for widest, column in zip(most, columns, strict=False)]
    widths.append(max(_LEAST, width - sum(widths) - 2 * len(widths)))
    for row in rows:
        cells = [_folded(text, most) for text, most in zip(row, widths, strict=True)]
        for number in range(max(map(len, cells))):
            parts = [cell[number] if number < len(cell) else "" for cell in cells]
            yield "  ".join(map(str.ljust, parts, widths)).rstrip()


def _folded(text: str, width: int) -> list[str]:
    return textwrap.wrap(clean(text), width, break_on_hyphens=False)


def _rows(report: Report) -> list[tuple[str, str, str, str]]:
    """In the order of the names; many admitted nodes share a row, as do the nodes of a group."""
    nodes = report["nodes"]
    admitted = sorted(name for name, node in nodes.items() if node["verdict"] == "admit")
    # Nothing else names the admitted ones, so more of them are named here.
    if len(admitted) > FOLDED_FROM:
        fixed = sum(reason(nodes[name]) != "" for name in admitted)
        found = [(admitted, 10, f"{fixed} of them fixed" if fixed else "")]
    else:
        found = [([name], 1, reason(nodes[name])) for name in admitted]
    found += [(group["nodes"], 3, _group_reason(report, group)) for group in report["groups"]]
    return [_row([nodes[name] for name in names], names, most, why) for names, most, why in sorted(found)]


def _row(nodes: Sequence[Node], names: Sequence[str], most: int, why: str) -> tuple[str, str, str, str]:
    if len(nodes) == 1:
        return names[0], verdict_text(nodes[0]), skew_of(nodes[0]), why
    return f"{len(names)} nodes: {listed(names, most)}", verdict_text(nodes[0]), _range_of(nodes), why


def _range_of(nodes: Sequence[Node]) -> str:
    skews_s = skew_range(nodes)
    return range_text(skews_s) if skews_s else "unknown"


def _group_reason(report: Report, group: Mapping[str, Any]) -> str:
    """Why the nodes of a group are refused, in a few words: what each of them says, or else the cause that they share."""
    reasons = {reason(report["nodes"][name]) for name in group["nodes"]}
    if len(reasons) == 1:
        return reasons.pop()
    findings = _failures_first(refusing_findings(report["nodes"][group["example"]]))
    return clean(f"{findings[0]['check']}: {findings[0]['cause'] or findings[0]['state']}") + _and_more(findings)


# What refuses nodes


def _refusals(report: Report, width: int) -> Iterator[str]:
    """For each group of refused nodes, what refuses them: what was seen, why it matters, what to do."""
    for group in report["groups"]:
        names = group["nodes"]
        nodes = [report["nodes"][name] for name in names]
        yield ""
        if len(names) == 1:
            yield f"{clean(names[0])}: {verdict_text(nodes[0])}"
        else:
            yield from _wrapped(width, f"{len(names)} nodes {verdict_text(nodes[0])}: ", listed(names))
            yield f"  skew: {_range_of(nodes)}"
        for line in remediation_lines(nodes):
            yield from _wrapped(width, "  remediation: ", line)
        for finding in _failures_first(group_findings(report, group)):
            yield f"  {clean(finding['check'])}: {finding['state']}"
            yield from _advice(width, finding)
        if skipped := _skipped_beside(report["nodes"][group["example"]]):
            yield from _wrapped(width, "  skipped for that reason: ", ", ".join(skipped))


def _skipped_beside(node: Node) -> list[str]:
    """The required checks that were skipped because of what another one says; beside that one their names are enough."""
    refusing = refusing_findings(node)
    return [f["check"] for f in node["findings"] if f["required"] and f["state"] == "skipped" and f not in refusing]


def _advice(width: int, finding: Mapping[str, Any]) -> Iterator[str]:
    for label, key in (("seen", "summary"), ("why", "why"), ("next", "remedy")):
        yield from _wrapped(width, f"    {label:6}", finding[key])


def _wrapped(width: int, label: str, text: str) -> list[str]:
    return wrapped(clean(text), width, label)


# All nodes together


def _fleet(report: Report, width: int) -> Iterator[str]:
    """What all nodes tell together; nothing if that is nothing."""
    measured, findings = _measured(report["fleet"]), report["fleet"]["findings"]
    if not (measured or findings):
        return
    yield ""
    yield "All nodes together:"
    for line in measured:
        yield from _wrapped(width, "  ", line)
    for finding in findings:
        yield f"  {clean(finding['id'])}"
        yield from _advice(width, finding)


def _measured(fleet: Mapping[str, Any]) -> list[str]:
    """The measurements of all nodes together, a line each. A controller that may be right is not worth one."""
    found = []
    if apart := fleet["spread_s"]:
        who = f" ({apart['ahead']} ahead of {apart['behind']})" if apart["ahead"] else ""
        difference = difference_text(Interval(apart["low"], apart["high"]))
        found.append(f"largest difference between two nodes: {difference}{who}")
    controller_s = fleet["controller_skew_s"] and Interval(**fleet["controller_skew_s"])
    if controller_s and not controller_s.contains(Interval(0, 0)):
        found.append(f"the controller's own clock, according to the nodes' references: {skew_text(controller_s)}")
    measured_s = fleet.get("controller_measured_s") and Interval(**fleet["controller_measured_s"])
    if measured_s and is_off(measured_s):
        found.append(f"the controller's own clock, as it measured it, was corrected for JWTs: {skew_text(measured_s)}")
    return found


def _settings(report: Report, width: int) -> Iterator[str]:
    """Where the settings come from that are not the defaults; nothing of a report that does not say it."""
    names_by_source: dict[str, list[str]] = {}
    for name, setting in report.get("settings", {}).items():
        if setting["source"] != "default":
            names_by_source.setdefault(setting["source"], []).append(name)
    if names_by_source:
        parts = [f"{', '.join(names)} ({source})" for source, names in sorted(names_by_source.items())]
        yield ""
        yield from _wrapped(width, "Settings: ", f"{'; '.join(parts)}; the others have their defaults.")


def _outcome(report: Report, width: int) -> list[str]:
    """The whole run in one sentence."""
    named: dict[str, list[str]] = {"admitted": [], "refused": [], "not judged": []}
    for name, node in sorted(report["nodes"].items()):
        named[verdict_text(node)].append(name)
    total = len(report["nodes"])
    parts = [f"{len(named['admitted'])} of {total} node{'s' if total != 1 else ''} admitted"]
    parts += [f"{verdict}: {listed(named[verdict])}" for verdict in ("refused", "not judged") if named[verdict]]
    return _wrapped(width, "", "; ".join(parts) + ".")
