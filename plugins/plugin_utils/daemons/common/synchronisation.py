"""What any time daemon says of its synchronisation, in one form: seconds everywhere, and positive
offsets mean *ahead*.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from ...model.record import Record

PeerState = Literal["selected", "candidate", "falseticker", "unreachable", "unusable", "unresolved", "unknown"]

STALE_AFTER_INTERVALS = 8
"""ClockBound distrusts chronyd when its last update is older than eight of its intervals; held for
every daemon here."""

KERNEL_UNSYNCHRONISED_S = 16.0
"""NTP_PHASE_LIMIT of the kernel's include/linux/timex.h: with this maxerror the clock counts as
unsynchronised."""

KERNEL_GROWTH = 500e-6
"""By so much a second the kernel grows maxerror while no daemon sets it (MAXFREQ;
kernel/time/ntp.c, second_overflow)."""

_GROWTH_LEEWAY = 1.02
"""The age of an update is known to some seconds, and a sample is a little older than the update
that it leads to."""


class Unfit(StrEnum):
    """Why a daemon does not use a source that answers it."""

    ROOT_DISTANCE = "root_distance"
    NOT_SYNCHRONISED = "not_synchronised"
    OTHER = "other"


@dataclass(frozen=True)
class Reason:
    """Why a source is not used, and the same in half a sentence for people."""

    unfit: Unfit
    words: str


@dataclass(frozen=True)
class DistanceLimit:
    """The root distance beyond which a daemon uses no source.

    ``setting``: what sets it, and where.
    """

    limit_s: float
    setting: str


@dataclass(frozen=True)
class Peer:
    """A source of the daemon.

    ``offset_s`` > 0: the node is ahead of it; ``reach`` is the register of its last eight polls.

    ``address``: set if ``name`` is not an address and the daemon shows it. ``reason``: why it is
    not used, if the daemon shows that.
    """

    name: str
    state: PeerState
    stratum: int | None = None
    reach: int | None = None
    refid: str | None = None
    offset_s: float | None = None
    last_rx_s: float | None = None
    address: str = ""
    reason: Reason | None = None

    @property
    def shown(self) -> str:
        """Its name, and its address if that differs."""
        return f"{self.name} ({self.address})" if self.address not in ("", self.name) else self.name

    @property
    def selected(self) -> bool:
        """Whether the daemon follows it."""
        return self.state == "selected"

    @property
    def answers(self) -> bool:
        """Whether it has answered one of its last polls, as far as the daemon shows it."""
        return self.state not in ("unreachable", "unresolved") and self.reach != 0


class ErrorPart(StrEnum):
    """What a daemon's bound of its clock's error is made of, besides the offset."""

    ROOT_DELAY = "half of the root delay"
    DELAY = "half of the delay"
    ROOT_DISPERSION = "root dispersion"
    JITTER = "jitter"
    BOUND = "the bound at its last update"
    DRIFT = "the drift since then"


def root_error(root_delay_s: float, root_dispersion_s: float) -> dict[ErrorPart, float]:
    """The root distance in its parts (RFC 5905, appendix A.5.5.2)."""
    return {ErrorPart.ROOT_DELAY: root_delay_s / 2, ErrorPart.ROOT_DISPERSION: root_dispersion_s}


@dataclass(frozen=True)
class Advice:
    """What to do about it, in the daemon's own terms.

    ``poll``: how to have it ask its sources more often.
    """

    servers: str
    step: str
    own_clock: str = ""
    poll: str = ""

    def naming(self, unit: str) -> Advice:
        """The same with the unit's name in the place of ``{unit}``."""
        return Advice(*(text.format(unit=unit) for text in (self.servers, self.step, self.own_clock, self.poll)))


