"""``skewgate report A B --diff``: what changed from one run to a later one.

Both are judged by the checks of today, so a difference comes from the nodes or from their policy.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.saved import (
    REPORT_FILE,
    SavedFileError,
    read_report,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.times import now
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.interval import Interval
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats.report_text import verdict_line
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.wording import clean, listed, one_line, wrapped
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.node_words import skews_of, verdict_text
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.report import wider

from . import screen
from .errors import SkewgateError
from .reporting import Merged, evidence_in, judged

MOST_CHANGES = 20
"""So many different changes are shown on a terminal; elsewhere all are."""

LONGEST_VALUE = 200
"""Of a setting no more characters are shown."""

Node = Mapping[str, Any]
What = Literal["became", "still", "new", "gone"]
Found = tuple[str, str, tuple[str, ...], tuple[str, ...]]
"""A finding's check, state, keys, and what they are about."""

_ORDER: tuple[What, ...] = ("became", "gone", "new", "still")
_WORST_FIRST = ("refused", "not judged", "admitted")


def compare(args: argparse.Namespace) -> int:
    """Show what changed; the exit status is that of the later run."""
    if len(args.evidence) != 2:
        raise SkewgateError(f"--diff: expected two runs, the earlier one first, found {len(args.evidence)}")
    at, judged_at = datetime.now(UTC), now()
    one, other = (_Run.judged(path, at, judged_at) for path in args.evidence)
    screen.show(_lines(one, other, screen.width()))
    return int(other.report["exit_code"])


@dataclass(frozen=True)
class _Run:
    """A run, judged now."""

    path: Path
    records: Merged
    report: Mapping[str, Any]

    @classmethod
    def judged(cls, path: Path, at: datetime, judged_at: str) -> _Run:
        records = Merged()
        records.add(evidence_in(path), at)
        return cls(path, records, judged(records, judged_at))

    def title(self) -> str:
        times = self.records.times.values()
        return f"{self.path} ({max(times):%Y-%m-%d %H:%M:%S} UTC)" if times else str(self.path)

    def saved(self) -> Mapping[str, Any]:
        """What its ``report.json`` says of the run; nothing if there is none that is whole."""
        try:
            report = read_report(evidence_in(self.path).parent)
        except SavedFileError:
            return {}
        return report if isinstance(report.get("settings") or {}, Mapping) else {}


def _lines(one: _Run, other: _Run, width: int) -> Iterator[str]:
    yield from wrapped(verdict_line(other.report), width)
    changes, total = _changes(one.report["nodes"], other.report["nodes"])
    was, is_now = one.saved(), other.saved()
    policies = [*_policies(one.records, other.records), *(_settings(was, is_now) if was and is_now else ())]
    yield ""
    yield from wrapped(f"From {clean(one.title())} to {clean(other.title())}:", width)
    if max(one.records.times.values()) > max(other.records.times.values()):
        yield "warning: the first of these runs is the later one. Give the earlier one first."
    if not (was and is_now):
        yield f"not compared: the settings and the version, which are in {REPORT_FILE} if there is one."
    changed = sum(len(change.names) for change in changes)
    nodes = f"{total} node{'s' if total != 1 else ''}"
    if not changed and not policies:
        same = f"Nothing changed: {nodes} with the same verdicts and findings. No clock is seen to have moved."
        settings = " The settings that both reports show are the same." if was and is_now else ""
        yield from wrapped(same + settings, width)
        return
    yield f"{changed} of {nodes} changed."
    shown = MOST_CHANGES if sys.stdout.isatty() else len(changes)
    for change in changes[:shown]:
        yield ""
        yield from change.lines(width)
    if others := changes[shown:]:
        count = sum(len(change.names) for change in others)
        yield ""
        ways = f"{len(others)} other way{'s' if len(others) != 1 else ''}"
        yield f"{count} more changed, in {ways}: add `> FILE` to see all."
    if policies:
        yield ""
        yield "Settings:"
        for line in policies:
            yield from wrapped(clean(line), width, "  ")


