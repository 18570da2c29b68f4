"""AWS's ClockBound: version 3 steers the clock itself; 1 and 2 only read what chronyd says of its
error.

It shows its state in shared memory, in a file. Sources, all of aws/clock-bound:

- docs/PROTOCOL.md of 2.0 (layout 2, in ``shm0``) and docs/protocol.md of 3.0 (layout 3, in
  ``shm1``); ClockErrorBoundV2 and ClockErrorBoundV3 of the crate clock-bound 3.0.0-beta.1
- how a reader judges it: clock-bound-shm/src/lib.rs (``compute_bound_at``) and
  clock-bound-vmclock/src/lib.rs of 2.0, FREE_RUNNING_GRACE_PERIOD in shm.rs of 3.0.0-beta.1
- how it corrects the clock: daemon/clock_state/clock_adjust/state_machine.rs of 3.0.0-beta.1, and
  the release notes of 3.0.0-rc.0
- clock-bound-d/README.md of 2.0: version 2 needs chronyd, and its unit runs it as chronyd's user
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from ..clock.ntp_packet import NS
from ..model.record import MissingEvidenceError, Record
from .common.daemon import Daemon, FirstCorrection, TimeDaemon
from .common.synchronisation import (
    Advice,
    ErrorPart,
    Peer,
    Reason,
    Synchronisation,
    Unfit,
    kernel,
)

ADVICE = Advice(
    "Let this node reach ClockBound's sources: on EC2 169.254.169.123 (UDP 123) or the PTP clock of its network card, "
    "elsewhere NTP servers that its configuration names (`clockbound -c FILE`). Then restart {unit}. Or change the node to "
    "chrony: the gate does it.",
    "Run systemctl restart {unit}: ClockBound steps the clock only when it starts. Or change the node to chrony: the gate "
    "does it.",
)

FREE_RUNNING_AFTER_S = 60.0
"""So long after its last update a reader no longer believes a segment that says Synchronized."""

_COARSE_S = 0.02
"""CLOCK_MONOTONIC_COARSE, which the daemon reads, and CLOCK_MONOTONIC differ by a tick of the
kernel at most (10 ms)."""


class Status(IntEnum):
    """ClockStatus of the protocol."""

    UNKNOWN = 0
    SYNCHRONIZED = 1
    FREE_RUNNING = 2
    DISRUPTED = 3

    @property
    def shown(self) -> str:
        """As ClockBound writes it."""
        return self.name.title().replace("_", "")


@dataclass(frozen=True)
class Segment:
    """One segment. The times are of CLOCK_MONOTONIC_COARSE.

    At ``as_of_s`` the clock was ``bound_s`` off at most, and drifts by at most ``drift`` (s/s)
    since then. Beyond ``void_after_s`` nothing of that counts. ``marker``: the VMClock's disruption
    marker that the daemon has seen last; None without support for it.
    """

    layout: int
    as_of_s: float
    void_after_s: float
    bound_s: float
    drift: float
    status: Status
    marker: int | None

    def error_s(self, mono_s: float) -> dict[ErrorPart, float]:
        """How far off the clock may be at a time of the monotonic clock, in its parts."""
        return {ErrorPart.BOUND: self.bound_s, ErrorPart.DRIFT: self.drift * max(0.0, mono_s - self.as_of_s)}


MAGIC = (0x414D5A4E, 0x43420200)
_HEAD = "IIIHH"
"""Magic number, segment size, version, generation."""
_BODIES = {2: "qqqqqQIiB7x", 3: "8xqqqq16xqQIiB7x"}
"""By layout: as_of and void_after (seconds and nanoseconds), bound, disruption marker, maximal
drift, status, whether disruptions are supported.

