"""What only all nodes together show: how far apart their clocks are, and what they share. Pure.

Each node's skew is measured on the node, against its references. So it does not matter how many
nodes were checked at a time, or in which order: two skews are compared, never two moments of the
controller. With evidence of several runs, each node counts as it was when its evidence was taken.
"""

from __future__ import annotations

import contextlib
import heapq
import sys
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import chain, islice
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ..chrony.sources import host_key
from ..clock.controller import measured_of
from ..clock.interval import Interval, agree
from ..clock.skew import as_json, is_off
from ..daemons.common.asking import answered, synchronisation
from ..daemons.common.synchronisation import Peer
from ..model import api_clock as of_api
from ..model.record import Record
from ..model.wording import difference_text, listed, range_text, skew_text

WORTH_REPORTING_S = 0.05
"""The smallest limit of a cluster: Ceph's ``mon_clock_drift_allowed``,
node-mixin's NodeClockSkewDetected.
"""


@dataclass(frozen=True)
class FleetFinding:
    """What several nodes show together.

    It changes no node's verdict: the node's checks report its faults.
    """

    id: str
    summary: str
    why: str
    remedy: str
    nodes: tuple[str, ...]


def judge_fleet(records: Mapping[str, Record]) -> dict[str, Any]:
    """``report.json``'s ``fleet``, from all nodes' records by name."""
    fleet = Fleet()
    for name, record in records.items():
        fleet.add(name, record)
    return fleet.judged()


MOST_SERVERS = 100
"""At most this many servers of a node count; a node that names more is not honest."""


class Measured(NamedTuple):
    """What the controller had measured of its clock when it signed for a node,
    at ``signed_ns`` of that clock.
    """

    signed_ns: float
    skew_s: Interval | None
    unknown_because: str


class Fleet:
    """The data of each node that count for all nodes together.

    Records come one by one, and are not kept.
    """

    def __init__(self) -> None:
        """No node yet."""
        self.skews: dict[str, Interval] = {}
        self.controller_skews: dict[str, Interval] = {}
        self.measured: dict[str, Measured] = {}
        self.apis_ahead: dict[str, dict[str, Interval]] = defaultdict(dict)
        self.servers = _Servers()
        self.members = _Members()

    def add(self, name: str, record: Record) -> None:
        """Take from a node's record what counts for all nodes."""
        estimate = record.skew
        if estimate.skew_s is not None:
            self.skews[name] = estimate.skew_s
            # A node whose skew is unknown cannot show the controller's: its only
            # reference may be wrong.
            if estimate.controller_skew_s is not None:
                self.controller_skews[name] = estimate.controller_skew_s
        for url in estimate.contradicted_apis:
            if (ahead_s := estimate.api_ahead_s(url)) is not None and is_off(ahead_s):
                self.apis_ahead[url][name] = ahead_s
        with contextlib.suppress(Exception):
            if clock := measured_of(record.data["controller"]):
                signed_ns = float(record.data["controller"]["before_ns"])
                self.measured[name] = Measured(signed_ns, clock.skew_s, sys.intern(clock.unknown_because))
        asked, peers = _asked(record), _peers(record)
        self.servers.add(name, {**_by_daemon(asked, peers), **_by_exchange(record, asked, peers)})
        self.members.add(name, record, asked, peers)

    def judged(self) -> dict[str, Any]:
        """``report.json``'s ``fleet``."""
        controller_s = _controller_skew(self.controller_skews)
        measured = dict(sorted(self.measured.items(), key=lambda each: each[1].signed_ns))  # the latest comes last
        findings = [
            *_off_together(self.skews, controller_s),
            *_controller_off(controller_s, list(self.skews), measured),
            *_controller_unknown(measured),
            *_apis_off(self.apis_ahead),
            *self.servers.findings(),
            *self.members.findings(),
        ]
        return {
            "spread_s": spread(self.skews),
            "controller_skew_s": as_json(controller_s),
            "controller_measured_s": as_json(_latest(measured)),
            "findings": [{**asdict(finding), "nodes": list(finding.nodes)} for finding in findings],
        }


