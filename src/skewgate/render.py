"""From a report (the content of report.json) to what is read on a terminal. Pure: nothing is printed or read here."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.wording import listed, span_text
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.report import (
    FOLDED_FROM,
    fleet_lines,
    group_findings,
    refusing_findings,
    remediation_lines,
    skew_range,
)
from rich import box
from rich.table import Table
from rich.text import Text

Node = dict[str, Any]
Report = dict[str, Any]


def clean(text: object) -> str:
    """Text that came from a node or a server, with control characters (a terminal obeys them) written as escapes."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in str(text))


def skew_text(skew_s: dict[str, float] | None) -> str:
    """``{"low", "high"}`` in seconds as middle and bound; positive: the node is ahead.

    The bound is rounded up, so that the interval that is shown always contains the one that was measured.

    >>> skew_text({"low": -612.016, "high": -611.992})
    '-612.004 s ± 0.012'
    """
    if skew_s is None:
        return "unknown"
    middle_s = round((skew_s["low"] + skew_s["high"]) / 2, 3) + 0.0  # + 0.0: no "-0.000"
    bound_s = max(skew_s["high"] - middle_s, middle_s - skew_s["low"])
    # A thousandth of the last place shown is the arithmetic's, not the measurement's.
    return f"{middle_s:+.3f} s ± {math.ceil(bound_s * 1000 - 1e-3) / 1000:.3f}"


def blocking(node: Node) -> tuple[list[Mapping[str, Any]], list[str]]:
    """Return the findings that refuse the node, failures first, and the names of checks that were skipped beside them.

    A check is skipped because of what another one says; beside that one its name is enough.
    """
    told = sorted(refusing_findings(node), key=lambda finding: finding["state"] != "fail")
    return told, [each["check"] for each in node["findings"] if _skipped(each) and each not in told]


def _skipped(finding: Mapping[str, Any]) -> bool:
    return bool(finding["required"] and finding["state"] == "skipped")


def verdict_text(node: Node) -> str:
    """Return the node's verdict in one word, two where nothing could be proved."""
    if node["verdict"] == "admit":
        return "admitted"
    return "not judged" if node.get("refused_because") == "not_judged" else "refused"


def reason(node: Node) -> str:
    """Why the node has its verdict, in a few words; empty for a node that was good from the start."""
    if node["verdict"] == "admit":
        before = node.get("before")
        if before and before["verdict"] != "admit":
            # What comes after the comma of a change says why.
            changes = [c["what"].partition(",")[0] for c in (node.get("remediation") or {}).get("changes") or []]
            done = f" ({clean('; '.join(changes))})" if changes else ""
            return f"fixed{done}; the skew was {skew_text(before['skew_s'])}"
        return ""
    findings, _ = blocking(node)
    if not findings:
        return "no required check gave an answer"
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    return clean(findings[0]["summary"]) + more


def group_reason(report: Report, group: Mapping[str, Any]) -> str:
    """Why the nodes of a group are refused, in a few words: what each of them says, or else the cause that they share."""
    example = report["nodes"][group["example"]]
    summaries = {reason(report["nodes"][name]) for name in group["nodes"]}
    if len(summaries) == 1:
        return summaries.pop()
    findings, _ = blocking(example)
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    return clean(f"{findings[0]['check']}: {findings[0]['cause'] or findings[0]['state']}") + more


def table(report: Report) -> Table:
    """One row a node, or a group of refused nodes: verdict, skew with its bound, reason. Many admitted nodes share a row."""
    # ASCII without colours: the same on a terminal, in a log and in a pipe, whatever the locale.
    result = Table(box=box.ASCII2, show_lines=True)
    result.add_column("Node", overflow="fold")
    result.add_column("Verdict", no_wrap=True)
    result.add_column("Skew (+ ahead)", no_wrap=True, justify="right")
    result.add_column("Reason", overflow="fold", ratio=1)
    for names, why in _rows(report):
        nodes = [report["nodes"][name] for name in names]
        skew = skew_text(nodes[0]["skew_s"]) if len(nodes) == 1 else span(skew_range(nodes))
        name = names[0] if len(names) == 1 else f"{len(names)} nodes: {listed(names, most=3)}"
        cells = (clean(name), verdict_text(nodes[0]), skew, why)
        result.add_row(*(Text(cell) for cell in cells))
    return result


