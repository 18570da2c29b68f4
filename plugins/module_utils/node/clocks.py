# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The node's clocks, read together: what every measurement on a node begins with."""

from __future__ import annotations

import os
import time


def read_clocks() -> tuple:
    """``(wall_ns, mono_ns)`` read as one: the tightest of three pairs.

    The two clocks cannot be read at the same time, and if the process is paused between the two
    readings, the pause would look like skew.
    """
    pairs = []
    for _attempt in range(3):
        before_ns = time.monotonic_ns()
        wall_ns = time.time_ns()
        pairs.append((time.monotonic_ns() - before_ns, wall_ns, before_ns))
    _gap_ns, wall_ns, mono_ns = min(pairs)
    return wall_ns, mono_ns


def read_all_clocks() -> dict:
    """Four clocks read as one, the tightest of three times: ``wall_ns`` (CLOCK_REALTIME),
    ``mono_ns`` (CLOCK_MONOTONIC), ``boot_ns`` (CLOCK_BOOTTIME) and ``raw_ns``
    (CLOCK_MONOTONIC_RAW); ``gap_ns`` is how far they are apart at most.

    See clock_gettime(2). A step moves the first alone, a suspend the first and the third, and a
    slew (adjtimex) all but the last.
    """
    tries = []
    for _attempt in range(3):
        mono_ns = time.monotonic_ns()
        wall_ns = time.time_ns()
        boot_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        raw_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
        tries.append((time.monotonic_ns() - mono_ns, wall_ns, mono_ns, boot_ns, raw_ns))
    gap_ns, wall_ns, mono_ns, boot_ns, raw_ns = min(tries)
    return {"wall_ns": wall_ns, "mono_ns": mono_ns, "boot_ns": boot_ns, "raw_ns": raw_ns, "gap_ns": gap_ns}


def process_age_s():
    """For how many seconds this process has run, to the hundredth (proc(5), starttime); None if
    that is not shown.
    """
    try:
        with open("/proc/self/stat", "rb") as file:
            after_name = file.read(4096).rpartition(b")")[2].split()
        started_s = int(after_name[19]) / os.sysconf("SC_CLK_TCK")
        return round(max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - started_s), 2)
    except (OSError, ValueError, IndexError):
        return None