def spread(skews: Mapping[str, Interval]) -> dict[str, Any] | None:
    """The largest difference between two nodes: at least ``low``, which is proved by the two that
    are named, at most ``high``.

    Node i is ahead of node j by a value in ``[low_i - high_j, high_i - low_j]``. Of all pairs,
    the largest such ``low`` has the largest ``low_i`` and the smallest ``high_j``, so there is no
    need to go through the pairs. ``None`` for fewer than two nodes; no node is named if no two
    are proved to differ.
    """
    if len(skews) < 2:
        return None
    ahead = max(skews, key=lambda name: skews[name].low)
    behind = min(skews, key=lambda name: skews[name].high)
    low_s = skews[ahead].low - skews[behind].high
    proved = low_s > 0
    highest = heapq.nlargest(2, skews, key=lambda name: skews[name].high)
    lowest = heapq.nsmallest(2, skews, key=lambda name: skews[name].low)
    high_s = max(skews[i].high - skews[j].low for i in highest for j in lowest if i != j)
    return {
        "low": round(max(low_s, 0.0), 6),
        "high": round(high_s, 6),
        "ahead": ahead if proved else None,
        "behind": behind if proved else None,
    }


def _controller_skew(readings: Mapping[str, Interval]) -> Interval | None:
    """Controller minus true time, on which most nodes agree;
    ``None`` if they do not, or if none shows it.
    """
    try:
        return agree(readings).interval
    except ValueError:
        return None


def _off_together(skews: Mapping[str, Interval], controller_s: Interval | None) -> Iterator[FleetFinding]:
    """All nodes are on one side of the true time, and nearer to each other than to it."""
    apart = spread(skews)
    if apart is None:
        return
    ahead = all(i.low > WORTH_REPORTING_S for i in skews.values())
    behind = all(i.high < -WORTH_REPORTING_S for i in skews.values())
    nearest_s = min(min(abs(i.low), abs(i.high)) for i in skews.values())
    if not (ahead or behind) or apart["high"] > nearest_s:
        return
    together = range_text(_around(skews.values()))
    with_controller = controller_s is not None and all(controller_s.overlaps(i) for i in skews.values())
    yield FleetFinding(
        "fleet_off_together",
        f"all {len(skews)} nodes whose skew is known are off together: {together}, and only "
        f"{difference_text(Interval(apart['low'], apart['high']))} apart"
        + ("; the controller's clock agrees with them, so the references may be wrong" if with_controller else ""),
        "Clocks that are off by the same amount have the same source. It is wrong, and the next node will get a wrong time too.",
        "Find the source that they share: the NTP server that they follow, or the hypervisor or template that set their clocks. "
        "Compare gate_ntp_servers with a clock that you trust.",
        tuple(skews),
    )


def _around(intervals: Collection[Interval]) -> Interval:
    """The smallest interval that holds all of them."""
    return Interval(min(i.low for i in intervals), max(i.high for i in intervals))


def _controller_off(
    by_nodes_s: Interval | None, nodes: Sequence[str], measured: Mapping[str, Measured]
) -> Iterator[FleetFinding]:
    """According to the nodes' references, or if these do not show it,
    to the controller's measurement.
    """
    off_s, by = (
        (_latest(measured), "its own measurement")
        if by_nodes_s is None
        else (by_nodes_s, "the references of most nodes")
    )
    if off_s is None or not is_off(off_s):
        return
    yield FleetFinding(
        "controller_clock",
        f"the controller's clock is {skew_text(off_s)}, according to {by}",
        "It dates the reports, and the age of an admission counts from that. The nodes' skews do not depend on it.",
        "Fix this machine's clock like that of a node: it needs one time daemon with servers that answer it.",
        tuple(measured if by_nodes_s is None else nodes),
    )