@dataclass(frozen=True)
class Synchronisation:
    """What the daemon claims, in ``claim`` in its own words, and what it shows beside that.

    Its clock is ``offset_s`` ahead (None: not shown), according to its own figures ±
    ``max_error_s``, the sum of ``error_parts_s`` (None: no figures). ``own_clock``: it follows the
    node's own clock. ``last_update_age_s`` < 0: in this clock's future. ``sets_maxerror``: each of
    its updates sets the kernel's maxerror, to ``max_error_s`` and at most ``to_slew_s`` more: what
    was still to be slewed away then, or the other half of the root delay. ``shows_age``: its claim
    outlives its sources, so it counts only with the age of its last update. ``distance_limit``:
    None if it has none, or if it is not known. ``spare``: the sources that it tries in turn with
    its one peer, and does not show. ``poll_s``: how often it asks, set if its last interval may be
    longer because replies were missing.
    """

    daemon: str
    unit: str
    claims: bool
    claim: str
    peers: tuple[Peer, ...]
    advice: Advice
    stratum: int | None = None
    refid: str | None = None
    own_clock: bool = False
    last_update_age_s: float | None = None
    stale_after_s: float | None = None
    offset_s: float | None = None
    error_parts_s: Mapping[ErrorPart, float] = field(default_factory=dict)
    sets_maxerror: bool = False
    to_slew_s: float = 0.0
    shows_age: bool = True
    distance_limit: DistanceLimit | None = None
    spare: tuple[Peer, ...] = ()
    poll_s: float | None = None

    @property
    def max_error_s(self) -> float | None:
        """How far off the clock may be besides ``offset_s``; None if the daemon has no figures."""
        return sum(self.error_parts_s.values()) if self.error_parts_s else None

    @property
    def interval_s(self) -> float | None:
        """The time from one of its updates to the next; None if it is not shown."""
        if self.poll_s is not None:
            return self.poll_s
        return None if self.stale_after_s is None else self.stale_after_s / STALE_AFTER_INTERVALS

    @property
    def follows(self) -> tuple[Peer, ...]:
        """The sources that it has selected and that still answer."""
        return tuple(peer for peer in self.peers if peer.selected and peer.answers)

    @property
    def bound_s(self) -> float | None:
        """How far off the clock may be by the daemon's own figures; None if it has none."""
        if self.offset_s is None and self.max_error_s is None:
            return None
        return abs(self.offset_s or 0.0) + (self.max_error_s or 0.0)


@dataclass(frozen=True)
class Kernel:
    """The kernel's own view, from adjtimex(2): ``offset_s`` > 0 as everywhere (ahead), what is
    still to be slewed away.
    """

    max_error_s: float
    offset_s: float

    @property
    def synchronised(self) -> bool:
        """What timedatectl shows as NTPSynchronized (systemd, src/basic/time-util.c,
        ntp_synced).
        """
        return self.max_error_s < KERNEL_UNSYNCHRONISED_S

    @property
    def set_at_most_ago_s(self) -> float | None:
        """How long ago a daemon set maxerror, at most: exact if it sets it to 0; None if
        unknown.
        """
        return self.max_error_s / KERNEL_GROWTH if self.synchronised else None

    def reaches_limit_within(self, age_s: float, error_s: float) -> bool:
        """Whether the kernel's own growth takes maxerror to its limit, from ``error_s`` at an
        update so long ago.

        That is 8.9 h without an update: the normal state of a clock that is set once in 18 h
        (`maxpoll 16`) or once a day.
        """
        return error_s + _GROWTH_LEEWAY * KERNEL_GROWTH * age_s >= KERNEL_UNSYNCHRONISED_S


def kernel(record: Record) -> Kernel | None:
    """The kernel's view, or None if adjtimex(2) showed nothing."""
    adjtimex = (record.evidence.get("clock") or {}).get("adjtimex") or {}
    if "maxerror_us" not in adjtimex:
        return None
    return Kernel(adjtimex["maxerror_us"] / 1e6, 0.0 - (adjtimex.get("offset_us") or 0) / 1e6)
