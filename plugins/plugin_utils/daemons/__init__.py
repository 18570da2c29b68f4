"""The daemon that steers a node's clock and what it says of itself, the same for every daemon; one file per daemon."""

from __future__ import annotations

from ..model.finding import CommonKey, Finding, follows_from
from ..model.record import MissingEvidenceError, Record
from . import chrony, ntpd, openntpd, ptp, silent, timesyncd
from .model import Peer, Synchronisation
from .silent import CannotBeAskedError
from .strays import stray_daemons
from .units import TimeDaemon, time_daemons

__all__ = [
    "CannotBeAskedError",
    "Peer",
    "Synchronisation",
    "ask",
    "steering_daemon",
    "synchronisation",
    "without_daemon",
]

_ASK = {
    "chrony": chrony.synchronisation,
    "ntpd": ntpd.synchronisation,
    "ntpsec": ntpd.synchronisation,
    "openntpd": openntpd.synchronisation,
    "systemd-timesyncd": timesyncd.synchronisation,
    "ptp4l": ptp.synchronisation,
    "phc2sys": ptp.synchronisation,
}


def steering_daemon(record: Record) -> TimeDaemon | None:
    """The one that steers the clock now, or None. Of several it is chrony if it is among them: time_service tells the rest."""
    section = record.section("time_services")
    known = time_daemons(section)
    steering = [d for d in known if d.steers_now]
    steering = steering or [TimeDaemon(s.daemon, s.name, True, False, True, "") for s in stray_daemons(section, known)]
    return min(steering, key=lambda d: d.daemon != "chrony", default=None)


def synchronisation(record: Record) -> Synchronisation:
    """What the daemon that steers the clock says of itself.

    Raises MissingEvidenceError where none runs, it did not answer, or its answer can't be read.
    """
    daemon = steering_daemon(record)
    if daemon is None:
        raise MissingEvidenceError("no time daemon steers this clock")
    kind = _kind(record, daemon)
    try:
        return _ASK.get(kind, silent.synchronisation)(record, daemon)
    except ValueError as error:
        raise MissingEvidenceError(f"the answer of {daemon.unit} can't be read: {error}") from error


def _kind(record: Record, daemon: TimeDaemon) -> str:
    """Which daemon is to be asked: not always that which the unit is called after."""
    if daemon.daemon == "timemaster":  # it starts chronyd or ntpd as its own child (timemaster(8), ntp_program)
        processes = record.section("time_services").get("processes") or []
        return "ntpd" if any(p["comm"] == "ntpd" for p in processes) else "chrony"
    if daemon.daemon == "ntpd" and not _present(record, "ntpd") and _present(record, "openntpd"):
        return "openntpd"  # Gentoo calls OpenNTPD's service ntpd
    return daemon.daemon


def _present(record: Record, section: str) -> bool:
    return bool((record.evidence.get(section) or {}).get("present"))


def without_daemon(record: Record, what: str) -> Finding | None:
    """The finding of a check of a daemon's ``what`` (sources, state) where none steers the clock; None where one does."""
    if steering_daemon(record) is not None:
        return None
    idle = [d for d in time_daemons(record.section("time_services")) if d.active]
    leaves_alone = f" ({idle[0].unit} leaves it alone: {idle[0].leaves_clock_alone})" if idle else ""
    return follows_from(
        "time_service",
        key=CommonKey.NO_DAEMON,
        summary=f"no time daemon steers this clock{leaves_alone}, so there is no {what} to judge",
        cause="no time daemon runs",
    )


def ask(record: Record, what: str) -> Synchronisation | Finding:
    """What the daemon says, or the finding of a check of its ``what`` where there is none to ask or it can't be asked."""
    if missing := without_daemon(record, what):
        return missing
    try:
        return synchronisation(record)
    except CannotBeAskedError as silent:
        return Finding(
            state="inconclusive",
            summary=f"could not tell: {silent}",
            why="Whether this daemon keeps the clock in sync is not known.",
            remedy="Change the node to chrony (the gate does it), or make ntp_sources and sync_state advisory for it "
            "(gate_advisory_checks).",
            keys=(CommonKey.CANNOT_BE_ASKED,),
            cause="the daemon can't be asked",
        )
