"""AWS's ClockBound: version 3 steers the clock itself; 1 and 2 only read what chronyd says of its
error.

Source: aws/clock-bound, clock-bound-d/README.md of 2.0: it needs chronyd, and its unit runs it as
chronyd's user.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..model.record import MissingEvidenceError, Record
from .common.daemon import Daemon


def _leaves_clock_alone(process: Mapping[str, Any], record: Record) -> str:
    """Version 1 has another name.

    Beside a chronyd, version 2 looks like 3 if it may set the clock.
    """
    if process["comm"] == "clockboundd":
        return "clockboundd only reads chronyd (ClockBound 1)"
    if any(other["comm"] == "chronyd" for other in record.section("time_services").get("processes") or []):
        raise MissingEvidenceError(
            f"it is not known whether clockbound (pid {process['pid']}) steers the clock: ClockBound 3 does, beside chronyd too. "
            "ClockBound 2 only reads chronyd, and must run as chronyd's user, without CAP_SYS_TIME",
            "time_services",
            remedy="If it is ClockBound 2, run it as chronyd's user (`User=` in its unit). If it is 3, keep it or chronyd, and "
            "stop the other.",
        )
    return ""


DAEMON = Daemon(
    name="clockbound",
    units=("clockbound", "clockboundd"),
    processes=("clockbound", "clockboundd"),
    leaves_clock_alone=_leaves_clock_alone,
)
