"""Daemons that answer no query: BusyBox's ntpd (networking/ntpd.c), htpdate and ptpd.

BusyBox's logs a line where it steps the clock, and nothing tells of it later.
"""

from __future__ import annotations

from ..record import MissingEvidenceError, Record
from ..time_daemons import TimeDaemon
from .model import Synchronisation


class CannotBeAskedError(MissingEvidenceError):
    """The daemon has no way to tell, so no evidence of it can be had."""


def synchronisation(record: Record, daemon: TimeDaemon) -> Synchronisation:  # noqa: ARG001 - each daemon's has the same form
    """Raise CannotBeAskedError."""
    raise CannotBeAskedError(f"{daemon.daemon} ({daemon.unit}) has no way to ask it for its sources or its state")
