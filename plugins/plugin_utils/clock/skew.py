"""How far a node's clock is ahead of true time: each reference's interval, and what a majority of
them leaves possible.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, Literal
from urllib.parse import urlsplit

from .interval import Interval, agree, difference
from .ntp_packet import NS, NtpError, NtpSample, decode_sample

MAX_WALL_JUMP_S = 0.5
"""It is more than chronyd's fastest slew (100000 ppm) moves a clock during a collection."""

CONTROLLER_MAX_OFF_S = 1.0
"""If the controller is further off than this, according to the node's references, the report says
so. JWTs and reports are dated by its clock."""


class UnknownSkew(StrEnum):
    """Why a node's skew is not known."""

    NO_REFERENCE = "no_reference"
    DISAGREE = "references_disagree"
    MOVED = "clock_moved"
    UNREADABLE = "evidence_unreadable"


@dataclass(frozen=True, kw_only=True)
class Reference:
    """One reference's reading of the node's clock, or why it gave none.

    ``of``: the NTP server's name as it was asked, the API's URL, or empty for the controller.
    ``problem``: the most specific of an NTP server's problems. ``identity``: the machines that it
    is, and the upstreams that it follows. References with a common one share a vote.
    """

    kind: Literal["ntp", "date", "controller"]
    of: str = ""
    skew_s: Interval | None = None
    detail: str = ""
    asked: bool = True
    problem: NtpError | None = None
    identity: frozenset[int | str] = frozenset()

    @cached_property
    def name(self) -> str:
        """Its name in reports, which is unique among a node's references."""
        return f"{self.kind} {self.of}".rstrip()


CONTROLLER = Reference(kind="controller").name


@dataclass(frozen=True)
class SkewEstimate:
    """The node's skew (positive: ahead), or ``None`` and why it is unknown."""

    skew_s: Interval | None
    references: tuple[Reference, ...]
    falsetickers: tuple[str, ...] = ()
    unknown: UnknownSkew | None = None
    unknown_because: str = ""
    controller_skew_s: Interval | None = None
    """Controller minus true time, by the node's references without the controller, if these
    agree."""

    @property
    def ntp(self) -> dict[str, Reference]:
        """The reading of each NTP server, by its name in ``gate_ntp_servers``."""
        return {r.of: r for r in self.references if r.kind == "ntp"}

    @property
    def votes(self) -> int:
        """How many references agree on the skew. Those that are not independent count as one."""
        return sum(not set(names) <= set(self.falsetickers) for names in _independent(self.references))

    @property
    def controller_is_off(self) -> bool:
        """Whether the node's references prove that the controller's clock is wrong."""
        return self.controller_skew_s is not None and is_off(self.controller_skew_s)

    @cached_property
    def contradicted_apis(self) -> dict[str, Interval]:
        """By URL, node minus API for each API whose ``Date`` the majority contradicts."""
        return {
            r.of: r.skew_s for r in self.references if r.kind == "date" and r.skew_s and r.name in self.falsetickers
        }

    def api_ahead_s(self, url: str) -> Interval | None:
        """API minus true time, for an API whose ``Date`` the majority contradicts; None for any
        other.
        """
        reading_s = self.contradicted_apis.get(url)
        return None if reading_s is None or self.skew_s is None else difference(self.skew_s, reading_s)

    def seen(self) -> dict[str, Any]:
        """The estimate as a finding shows it."""
        return {
            "skew_s": as_json(self.skew_s),
            "references": {r.name: {"skew_s": as_json(r.skew_s), "detail": r.detail} for r in self.references},
            "falsetickers": list(self.falsetickers),
            "shared_votes": [list(names) for names in shared_votes(self.references)],
            "controller_skew_s": as_json(self.controller_skew_s),
        }


def is_off(controller_skew_s: Interval) -> bool:
    """Whether a controller's clock is so far from true time that the report must say so."""
    return not controller_skew_s.overlaps(Interval(-CONTROLLER_MAX_OFF_S, CONTROLLER_MAX_OFF_S))


def as_json(interval: Interval | None) -> dict[str, float] | None:
    """An interval as reports write it, to the microsecond."""
    return None if interval is None else {"low": round(interval.low, 6), "high": round(interval.high, 6)}


