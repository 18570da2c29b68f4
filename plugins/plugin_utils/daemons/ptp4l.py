"""linuxptp's ptp4l: it follows a PTP grandmaster, with the network card's clock or with the system clock."""

from __future__ import annotations

from collections.abc import Sequence

from .common import pmc
from .common.daemon import Daemon


def _leaves_clock_alone(arguments: Sequence[str]) -> str:
    """By default it stamps in the network card and steers the card's clock; by ``-S`` in software, and the system clock."""
    return "" if "-S" in arguments else "ptp4l steers the network card's clock"


DAEMON = Daemon(
    name="ptp4l",
    units=("ptp4l",),
    processes=("ptp4l",),
    section="ptp",
    shown_by="`pmc -u -b 0 'GET TIME_STATUS_NP'`",
    ask=pmc.synchronisation,
    first_correction=pmc.FIRST_CORRECTION,
    leaves_clock_alone=_leaves_clock_alone,
    # By `time_stamping software` in its file it steers the system clock too, which its arguments do not show.
    counts_alone=True,
    of_linuxptp=True,
)