Layout 3 also has a reading of the processor's counter, and that counter's period and its error,
with which programs read ClockBound's own clock. They are not needed for CLOCK_REALTIME.
"""
_PPB = 10**9


def parse_segment(octets: bytes) -> Segment:
    """Parse a segment, in the byte order of its machine; raises ValueError if it is none.

    3.0's docs/protocol.md has two octets in the place of the version, the lowest and the highest
    one that can be read; 2.0 and the code of 3.0.0-beta.0 have one number of 16 bits. The larger of
    the two octets is the layout in each case.
    """
    order = next((order for order in "<>" if octets[:8] == struct.pack(f"{order}II", *MAGIC)), None)
    if order is None:
        raise ValueError(f"it does not begin with ClockBound's magic number: {octets[:8].hex()!r}")
    head = struct.Struct(order + _HEAD)
    if len(octets) < head.size:
        raise ValueError(f"it is cut off after {len(octets)} octets")
    *_magic, size, version, generation = head.unpack_from(octets)
    if not version or not generation:
        raise ValueError("the daemon has not written to it yet")
    if generation % 2:
        raise ValueError("the daemon was writing to it")
    versions = {*divmod(version, 256)} - {0}
    if not versions <= _BODIES.keys():
        raise ValueError(f"its layout is not known: version {version:#06x}")
    body = struct.Struct(order + _BODIES[max(versions)])
    if not head.size + body.size <= size <= len(octets):
        raise ValueError(f"it is cut off: {len(octets)} octets, {size} according to itself")
    as_of, as_of_ns, void, void_ns, bound_ns, marker, drift_ppb, status, supported = body.unpack_from(octets, head.size)
    for name, seconds, ns in (("as_of", as_of, as_of_ns), ("void_after", void, void_ns)):
        if seconds < 0 or not 0 <= ns < NS:
            raise ValueError(f"{name} is no time: {seconds} s and {ns} ns")
    if bound_ns < 0 or drift_ppb >= _PPB:
        raise ValueError(f"no error can be {bound_ns} ns and grow by {drift_ppb} ppb")
    return Segment(
        layout=max(versions),
        as_of_s=as_of + as_of_ns / NS,
        void_after_s=void + void_ns / NS,
        bound_s=bound_ns / NS,
        drift=drift_ppb / _PPB,
        status=Status(status),  # raises ValueError for another number
        marker=marker if supported else None,
    )


@dataclass(frozen=True)
class _Read:
    """A segment as it was read, ``name`` by the file's name, at a time of the monotonic clock."""

    name: str
    segment: Segment
    mono_s: float
    status: Status

    @property
    def age_s(self) -> float:
        """How old its last update was; at most a tick before it, it is taken for 0."""
        age_s = self.mono_s - self.segment.as_of_s
        return 0.0 if -_COARSE_S < age_s < 0 else age_s

    @property
    def stale_after_s(self) -> float:
        """How old its last update may be; less than 0 if it was void before that."""
        return min(FREE_RUNNING_AFTER_S, self.segment.void_after_s - self.segment.as_of_s)

    @property
    def error_s(self) -> dict[ErrorPart, float]:
        """How far off the clock may have been then."""
        return self.segment.error_s(self.mono_s)

    @property
    def said(self) -> str:
        """Its status, and why a reader does not believe the one that it has."""
        but = (
            ""
            if self.status is self.segment.status
            else f" (the VMClock was disrupted after {self.segment.status.shown})"
        )
        return f"{self.status.shown} in {self.name}{but}"