@dataclass
class _Change:
    """What changed in the same way on some nodes."""

    what: What
    verdict: str
    was: str = ""
    new: Mapping[Found, str] = field(default_factory=dict)
    gone: Mapping[Found, str] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    skew_was_s: Interval | None = None
    skew_s: Interval | None = None

    def add(self, name: str, one: Node | None, other: Node | None) -> None:
        self.names.append(name)
        self.skew_was_s = wider(self.skew_was_s, one) if one else None
        self.skew_s = wider(self.skew_s, other) if other else None

    def order(self) -> tuple[int, int, int, str]:
        """What needs attention comes first, then what is of the most nodes."""
        return _ORDER.index(self.what), _WORST_FIRST.index(self.verdict), -len(self.names), min(self.names)

    def lines(self, width: int) -> Iterator[str]:
        count = len(self.names)
        who = f"{f'{count} nodes: ' if count > 1 else ''}{clean(listed(sorted(self.names)))}"
        how = f"{self.what} {self.verdict}" if self.what in ("became", "still") else self.what
        yield from wrapped(who, width, f"{how}: ")
        if self.what != "new":
            yield f"  was   {self.was}, {_skew(count, self.skew_was_s)}"
        if self.what != "gone":
            yield f"  now   {self.verdict}, {_skew(count, self.skew_s)}"
        for label, found in (("  ended ", self.gone), ("  began ", self.new)):
            for (check, state, *_keys), cause in found.items():
                yield from wrapped(clean(f"{check}: {state}: {cause}"), width, label)


def _skew(count: int, skew_s: Interval | None) -> str:
    return skews_of(count, skew_s) if skew_s else "skew unknown"


def _changes(ones: Mapping[str, Node], others: Mapping[str, Node]) -> tuple[list[_Change], int]:
    """The changes, the worst first, and how many nodes there are. Two nodes are in memory."""
    found: dict[tuple[Any, ...], _Change] = {}
    names = sorted({*ones, *others})
    for name in names:
        one, other = ones.get(name), others.get(name)
        if change := _change(one, other):
            moved = one is not None and other is not None and _has_moved(one, other)
            key = (change.what, change.was, change.verdict, tuple(change.new), tuple(change.gone), moved)
            found.setdefault(key, change).add(name, one, other)
    return sorted(found.values(), key=_Change.order), len(names)


def _change(one: Node | None, other: Node | None) -> _Change | None:
    """What changed of a node; ``None`` if nothing did."""
    if one is None or other is None:
        node = one or other or {}
        verdict = verdict_text(node)
        findings = {} if one else _findings(node)
        return _Change("gone" if one else "new", verdict, was=verdict, new=findings)
    was, verdict = verdict_text(one), verdict_text(other)
    before, after = _findings(one), _findings(other)
    new = {key: cause for key, cause in after.items() if key not in before}
    gone = {key: cause for key, cause in before.items() if key not in after}
    if was == verdict and not new and not gone and not _has_moved(one, other):
        return None
    return _Change("still" if was == verdict else "became", verdict, was, new, gone)


def _findings(node: Node) -> dict[Found, str]:
    """The findings that failed or are inconclusive. A skipped one follows from another."""
    return {
        (each["check"], each["state"], tuple(each["keys"]), tuple(each["about"])): each["cause"]
        for each in node["findings"]
        if each["state"] in ("fail", "inconclusive")
    }


def _has_moved(one: Node, other: Node) -> bool:
    """Whether the clock is proved to have moved: the two intervals share no point."""
    if not (one["skew_s"] and other["skew_s"]):
        return bool(one["skew_s"]) != bool(other["skew_s"])
    return not Interval(**one["skew_s"]).overlaps(Interval(**other["skew_s"]))


def _policies(ones: Merged, others: Merged) -> Iterator[str]:
    """What the nodes' policies differ in, and on how many nodes."""
    found: Counter[tuple[str, str, str]] = Counter()
    for name in ones:
        if name in others.times:
            was, is_now = ones[name]["policy"], others[name]["policy"]
            differing = (key for key in sorted({*was, *is_now}) if was.get(key) != is_now.get(key))
            found.update((key, _value(was.get(key)), _value(is_now.get(key))) for key in differing)
    for (key, was, is_now), count in found.items():
        yield f"{key} of {count} node{'s' if count != 1 else ''}: {was}, now {is_now}"


def _settings(was: Mapping[str, Any], is_now: Mapping[str, Any]) -> Iterator[str]:
    """What the saved reports of two runs differ in: the settings, and the version that judged."""
    if was.get("skewgate_version") != is_now.get("skewgate_version"):
        yield f"skewgate: {_value(was.get('skewgate_version'))}, now {_value(is_now.get('skewgate_version'))}"
    before, after = was.get("settings") or {}, is_now.get("settings") or {}
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            yield f"{name}: {_setting(before.get(name))}, now {_setting(after.get(name))}"


def _setting(setting: Any) -> str:
    if not isinstance(setting, Mapping):
        return "not known"
    value = f"{_value(setting['value'])} " if "value" in setting else ""
    return f"{value}({one_line(setting.get('source'), LONGEST_VALUE)})"


def _value(value: Any) -> str:
    return one_line(json.dumps(value, ensure_ascii=False), LONGEST_VALUE)
