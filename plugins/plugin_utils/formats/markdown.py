"""``summary.md``: the report on a page of Markdown, for a change ticket and the
summary of a CI job.

The verdict comes first, then the commands to run next, then each cause with what was seen and what
to do, then a table of the refused nodes. Of many causes and nodes it has the first ones: the page
has at most 60,000 characters, as comments on GitHub have, and a job's summary may have 1 MiB.

What a node sent cannot become markup: all but plain words and numbers is shown as code, in which
nothing is a link, a mention, HTML or a cell's end. A bar is shown as ¦ and a backquote as '.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TextIO

from ..clock.interval import Interval
from ..model.wording import one_line, range_text, skew_text
from ..verdict.next_step import Action, Commands, next_steps, sentence
from ..verdict.report import GroupText, refusing_findings
from ..verdict.root_cause import causes, short

NAME = "markdown"
FILE = "summary.md"

MOST_CAUSES = 10
MOST_ROWS = 100
MOST_NAMES = 10
MOST_FLEET = 5
MOST_CHARACTERS = {"name": 80, "cause": 160, "text": 500}
"""Of a text."""

ROOM = {"steps": 6_000, "causes": 22_000, "nodes": 22_000, "fleet": 8_000}
"""The most characters of a part of the page, which has 60,000 in all:
GitHub takes 65,536 in a comment.
"""

_WORD = re.compile(
    r"""[("']*(?:[^\W\d_]+(?:['-][^\W\d_]+)*|[+\-±]?\d+(?:[.,]\d+)*%?|±)[)"']*[.,;:!?]?["']?|[()"'.,;:]*"""
)
"""A word, a number or punctuation that means nothing to any Markdown."""

_COMMAND = re.compile("`([^`]{1,200})`")
_AROUND = re.compile(r"""(?P<before>[("']*)(?P<core>.*?)(?P<after>[)"'.,;:]*)""", re.DOTALL)


def write(report: Mapping[str, Any], file: TextIO) -> None:
    """Write the page, part by part."""
    file.writelines(f"{line}\n" for line in _lines(report))


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    summary = report["summary"]
    total = sum(summary.values())
    yield f"# skewgate: {_verdict(report, total)}"
    yield ""
    run = f", run {code(report['run_id'])}" if report["run_id"] else ""
    yield (
        f"{summary['admitted']} admitted, {summary['refused']} refused, {summary['not_judged']} not judged. "
        f"Judged at {code(report['judged_at'])} by skewgate {code(report['skewgate_version'])}{run}."
    )
    if report["groups"]:
        yield from ("", "## Next step", *_fitting(_next_steps(report), ROOM["steps"]))
        yield from ("", "## Causes", *_fitting(_causes(report), ROOM["causes"]))
        yield from ("", "## Refused nodes", "", *_fitting(_table(report), ROOM["nodes"]))
    if findings := report["fleet"]["findings"]:
        yield from ("", "## All nodes together", "", *_fitting(_fleet(findings), ROOM["fleet"]))
    if summary["admitted"]:
        yield from ("", "## Admitted nodes", "", _admitted(report))


def _fitting(lines: Iterable[str], room: int) -> Iterator[str]:
    """The first lines or pieces, as many as there is room for."""
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            yield from ("", "The rest is in the other files of this report.")
            return
        yield line


def _verdict(report: Mapping[str, Any], total: int) -> str:
    refused = total - report["summary"]["admitted"]
    nodes = f"{total} node{'' if total == 1 else 's'}"
    if report["verdict"] == "admit":
        return f"{nodes} admitted" if total == 1 else f"all {nodes} admitted"
    return f"{refused} of {nodes} refused"


def _causes(report: Mapping[str, Any]) -> Iterator[str]:
    groups = report["groups"]
    for group in groups[:MOST_CAUSES]:
        yield from ("", *_cause(report, group))
    if others := groups[MOST_CAUSES:]:
        nodes = sum(len(group["nodes"]) for group in others)
        yield from ("", f"{len(others)} other causes refuse {nodes} more nodes.")


def _cause(report: Mapping[str, Any], group: Mapping[str, Any]) -> Iterator[str]:
    """What refuses the nodes of a group: what was seen, and what to do next."""
    nodes, example = report["nodes"], report["nodes"][group["example"]]
    text = GroupText(group["example"], example)
    for name in group["nodes"]:
        text.add(nodes[name])
    count = len(group["nodes"])
    skew = f", {prose(range_text(text.skew_s) if count > 1 else skew_text(text.skew_s))}" if text.skew_s else ""
    yield f"**{count} node{'' if count == 1 else 's'}**: {_names(group['nodes'])}{skew}"
    yield ""
    for cause in causes(text.findings()):
        yield from _advice(f"{', '.join(map(code, cause.checks))} {cause.root['state']}", cause.root)
        for finding in cause.leads_to:
            yield f"  - So {code(finding['check'])}: {prose(finding['summary'])}"
    for message in text.remediation_lines():
        yield f"- Remediation: {prose(message)}"


def _advice(label: str, finding: Mapping[str, Any]) -> Iterator[str]:
    yield f"- {label}: {prose(finding['summary'])}"
    yield f"  - Next: {prose(finding['remedy'])}"


def _next_steps(report: Mapping[str, Any]) -> Iterator[str]:
    """The commands to run, each with what it is for as one piece of the page; no name is in them
    that a shell or Markdown could take for more than a name.
    """
    for step in next_steps(report):
        if step.action is not Action.JOIN:
            what = sentence(step)
            yield "\n".join(("", what[0].upper() + what[1:], "", "```", Commands().of(step), "```"))


def _fleet(findings: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for finding in findings[:MOST_FLEET]:
        yield from _advice(code(finding["id"]), finding)


def _table(report: Mapping[str, Any]) -> Iterator[str]:
    yield "| Node | Verdict | Skew | Cause |"
    yield "| --- | --- | --- | --- |"
    refused = sorted(name for group in report["groups"] for name in group["nodes"])
    for name in refused[:MOST_ROWS]:
        node = report["nodes"][name]
        verdict = "not judged" if node["refused_because"] == "not_judged" else "refused"
        skew = prose(skew_text(Interval(**node["skew_s"]))) if node["skew_s"] else "unknown"
        cause = code(short(refusing_findings(node)), MOST_CHARACTERS["cause"])
        yield f"| {_name(name)} | {verdict} | {skew} | {cause} |"
    if len(refused) > MOST_ROWS:
        yield from ("", f"{len(refused) - MOST_ROWS} more nodes are refused.")


def _admitted(report: Mapping[str, Any]) -> str:
    names = (name for name, node in report["nodes"].items() if node["verdict"] == "admit")
    return _names(list(islice(names, MOST_NAMES)), report["summary"]["admitted"])


def _names(names: list[str], count: int | None = None) -> str:
    count = count or len(names)
    more = f" and {count - MOST_NAMES} more" if count > MOST_NAMES else ""
    return ", ".join(map(_name, names[:MOST_NAMES])) + more


def _name(name: str) -> str:
    return code(name, MOST_CHARACTERS["name"])


def code(text: object, most: int = 200) -> str:
    """Text as code: nothing in it is markup, a link or a mention, and it ends no cell of a table.

    >>> code("a|b @c `d`")
    "`a¦b @c 'd'`"
    """
    shown = one_line(text, most).replace("`", "'").replace("|", "¦")
    return f"`{shown}`" if shown else ""


def prose(text: str) -> str:
    """Sentences: plain words as they are, commands and every other word as code.

    >>> prose("Run `df -h` (on node2), then ask @all.")
    'Run `df -h` (on `node2`), then ask `@all`.'
    """
    parts = _COMMAND.split(one_line(text, MOST_CHARACTERS["text"]))
    pieces = (code(part) if number % 2 else _words(part) for number, part in enumerate(parts))
    return "".join(pieces).replace("``", "` `")


def _words(text: str) -> str:
    return " ".join(map(_word, text.split(" ")))


def _word(word: str) -> str:
    if _WORD.fullmatch(word):
        return word
    around = _AROUND.fullmatch(word)
    if around is None or not around["core"]:
        return code(word)
    return f"{around['before']}{code(around['core'])}{around['after']}"
