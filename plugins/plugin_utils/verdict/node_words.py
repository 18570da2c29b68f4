"""One node in a few words, as every format, message and line of a run says them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..clock.interval import Interval
from ..model.wording import clean, range_text, skew_text
from .report import only_token_untried, refusing_findings, remediation_message
from .root_cause import short

Node = Mapping[str, Any]
"""A node's entry of ``report.json``."""

TOKEN_UNTRIED = "time admitted, token not tried"  # noqa: S105
"""What is proved of a node that was checked where the App's key is not."""


def verdict_text(node: Node) -> str:
    """The node's verdict in one word, two if nothing could be proved."""
    if node["verdict"] == "admit":
        return "admitted"
    return "not judged" if node.get("refused_because") == "not_judged" else "refused"


def skew_of(node: Node) -> str:
    """The node's measured skew, or that it is unknown."""
    return skew_text(Interval(**node["skew_s"])) if node["skew_s"] else "unknown"


def outcome(node: Node, why: str) -> str:
    """The node's verdict, its skew, and ``why`` if it is refused, on one line."""
    said = f"{verdict_text(node)}, {skew_of(node) if node['skew_s'] else 'skew unknown'}"
    return clean(said if node["verdict"] == "admit" else f"{said}: {why}")


def reason(node: Node) -> str:
    """Why the node has its verdict, in a few words; empty if it was good from the start."""
    if node["verdict"] == "admit":
        return _fixed(node)
    findings = refusing_findings(node)
    if not findings:
        return "no required check gave an answer"
    return TOKEN_UNTRIED if only_token_untried(node) else clean(short(findings))


def refusal(node: Node) -> str:
    """On one line, why a node is refused, what stopped its remediation, and what to do next."""
    found = refusing_findings(node)
    reasons = "; ".join(f"{f['check']}: {f['summary']}" for f in found)
    stopped = remediation_message(node)
    remediation = f" Remediation: {stopped}" if stopped else ""
    return clean(f"Refused. {reasons}.{remediation} Next: {' '.join(dict.fromkeys(f['remedy'] for f in found))}")


def _fixed(node: Node) -> str:
    before = node.get("before")
    if not before or before["verdict"] == "admit":
        return ""
    return f"fixed; the skew was {skew_of(before)}"


def skews_of(count: int, skew_s: Interval | None) -> str:
    """The skew of one node, or from where to where those of several nodes reach."""
    return skew_text(skew_s) if count == 1 and skew_s else range_of(skew_s)


def range_of(skew_s: Interval | None) -> str:
    """From where to where skews reach, if any is known."""
    return range_text(skew_s) if skew_s else "unknown"
