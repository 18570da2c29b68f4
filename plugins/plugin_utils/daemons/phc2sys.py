"""linuxptp's phc2sys: it carries ptp4l's time from the network card to the system clock. It can't be asked, but ptp4l can."""

from __future__ import annotations

from collections.abc import Sequence

from .common import pmc
from .common.daemon import Daemon


def _leaves_clock_alone(arguments: Sequence[str]) -> str:
    """``phc2sys -E ntpshm`` hands its readings to another daemon (phc2sys(8))."""
    return "phc2sys only feeds another daemon (-E ntpshm)" if "ntpshm" in " ".join(arguments) else ""


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
