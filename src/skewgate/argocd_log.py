"""From Argo CD's repo-server log to the nodes that GitHub answers with 401. Pure: nothing is printed, no file is opened here.

Sources: the lines of Argo CD's gRPC logging (argoproj/argo-cd issues 11231 and 12878), ghinstallation's error message
(``transport.go``), and the prefix of kubectl's ``logs --prefix`` (``pkg/cmd/logs/logs.go``).
"""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import yaml
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.wording import clean, listed
from rich import box
from rich.table import Table
from rich.text import Text

SELECTION = "-n argocd -l app.kubernetes.io/name=argocd-repo-server"
# With a selector kubectl gives the last 10 lines of each pod unless --tail says otherwise.
LOG_COMMAND = f"kubectl logs {SELECTION} --prefix --tail=-1 > repo-server.log"
PODS_COMMAND = f"kubectl get pods {SELECTION} -o wide > pods.txt"

SERVICE = "repository.RepoServerService"
CACHED = "Manifest generation error (cached)"
"""Argo CD's prefix for an error that it kept in Redis, which all repo-servers share: the 401 may be another node's."""

_LINE = re.compile(r"\[pod/(?P<pod>[^/\]]+)/[^\]]*\] (?:(?P<time>\d{4}-\d\d-\d\dT\S+) )?(?P<text>.*)")
_LOGFMT = re.compile(r'(?:^|\s)([\w.]+)=("(?:[^"\\]|\\.)*"|\S*)')
# Backslashes: in logfmt and in JSON the message stands inside quotes, sometimes twice.
_FAILURE = re.compile(
    r"could not refresh installation id (?P<id>\d+)'s token: "
    r'received non 2xx response status \\*"(?P<status>\d{3})[^"]*" when fetching '
    r"(?P<scheme>https?://)(?:[^/\s\"\\]*@)?(?P<base>[^@\s\"\\]+?)(?:/app)?/installations/\d+/access_tokens"
)


class Installation(NamedTuple):
    """A GitHub App's installation and the API that was asked for its token, without ``/app/installations/...``."""

    id: str
    api_url: str


class Failure(NamedTuple):
    """GitHub's refusal of an installation token as a line tells it; ``cached``: told again, from a call made earlier."""

    installation: Installation
    status: int
    cached: bool


class Event(NamedTuple):
    """One line of the log.

    ``time`` is the node's own clock's, in UTC; ``answered``: a call to the repo-server ended with OK;
    ``known_format``: the line is logfmt or JSON with a level.
    """

    pod: str
    time: datetime | None
    answered: bool
    failure: Failure | None
    known_format: bool


@dataclass
class Span:
    """First and last of some times; ``None`` where there was none."""

    first: datetime | None = None
    last: datetime | None = None

    def add(self, time: datetime | None) -> None:
        """Widen the span to hold ``time``; lines of several pods come in any order."""
        if time is not None:
            self.first = min(self.first or time, time)
            self.last = max(self.last or time, time)


@dataclass
class Tally:
    """What the log says of one node, or of one pod whose node is not known. All counts are lines."""

    pods: set[str] = field(default_factory=set)
    lines: int = 0
    answered: int = 0
    span: Span = field(default_factory=Span)
    refused: Counter[Installation] = field(default_factory=Counter)
    """401s that were not told from the cache."""
    refused_span: Span = field(default_factory=Span)

    def add(self, event: Event) -> None:
        """Count one line."""
        self.pods.add(event.pod)
        self.lines += 1
        self.answered += event.answered
        self.span.add(event.time)
        if event.failure and event.failure.status == 401 and not event.failure.cached:
            self.refused[event.failure.installation] += 1
            self.refused_span.add(event.time)


@dataclass
class Summary:
    """The log, counted in lines: ``lines`` = those of ``nodes`` + those of ``gone`` + ``unprefixed``."""

    lines: int = 0
    nodes: dict[str, Tally] = field(default_factory=dict)
    gone: dict[str, Tally] = field(default_factory=dict)
    """By pod: pods of the log that the list of pods does not have."""
    silent_pods: list[str] = field(default_factory=list)
    """Pods of the list without a line in the log."""
    unprefixed: int = 0
    unknown_format: int = 0
    cached: Counter[Installation] = field(default_factory=Counter)
    """401s told from the cache."""
    other: Counter[tuple[Installation, int]] = field(default_factory=Counter)
    """Refusals with another status than 401."""

    @property
    def installations(self) -> list[Installation]:
        """Those with a 401, sorted."""
        tallies = [*self.nodes.values(), *self.gone.values()]
        return sorted({*self.cached, *(each for tally in tallies for each in tally.refused)})


Pattern = Literal["clock", "credential", "one node", "nothing to compare", "not placed"]


