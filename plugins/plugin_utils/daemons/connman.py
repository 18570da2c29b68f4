"""ConnMan, which manages the node's networks and sets the clock by SNTP, unless ``TimeUpdates`` is
``manual``.

Source: ConnMan 1.41, src/ntp.c, src/clock.c and doc/clock-api.txt.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..model.record import Record
from .common.daemon import Daemon, FirstCorrection


def _leaves_clock_alone(process: Mapping[str, Any], record: Record) -> str:
    """According to its stored setting on the node. Without one it sets the clock."""
    if process.get("contained"):
        return ""
    manual = record.section("time_services").get("connman_time_updates") == "manual"
    return "connmand sets no clock (TimeUpdates is manual)" if manual else ""


DAEMON = Daemon(
    name="connman",
    units=("connman",),
    processes=("connmand",),
    # STEPTIME_MIN_OFFSET in its src/ntp.c.
    first_correction=FirstCorrection(0.128, "it steps the clock beyond 0.128 s"),
    leaves_clock_alone=_leaves_clock_alone,
    instead_of_stopping="set ConnMan's TimeUpdates to manual (busctl call net.connman / net.connman.Clock SetProperty sv "
    "TimeUpdates s manual), and leave the service running: it manages the node's networks",
)
