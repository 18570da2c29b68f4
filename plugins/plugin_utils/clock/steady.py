"""The controller's clock for how much time has passed."""

from __future__ import annotations

import time


def steady_ns() -> int:
    """Nanoseconds since some instant, by a clock that nobody sets and that goes on while this
    machine is suspended.

    Linux's CLOCK_MONOTONIC stands still then, and macOS's does not. Two values compare only if they
    are of one boot.
    """
    return time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
