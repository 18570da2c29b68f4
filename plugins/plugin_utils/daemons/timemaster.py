"""linuxptp's timemaster, which starts chronyd or ntpd as its own child (timemaster(8),
ntp_program).
"""

from __future__ import annotations

from ..model.record import Record
from . import chrony
from .common import ntpq
from .common.daemon import Daemon, TimeDaemon
from .common.synchronisation import Synchronisation


def synchronisation(record: Record, daemon: TimeDaemon) -> Synchronisation:
    """What its child says of itself."""
    processes = record.section("time_services").get("processes") or []
    if any(process["comm"] == "ntpd" for process in processes):
        return ntpq.synchronisation(record, daemon)
    return chrony.synchronisation(record, daemon)


DAEMON = Daemon(
    name="timemaster",
    units=("timemaster",),
    processes=("timemaster",),
    section="chrony",
    wait_units=chrony.DAEMON.wait_units,
    ask=synchronisation,
    first_correction=chrony.first_correction,
    let_it_step="Let chronyd step the clock at its start: `makestep 1 3` in timemaster.conf, section [chrony.conf].",
    of_linuxptp=True,
)