def synchronisation(record: Record, daemon: TimeDaemon) -> Synchronisation:
    """What ClockBound 3 says of itself.

    shm1 is of the clock that it keeps for its readers. It slews the system's clock there by the
    kernel, which shows how far it still has to go. If it writes shm0 as well, that one is of the
    system's clock, and both must be good. It shows no sources, only by its status whether it has
    one.

    Raises MissingEvidenceError if neither the kernel nor shm0 shows how far the system's clock is.
    """
    read = _segments(record)
    worst = next((each for each in read if each.status is not Status.SYNCHRONIZED), read[0])
    oldest = max(read, key=lambda each: (each.age_s < 0, each.age_s - each.stale_after_s))
    widest = max(read, key=lambda each: sum(each.error_s.values()))
    in_kernel = kernel(record)
    if in_kernel is None and all(each.name != _OF_TWO for each in read):
        raise MissingEvidenceError(
            f"{_OF_THREE} is of ClockBound's clock, and adjtimex(2) did not show how far the system's is from it",
            "clock",
        )
    return Synchronisation(
        daemon="clockbound",
        unit=daemon.unit,
        claims=worst.status is Status.SYNCHRONIZED,
        claim=", ".join(each.said for each in read),
        peers=(_source(worst, oldest),),
        advice=ADVICE.naming(daemon.unit),
        last_update_age_s=oldest.age_s,
        stale_after_s=oldest.stale_after_s,
        offset_s=in_kernel.offset_s if in_kernel else None,
        error_parts_s=widest.error_s,
    )


def _segments(record: Record) -> list[_Read]:
    """shm1, and shm0 if the same process writes it. What another one left there does not count.

    Raises MissingEvidenceError if shm1 was not read, or if it is not known to be ClockBound's, and
    ValueError if one of them can't be read.
    """
    shown = {_name(segment): segment for segment in record.section("clockbound")["segments"]}
    of_three = shown.get(_OF_THREE) or {"error": "no ClockBound runs outside containers"}
    if "error" in of_three:
        raise MissingEvidenceError(f"ClockBound's {_OF_THREE} was not read: {of_three['error']}", "clockbound")
    if not of_three["pids"]:
        raise MissingEvidenceError(
            f"no ClockBound that runs is known to write {of_three['path']}",
            "clockbound",
            remedy="Let Ansible become root on this node (`become: true`), as only root sees which files a process writes. "
            "If it is root, restart ClockBound: the file may be another's.",
        )
    own = [segment for segment in shown.values() if {*(segment.get("pids") or [])} & {*of_three["pids"]}]
    marker = _marker_of_vmclock(record)
    return [_read(segment, marker) for segment in sorted(own, key=_name, reverse=True)]


def _read(shown: Mapping[str, Any], marker: int | None) -> _Read:
    try:
        segment = parse_segment(bytes.fromhex(shown["hex"]))
    except ValueError as error:
        raise ValueError(f"{shown['path']}: {error}") from error
    # As its readers do until the daemon has seen the disruption.
    disrupted = segment.marker is not None and marker is not None and segment.marker != marker
    status = Status.UNKNOWN if disrupted and segment.status is not Status.DISRUPTED else segment.status
    return _Read(_name(shown), segment, shown["mono_ns"] / NS, status)


def _marker_of_vmclock(record: Record) -> int | None:
    """The disruption marker of the VMClock that ClockBound reads; None if there is none."""
    vmclocks = (record.evidence.get("collected") or {}).get("vmclocks") or []
    shown = next((clock for clock in vmclocks if clock["device"] == "/dev/vmclock0" and "error" not in clock), None)
    return int(shown["disruption_marker"], 16) if shown else None


def _source(worst: _Read, oldest: _Read) -> Peer:
    """The source that it follows, as far as its status shows that there is one."""
    name = "a source that it does not name"
    if worst.status is Status.FREE_RUNNING:
        return Peer(name, "unreachable")
    if worst.status is not Status.SYNCHRONIZED:
        words = _NOT_SET if worst.name == _OF_TWO else _WHY_NONE[worst.status]
        return Peer(name, "unknown", reason=Reason(Unfit.OTHER, words))
    if oldest.age_s < 0:  # a reader refuses it too: both are of one clock
        words = f"ClockBound wrote {oldest.name} {-oldest.age_s:.3f} s in the future"
        return Peer(name, "unknown", reason=Reason(Unfit.OTHER, words))
    if not oldest.age_s <= oldest.stale_after_s:
        words = (
            f"ClockBound has not updated {oldest.name} for {oldest.age_s:.0f} s (limit {oldest.stale_after_s:.0f} s)"
        )
        return Peer(name, "unknown", reason=Reason(Unfit.OTHER, words))
    return Peer(name, "selected")


