"""All nodes together: ``report.json`` from their judgements, and what its readers ask of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, MutableMapping
from typing import Any

from ..boundary.evidence import parse_record
from ..boundary.saved import REPORT_SCHEMA
from ..checks import github_app_token
from ..clock.interval import Interval
from ..model.record import Record
from ..version import VERSION
from .exit_code import ExitCode, exit_code_of
from .fleet import Fleet
from .judge import judge_record
from .settings import CREDENTIALS_CHECK
from .tokens import Tokens

CLOCK_CHECK = "clock_skew"
"""Without this check nothing is said of a node's time."""


def judge_records(
    records: Mapping[str, Mapping[str, Any]],
    judged_at: str,
    run_id: str | None = None,
    nodes: MutableMapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Judge every record and sum up (schema ``skewgate/report/1``,
    docs/reference/report.schema.json).

    A record may carry ``before`` (the record of before the remediation) and ``remediation``. Raises
    ValueError if there is no record: a report about nothing would admit everything; and if one's
    policy can't be read. ``nodes``: where the entries go, if they are more than fit into memory.
    """
    together = Together({} if nodes is None else nodes)
    for name in sorted(records):
        record = Record(parse_record(records[name]))
        together.add(name, record, judge_node(name, record))
    return together.report(judged_at, run_id)


def judge_node(name: str, record: Record) -> dict[str, Any]:
    """The entry of ``report.json`` for a node's record in the guaranteed form;
    raises ValueError if its policy can't be read.
    """
    before = record.data.get("before")
    try:
        return node_entry(judge_record(record), before and judge_record(before), record.data.get("remediation"))
    except ValueError as error:
        raise ValueError(f"node {name!r}: {error}") from error


def node_entry(
    judgement: Mapping[str, Any], before: Mapping[str, Any] | None, remediation: Mapping[str, Any] | None
) -> dict[str, Any]:
    """A node's entry of ``report.json``; ``before`` is the judgement of before the remediation,
    where there was one.
    """
    return {**judgement, "remediation": remediation, "before": before}


NO_NODE = "no node was checked: the inventory or the limit matches none"


class Together:
    """The nodes of a report, which come one by one, in the order of their names."""

    def __init__(self, nodes: MutableMapping[str, Any]) -> None:
        """``nodes`` takes their entries, and may keep them elsewhere than in memory."""
        self._nodes = nodes
        self._refusals: Counter[str | None] = Counter()
        self._fleet, self._groups, self._tokens = Fleet(), Groups(), Tokens()

    def add(self, name: str, record: Record, entry: dict[str, Any]) -> None:
        """Take a node's entry, and what counts of its record."""
        self._nodes[name] = entry
        self._fleet.add(name, record)
        self._tokens.add(name, entry, record.data.get("address"))
        if name not in self._tokens.left:
            self._count(name, entry)

    @property
    def left(self) -> Collection[str]:
        """The nodes whose entries another node's may change: they are final in the report."""
        return self._tokens.left

    def _count(self, name: str, entry: Mapping[str, Any]) -> None:
        self._refusals[entry["refused_because"]] += 1
        self._groups.add(name, entry)

    def _settle(self) -> None:
        """What was left to other nodes can be said when all of them are known."""
        for name in self._tokens.left:
            self._nodes[name] = settled = self._tokens.settled(name, self._nodes[name])
            self._count(name, settled)

    def report(
        self, judged_at: str, run_id: str | None = None, settings: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """``report.json``; raises ValueError if there is no node.

        ``settings`` are those of the run with their sources, as ``fleet_begin`` returns them,
        where they are known.
        """
        if not self._nodes:
            raise ValueError(NO_NODE)
        self._settle()
        exit_code = exit_code_of(self._refusals)
        return {
            "schema": REPORT_SCHEMA,
            "skewgate_version": VERSION,
            "run_id": run_id,
            "judged_at": judged_at,
            "verdict": "admit" if exit_code is ExitCode.ADMITTED else "refuse",
            "exit_code": int(exit_code),
            **({"settings": dict(settings)} if settings else {}),
            "summary": {
                "admitted": self._refusals[None],
                "refused": self._refusals["failure"],
                "not_judged": self._refusals["not_judged"],
            },
            "fleet": {**self._fleet.judged(), "tokens": self._tokens.as_json()},
            "groups": self._groups.listed(),
            "nodes": self._nodes,
        }


class Groups:
    """The refused nodes by what refuses them:
    the same checks in the same state by the same keys.
    """

    def __init__(self) -> None:
        """No node yet."""
        self._members: dict[tuple[tuple[str, ...], ...], list[str]] = {}
        self._findings: dict[tuple[tuple[str, ...], ...], list[dict[str, Any]]] = {}

    def add(self, name: str, node: Mapping[str, Any]) -> None:
        """Put a node to its like; the first one of a group is its example."""
        if node["verdict"] != "refuse":
            return
        found = refusing_findings(node)
        by = tuple((f["check"], f["state"], "keys", *f["keys"], "about", *f["about"]) for f in found)
        if by not in self._members:
            shown = ("check", "state", "keys", "about", "cause")
            self._members[by], self._findings[by] = [], [{key: f[key] for key in shown} for f in found]
        self._members[by].append(name)

    def listed(self) -> list[dict[str, Any]]:
        """``report.json``'s ``groups``, the largest first."""
        groups = sorted(self._members.items(), key=lambda each: (-len(each[1]), min(each[1])))
        return [{"findings": self._findings[by], "nodes": sorted(names), "example": min(names)} for by, names in groups]


def group_nodes(nodes: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """``report.json``'s ``groups`` from the nodes' entries by name."""
    groups = Groups()
    for name, node in nodes.items():
        groups.add(name, node)
    return groups.listed()


def refusing_findings(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The findings that refuse a node; what was skipped follows from another one,
    and counts where there is no other.
    """
    found = [f for f in node["findings"] if f["required"] and f["state"] != "pass"]
    return [f for f in found if f["state"] != "skipped"] or found


def remediation_message(node: Mapping[str, Any]) -> str | None:
    """What stopped the remediation of a node, if anything did."""
    return (node.get("remediation") or {}).get("message")


def only_token_untried(node: Mapping[str, Any]) -> bool:
    """Whether a node's clock passed, and all that refuses it is that no App was given
    to try its token with.
    """
    found = refusing_findings(node)
    untried = bool(found) and all(
        f["check"] == CREDENTIALS_CHECK and github_app_token.Key.NO_APP in f["keys"] for f in found
    )
    return untried and any(f["check"] == CLOCK_CHECK and f["required"] for f in node["findings"])


MOST_MESSAGES = 5
"""So many different messages of a group's remediations are shown:
some of it is the nodes' words, and each may have its own.
"""

TEXTS = ("summary", "why", "remedy")
"""What a finding says to people."""


class GroupText:
    """What the nodes of a group say, once for all of them; they come one by one."""

    def __init__(self, example: str, node: Mapping[str, Any]) -> None:
        """``node``: the entry of the ``example``."""
        kept = ("check", "state", "keys", "cause", *TEXTS)
        self._example, self._of_example = example, [{key: f[key] for key in kept} for f in refusing_findings(node)]
        self._differing: set[tuple[int, str]] = set()
        self._messages: Counter[str] = Counter()
        self._count = self._other_messages = 0
        self.skew_s: Interval | None = None
        """The least interval that holds every skew that is known of them; ``None`` if none is."""

    def add(self, node: Mapping[str, Any]) -> None:
        """Compare a node with the example."""
        self._count += 1
        self.skew_s = wider(self.skew_s, node)
        for number, (finding, same) in enumerate(zip(refusing_findings(node), self._of_example, strict=True)):
            self._differing |= {(number, key) for key in TEXTS if finding[key] != same[key]}
        if message := remediation_message(node):
            if message in self._messages or len(self._messages) < MOST_MESSAGES:
                self._messages[message] += 1
            else:
                self._other_messages += 1

    def findings(self) -> list[dict[str, Any]]:
        """What refuses them: a text that differs between them is the example's, and says so."""
        found = [dict(finding) for finding in self._of_example]
        for number, key in self._differing:
            found[number][key] = f"on {self._example}: {found[number][key]}"
        return found

    def remediation_lines(self) -> list[str]:
        """What stopped their remediation, a line for each reason."""
        lines = [
            message if count == self._count else f"{message} ({count} of them)"
            for message, count in self._messages.items()
        ]
        return [*lines, f"other reasons ({self._other_messages} of them)"] if self._other_messages else lines


def wider(known_s: Interval | None, node: Mapping[str, Any]) -> Interval | None:
    """The least interval that holds this one and a node's skew; either may not be known."""
    if not node["skew_s"]:
        return known_s
    skew_s = Interval(**node["skew_s"])
    return Interval(min(known_s.low, skew_s.low), max(known_s.high, skew_s.high)) if known_s else skew_s
