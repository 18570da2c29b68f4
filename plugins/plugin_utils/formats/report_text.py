"""``report.txt``: the report for people, as ``skewgate check`` and the playbooks show it.

Plain lines without colours, the same on a terminal, in a log and in a pipe. The file has all of them; what is shown of many nodes
is one page, with the causes that refuse the most. Control characters of whatever came from a node are
written as escapes. Addresses and commands stay whole, to be copied: only they may make a line longer than the width.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from ..clock.interval import Interval
from ..clock.skew import is_off
from ..model.wording import clean, difference_text, listed, range_text, skew_text, wrapped
from ..verdict.report import GroupText, only_token_untried, refusing_findings, remediation_message, wider

NAME = "text"
FILE = "report.txt"
WIDTH = 100
FOLDED_FROM = 20
"""So many admitted nodes have a line each; more of them share one."""

TOKEN_UNTRIED = "time admitted, token not tried"  # noqa: S105
"""What is proved of a node that was checked where the App's key is not."""

_HEADER = ("Node", "Verdict", "Skew", "Reason")
_WIDEST = (0.28, 0.1, 0.28)
"""The most of the width for each column before the last one, which gets what is left."""
_LEAST = 10

MOST_GROUPS = 10
"""So many groups of refused nodes have a row on a page."""

GROUPS_LINES = 40
"""So many lines of a page say what refuses them."""

FLEET_LINES = 20
"""So many lines of a page say what all nodes tell together."""

REASON_LINES = 3
"""So many lines of a page are in one reason of the table."""

Node = Mapping[str, Any]
Report = Mapping[str, Any]


def write(report: Report, file: TextIO) -> None:
    """All that people read of a report, at most 100 columns wide."""
    file.writelines(f"{line}\n" for line in _lines(report, WIDTH, _Page()))


def lines(report: Report, files: Sequence[Path] = (), width: int = WIDTH) -> list[str]:
    """The nodes, what refuses them, what all tell together, the outcome; then which ``files`` of one folder were written.

    Of more than a few nodes it is what fits on one page.
    """
    where = str(files[0].parent / FILE) if files else "`skewgate report --output FILE.txt` writes them"
    page = _Page(where) if len(report["nodes"]) > FOLDED_FROM else _Page()
    found = [*_lines(report, width, page)]
    if files:
        found.append(files_line(files))
    return found


@dataclass(frozen=True)
class _Page:
    """What there is room for; without ``where``, the place that has the rest, for everything."""

    where: str = ""

    def groups(self, report: Report) -> list[Mapping[str, Any]]:
        """Those that have a row; the largest come first."""
        groups: list[Mapping[str, Any]] = report["groups"]
        return groups[:MOST_GROUPS] if self.where else groups

    def reason(self, folded: list[str]) -> list[str]:
        """The lines of a reason in the table."""
        return [*folded[: REASON_LINES - 1], "..."] if self.where and len(folded) > REASON_LINES else folded

    def fitting(self, parts: Iterable[list[str]], most: int) -> Iterator[list[str]]:
        """The first parts, as long as they have no more lines than this together; of the very first at least its beginning."""
        for number, part in enumerate(parts):
            if self.where and len(part) > most:
                if number == 0:
                    yield [*part[:most], f"  ... All of it: {self.where}"]
                return
            most -= len(part)
            yield part


def _lines(report: Report, width: int, page: _Page) -> Iterator[str]:
    nodes = _Nodes(report)
    groups = [_Group(report, group) for group in page.groups(report)]
    yield from _table([*nodes.rows(), *(group.row() for group in groups)], width, page)
    yield from _refusals(report, groups, width, page)
    yield from _fleet(report, width, page)
    yield from _settings(report, width)
    yield ""
    yield from nodes.outcome(width)


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
    if only_token_untried(node):
        return TOKEN_UNTRIED
    return clean(findings[0]["summary"]) + _and_more(findings)


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
    # What comes after the comma of a change says why.
    changes = [c["what"].partition(",")[0] for c in (node.get("remediation") or {}).get("changes") or []]
    done = f" ({clean('; '.join(changes))})" if changes else ""
    return f"fixed{done}; the skew was {skew_of(before)}"


