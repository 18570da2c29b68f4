"""The log in numbers: for each node its lines, its calls and how they failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.answers import Answer

from .lines import Cause, CertificateTimes, Event, parse_line, records

MAX_CAUSES = 50
"""A log may say anything: of more causes than these the rest is counted together."""

MORE = Cause("more")

ENOUGH = 3
CHANCE = 0.05
"""A distribution over the nodes proves nothing if there are fewer failures than ENOUGH, or if
chance produces it more often than CHANCE."""


@dataclass
class Span:
    """First and last of some times; ``None`` if there was none."""

    first: datetime | None = None
    last: datetime | None = None

    def add(self, time: datetime | None) -> None:
        """Widen the span to hold ``time``; lines of several pods come in any order."""
        if time is not None:
            self.first = min(self.first or time, time)
            self.last = max(self.last or time, time)


@dataclass
class Tally:
    """The log of one node, or of one pod whose node is not known. All counts are lines."""

    pods: set[str] = field(default_factory=set)
    lines: int = 0
    others: int = 0
    """Lines of other components than a repo-server."""
    calls: int = 0
    """Calls to a repo-server here that ended."""
    answered: int = 0
    failed_otherwise: int = 0
    """Calls that ended with an error that is none of a known kind."""
    span: Span = field(default_factory=Span)
    failed: Counter[Cause] = field(default_factory=Counter)
    """Failures here: neither from the cache, nor repeated from another pod's answer."""
    failed_calls: Counter[Cause] = field(default_factory=Counter)
    """Those of them that are the end of a call."""
    failed_span: Span = field(default_factory=Span)
    times: dict[Cause, CertificateTimes] = field(default_factory=dict)
    """For each cause, the certificate error with the clock furthest from its validity."""

    def add(self, event: Event, cause: Cause | None) -> None:
        """Count one line; ``cause`` of a failure that is this node's."""
        self.pods.add(event.pod)
        self.lines += 1
        self.others += event.other
        self.calls += event.call
        self.answered += event.answered
        self.failed_otherwise += event.call and not event.answered and event.failure is None
        self.span.add(event.time)
        if cause is None:
            return
        self.failed[cause] += 1
        self.failed_calls[cause] += event.call
        self.failed_span.add(event.time)
        if event.failure and (times := event.failure.times):
            self.times[cause] = max(
                self.times.get(cause, times), times, key=lambda each: (abs(each.now - each.limit), each)
            )


class Comparison(NamedTuple):
    """Two clocks at nearly one time: of a failing node, and of the node that repeats the error."""

    failing: datetime
    other: datetime
    name: str


@dataclass
class Summary:
    """The log, counted in lines: ``lines`` is the sum of ``nodes``, ``gone`` and ``unprefixed``."""

    lines: int = 0
    nodes: dict[str, Tally] = field(default_factory=dict)
    gone: dict[str, Tally] = field(default_factory=dict)
    """By pod: pods of the log that the list of pods does not have."""
    silent_pods: list[str] = field(default_factory=list)
    """Pods of the list without a line in the log."""
    unprefixed: int = 0
    unknown_format: int = 0
    cached: Counter[Cause] = field(default_factory=Counter)
    """Failures that the cache repeats."""
    repeated: Counter[Cause] = field(default_factory=Counter)
    """Failures that other components repeat."""
    answers: dict[Cause, Answer] = field(default_factory=dict)
    """What the API's answer means, with its words, for causes that have one."""
    compared: dict[Cause, Comparison] = field(default_factory=dict)
    """For each cause, the certificate error that another node repeated the soonest."""

    @property
    def causes(self) -> list[Cause]:
        """All that failed, the most frequent first."""
        total: Counter[Cause] = Counter()
        for counted in (self.cached, self.repeated, *(tally.failed for tally in self.tallies)):
            total.update(counted)
        return sorted(total, key=lambda cause: (-total[cause], cause))

    @property
    def tallies(self) -> list[Tally]:
        """Those of all nodes, and of the pods whose node is not known."""
        return [*self.nodes.values(), *self.gone.values()]


