"""``report.txt``: the report for people, as ``skewgate check`` and the playbooks show it.

The verdict comes first, then a line for each node, the causes, and the next command. The lines are
plain: the same on a terminal, in a log and in a pipe. The file has all of them. Of many nodes, one
page is shown, with the causes that refuse the most nodes. Control characters from a node are
written as escapes. Addresses and commands stay whole, to be copied: only they may be longer than
the width.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from ..boundary.saved import EVIDENCE_FILE
from ..clock.interval import Interval
from ..clock.skew import is_off
from ..model.wording import clean, difference_text, listed, one_line, skew_text, wrapped
from ..verdict.admission import MAX_AGE_S
from ..verdict.exit_code import ExitCode
from ..verdict.next_step import Action, Commands, NextSteps, sentence
from ..verdict.node_words import TOKEN_UNTRIED, range_of, reason, skew_of, skews_of, verdict_text
from ..verdict.report import GroupText, only_token_untried, refusing_findings, wider
from ..verdict.root_cause import Cause, causes

NAME = "text"
FILE = "report.txt"
WIDTH = 100
FOLDED_FROM = 20
"""So many admitted nodes have a line each; more of them share one."""

MOST_GROUPS = 10
"""So many refused nodes of many have a row each. More of them share one for each cause, of which
so many are on a page."""

GROUPS_LINES = 36
"""So many lines of a page say what refuses them."""

FLEET_LINES = 20
"""So many lines of a page are about all nodes together."""

SCREEN_LINES = 24
"""A text that is longer than this repeats its first line at the end."""

Node = Mapping[str, Any]
Report = Mapping[str, Any]


def write(report: Report, file: TextIO) -> None:
    """All that people read of a report, at most 100 columns wide."""
    file.writelines(f"{line}\n" for line in _lines(report, WIDTH, _Page(), Commands()))


def lines(
    report: Report, files: Sequence[Path] = (), width: int = WIDTH, commands: Commands | None = None
) -> list[str]:
    """The verdict, the nodes, the causes, the next step; then the ``files`` that were written.

    Of more than a few nodes it is what fits on one page. ``commands``: how the user calls them.
    """
    folder = shlex.quote(str(files[0].parent)) if files else "RUN"
    where = next((str(path) for path in files if path.name == FILE), f"`skewgate report {folder} --output {FILE}`")
    page = _Page(where) if len(report["nodes"]) > FOLDED_FROM else _Page()
    found = [*_lines(report, width, page, commands or Commands())]
    if files:
        found += ["", files_line(files)]
    return found


@dataclass(frozen=True)
class _Page:
    """What there is room for; without ``where``, the place that has the rest, for everything."""

    where: str = ""

    def groups(self, report: Report) -> list[Mapping[str, Any]]:
        """Those that have a row; the largest come first."""
        groups: list[Mapping[str, Any]] = report["groups"]
        return groups[:MOST_GROUPS] if self.where else groups

    def fitting(self, parts: Iterable[list[str]], most: int) -> Iterator[list[str]]:
        """The first parts, up to so many lines together; of the first at least the beginning."""
        for number, part in enumerate(parts):
            if self.where and len(part) > most:
                if number == 0:
                    yield [*part[:most], f"  ... All of it: {self.where}"]
                return
            most -= len(part)
            yield part


def verdict_line(report: Report) -> str:
    """Whether the nodes may join, in one sentence."""
    return _Nodes(report).verdict(report["exit_code"])


def _lines(report: Report, width: int, page: _Page, commands: Commands) -> Iterator[str]:
    nodes = _Nodes(report)
    groups = [_Group(report, group) for group in page.groups(report)]
    verdict = _wrapped(width, "", nodes.verdict(report["exit_code"]))
    body = [
        *_table([*nodes.rows(), *(group.row() for group in groups if not nodes.each)], width),
        *nodes.fixed(width),
        *_refusals(report, groups, width, page),
        *_fleet(report, width, page),
        *_settings(report, width),
        "",
    ]
    yield from verdict
    yield ""
    yield from body
    if len(body) > SCREEN_LINES:
        yield from verdict
    yield from _next(nodes.next, width, commands)


def files_line(files: Sequence[Path]) -> str:
    """Which files of one folder were written."""
    return f"Reports in {files[0].parent}: {', '.join(path.name for path in files)}"


def _changes(node: Node) -> str:
    """What the remediation changed on a node."""
    # What comes after the comma or colon of a change says why.
    changes = [re.split("[,:] ", c["what"])[0] for c in (node.get("remediation") or {}).get("changes") or []]
    return "; ".join(changes)


# What is kept of the nodes, which are read one by one

Row = tuple[list[str], str, str, str]
"""The names, the verdict, the skew, the cause."""


class _Nodes:
    """The nodes by verdict; a row for each of a few nodes, and for the admitted ones of many."""

    def __init__(self, report: Report) -> None:
        self.next = NextSteps()
        self._counts = dict.fromkeys(("refused", "not judged", TOKEN_UNTRIED, "admitted"), 0)
        self._admitted: list[str] = []
        self._rows: list[Row] = []
        self._rows_of_others: list[Row] = []
        self._changes: list[tuple[str, str]] = []
        self._fixed = 0
        self._skew_s: Interval | None = None
        for name, node in report["nodes"].items():
            self.next.add(name, node)
            self._counts[TOKEN_UNTRIED if only_token_untried(node) else verdict_text(node)] += 1
            if node["verdict"] == "admit":
                self._admit(name, node)
            elif len(self._rows_of_others) < FOLDED_FROM:
                self._rows_of_others.append(([name], verdict_text(node), skew_of(node), reason(node)))
        others = len(report["nodes"]) - len(self._admitted)
        self.each = len(report["nodes"]) <= FOLDED_FROM or others <= MOST_GROUPS
        """Whether each node that is not admitted has a row."""

    def _admit(self, name: str, node: Node) -> None:
        why = reason(node)
        if len(self._rows) < FOLDED_FROM:
            self._rows.append(([name], verdict_text(node), skew_of(node), why))
            if why and (changes := _changes(node)):
                self._changes.append((name, changes))
        self._admitted.append(name)
        self._fixed += why != ""
        self._skew_s = wider(self._skew_s, node)

    def rows(self) -> list[Row]:
        """A row for each admitted node, or one for many; a row for each of a few others."""
        others = self._rows_of_others if self.each else []
        if len(self._admitted) <= FOLDED_FROM:
            return [*self._rows, *others]
        fixed = f"{self._fixed} of them fixed" if self._fixed else ""
        return [(sorted(self._admitted), "admitted", range_of(self._skew_s), fixed), *others]

    def fixed(self, width: int) -> Iterator[str]:
        """What was changed on each node that has a row and was fixed."""
        if self._changes and len(self._admitted) <= FOLDED_FROM:
            yield ""
            yield "Fixed:"
            for name, changes in sorted(self._changes):
                yield from _wrapped(width, f"  {clean(name)}: ", changes)

    def verdict(self, exit_code: int) -> str:
        """Whether the nodes may join, in one sentence."""
        total, admitted = sum(self._counts.values()), self._counts["admitted"]
        if exit_code == ExitCode.ADMITTED:
            return f"ADMITTED: {'all ' if total > 1 else ''}{_counted(total)} may join."
        word = "REFUSED" if exit_code == ExitCode.REFUSED else "NOT JUDGED"
        kinds = {kind: count for kind, count in self._counts.items() if count}
        if len(kinds) == 1:
            others = TOKEN_UNTRIED if TOKEN_UNTRIED in kinds else ""
        elif set(kinds) == {word.lower(), "admitted"}:
            others = f"{admitted} admitted"
        else:
            others = "; ".join(f"{count} {kind}" for kind, count in kinds.items())
        return f"{word}: {total - admitted} of {_counted(total)} must not join{others and f' ({others})'}."


class _Group:
    """What is shown of the nodes of a group."""

    def __init__(self, report: Report, group: Mapping[str, Any]) -> None:
        nodes, example = report["nodes"], report["nodes"][group["example"]]
        self._names: list[str] = group["nodes"]
        self._verdict = verdict_text(example)
        self._skipped = _skipped_beside(example)
        self._text = GroupText(group["example"], example)
        for name in self._names:
            self._text.add(nodes[name])
        # Two nodes of a group share its keys, but a cause may have a node's own words.
        self._why = reason(example)

    def row(self) -> Row:
        """Its row of the table."""
        return self._names, self._verdict, self._skew(), self._why

    def _skew(self) -> str:
        return skews_of(len(self._names), self._text.skew_s)

    def lines(self, width: int, which: str) -> list[str]:
        """The cause: what was seen, why it matters, what to do. ``which``: `` 1 of 2``."""
        count = len(self._names)
        who = clean(self._names[0]) if count == 1 else f"{_counted(count)}: {listed(self._names)}"
        found = [
            "",
            *_wrapped(width, f"Cause{which}: ", self._why),
            *_wrapped(width, f"  {self._verdict}: ", who),
            *(_wrapped(width, "  skew: ", self._skew()) if count > 1 else []),
        ]
        for line in self._text.remediation_lines():
            found += _wrapped(width, "  remediation: ", line)
        for cause in causes(self._text.findings()):
            found += _advice(width, cause)
        if self._skipped:
            found += _wrapped(width, "  skipped for that reason: ", ", ".join(self._skipped))
        return found


def _counted(count: int) -> str:
    return f"{count} node{'s' if count != 1 else ''}"


# The table

_LEAST = 16
"""So many columns are left for the cause, if any node has one."""


def _table(rows: list[Row], width: int) -> Iterator[str]:
    """A line for each node or group, in the order of the names, cut to the width."""
    texts = [
        ("Verdict", "Skew", "Cause"),
        *((verdict, skew, clean(why)) for _names, verdict, skew, why in sorted(rows)),
    ]
    verdict, skew, cause = (max(map(len, column)) for column in zip(*texts, strict=True))
    room = width - verdict - skew - 4
    whos = ["Node", *(_who(names, max(room - min(cause, _LEAST) - 2, _LEAST)) for names, *_ in sorted(rows))]
    widths = [max(map(len, whos)), verdict, skew]
    for who, texts_of in zip(whos, texts, strict=True):
        cells = [text.ljust(wide) for text, wide in zip((who, *texts_of[:2]), widths, strict=True)]
        yield "  ".join([*cells, one_line(texts_of[2], room - widths[0] - 2)]).rstrip()


def _who(names: list[str], width: int) -> str:
    """A node's name; of several nodes their number, and the first names if they fit."""
    if len(names) == 1:
        return one_line(names[0], width)
    texts = (clean(f"{_counted(len(names))}: {listed(names, most)}") for most in (3, 2, 1))
    return next((text for text in texts if len(text) <= width), _counted(len(names)))


