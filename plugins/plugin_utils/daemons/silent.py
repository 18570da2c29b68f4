"""Daemons that can't be asked: BusyBox's ntpd, which answers no query and writes no state (networking/ntpd.c), and all others
that have no file here.
"""

from __future__ import annotations

from ..model.record import MissingEvidenceError, Record
from .model import Synchronisation
from .units import TimeDaemon


class CannotBeAskedError(MissingEvidenceError):
    """There is no way to ask the daemon, or none that is known here: what it would say can't be judged."""


def synchronisation(record: Record, daemon: TimeDaemon) -> Synchronisation:  # noqa: ARG001 - each daemon's has the same form
    """Raise CannotBeAskedError."""
    why = "has no way to ask it" if daemon.daemon == "busybox ntpd" else "is none that can be asked here"
    raise CannotBeAskedError(f"{daemon.daemon} ({daemon.unit}) {why} for its sources or its state")
