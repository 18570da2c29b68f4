"""The truth of a case: clocks, references, network, daemon and policy. Nothing here judges.

Seconds everywhere, counted from the moment at which the node's module begins. Skews and offsets are
positive for a clock that is ahead of true time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

NTP_ERA_S = 2**32


class Motion(StrEnum):
    """What the node's clock does while it is checked."""

    STILL = "still"
    DRIFT = "drifts"
    SLEW = "is slewed"
    STEP = "is stepped"


@dataclass(frozen=True)
class Clock:
    """The node's clock: how far it is ahead at the beginning, and what changes that."""

    skew_s: float
    motion: Motion = Motion.STILL
    rate: float = 0.0
    step_s: float = 0.0
    step_at_s: float = 0.0

    def skew_at(self, after_s: float) -> float:
        """How far it is ahead of true time, so long after the beginning."""
        stepped_s = self.step_s if self.motion is Motion.STEP and after_s >= self.step_at_s else 0.0
        return self.skew_s + self.rate * after_s + stepped_s


class ServerKind(StrEnum):
    """What an NTP server is or does."""

    HONEST = "honest"
    FALSETICKER = "falseticker"
    COLLUDING = "colluding"
    SMEARED_LINEAR = "smeared leap second, linear"
    SMEARED_COSINE = "smeared leap second, cosine"
    LEAP_MISSED = "leap second missed"
    LEAP_ANNOUNCED = "leap second announced"
    FAR = "large root distance"
    COARSE = "coarse precision"
    SAME_MACHINE = "another name of one machine"
    FOLLOWER = "follower of a common upstream"
    WRONG_ERA = "wrong era"
    KISS = "kiss-o'-death"
    STRATUM_16 = "stratum 16"
    ALARM = "leap 3"
    SPOOFED = "spoofed origin"
    REPLAYED = "replayed old reply"
    INSANE_DISTANCE = "insane root distance"
    NO_TIME = "no transmit timestamp"
    CONTRADICTORY = "contradictory timestamps"
    NO_SERVER = "another mode"
    SILENT = "silent"
    REFUSED = "refused"
    NO_NAME = "name not resolved"


@dataclass(frozen=True)
class Exchange:
    """One request to an NTP server: when it is sent, and how long each way takes."""

    after_s: float
    there_s: float
    back_s: float
    lost: bool = False


@dataclass
class Server:
    """An NTP server; ``off_s``: how far its clock is ahead of true time."""

    name: str
    kind: ServerKind
    address: str
    off_s: float = 0.0
    stratum: int = 2
    leap: int = 0
    refid: int = 0x7F7F0101
    root_delay_s: float = 0.0
    root_dispersion_s: float = 0.0
    precision: int = -20
    exchanges: list[Exchange] = field(default_factory=list)

    @property
    def claims_s(self) -> float:
        """How far its clock may be off, as it says itself."""
        return self.root_delay_s / 2 + self.root_dispersion_s + 2.0**self.precision


class Network(StrEnum):
    """The way between the node and its NTP servers."""

    NEAR = "near"
    FAR = "far"
    ASYMMETRIC = "asymmetric"
    JITTER = "jitter"
    LOSSY = "lossy"
    NTP_BLOCKED = "UDP 123 blocked"


class ApiKind(StrEnum):
    """What the GitHub API answers to the node."""

    RIGHT = "right"
    WRONG = "wrong clock"
    COLLUDING = "colluding"
    MACHINES = "machines with different clocks"
    BLOCKED = "blocked"
    UNVERIFIED = "certificate not verified"
    NO_DATE = "no Date"


@dataclass
class Api:
    """The GitHub API: ``offs_s``: its machines' clocks, asked in turn; the first gets the JWTs."""

    kind: ApiKind
    offs_s: tuple[float, ...] = (0.0,)
    exchanges: list[Exchange] = field(default_factory=list)

    @property
    def gives_date(self) -> bool:
        """Whether its Date is a reference."""
        return self.kind not in (ApiKind.BLOCKED, ApiKind.UNVERIFIED, ApiKind.NO_DATE)


class ControllerKind(StrEnum):
    """What the controller's clock is, and what it knows of that."""

    RIGHT = "right"
    WRONG = "wrong"
    COLLUDING = "colluding"
    KNOWS_THAT_IT_IS_WRONG = "wrong, and it measured that"
    DECEIVED = "right, and deceived about it"
    UNMEASURED = "right, not measured"
    SAME_MACHINE = "the node itself"


@dataclass(frozen=True)
class Controller:
    """``off_s``: its clock; ``measured_s``: what it measured of that,
    with ``votes``; None if nothing.
    """

    kind: ControllerKind
    off_s: float = 0.0
    before_s: float = 0.5
    after_s: float = 0.5
    measured_s: tuple[float, float] | None = (-0.01, 0.01)
    votes: int = 3

    @property
    def counts(self) -> bool:
        """Whether its clock is a reference: not if it measured, with two votes, that it is off."""
        knows = self.votes >= 2 and self.measured_s is not None
        off = knows and self.measured_s is not None and (self.measured_s[0] > 1.0 or self.measured_s[1] < -1.0)
        return self.kind is not ControllerKind.SAME_MACHINE and not off


class DaemonKind(StrEnum):
    """The node's time daemon."""

    SYNCHRONISED = "chronyd, synchronised"
    FOLLOWS_FALSETICKER = "chronyd, follows a falseticker"
    SLEWING = "chronyd, slews"
    UNSYNCHRONISED = "chronyd, unsynchronised"
    STALE = "chronyd, lost its sources"
    VAGUE = "chronyd, large root distance"
    STOPPED = "chronyd, stopped"
    ABSENT = "none"
    NTPSEC = "ntpd"
    OPENNTPD = "openntpd"


@dataclass(frozen=True)
class Daemon:
    """``claims_s``: how far ahead of true time the daemon says that the clock is; ``error_s``:
    its bound beside that.
    """

    kind: DaemonKind
    claims_s: float = 0.0
    error_s: float = 0.0002


@dataclass
class World:
    """All that is true in one case."""

    phase_s: float
    """The fraction of the true second at which the module begins."""
    took_s: float
    clock: Clock
    servers: list[Server]
    network: Network
    api: Api
    controller: Controller
    daemon: Daemon
    policy: dict[str, Any]
    edge_s: float | None = None
    """The edge of a budget near which the skew was put."""

    def moments_s(self) -> list[float]:
        """Moments of the check: its beginning and end, and those at which the clock was read."""
        if self.clock.motion is Motion.STILL:
            return [0.0, self.took_s]
        read_s = {each.after_s for from_ in (*self.servers, self.api) for each in from_.exchanges}
        return [0.0, *sorted(at_s for at_s in read_s if at_s < self.took_s), self.took_s]