def summarise(
    logs: Iterable[str], nodes: Mapping[str, str], only_pod: str = "", into: Summary | None = None
) -> Summary:
    """Count the log line by line: it may be larger than the memory.

    ``nodes``: each pod's node; ``only_pod``: the pod of lines that name none; ``into``: the counts
    of other files.
    """
    summary = into or Summary()
    causes = set(summary.causes)
    for line in records(logs):
        if not line.strip():
            continue
        summary.lines += 1
        event = parse_line(line, nodes, only_pod)
        if event is None:
            summary.unprefixed += 1
            continue
        summary.unknown_format += not event.known_format
        node = nodes.get(event.pod) or event.node
        tallies, name = (summary.nodes, node) if node else (summary.gone, event.pod)
        if name not in tallies:
            tallies[name] = Tally()
        tallies[name].add(event, _own_cause(summary, event, node, causes))
    seen = {pod for tally in (*summary.nodes.values(), *summary.gone.values()) for pod in tally.pods}
    summary.silent_pods = sorted(set(nodes) - seen)
    return summary


def _own_cause(summary: Summary, event: Event, node: str, causes: set[Cause]) -> Cause | None:
    """The cause of a failure of the line's own node; those of other nodes are counted here."""
    failure = event.failure
    if failure is None:
        return None
    cause = failure.cause if failure.cause in causes or len(causes) < MAX_CAUSES else MORE
    causes.add(cause)
    if failure.answer:
        summary.answers.setdefault(cause, failure.answer)
    if failure.repeated:
        summary.repeated[cause] += 1
        if failure.times and event.time:
            new = Comparison(failure.times.now, event.time, node or event.pod)
            old = summary.compared.get(cause, new)
            summary.compared[cause] = min(old, new, key=lambda each: (each.other - each.failing, each))
    elif failure.cached:
        summary.cached[cause] += 1
    else:
        return cause
    return None


Pattern = Literal["some nodes", "every node", "one node", "nothing to compare", "not placed"]


@dataclass(frozen=True)
class Verdict:
    """How a cause's failures lie over the nodes.

    ``backed``: the failing nodes with enough failures to say so; ``answering`` and ``silent`` are
    the nodes without one: with, and without, calls that ended with OK.
    """

    pattern: Pattern
    failing: list[str]
    backed: list[str]
    answering: list[str]
    silent: list[str]


def verdict(summary: Summary, cause: Cause) -> Verdict:
    """Compare the nodes. Nodes without a failure count only if calls ended with OK.

    A node that has lines of other components alone is not compared: nothing of it goes to GitHub.
    """
    failing: list[str] = []
    answering: list[str] = []
    silent: list[str] = []
    for name, tally in sorted(summary.nodes.items()):
        if tally.failed[cause]:
            failing.append(name)
        elif tally.answered:
            answering.append(name)
        elif tally.others < tally.lines:
            silent.append(name)
    if not failing:
        pattern: Pattern = "not placed"
    elif answering:
        pattern = "some nodes"
    elif silent:
        pattern = "nothing to compare"
    else:
        pattern = "one node" if len(failing) == 1 else "every node"
    return Verdict(pattern, failing, _backed(summary, cause, failing, answering), answering, silent)


def _backed(summary: Summary, cause: Cause, failing: list[str], answering: list[str]) -> list[str]:
    """The nodes with ENOUGH failures, if chance would rarely give them all the failures.

    One failed call may write several lines. So calls are counted if there are any.
    """
    counts = {name: tally.failed_calls[cause] or tally.failed[cause] for name, tally in summary.nodes.items()}
    calls_ok = {name: tally.answered for name, tally in summary.nodes.items()}
    elsewhere = sum(calls_ok[name] for name in answering)
    # A node whose own calls work too is not suspected for the failures of another.
    nodes = [
        name
        for name in failing
        if counts[name] >= ENOUGH and (not calls_ok[name] or _rare(counts[name], calls_ok[name], elsewhere))
    ]
    together = _rare(sum(counts[name] for name in nodes), sum(calls_ok[name] for name in nodes), elsewhere)
    return nodes if together else []


def _rare(failures: int, ok: int, elsewhere: int) -> bool:
    """Whether chance would rarely put all failures on nodes with ``ok`` other calls."""
    if not elsewhere:
        return True
    # Of all ways to distribute the failures over the calls: how many leave the others without one.
    share = 1.0
    for drawn in range(failures):
        share *= (failures + ok - drawn) / (failures + ok + elsewhere - drawn)
        if share <= CHANCE:
            return True
    return False
