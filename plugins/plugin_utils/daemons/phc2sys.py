"""linuxptp's phc2sys: it carries ptp4l's time from the network card to the system clock, or the
other way round.

It can't be asked, but ptp4l can.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...module_utils.probes.ptp import LETTERS
from ..model.record import Record
from .common import pmc
from .common.daemon import Daemon
from .common.linuxptp import FEEDS, given, settings
from .common.options import options


def _leaves_clock_alone(process: Mapping[str, Any], record: Record) -> str:
    """According to its direction and its servo (phc2sys(8)).

    By default it steers the system clock, with ``-a`` only if ``-r`` is there. Newer versions
    accept ``-c`` several times.
    """
    read = options(process["argv"][1:], LETTERS["phc2sys"])
    sinks = [value for option, value in read if option == "-c"]
    if ("-a", "") in read:
        if ("-r", "") not in read:
            return "phc2sys steers only network cards' clocks (-a without -r)"
    elif sinks and "clock_realtime" not in map(str.lower, sinks):
        return f"phc2sys steers the clock of {', '.join(sinks)} (-c), not the system clock"
    servo = given(read, "clock_servo", "-E") or settings(process, read, record).get("clock_servo")
    return f"phc2sys only feeds another daemon (clock_servo {servo})" if servo in FEEDS else ""


DAEMON = Daemon(
    name="phc2sys",
    units=("phc2sys",),
    processes=("phc2sys",),
    section="ptp",
    ask=pmc.synchronisation,
    first_correction=pmc.FIRST_CORRECTION,
    leaves_clock_alone=_leaves_clock_alone,
    of_linuxptp=True,
)
