"""The daemon that steers a node's clock and what it says of itself, the same for every daemon."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ...boundary.once import once
from ...chrony.sources import host_key
from ...model.finding import CommonKey, Finding, follows_from
from ...model.record import MissingEvidenceError, Record
from .. import discover
from .daemon import CannotBeAskedError, TimeDaemon
from .strays import stray_daemons
from .synchronisation import Peer, Synchronisation
from .units import idle_alone, time_daemons


@once
def steering_daemon(record: Record) -> TimeDaemon | None:
    """The daemon that steers the clock now, or None.

    If there are several, it is chrony if it is among them. The check time_service reports the
    others.
    """
    known = time_daemons(record)
    steering = [d for d in known if d.steers_now and not idle_alone(discover()[d.daemon], record)]
    steering = steering or [
        TimeDaemon(daemon=stray.daemon, unit=stray.name, active=True, enabled=False, state="")
        for stray in stray_daemons(record, known)
    ]
    return min(steering, key=lambda d: d.daemon != "chrony", default=None)


@once
def synchronisation(record: Record) -> Synchronisation:
    """What the daemon that steers the clock says of itself.

    Raises MissingEvidenceError if none runs, it did not answer, or its answer can't be read, and
    CannotBeAskedError if there is no way to ask it.
    """
    daemon = steering_daemon(record)
    if daemon is None:
        raise MissingEvidenceError("no time daemon steers this clock", "time_services")
    kind = discover()[daemon.daemon]
    if kind.ask is None:
        raise CannotBeAskedError(f"{kind.name} ({daemon.unit}) {kind.not_asked_because} for its sources or its state")
    try:
        return kind.ask(record, daemon)
    except ValueError as error:
        raise MissingEvidenceError(f"the answer of {daemon.unit} can't be read: {error}", kind.section or "") from error


def answered(peers: Iterable[Peer], servers: Mapping[str, Sequence[str]]) -> dict[str, float | None]:
    """Those of the servers, each with its addresses, that answered the daemon's last request, and
    how many seconds ago, if it shows that.
    """
    last_s = {
        host_key(name): peer.last_rx_s
        for peer in peers
        if peer.reach is not None and peer.reach & 1
        for name in (peer.name, peer.address)
        if name
    }
    keys = {name: [key for key in map(host_key, (name, *more)) if key in last_s] for name, more in servers.items()}
    return {name: last_s[found[0]] for name, found in keys.items() if found}


def without_daemon(record: Record, what: str) -> Finding | None:
    """The finding of a check of a daemon's ``what`` (sources, state) if none steers the clock; None
    if one does.
    """
    if steering_daemon(record) is not None:
        return None
    idle = [d for d in time_daemons(record) if d.active]
    leaves_alone = ""
    if idle:
        why = idle[0].leaves_clock_alone or idle_alone(discover()[idle[0].daemon], record)
        leaves_alone = f" ({idle[0].unit} leaves it alone: {why})"
    return follows_from(
        "time_service",
        key=CommonKey.NO_DAEMON,
        summary=f"no time daemon steers this clock{leaves_alone}, so there is no {what} to judge",
        cause="no time daemon runs",
    )


def ask(record: Record, what: str) -> Synchronisation | Finding:
    """What the daemon says, or the finding of a check of its ``what`` if there is none to ask or it
    can't be asked.
    """
    if missing := without_daemon(record, what):
        return missing
    try:
        return synchronisation(record)
    except CannotBeAskedError as silent:
        return Finding(
            state="inconclusive",
            summary=f"the daemon's state is not known: {silent}",
            keys=(CommonKey.CANNOT_BE_ASKED,),
            why="It is not known whether this daemon keeps the clock in sync.",
            remedy=silent.remedy
            or "Change the node to chrony (the gate does it), or make ntp_sources and sync_state advisory for it "
            "(gate_advisory_checks).",
            cause="the daemon can't be asked",
        )