def estimate_skew(evidence: Mapping[str, Any], controller: Mapping[str, Any] | None) -> SkewEstimate:
    """Estimate the skew from a node's evidence (``skewgate/evidence/1``) and the controller's clock
    around its taking.

    The controller alone proves nothing, because nothing checks its clock. It needs another
    reference beside it. If its own measurement shows, by two or more independent references, that
    it is off, it does not count against other references.
    """
    found = (
        *(_ntp_reference(server) for server in _entries(evidence, "ntp", "servers")),
        *(_date_reference(api) for api in _entries(evidence, "api_date", "apis")),
        *_controller_reference(evidence, controller),
    )

    def unknown(key: UnknownSkew, why: str, controller_skew_s: Interval | None = None) -> SkewEstimate:
        return SkewEstimate(None, found, (), key, why, controller_skew_s)

    jump_s = _wall_jump_s(evidence)
    if jump_s > MAX_WALL_JUMP_S:
        return unknown(UnknownSkew.MOVED, f"the clock was moved by {jump_s:.3f} s while it was measured")
    readings = {r.name: r.skew_s for r in found if r.skew_s}
    if not set(readings) - {CONTROLLER}:
        why = "; ".join(f"{r.name}: {r.detail}" for r in found if not r.skew_s)
        return unknown(UnknownSkew.NO_REFERENCE, f"no reference answered: {why}")
    weights = _votes(found)
    controller_skew_s = _controller_skew(readings, weights)
    own_error = (CONTROLLER,) if CONTROLLER in readings and _knows_that_it_is_off(controller) else ()
    try:
        agreement = agree({name: i for name, i in readings.items() if name not in own_error}, weights)
    except ValueError as error:
        shared = "".join(f"; {', '.join(names)} share one vote" for names in shared_votes(found))
        return unknown(UnknownSkew.DISAGREE, f"{error}{shared}", controller_skew_s)
    if set(agreement.agreeing) <= {CONTROLLER}:
        return unknown(UnknownSkew.DISAGREE, "only the controller's clock is left of them", controller_skew_s)
    falsetickers = (*agreement.falsetickers, *own_error)
    return SkewEstimate(agreement.interval, found, falsetickers, controller_skew_s=controller_skew_s)


def shared_votes(references: Iterable[Reference]) -> list[tuple[str, ...]]:
    """The groups of references that share one vote: one machine under several names, or followers
    of one upstream.
    """
    return [names for names in _independent(references) if len(names) > 1]