def _apis_off(ahead_s: Mapping[str, Mapping[str, Interval]]) -> Iterator[FleetFinding]:
    """APIs whose clock the references of several nodes contradict, each once for all of them."""
    for url, by_node in ahead_s.items():
        if len(by_node) < 2:
            continue
        off_s = _around(by_node.values())
        yield FleetFinding(
            "api_clock",
            f"the clock of {urlsplit(url).netloc} is {range_text(off_s)}, according to the references of {len(by_node)} nodes",
            of_api.why(url),
            of_api.remedy(url),
            tuple(sorted(by_node)),
        )


def _latest(measured: Mapping[str, Measured]) -> Interval | None:
    """What the controller last measured of its clock."""
    return next((clock.skew_s for clock in reversed([*measured.values()]) if clock.skew_s), None)


def _controller_unknown(measured: Mapping[str, Measured]) -> Iterator[FleetFinding]:
    """A controller that could not check its own clock, once for all nodes with the same reason."""
    nodes: dict[str, list[str]] = defaultdict(list)
    for name, clock in measured.items():
        if clock.skew_s is None:
            nodes[clock.unknown_because].append(name)
    for why, names in nodes.items():
        yield FleetFinding(
            "controller_time_unknown",
            f"the controller could not check its own clock: {why}",
            "JWTs were dated by that clock as it is, and none was signed for more than 2 s after it. If it is behind, good nodes "
            "seem to be ahead, and cannot be judged.",
            "Let this machine reach the servers of gate_ntp_servers (UDP 123) or the GitHub API (TCP 443), then run "
            "the check again.",
            tuple(sorted(names)),
        )


class ServerFault(StrEnum):
    """The fault of an NTP server that is of no use."""

    NO_TIME = "no_time"
    WRONG_TIME = "wrong_time"


Answers = dict[str, tuple[ServerFault | None, str]]
"""A node's servers by name, with the fault of each, if any, and the sign of it."""

Asked = Mapping[str, Sequence[str]]
"""The servers that a node was compared with, and their addresses."""

_GOT = {ServerFault.NO_TIME: "no usable time", ServerFault.WRONG_TIME: "a wrong time"}


class _Servers:
    """Which NTP servers the nodes asked, and which servers were of no use to which nodes."""

    def __init__(self) -> None:
        self._asked: dict[str, int] = defaultdict(int)
        self._nodes: dict[tuple[ServerFault, str], list[str]] = defaultdict(list)
        self._reasons: dict[tuple[ServerFault, str], set[str]] = defaultdict(set)

    def add(self, node: str, answers: Answers) -> None:
        """Count the faults of a node's servers."""
        for server, (fault, reason) in islice(answers.items(), MOST_SERVERS):
            self._asked[server] += 1
            if fault:
                self._nodes[fault, server].append(node)
                self._reasons[fault, server].add(reason)

    def findings(self) -> Iterator[FleetFinding]:
        """Servers that are of no use to two nodes or more;
        those with the same fault on the same nodes are one finding.
        """
        together: dict[tuple[ServerFault, tuple[str, ...], int], list[str]] = defaultdict(list)
        for (fault, server), nodes in self._nodes.items():
            if len(nodes) > 1:
                together[fault, tuple(nodes), self._asked[server]].append(server)
        for (fault, names, number), servers in together.items():
            reasons = sorted(set[str]().union(*(self._reasons[fault, server] for server in servers)))
            everywhere = len(names) == number
            whom = (
                f"all {number} nodes that asked"
                if everywhere
                else f"{len(names)} of {number} nodes that asked ({listed(names)})"
            )
            yield FleetFinding(
                "ntp_server_shared",
                f"{whom} got {_GOT[fault]} from {listed(servers)}: {listed(reasons, most=3)}",
                "A node with fewer than three good servers cannot outvote a wrong one, and a node without any drifts.",
                _SERVER_REMEDY[fault][everywhere],
                names,
            )