_WHY_NONE = {
    Status.UNKNOWN: "ClockBound has not measured the clock yet, or no longer knows its error",
    Status.DISRUPTED: "the hypervisor disrupted the clock, and ClockBound has not measured it again",
}
_NOT_SET = "ClockBound has measured the time, and not yet set the system's clock"


# Whether it steers the clock.

_OF_TWO, _OF_THREE = "shm0", "shm1"
_OPTIONS_OF_TWO = re.compile(
    r"-m|--(max-drift-rate|json-output|disable-clock-disruption-support|phc-ref-id|phc-interface|clock-error-bound-source)(=|$)"
)
"""Cli in clock-bound-d/src/main.rs of 2.0; 3.0.0-beta.0 refuses to start with any of them."""
_OPTIONS_OF_THREE = re.compile(r"-[cv]|--(configuration|verbose|log-dir)(=|$)")
"""Args in src/bin/clockbound.rs of 3.0.0-beta.0, and of the alphas; 2.0 refuses to start with any
of them."""


def _leaves_clock_alone(process: Mapping[str, Any], record: Record) -> str:
    """By the segments that the process writes, or else by its options.

    Version 1 has another name. Version 3 writes shm1. Beside a chronyd, a process that shows
    neither may be 2 or 3.
    """
    if process["comm"] == "clockboundd":
        return "clockboundd only reads chronyd (ClockBound 1)"
    shown = (record.evidence.get("clockbound") or {}).get("processes") or []
    written = {name for each in shown if each["pid"] == process["pid"] for name in each["writes"]}
    options = process["argv"][1:]
    if _OF_THREE in written:
        return ""
    if _OF_TWO in written or any(map(_OPTIONS_OF_TWO.match, options)):
        return "clockbound only reads chronyd (ClockBound 2)"
    if any(map(_OPTIONS_OF_THREE.match, options)):
        return ""
    if any(other["comm"] == "chronyd" for other in record.section("time_services").get("processes") or []):
        raise MissingEvidenceError(
            f"it is not known whether clockbound (pid {process['pid']}) steers the clock: ClockBound 3 does, beside chronyd too. "
            "ClockBound 2 only reads chronyd, and must run as chronyd's user, without CAP_SYS_TIME",
            "time_services",
            remedy="If it is ClockBound 2, run it as chronyd's user (`User=` in its unit). If it is 3, keep it or chronyd, and "
            "stop the other.",
        )
    return ""


def _name(segment: Mapping[str, Any]) -> str:
    return str(segment["path"]).rpartition("/")[2]


DAEMON = Daemon(
    name="clockbound",
    units=("clockbound", "clockboundd"),
    processes=("clockbound", "clockboundd"),
    section="clockbound",
    wait_units=("clockbound-wait.service",),
    # Without the option it waits for ClockBound's own clock alone.
    wait_command="cbctl waitsync --system-clock",
    how_to_wait="Add a unit clockbound-wait.service that runs `cbctl waitsync --system-clock` (3.0.0-rc.0 and later), with "
    "`Before=time-sync.target`, and enable it.",
    shown_by="`cbctl status`",
    ask=synchronisation,
    # state_machine.rs; before 3.0.0-rc.0 the threshold was 0.5 s.
    first_correction=FirstCorrection(0.5, "it steps the clock beyond 0.1 s (0.5 s before 3.0.0-rc.0) when it starts"),
    let_it_step="ClockBound slews what is less off, and has no setting for that.",
    leaves_clock_alone=_leaves_clock_alone,
    if_it_leaves="Run chronyd beside it (the gate installs it): ClockBound 1 and 2 only read chronyd.",
)