# What refuses nodes


def _refusals(report: Report, groups: Sequence[_Group], width: int, page: _Page) -> Iterator[str]:
    """For each group of refused nodes, what refuses them; then how many more there are."""
    total = len(report["groups"])
    shown = 0
    parts = (group.lines(width, f" {number} of {total}" if total > 1 else "") for number, group in enumerate(groups, 1))
    for part in page.fitting(parts, GROUPS_LINES):
        yield from part
        shown += 1
    if others := report["groups"][shown:]:
        nodes = f"{sum(len(group['nodes']) for group in others)} more nodes"
        more = f"{len(others)} other cause{'s' if len(others) > 1 else ''}"
        yield ""
        yield from _wrapped(width, "", f"{nodes} refused, for {more}: {page.where}")


def _skipped_beside(node: Node) -> list[str]:
    """The required checks that were skipped because another one failed."""
    refusing = refusing_findings(node)
    return [f["check"] for f in node["findings"] if f["required"] and f["state"] == "skipped" and f not in refusing]


def _advice(width: int, cause: Cause) -> Iterator[str]:
    """A root cause, and in short what follows from it."""
    yield from _wrapped(width, "  ", f"{', '.join(cause.checks)}: {cause.root['state']}")
    yield from _wrapped(width, "    seen  ", cause.root["summary"])
    for finding in cause.leads_to:
        yield from _wrapped(width, "    so    ", f"{finding['check']}: {finding['summary']}")
    yield from _why_and_next(width, cause.root)