@dataclass(frozen=True)
class Verdict:
    """How an installation's 401s lie over the nodes.

    ``answering`` and ``silent`` are the nodes without one: with, and without, calls that ended with OK.
    """

    pattern: Pattern
    refused: list[str]
    answering: list[str]
    silent: list[str]


def parse_line(line: str) -> Event | None:
    """Read a line of ``kubectl logs --prefix``, with or without ``--timestamps``; ``None`` without a pod's prefix.

    >>> parse_line('[pod/argocd-repo-server-7d4b9c6f8-x2x9k/repo-server] time="2026-01-31T12:00:00Z" level=info msg=ok').pod
    'argocd-repo-server-7d4b9c6f8-x2x9k'
    """
    match = _LINE.match(line.rstrip("\r\n"))
    if match is None:
        return None
    text = match["text"]
    fields = _fields(text)
    return Event(
        pod=match["pod"],
        time=_time(fields.get("time")) or _time(match["time"]),
        answered=fields.get("grpc.code") == "OK" and fields.get("grpc.service") == SERVICE,
        failure=_failure(text),
        known_format="level" in fields,
    )


def _fields(text: str) -> Mapping[str, Any]:
    if not text.startswith("{"):
        return {key: value.strip('"') for key, value in _LOGFMT.findall(text)}
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _failure(text: str) -> Failure | None:
    match = _FAILURE.search(text)
    if match is None:
        return None
    # Without what stands before an @: it could be a password.
    return Failure(Installation(match["id"], match["scheme"] + match["base"]), int(match["status"]), CACHED in text)


def _time(value: object) -> datetime | None:
    try:
        time = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return time.astimezone(UTC) if time.tzinfo else None


def parse_pods(text: str) -> dict[str, str]:
    """Read each pod's node from ``kubectl get pods -o wide``, ``-o json`` or ``-o yaml``; raises ValueError.

    A pod that has no node yet is left out.
    """
    start = text.lstrip()
    try:
        if start.startswith("{"):
            pods = _pods_of(json.loads(text))
        elif start.startswith(("apiVersion:", "items:", "---")):
            pods = _pods_of(yaml.safe_load(text))
        else:
            pods = _pods_of_table(start.splitlines())
    except (json.JSONDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"found JSON or YAML that is cut off or broken ({type(error).__name__})") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("found JSON or YAML, but not of pods") from error
    if not pods:
        raise ValueError("found no pod that has a node")
    return pods


def _pods_of(content: Any) -> dict[str, str]:
    pods = content.get("items", [content])
    return {str(pod["metadata"]["name"]): str(pod["spec"]["nodeName"]) for pod in pods if pod["spec"].get("nodeName")}


def _pods_of_table(lines: list[str]) -> dict[str, str]:
    # Three spaces stand between columns and one inside of them: "NOMINATED NODE", "2 (3d ago)".
    rows = [re.split(r"\s{2,}", line.strip()) for line in lines if line.strip()]
    header = rows[0] if rows else []
    if not {"NAME", "NODE"} <= set(header):
        raise ValueError("found no table with the columns NAME and NODE, and neither JSON nor YAML")
    name, node = header.index("NAME"), header.index("NODE")
    if short := [row for row in rows[1:] if len(row) <= max(name, node)]:
        raise ValueError(f"found a table with rows of fewer columns than its header ({len(short)})")
    return {row[name]: row[node] for row in rows[1:] if row[node] != "<none>"}


def summarise(lines: Iterable[str], nodes: Mapping[str, str]) -> Summary:
    """Count the log line by line, so that its size does not matter; ``nodes``: each pod's node."""
    summary = Summary()
    seen = set()
    for line in lines:
        if not line.strip():
            continue
        summary.lines += 1
        event = parse_line(line)
        if event is None:
            summary.unprefixed += 1
            continue
        seen.add(event.pod)
        if event.pod in nodes:
            summary.nodes.setdefault(nodes[event.pod], Tally()).add(event)
        else:
            summary.gone.setdefault(event.pod, Tally()).add(event)
        summary.unknown_format += not event.known_format
        if event.failure and event.failure.status != 401:
            summary.other[event.failure.installation, event.failure.status] += 1
        elif event.failure and event.failure.cached:
            summary.cached[event.failure.installation] += 1
    summary.silent_pods = sorted(set(nodes) - seen)
    return summary


def verdict(summary: Summary, installation: Installation) -> Verdict:
    """Compare the nodes. Nodes without a 401 count only where calls ended with OK: others may never have asked GitHub."""
    refused: list[str] = []
    answering: list[str] = []
    silent: list[str] = []
    for name, tally in sorted(summary.nodes.items()):
        group = refused if tally.refused[installation] else answering if tally.answered else silent
        group.append(name)
    if not refused:
        pattern: Pattern = "not placed"
    elif len(summary.nodes) == 1:
        pattern = "one node"
    elif answering:
        pattern = "clock"
    else:
        pattern = "nothing to compare" if silent else "credential"
    return Verdict(pattern, refused, answering, silent)


