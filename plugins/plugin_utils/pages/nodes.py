"""Each node of the page: what was found on it, what was seen, and what the remediation changed.

Of many nodes, those that may not join come first, with all of their findings as long as there is
room; then they are short.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..model.wording import listed
from ..verdict.report import refusing_findings, remediation_message
from .looks import ADMITTED, Node, Report, look_of, look_of_state, skew_of, skew_words
from .markup import Markup, closing, element, joined, opening
from .seen import seen, shortened

WHOLE_BYTES = 500_000
"""So much of the page is for nodes with all of their findings and what was seen."""

SHORT_BYTES = 250_000
"""So much more is for refused nodes with the findings that refuse them.

The others have a line each.
"""

_EXAMPLES = 20
"""The examples of so many groups have all of their findings, wherever they stand."""


def nodes(report: Report, index: Mapping[str, int]) -> Iterator[Markup]:
    """The section with all nodes, the refused ones by cause first; ``index``:
    the place of each in the report.
    """
    refused = [name for group in report["groups"] for name in group["nodes"]]
    examples = {group["example"] for group in report["groups"][:_EXAMPLES]}
    room = _Room(examples)
    yield opening("section", id="nodes")
    yield element("h2", "Each node")
    yield element("p", "Select a node to see its findings. Those that may not join come first.", class_="hint")
    for name in refused:
        node = report["nodes"][name]
        yield room.entry(name, index[name], node)
    others = set(refused)
    for name in report["nodes"]:
        if name not in others:
            yield room.entry(name, index[name], report["nodes"][name])
    if room.shortened:
        yield element(
            "p",
            f"{room.shortened:,} of the nodes are shown in short, to keep the page small: report.json has all of their findings, "
            "and `skewgate report --format html` on fewer nodes shows them.",
            class_="hint",
        )
    yield closing("section")


class _Room:
    """Shows nodes as completely as there is room for."""

    def __init__(self, examples: Iterable[str]) -> None:
        self._examples = set(examples)
        self._whole, self._short = WHOLE_BYTES, SHORT_BYTES
        self.shortened = 0

    def entry(self, name: str, index: int, node: Node) -> Markup:
        """A node, whole or in short."""
        if self._whole > 0 or name in self._examples:
            whole = _entry(name, index, node, _whole(node))
            self._whole -= len(whole.encode())
            return whole
        self.shortened += 1
        if node["verdict"] != "admit" and self._short > 0:
            short = _entry(name, index, node, [_finding(f, with_seen=False) for f in refusing_findings(node)])
            self._short -= len(short.encode())
            return short
        return element("p", *_head(name, node), id=f"n{index}", class_="node")


def _entry(name: str, index: int, node: Node, content: Sequence[Markup]) -> Markup:
    # The anchor is inside: a browser then opens the node when a link leads there.
    anchor = element("span", id=f"n{index}", class_="anchor")
    summary = element("summary", *_head(name, node))
    return element("details", summary, element("div", anchor, content, class_="node-body"), class_="node")


def _head(name: str, node: Node) -> list[Markup]:
    look = look_of(node)
    parts = [
        look.badge(),
        element("bdi", name, class_="name"),
        element("span", skew_words(skew_of(node)), class_="skew"),
    ]
    if look is not ADMITTED:
        checks = list(dict.fromkeys(f["check"] for f in refusing_findings(node)))
        parts.append(element("span", listed(checks, 4), class_="outcome"))
    elif node.get("before"):
        parts.append(element("span", f"fixed: was {skew_words(skew_of(node['before']))}", class_="outcome"))
    # A screen reader and a copy have no margins between them, but spaces.
    return [joined((part, " ")) for part in parts]


def _whole(node: Node) -> list[Markup]:
    parts = [element("p", "Evidence taken ", element("time", node["judged_at"]), class_="hint")]
    if node.get("remediation"):
        parts.append(_remediation(node["remediation"], remediation_message(node)))
    parts.append(element("h3", "Findings"))
    parts += _findings(node["findings"])
    if before := node.get("before"):
        summary = element(
            "summary", "Before the remediation: ", look_of(before).badge(), f" {skew_words(skew_of(before))}"
        )
        parts.append(element("details", summary, _findings(before["findings"]), class_="before"))
    return parts


_WORST_FIRST = ("fail", "inconclusive", "skipped", "pass")


def _findings(findings: Iterable[Mapping[str, Any]]) -> list[Markup]:
    def rank(finding: Mapping[str, Any]) -> tuple[bool, int]:
        state = finding["state"]
        return not (finding["required"] and state != "pass"), _WORST_FIRST.index(state) if state in _WORST_FIRST else 0

    return [_finding(each) for each in sorted(findings, key=rank)]


def _finding(finding: Mapping[str, Any], *, with_seen: bool = True) -> Markup:
    look = look_of_state(finding["state"])
    head = [look.badge(), " ", element("code", finding["check"], class_="check")]
    if not finding["required"]:
        head.append(element("span", " not required: it refuses no node", class_="hint"))
    parts = [element("p", head, class_="finding-head"), element("p", shortened(finding["summary"]), class_="summary")]
    parts += advice(finding)
    if with_seen and finding["seen"]:
        # What refuses a node is what its reader came for.
        refuses = finding["required"] and finding["state"] in ("fail", "inconclusive")
        shown = element("summary", "What was seen"), seen(finding)
        parts.append(element("details", shown, class_="evidence", open=refuses))
    return element("div", parts, class_=f"finding {look.style} {finding['state']}")


def advice(finding: Mapping[str, Any]) -> list[Markup]:
    """Why a finding matters, and what to do next."""
    pairs = [
        element("div", element("dt", label), element("dd", shortened(finding[key])))
        for label, key in (("Why", "why"), ("Next", "remedy"))
        if finding[key]
    ]
    return [element("dl", pairs, class_="advice")] if pairs else []


def _remediation(remediation: Mapping[str, Any], stopped: str | None) -> Markup:
    """What was changed on the node, for which findings, and where the former files are."""
    changes = [change for change in remediation.get("changes") or [] if isinstance(change, Mapping)]
    items = [
        element(
            "li",
            shortened(str(change.get("what"))),
            element("span", f" (for {', '.join(map(str, change['answers']))})", class_="hint")
            if change.get("answers")
            else None,
        )
        for change in changes
    ]
    done = (
        "succeeded"
        if remediation.get("succeeded")
        else "did not succeed"
        if remediation.get("attempted")
        else "was not tried"
    )
    backup = remediation.get("backup")
    return element(
        "div",
        element("h3", f"Remediation {done}"),
        element("p", shortened(stopped)) if stopped else None,
        element("ol", items) if items else element("p", "Nothing was changed."),
        element("p", "Backup on the node: ", element("code", str(backup))) if backup else None,
        class_="remediation",
    )