def _votes(references: Iterable[Reference]) -> dict[str, int]:
    groups = _independent(references)
    vote = math.lcm(*map(len, groups))  # whole numbers, so three thirds are exactly one
    return {name: vote // len(names) for names in groups for name in names}


def _independent(references: Iterable[Reference]) -> list[tuple[str, ...]]:
    """The names of the references with a reading, grouped if they share an identity, even
    indirectly.
    """
    groups: list[tuple[tuple[str, ...], frozenset[int | str]]] = []
    for reference in references:
        if reference.skew_s is None:
            continue
        joined = [group for group in groups if group[1] & reference.identity]
        names = (*(name for group in joined for name in group[0]), reference.name)
        identity = reference.identity.union(*(group[1] for group in joined))
        groups = [*(group for group in groups if group not in joined), (names, identity)]
    return [names for names, _identity in groups]


def _controller_skew(readings: Mapping[str, Interval], weights: Mapping[str, int]) -> Interval | None:
    """Controller minus true time.

    It is node minus true time (without the controller's vote), less node minus controller.
    """
    bracket = readings.get(CONTROLLER)
    if bracket is None:
        return None
    try:
        node = agree({name: i for name, i in readings.items() if name != CONTROLLER}, weights).interval
    except ValueError:
        return None
    return difference(node, bracket)


def _knows_that_it_is_off(controller: Mapping[str, Any] | None) -> bool:
    """Whether the controller measured, with more than one reference, that its own clock is off."""
    measured = (controller or {}).get("measured") or {}
    off_s = measured.get("skew_s")
    return (measured.get("votes") or 0) >= 2 and off_s is not None and is_off(Interval(off_s["low"], off_s["high"]))


def controller_bracket(collected: Mapping[str, Any], controller: Mapping[str, int]) -> Interval:
    """Node minus controller: the module began after ``before_ns`` and ended before ``after_ns`` of
    the controller's clock.
    """
    began_ns = collected["wall_ns"]
    ended_ns = began_ns + collected["end_mono_ns"] - collected["mono_ns"]
    return Interval((ended_ns - controller["after_ns"]) / NS, (began_ns - controller["before_ns"]) / NS)


def _controller_reference(evidence: Mapping[str, Any], controller: Mapping[str, int] | None) -> Iterator[Reference]:
    """The controller's clock around the module call.

    Nothing if the node is the controller itself, which would confirm its own clock.
    """
    if not controller or controller.get("same_machine") or "collected" not in evidence:
        return
    try:
        bracket = controller_bracket(evidence["collected"], controller)
    except ValueError:
        yield Reference(kind="controller", detail="the controller's own clock was moved during the module call")
    else:
        yield Reference(kind="controller", skew_s=bracket, detail="the controller's clock around the module call")


def _entries(evidence: Mapping[str, Any], section: str, key: str) -> list[Mapping[str, Any]]:
    return list((evidence.get(section) or {}).get(key) or [])


def _ntp_reference(server: Mapping[str, Any]) -> Reference:
    """The server's sample with the least delay: the network disturbed it least (RFC 5905, section
    10).
    """
    name = server["server"]
    if not isinstance(name, str):
        raise TypeError(f"a server's name is a text, found {type(name).__name__}")
    usable: list[NtpSample] = []
    problems = [NtpError("dns", server["error"])] if server.get("error") else []
    for sample in server.get("samples") or []:
        try:
            usable.append(decode_sample(sample))
        except NtpError as error:
            problems.append(error)
    if not usable:
        detail = "; ".join(dict.fromkeys(map(str, problems))) or "not asked"
        problem = min(problems, key=lambda error: _MOST_SPECIFIC.index(error.kind), default=None)
        return Reference(kind="ntp", of=name, detail=detail, asked=bool(problems), problem=problem)
    best = min(usable, key=lambda s: s.delay_s)
    detail = f"stratum {best.stratum}, delay {best.delay_s:.6f} s, root distance {best.root_distance_s:.6f} s"
    followed = {(sample.address, sample.stratum, sample.reference_id) for sample in usable}
    identity = frozenset().union(*(_identity(*who) for who in followed))
    return Reference(kind="ntp", of=name, skew_s=best.skew_s, detail=detail, identity=identity)


_MOST_SPECIFIC = ("kiss", "bad_time", "strange", "refused", "silent", "unreachable", "other", "dns")
"""The order of problems among a server's addresses and samples. Any answer comes before no answer.
An IPv6 address without a route says nothing about the IPv4 address."""


def _identity(address: str, stratum: int, reference_id: int) -> frozenset[int]:
    """The server and its upstream, as reference IDs. A server and its follower have one in common.

    From stratum 2 on, the reference ID is the upstream's IPv4 address, or the first four octets of
    the MD5 of its IPv6 address (RFC 5905, figure 12). Below stratum 2 it names a kind of clock,
    which many servers have. 127.0.0.0/8 means the server's own clock (127.127.1.1 is chrony's
    `local`), which is not an upstream either.
    """
    try:
        packed = ipaddress.ip_address(address.partition("%")[0]).packed
    except ValueError:
        return frozenset()
    own = packed if len(packed) == 4 else hashlib.md5(packed, usedforsecurity=False).digest()[:4]
    follows = stratum >= 2 and reference_id >> 24 not in (0, 127)
    return frozenset({int.from_bytes(own, "big")} | ({reference_id} if follows else set()))


def _date_reference(api: Mapping[str, Any]) -> Reference:
    """The API's ``Date`` D has whole seconds: node minus API lies in ``[t_send - D - 1, t_recv -
    D]``; answers intersect.

    One name may stand for several machines with different clocks. If no instant fits all answers,
    the interval contains each of them.

    A verified certificate proves that the answer is from the API's host. Without it, anybody could
    have sent the Date.
    """
    fits: list[Interval] = []
    problem = "not asked"
    for answer in api.get("answers") or []:
        if answer.get("error"):
            problem = f"{answer['error']['phase']}: {answer['error']['message']}"
            continue
        if not answer.get("date") or not answer.get("verified"):
            problem = "the answer had no Date" if answer.get("verified") else "the certificate could not be verified"
            continue
        try:
            date = parsedate_to_datetime(answer["date"])
        except ValueError:
            problem = f"the Date could not be read: {answer['date']!r}"
            continue
        # A Date is GMT in all of its forms (RFC 9110, 5.6.7). A form without a zone would be read
        # in the controller's zone.
        date_s = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
        sent_s = answer["t_send_wall_ns"] / NS
        received_s = sent_s + (answer["t_recv_mono_ns"] - answer["t_send_mono_ns"]) / NS
        fits.append(Interval(sent_s - date_s - 1, received_s - date_s))
    if not fits:
        return Reference(kind="date", of=api["url"], detail=problem)
    low, high = max(fit.low for fit in fits), min(fit.high for fit in fits)
    detail = f"{len(fits)} answers of whole seconds"
    if low > high:
        detail += f", of machines whose clocks are at least {low - high:.3f} s apart"
        low, high = min(fit.low for fit in fits), max(fit.high for fit in fits)
    host = frozenset({f"host {urlsplit(api['url']).hostname}"})
    return Reference(kind="date", of=api["url"], skew_s=Interval(low, high), detail=detail, identity=host)


def _wall_jump_s(evidence: Mapping[str, Any]) -> float:
    """How much wall and monotonic time disagree between the readings of one collection."""
    pairs = [(evidence["collected"]["wall_ns"], evidence["collected"]["mono_ns"])] if "collected" in evidence else []
    for server in _entries(evidence, "ntp", "servers"):
        pairs += [(s["t1_wall_ns"], s["t1_mono_ns"]) for s in server.get("samples") or [] if "t1_mono_ns" in s]
    for api in _entries(evidence, "api_date", "apis"):
        pairs += [(a["t_send_wall_ns"], a["t_send_mono_ns"]) for a in api.get("answers") or [] if "t_send_wall_ns" in a]
    offsets = [wall - mono for wall, mono in pairs]
    return (max(offsets) - min(offsets)) / NS if offsets else 0.0