def table(summary: Summary) -> Table:
    """One row a node; nodes with the most 401s first."""
    result = Table(box=box.ASCII2, show_lines=True)
    result.add_column("Node", overflow="fold")
    for title in ("Pods", "Lines", "Calls OK", "401"):
        result.add_column(title, justify="right", no_wrap=True)
    for title in ("Log from, to", "401 from, to"):
        result.add_column(title, no_wrap=True)
    for name, tally in sorted(summary.nodes.items(), key=lambda item: (-item[1].refused.total(), item[0])):
        counts = (len(tally.pods), tally.lines, tally.answered, tally.refused.total())
        cells = (clean(name), *map(str, counts), _span(tally.span), _span(tally.refused_span))
        result.add_row(*(Text(cell) for cell in cells))
    return result


def _span(span: Span) -> str:
    times = sorted({time.strftime("%Y-%m-%dT%H:%M:%SZ") for time in (span.first, span.last) if time})
    return "\n".join(times) or "-"


def explanation(summary: Summary) -> Iterator[str]:
    """What the counts mean, line by line: each installation's 401s, what they are likely to be, and what to run next."""
    yield "Counts are lines of the log, times each node's own clock's (UTC). Calls OK: of the repo-server, for any repository."
    yield from _remarks(summary)
    if not summary.installations:
        yield ""
        yield "No 401 for an installation token in this log."
        return
    for installation in summary.installations:
        yield ""
        yield from _told(summary, installation)
    yield ""
    yield "A likelihood, not a proof: Argo CD's log has the status of GitHub's answer, but never its reason."
    yield "For the reason, on the nodes themselves (INVENTORY: yours; the names as it has them):"
    verdicts = [verdict(summary, each) for each in summary.installations]
    # Where the 401s of none could be placed, any node may be the one.
    names = sorted({name for each in verdicts for name in each.refused}) or sorted(summary.nodes)
    yield clean(f"  skewgate check -i INVENTORY --limit {shlex.quote(','.join(names))}")
    yield "and, of the time daemon, on each of them:"
    yield "  timedatectl"
    yield "  journalctl -u chrony -u chronyd -u systemd-timesyncd -u ntp -u ntpsec --since -1d"


def _told(summary: Summary, installation: Installation) -> Iterator[str]:
    seen = verdict(summary, installation)
    counted = [f"{name} ({summary.nodes[name].refused[installation]})" for name in seen.refused]
    yield clean(
        f"Installation {installation.id} at {installation.api_url}: 401 on {listed(counted) or 'no known node'}"
    )
    for title, names in (
        ("none, and calls that ended OK", seen.answering),
        ("none, but no call OK either", seen.silent),
    ):
        if names:
            yield clean(f"  {title}: {listed(names)}")
    if gone := [
        f"{pod} ({tally.refused[installation]})" for pod, tally in summary.gone.items() if tally.refused[installation]
    ]:
        yield clean(f"  on pods whose node is not known: {listed(sorted(gone))}")
    if cached := summary.cached[installation]:
        yield f"  {cached} more told from Argo CD's cache, which all pods share: they say nothing of the pod's own node"
    yield clean("  " + _MEANINGS[seen.pattern].format(nodes=listed(seen.refused)))


_MEANINGS: dict[Pattern, str] = {
    "clock": "Likely the clock of {nodes}: the credential is the same on every node, and others show no 401.",
    "credential": "Likely the credential: every node has the 401. Or every node's clock is wrong, as where NTP was left out.",
    "one node": "Could not tell clock from credential: the log has no other node to compare {nodes} with.",
    "nothing to compare": "Could not tell clock from credential: no node without the 401 shows that it works.",
    "not placed": "Could not tell: no known node got this 401 itself.",
}


def _remarks(summary: Summary) -> Iterator[str]:
    if summary.gone:
        yield clean(f"Pods that are not in the list of pods (rescheduled since?): {listed(sorted(summary.gone))}")
    if summary.silent_pods:
        yield clean(f"Pods without a line in the log: {listed(summary.silent_pods)}")
    if summary.unprefixed:
        yield f"{summary.unprefixed} of {summary.lines} lines name no pod and were not used."
    if summary.unknown_format:
        yield f"{summary.unknown_format} of {summary.lines} lines are neither logfmt nor JSON: searched for the 401 alone."
    for (installation, status), count in sorted(summary.other.items()):
        yield clean(
            f"Installation {installation.id} at {installation.api_url}: {count} x {status}, which no clock does."
        )