def _rows(report: Report) -> list[tuple[list[str], str]]:
    """The nodes that share a row, and its reason, in the order of their names."""
    nodes = report["nodes"]
    admitted = sorted(name for name, node in nodes.items() if node["verdict"] == "admit")
    if len(admitted) > FOLDED_FROM:
        fixed = sum(reason(nodes[name]) != "" for name in admitted)
        rows = [(admitted, f"{fixed} of them fixed" if fixed else "")]
    else:
        rows = [([name], reason(nodes[name])) for name in admitted]
    rows += [(group["nodes"], group_reason(report, group)) for group in report["groups"]]
    return sorted(rows)


def span(interval_s: Mapping[str, float] | None) -> str:
    """From where to where the skews of several nodes reach."""
    return "unknown" if interval_s is None else span_text(interval_s)


def refusals(report: Report, width: int) -> Iterator[str]:
    """For each group of refused nodes, line by line, what refuses them: what was seen, why it matters, what to do."""

    for group in report["groups"]:
        names = group["nodes"]
        nodes = [report["nodes"][name] for name in names]
        yield ""
        verdict = verdict_text(nodes[0])
        if len(names) == 1:
            yield f"{clean(names[0])}: {verdict}"
        else:
            yield from _wrapped(width, f"{len(names)} nodes {verdict}: ", listed(names))
            yield f"  skew: {span(skew_range(nodes))}"
        for line in remediation_lines(nodes):
            yield from _wrapped(width, "  remediation: ", line)
        for finding in sorted(group_findings(report, group), key=lambda finding: finding["state"] != "fail"):
            yield f"  {clean(finding['check'])}: {finding['state']}"
            yield from _advice(width, finding)
        _, skipped = blocking(report["nodes"][group["example"]])
        if skipped:
            yield from _wrapped(width, "  skipped for that reason: ", ", ".join(skipped))


def fleet(report: Report, width: int) -> Iterator[str]:
    """What all nodes together tell, line by line; nothing for a single node."""
    measured, findings = fleet_lines(report["fleet"]), report["fleet"]["findings"]
    if len(report["nodes"]) == 1 or not (measured or findings):
        return
    yield ""
    yield "All nodes together:"
    for line in measured:
        yield from _wrapped(width, "  ", line)
    for finding in findings:
        yield f"  {clean(finding['id'])}"
        yield from _advice(width, finding)


def _advice(width: int, finding: Mapping[str, Any]) -> Iterator[str]:
    for label, key in (("seen", "summary"), ("why", "why"), ("next", "remedy")):
        yield from _wrapped(width, f"    {label:6}", finding[key])


def _wrapped(width: int, label: str, text: str) -> list[str]:
    # Addresses and commands stay whole, to be copied.
    return textwrap.wrap(
        clean(text), width, initial_indent=label, subsequent_indent=" " * len(label), break_long_words=False
    )


def outcome(report: Report) -> str:
    """Return the whole run in one sentence.

    >>> outcome({"nodes": {"a": {"verdict": "admit"}, "b": {"verdict": "refuse", "refused_because": "failure"}}})
    '1 of 2 nodes admitted; refused: b.'
    """
    named: dict[str, list[str]] = {"admitted": [], "refused": [], "not judged": []}
    for name, node in sorted(report["nodes"].items()):
        named[verdict_text(node)].append(clean(name))
    total = len(report["nodes"])
    parts = [f"{len(named['admitted'])} of {total} node{'s' if total != 1 else ''} admitted"]
    parts += [f"{verdict}: {listed(named[verdict])}" for verdict in ("refused", "not judged") if named[verdict]]
    return "; ".join(parts) + "."