def _failures_first(findings: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(findings, key=lambda finding: finding["state"] != "fail")


def _and_more(findings: Sequence[object]) -> str:
    return f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""


# What is kept of the nodes, which are read one by one

Row = tuple[list[str], int, str, str, str]
"""The names, how many of them are shown, the verdict, the skew, the reason."""


class _Nodes:
    """The names of all nodes by verdict, and a row for the admitted ones."""

    def __init__(self, report: Report) -> None:
        self._named: dict[str, list[str]] = {"admitted": [], "refused": [], TOKEN_UNTRIED: [], "not judged": []}
        self._few: list[Row] = []
        self._fixed = 0
        self._skew_s: Interval | None = None
        for name, node in report["nodes"].items():
            self._named[TOKEN_UNTRIED if only_token_untried(node) else verdict_text(node)].append(name)
            if node["verdict"] == "admit":
                self._admitted(name, node)

    def _admitted(self, name: str, node: Node) -> None:
        why = reason(node)
        self._fixed += why != ""
        self._skew_s = wider(self._skew_s, node)
        if len(self._few) < FOLDED_FROM:
            self._few.append(([name], 1, verdict_text(node), skew_of(node), why))

    def rows(self) -> list[Row]:
        """A row for each admitted node; many share one."""
        admitted = sorted(self._named["admitted"])
        if len(admitted) <= FOLDED_FROM:
            return self._few
        fixed = f"{self._fixed} of them fixed" if self._fixed else ""
        # Nothing else names them, so more of them are named here.
        return [(admitted, 10, "admitted", _range(self._skew_s), fixed)]

    def outcome(self, width: int) -> list[str]:
        """The whole run in one sentence."""
        total = sum(map(len, self._named.values()))
        parts = [f"{len(self._named['admitted'])} of {total} node{'s' if total != 1 else ''} admitted"]
        for verdict in ("refused", TOKEN_UNTRIED, "not judged"):
            if names := sorted(self._named[verdict]):
                parts.append(f"{verdict}: {listed(names)}")
        return _wrapped(width, "", "; ".join(parts) + ".")


class _Group:
    """What is shown of the nodes of a group."""

    def __init__(self, report: Report, group: Mapping[str, Any]) -> None:
        nodes, example = report["nodes"], report["nodes"][group["example"]]
        self.names: list[str] = group["nodes"]
        self.verdict = verdict_text(example)
        self.skipped = _skipped_beside(example)
        self.text = GroupText(group["example"], example)
        reasons: set[str] = set()
        for name in self.names:
            node = nodes[name]
            self.text.add(node)
            if len(reasons) < 2:
                reasons.add(reason(node))
        self._why = reasons.pop() if len(reasons) == 1 else self._cause()

    def _cause(self) -> str:
        """Why its nodes are refused, in a few words: where each says something else, the cause that they share."""
        findings = _failures_first(self.text.findings())
        return clean(f"{findings[0]['check']}: {findings[0]['cause'] or findings[0]['state']}") + _and_more(findings)

    def row(self) -> Row:
        """Its row of the table."""
        one = len(self.names) == 1 and self.text.skew_s
        return self.names, 3, self.verdict, skew_text(one) if one else _range(self.text.skew_s), self._why

    def lines(self, width: int) -> list[str]:
        """What refuses its nodes: what was seen, why it matters, what to do."""
        found = [""]
        if len(self.names) == 1:
            found += [f"{clean(self.names[0])}: {self.verdict}"]
        else:
            found += _wrapped(width, f"{len(self.names)} nodes {self.verdict}: ", listed(self.names))
            found += [f"  skew: {_range(self.text.skew_s)}"]
        for line in self.text.remediation_lines():
            found += _wrapped(width, "  remediation: ", line)
        for finding in _failures_first(self.text.findings()):
            found += [f"  {clean(finding['check'])}: {finding['state']}", *_advice(width, finding)]
        if self.skipped:
            found += _wrapped(width, "  skipped for that reason: ", ", ".join(self.skipped))
        return found


def _range(skew_s: Interval | None) -> str:
    return range_text(skew_s) if skew_s else "unknown"


# The table


def _table(rows: list[Row], width: int, page: _Page) -> Iterator[str]:
    """A row for each node or group of nodes, in the order of the names: verdict, skew with its bound, reason."""
    texts = [_HEADER]
    for names, shown, verdict, skew, why in sorted(rows):
        who = names[0] if len(names) == 1 else f"{len(names)} nodes: {listed(names, shown)}"
        texts.append((who, verdict, skew, why))
    columns = zip(*texts, strict=True)
    most = [max(_LEAST, round(share * width)) for share in _WIDEST]
    widths = [min(widest, max(map(len, column))) for widest, column in zip(most, columns, strict=False)]
    widths.append(max(_LEAST, width - sum(widths) - 2 * len(widths)))
    for row in texts:
        cells = [_folded(text, most) for text, most in zip(row, widths, strict=True)]
        cells[-1] = page.reason(cells[-1])
        for number in range(max(map(len, cells))):
            parts = [cell[number] if number < len(cell) else "" for cell in cells]
            yield "  ".join(map(str.ljust, parts, widths)).rstrip()


def _folded(text: str, width: int) -> list[str]:
    return textwrap.wrap(clean(text), width, break_on_hyphens=False)


# What refuses nodes


def _refusals(report: Report, groups: Sequence[_Group], width: int, page: _Page) -> Iterator[str]:
    """For each group of refused nodes, what refuses them; then how many more there are."""
    shown = 0
    for part in page.fitting((group.lines(width) for group in groups), GROUPS_LINES):
        yield from part
        shown += 1
    if others := report["groups"][shown:]:
        count = sum(len(group["nodes"]) for group in others)
        nodes = f"{count} more node{'s' if count > 1 else ''}"
        causes = f"{len(others)} other cause{'s' if len(others) > 1 else ''}"
        yield ""
        yield from _wrapped(width, "", f"{nodes} refused, for {causes}: {page.where}")


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


def _fleet(report: Report, width: int, page: _Page) -> Iterator[str]:
    """What all nodes tell together; nothing if that is nothing."""
    measured, findings = _measured(report["fleet"]), report["fleet"]["findings"]
    if not (measured or findings):
        return
    yield ""
    yield "All nodes together:"
    for line in measured:
        yield from _wrapped(width, "  ", line)
    parts = ([f"  {clean(finding['id'])}", *_advice(width, finding)] for finding in findings)
    shown = 0
    for part in page.fitting(parts, FLEET_LINES):
        yield from part
        shown += 1
    if others := findings[shown:]:
        yield from _wrapped(width, "  ", f"{len(others)} more: {page.where}")


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
    return [*found, *map(_token_line, (app for app in fleet.get("tokens", []) if app["jwt_alone"]))]


def _token_line(app: Mapping[str, Any]) -> str:
    """Where an App's token was minted, if some nodes left that to others."""
    where = f"{len(app['minted'])} node{'s' if len(app['minted']) != 1 else ''}"
    where += f" ({listed(app['minted'], 3)})" if app["minted"] else ""
    refused = f", and refused on {listed(app['refused'], 3)}" if app["refused"] else ""
    return f"token of {', '.join(app['apps'])}: minted on {where}{refused}; {app['jwt_alone']} sent the JWT alone"


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
