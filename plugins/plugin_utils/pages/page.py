"""The page of a report: the verdict, the picture, the causes, each node, all nodes
together, and the run itself.

It is one file that asks the network for nothing, and can be read without its script. It is
written piece by piece.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..clock.interval import Interval
from ..clock.skew import is_off
from ..model.wording import difference_text, range_text, skew_text
from ..verdict.exit_code import ExitCode
from ..verdict.next_step import Commands, NextSteps, sentence
from ..verdict.report import GroupText
from ..verdict.root_cause import Cause, causes
from .figure import figure
from .looks import ADMITTED, NOT_JUDGED, REFUSED, Node, Report, count_words, look_of, look_of_state, skew_words
from .markup import Markup, closing, element, of_the_project, opening
from .nodes import advice, nodes
from .picture import STYLE as PICTURE_STYLE
from .scene import Scene
from .seen import shortened, table

_HERE = Path(__file__)
_STYLE = PICTURE_STYLE + of_the_project(_HERE.with_name("page.css").read_text(encoding="utf-8"))
_SCRIPT = of_the_project(_HERE.with_name("page.js").read_text(encoding="utf-8"))

MOST_GROUPS = 60
"""So many groups say what refuses their nodes; the others have a line each."""

_MOST_LINES = 300
_MOST_NAMES = 200
_MOST_UNTRIED = 40
_MOST_VALUE = 300


def page(report: Report) -> Iterator[str]:
    """The whole document, piece by piece; the nodes are read twice, one at a time."""
    gathered = _Gathered(report)
    yield "<!doctype html>\n"
    yield opening("html", lang="en")
    yield _head(report)
    yield opening("body")
    yield opening("main")
    yield from _verdict(report)
    yield from figure(gathered.scene)
    yield from _groups(report, gathered)
    yield from nodes(report, gathered.index)
    yield from _fleet(report["fleet"])
    yield from _settings(report)
    yield from gathered.untried()
    yield element("footer", f"Written by skewgate {report['skewgate_version']}.", class_="hint")
    yield closing("main")
    yield element("script", Markup(_SCRIPT))
    yield closing("body")
    yield closing("html")
    yield "\n"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


_POLICY = (
    f"default-src 'none'; style-src {_hash(_STYLE)}; script-src {_hash(_SCRIPT)}; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)
"""Nothing is loaded, and nothing runs but the script of this folder."""


def _head(report: Report) -> Markup:
    look = _look(report)
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{look.symbol} {_sentence(report)} {report['judged_at']}"),
        element("style", Markup(_STYLE)),
    )


class _Gathered:
    """What one reading of all nodes gives:
    the picture, what each group says, and what was not answered.
    """

    def __init__(self, report: Report) -> None:
        shown = report["groups"][:MOST_GROUPS]
        self.scene = Scene(report)
        self.index: dict[str, int] = {}
        self.steps = NextSteps()
        self.texts = [GroupText(group["example"], report["nodes"][group["example"]]) for group in shown]
        self._text_of = {name: text for group, text in zip(shown, self.texts, strict=True) for name in group["nodes"]}
        self._untried: Counter[tuple[str, str, str]] = Counter()
        self._more_untried = 0
        self._depths: Counter[str] = Counter()
        for index, (name, node) in enumerate(report["nodes"].items()):
            self.index[name] = index
            self.scene.add(index, name, node)
            self.steps.add(name, node)
            self._count(node)
            if text := self._text_of.get(name):
                text.add(node)

    def _count(self, node: Node) -> None:
        for finding in node["findings"]:
            if finding["state"] in ("inconclusive", "skipped"):
                key = (finding["state"], finding["check"], finding["cause"])
                if key in self._untried or len(self._untried) < _MOST_UNTRIED:
                    self._untried[key] += 1
                else:
                    self._more_untried += 1

    def untried(self) -> Iterator[Markup]:
        """The section of what could not be answered."""
        yield opening("section", id="untried")
        yield element("h2", "What could not be tried")
        if not self._untried:
            yield element("p", "Nothing: every check gave an answer on every node.")
        else:
            rows = [
                (check, look_of_state(state).badge(), shortened(cause), f"{count:,}")
                for (state, check, cause), count in sorted(
                    self._untried.items(), key=lambda each: (each[0][0], -each[1])
                )
            ]
            yield table(("Check", "State", "Cause", "Nodes"), rows, "Checks without an answer, by cause")
            if self._more_untried:
                yield element(
                    "p", f"{self._more_untried:,} more findings without an answer, for other causes.", class_="hint"
                )
            yield element(
                "p",
                "Inconclusive never admits a node. A check is skipped if another finding leaves it nothing to judge.",
                class_="hint",
            )
        yield closing("section")


# The verdict

FILTER_FROM = 5
"""So few nodes need no filter by name."""


def _look(report: Report) -> Any:
    summary = report["summary"]
    return REFUSED if summary["refused"] else NOT_JUDGED if summary["not_judged"] else ADMITTED


def _sentence(report: Report) -> str:
    summary = report["summary"]
    total = sum(summary.values())
    if report["verdict"] == "admit":
        return f"All {count_words(total)} may join." if total > 1 else "The node may join."
    return f"{total - summary['admitted']:,} of {count_words(total)} may not join."


_SECTIONS = {
    "picture": "Picture",
    "causes": "Causes",
    "nodes": "Nodes",
    "fleet": "All together",
    "settings": "Settings",
    "untried": "Not tried",
}


def _verdict(report: Report) -> Iterator[Markup]:
    look, summary = _look(report), report["summary"]
    yield opening("header", class_=f"verdict {look.style}")
    yield element("p", "Skewgate report", class_="kind")
    yield element("h1", element("span", look.symbol, class_="symbol", aria_hidden="true"), f" {_sentence(report)}")
    counts = ((ADMITTED, summary["admitted"]), (REFUSED, summary["refused"]), (NOT_JUDGED, summary["not_judged"]))
    yield element(
        "ul", [element("li", element("b", f"{count:,}"), " ", look.badge()) for look, count in counts], class_="counts"
    )
    exit_code = next(code for code in ExitCode if code == report["exit_code"])
    pairs = (
        ("Judged", element("time", report["judged_at"])),
        ("Run", report["run_id"] or "without an ID"),
        ("Exit status", f"{int(exit_code)}: {exit_code.meaning}"),
    )
    yield element(
        "dl", [element("div", element("dt", name), element("dd", text)) for name, text in pairs], class_="run"
    )
    yield closing("header")
    links = [element("a", name, href=f"#{anchor}") for anchor, name in _SECTIONS.items()]
    yield element("nav", links, aria_label="Sections of the report")
    if len(report["nodes"]) <= FILTER_FROM:
        return
    label = element("label", "Show only nodes whose name has ", for_="filter")
    field = element("input", id="filter", type="search", autocomplete="off", spellcheck="false")
    count = element("output", for_="filter", id="filtered")
    yield element("div", label, field, count, class_="filter", hidden=True, id="filter-box")


# The causes


def _groups(report: Report, gathered: _Gathered) -> Iterator[Markup]:
    groups = report["groups"]
    yield opening("section", id="causes")
    yield element("h2", "Why nodes may not join")
    if groups:
        yield from _next_steps(gathered.steps)
    else:
        yield element("p", "No node is refused.")
    for group, text in zip(groups, gathered.texts, strict=False):
        yield _group(group, text, look_of(report["nodes"][group["example"]]).badge())
    others = groups[len(gathered.texts) :]
    if others:
        lines = [f"{count_words(len(group['nodes']))}: {_causes(group)}" for group in others[:_MOST_LINES]]
        yield element("ul", [element("li", shortened(line)) for line in lines])
    if len(others) > _MOST_LINES:
        yield element("p", f"{len(others) - _MOST_LINES:,} more groups: see report.json.", class_="hint")
    yield closing("section")


def _next_steps(steps: NextSteps) -> Iterator[Markup]:
    """What to do, each step with its command."""
    for step in steps.steps():
        what = sentence(step)
        line = element("p", element("b", "Next: "), what)
        yield element("div", line, element("p", element("code", Commands().of(step))), class_="step")


def _causes(group: Mapping[str, Any]) -> str:
    return "; ".join(f"{f['check']}: {f['cause'] or f['state']}" for f in group["findings"])


def _group(group: Mapping[str, Any], text: GroupText, badge: Markup) -> Markup:
    names = group["nodes"]
    reach = (skew_text if len(names) == 1 else range_text)(text.skew_s) if text.skew_s else skew_words(None)
    listed = [element("bdi", name, class_="name") for name in names[:_MOST_NAMES]]
    if len(names) > _MOST_NAMES:
        listed.append(element("span", f"and {len(names) - _MOST_NAMES:,} more", class_="hint"))
    stopped = [element("p", f"Remediation: {shortened(line)}") for line in text.remediation_lines()]
    return element(
        "article",
        element("h3", badge, " ", listed[0] if len(names) == 1 else count_words(len(names))),
        element("p", [[name, " "] for name in listed], class_="names") if len(names) > 1 else None,
        element("p", element("span", reach, class_="skew"), class_="hint"),
        stopped,
        [_group_cause(cause) for cause in causes(text.findings())],
        class_="group",
    )


def _group_cause(cause: Cause) -> Markup:
    """A root cause, and what follows from it."""
    look = look_of_state(cause.root["state"])
    checks = [[element("code", check, class_="check"), " "] for check in cause.checks]
    words = element("b", shortened(cause.root["cause"]))
    head = element("p", look.badge(), " ", checks, words, class_="finding-head")
    summary = element("p", shortened(cause.root["summary"]), class_="summary")
    follows = [
        element("p", "So ", element("code", finding["check"], class_="check"), f" {shortened(finding['summary'])}")
        for finding in cause.leads_to
    ]
    return element("div", head, summary, follows, advice(cause.root), class_=f"finding {look.style}")


# All nodes together, and the run


def _fleet(fleet: Mapping[str, Any]) -> Iterator[Markup]:
    yield opening("section", id="fleet")
    yield element("h2", "All nodes together")
    facts = list(_measured(fleet))
    if facts:
        pairs = [element("div", element("dt", name), element("dd", text)) for name, text in facts]
        yield element("dl", pairs, class_="seen")
    for finding in fleet["findings"]:
        named = ", ".join(finding["nodes"][:_MOST_NAMES])
        yield element(
            "div",
            element("p", element("code", finding["id"], class_="check"), class_="finding-head"),
            element("p", shortened(finding["summary"])),
            element("p", f"{count_words(len(finding['nodes']))}: {shortened(named)}", class_="names"),
            advice(finding),
            class_="finding open",
        )
    if not fleet["findings"]:
        yield element("p", "No finding about the nodes together.")
    yield closing("section")


def _measured(fleet: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if apart := fleet["spread_s"]:
        who = f": {apart['ahead']} is ahead of {apart['behind']}" if apart["ahead"] else ""
        yield "Largest difference between two nodes", f"{difference_text(Interval(apart['low'], apart['high']))}{who}"
    if skew := fleet["controller_skew_s"]:
        yield "The controller's clock, according to the nodes' references", skew_text(Interval(**skew))
    if measured := fleet.get("controller_measured_s"):
        off = " (corrected for JWTs)" if is_off(Interval(**measured)) else ""
        yield "The controller's clock, as it measured it", f"{skew_text(Interval(**measured))}{off}"
    for app in fleet.get("tokens", []):
        minted = f"minted on {count_words(len(app['minted']))}, refused on {len(app['refused'])}"
        yield f"Token of {', '.join(app['apps'])}", f"{minted}; {app['jwt_alone']} sent the JWT alone"


def _settings(report: Report) -> Iterator[Markup]:
    settings = report.get("settings", {})
    yield opening("section", id="settings")
    yield element("h2", "Settings of the run")
    chosen = {name: each for name, each in settings.items() if each["source"] != "default"}
    others = {name: each for name, each in settings.items() if name not in chosen}
    heads = ("Setting", "Value", "Set by")
    if not settings:
        yield element("p", "This report was made from saved evidence, which does not have the settings of the run.")
    if chosen:
        yield table(heads, map(_setting, chosen.items()), "Settings that somebody chose")
    if others:
        caption = f"Settings with their defaults ({len(others)})"
        yield element("details", element("summary", caption), table(heads, map(_setting, others.items()), caption))
    yield closing("section")


def _setting(item: tuple[str, Mapping[str, Any]]) -> list[str]:
    name, setting = item
    value = json.dumps(setting["value"], ensure_ascii=False) if "value" in setting else "not shown"
    shown = f"{value[:_MOST_VALUE]} ..." if len(value) > _MOST_VALUE else value
    return [name, shown, setting["source"]]