def _why_and_next(width: int, finding: Mapping[str, Any]) -> Iterator[str]:
    yield from _wrapped(width, "    why   ", finding["why"])
    yield from _wrapped(width, "    next  ", finding["remedy"])


def _wrapped(width: int, label: str, text: str) -> list[str]:
    return wrapped(clean(text), width, label)


# What to do next

_UNTRIED_HERE = (
    "the clock of this machine is good, and its token was not tried. If this machine has the GitHub App's key, check again "
    "with gate_github_apps in -e @FILE. If not, copy {} to the machine that has the key, and judge it there:"
)


def _next(steps: NextSteps, width: int, commands: Commands) -> Iterator[str]:
    """Each step, and its command on a line for itself."""
    for step in steps.steps():
        command, what = commands.of(step), sentence(step)
        if step.action is Action.TRY_TOKEN and commands.here:
            what = _UNTRIED_HERE.format(f"{commands.directory}/{EVIDENCE_FILE}")
        if not command:
            what = f"join {_counted(len(step.nodes))}, not later than {MAX_AGE_S / 60:g} minutes after the check."
        yield from _wrapped(width, "Next: ", what)
        if command:
            yield f"  {command}"
    if commands.note and steps.steps()[0].action is not Action.JOIN:
        yield from _wrapped(width, "  ", commands.note)


# All nodes together


def _fleet(report: Report, width: int, page: _Page) -> Iterator[str]:
    """The findings from all nodes together, if there are any."""
    measured, findings = _measured(report["fleet"]), report["fleet"]["findings"]
    if not (measured or findings):
        return
    yield ""
    yield "All nodes together:"
    for line in measured:
        yield from _wrapped(width, "  ", line)
    parts = (
        [
            f"  {clean(finding['id'])}",
            *_wrapped(width, "    seen  ", finding["summary"]),
            *_why_and_next(width, finding),
        ]
        for finding in findings
    )
    shown = 0
    for part in page.fitting(parts, FLEET_LINES):
        yield from part
        shown += 1
    if others := findings[shown:]:
        yield from _wrapped(width, "  ", f"{len(others)} more: {page.where}")


def _measured(fleet: Mapping[str, Any]) -> list[str]:
    """A line for each measurement of all nodes; none for a controller that may be right."""
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
    """The sources of the settings that are not the defaults, if the report has them."""
    names_by_source: dict[str, list[str]] = {}
    for name, setting in report.get("settings", {}).items():
        if setting["source"] != "default":
            names_by_source.setdefault(setting["source"], []).append(name)
    if names_by_source:
        parts = [f"{', '.join(names)} ({source})" for source, names in sorted(names_by_source.items())]
        yield ""
        yield from _wrapped(width, "Settings: ", f"{'; '.join(parts)}; the others have their defaults.")
