"""ntp.org's ntpd."""

from __future__ import annotations

from ..model.record import Record
from . import openntpd
from .common import ntp_conf, ntpq
from .common.daemon import Daemon, TimeDaemon
from .common.synchronisation import Synchronisation


def synchronisation(record: Record, daemon: TimeDaemon) -> Synchronisation:
    """What ntpd says of itself.

    Gentoo calls OpenNTPD's service ntpd as well: then OpenNTPD is asked.
    """
    if not _present(record, "ntpd") and _present(record, "openntpd"):
        return openntpd.synchronisation(record, daemon)
    return ntpq.synchronisation(record, daemon)


def _present(record: Record, section: str) -> bool:
    return bool((record.evidence.get(section) or {}).get("present"))


DAEMON = Daemon(
    name="ntpd",
    units=("ntp", "ntpd"),
    yields_units=True,
    processes=("ntpd",),
    may_run_as=("busybox",),
    package="ntp",
    section="ntpd",
    wait_units=("ntp-wait.service", "ntpsec-wait.service"),
    shown_by="`ntpq -c rv` and `ntpq -pn`",
    ask=synchronisation,
    first_correction=ntp_conf.first_correction,
    journal=ntp_conf.JOURNAL,
    let_it_step=ntp_conf.LET_IT_STEP,
    keep_it_running=ntp_conf.KEEP_IT_RUNNING,
    leaves_clock_alone=ntp_conf.leaves_clock_alone,
)
