"""NTPsec's ntpd."""

from __future__ import annotations

from ..model.record import Record
from .common import ntp_conf, ntpq
from .common.daemon import Daemon, TimeDaemon
from .common.synchronisation import Synchronisation


def synchronisation(record: Record, daemon: TimeDaemon) -> Synchronisation:
    """What NTPsec's ntpd says of itself. It has a pool's servers as soon as the name resolves."""
    return ntpq.synchronisation(record, daemon, called="ntpsec", empty_pool="unresolved")


DAEMON = Daemon(
    name="ntpsec",
    units=("ntpsec",),
    processes=(),
    may_run_as=("ntpd", "busybox"),
    package="ntpsec",
    section="ntpd",
    wait_units=("ntpsec-wait.service", "ntp-wait.service"),
    ask=synchronisation,
    first_correction=ntp_conf.first_correction,
    journal=ntp_conf.JOURNAL,
    let_it_step=ntp_conf.LET_IT_STEP,
    keep_it_running=ntp_conf.KEEP_IT_RUNNING,
    leaves_clock_alone=ntp_conf.leaves_clock_alone,
)