def _by_exchange(record: Record, asked: Asked, peers: Sequence[Peer]) -> Answers:
    """According to the node's exchanges with each server of ``gate_ntp_servers``, less those that
    are silent and answer its daemon: they limit how often they are asked.
    """
    found: Answers = {}
    silent = {of: asked.get(of, ()) for of, r in record.skew.ntp.items() if r.problem and r.problem.kind == "silent"}
    by_daemon = answered(peers, silent)
    for server, reference in record.skew.ntp.items():
        if not reference.asked or server in by_daemon:
            continue
        if reference.skew_s is None:
            found[server] = ServerFault.NO_TIME, reference.detail
        elif reference.name in record.skew.falsetickers:
            found[server] = ServerFault.WRONG_TIME, "their other references contradict it"
        else:
            found[server] = None, ""
    return found


def _by_daemon(asked: Asked, peers: Sequence[Peer]) -> Answers:
    """According to the node's time daemon.

    A source has the name that ``gate_ntp_servers`` has for its address.
    """
    names = {host_key(address): server for server, addresses in asked.items() for address in (server, *addresses)}
    found: Answers = {}
    for peer in peers:
        fault: tuple[ServerFault | None, str] = (None, "")
        if peer.state == "falseticker":
            fault = ServerFault.WRONG_TIME, "their time daemon's other sources contradict it"
        elif not peer.answers:
            fault = ServerFault.NO_TIME, "their time daemon gets no usable answer"
        found[names.get(host_key(peer.address)) or names.get(host_key(peer.name), peer.name)] = fault
    return found


_SERVER_REMEDY = {
    ServerFault.NO_TIME: (
        "Find what these nodes share on the way to it (subnet, firewall, route, the server's access list). The server works, "
        "because it answers other nodes.",
        "If it is one server of several, check the server first. If it is all of them, check the network that every node uses on "
        "the way to them (UDP 123). The fault is the same for all nodes that asked.",
    ),
    ServerFault.WRONG_TIME: (
        "Check whether several machines answer under one name, and whether the way to it from these nodes is slower in one "
        "direction. For other nodes its time is right.",
        "Fix the server (its time is wrong for every node), or remove it from the nodes' configuration and from "
        "gate_ntp_servers.",
    ),
}
"""For each fault: if some nodes have it, and if all that asked have it.

This distinguishes a server's fault from the network's.
"""


class _Members:
    """The nodes' addresses, and those that they take their time from or are compared with."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._following: dict[frozenset[str], list[str]] = defaultdict(list)

    def add(self, node: str, record: Record, asked: Asked, peers: Sequence[Peer]) -> None:
        """Note a node's addresses, if its record has them, and its sources;
        most nodes follow the same.
        """
        for address in (node, record.data.get("address")):
            if isinstance(address, str):
                self._names[host_key(address)] = node
        servers = (text for server, addresses in asked.items() for text in (server, *addresses))
        daemons = (text for peer in peers for text in (peer.name, peer.address))
        self._following[frozenset(map(host_key, islice(chain(servers, daemons), MOST_SERVERS)))].append(node)

    def findings(self) -> Iterator[FleetFinding]:
        """Nodes that other nodes take their time from or are compared with."""
        serving: set[str] = set()
        served: list[str] = []
        for followed, nodes in self._following.items():
            if found := {self._names[server] for server in followed & self._names.keys()}:
                serving |= found
                served += nodes
        if served:
            yield FleetFinding(
                "fleet_members_as_servers",
                f"{listed(sorted(serving))} of this fleet {'is a source' if len(serving) == 1 else 'are sources'} of time for "
                f"{len(served)} of its nodes",
                "If a node is compared with another node of the fleet, neither proves the other right: if both are off, they "
                "agree.",
                "Name NTP servers outside the fleet in gate_ntp_servers, and let these nodes follow them too.",
                tuple(sorted(served)),
            )


# If a node did not show something, or in an unknown form, its checks report that.


def _asked(record: Record) -> dict[str, list[str]]:
    """The servers that a node was compared with, and their addresses."""
    with contextlib.suppress(Exception):
        return {_text(entry["server"]): [*map(_text, entry["addresses"])] for entry in record.section("ntp")["servers"]}
    return {}


def _text(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError("a name is a text")
    return name


def _peers(record: Record) -> tuple[Peer, ...]:
    """The sources of the node's time daemon."""
    with contextlib.suppress(Exception):
        return synchronisation(record).peers
    return ()
