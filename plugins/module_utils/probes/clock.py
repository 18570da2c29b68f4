# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The node's clocks: wall and monotonic, the kernel's view of them, the hardware clock."""

from __future__ import annotations

import ctypes
import os
import time

from ..node.background import describe
from ..node.files import MAX_SMALL_BYTES, read_text

STA_NANO = 0x2000  # linux/timex.h: the offset is in nanoseconds


class _Timeval(ctypes.Structure):
    _fields_ = [("tv_sec", ctypes.c_long), ("tv_usec", ctypes.c_long)]


class _Timex(ctypes.Structure):
    """``struct timex`` of adjtimex(2)."""

    _fields_ = [
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("constant", ctypes.c_long),
        ("precision", ctypes.c_long),
        ("tolerance", ctypes.c_long),
        ("time", _Timeval),
        ("tick", ctypes.c_long),
        ("ppsfreq", ctypes.c_long),
        ("jitter", ctypes.c_long),
        ("shift", ctypes.c_int),
        ("stabil", ctypes.c_long),
        ("jitcnt", ctypes.c_long),
        ("calcnt", ctypes.c_long),
        ("errcnt", ctypes.c_long),
        ("stbcnt", ctypes.c_long),
        ("tai", ctypes.c_int),
        ("reserved", ctypes.c_int * 32),
    ]


def collect() -> dict:
    """The section ``clock``: ``adjtimex``, ``clocksource``, ``rtc``."""
    return {
        "adjtimex": _adjtimex(),
        "clocksource": _first_line("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        "rtc": _rtc(),
    }


def _adjtimex() -> dict:
    """The kernel's clock discipline, read only (``modes`` is 0)."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        timex = _Timex(modes=0)
        state = libc.adjtimex(ctypes.byref(timex))
    except (OSError, AttributeError) as error:  # a C library without it
        return {"error": describe(error)}
    if state < 0:
        return {"error": f"adjtimex: {os.strerror(ctypes.get_errno())}"}
    return {
        "state": state,
        "status": timex.status,
        "offset_us": timex.offset / 1000 if timex.status & STA_NANO else timex.offset,
        "freq_ppm": timex.freq / 65536,
        "maxerror_us": timex.maxerror,
        "esterror_us": timex.esterror,
        "tai_s": timex.tai,
    }


def _rtc() -> dict:
    """The hardware clock, to the second.

    ``since_epoch_s`` takes its reading for UTC (the kernel's
    Documentation/ABI/testing/sysfs-class-rtc). If the clock keeps local time, it is off by the time
    zone. Whether it does is the third line of /etc/adjtime, UTC or LOCAL (adjtime_config(5)), from
    which timedatectl has its LocalRTC too (systemd's src/shared/clock-util.c; section
    ``time_services``). None: there is no such line, and UTC is assumed.
    """
    since_epoch = _first_line("/sys/class/rtc/rtc0/since_epoch")
    wall_s = time.time()
    adjtime = _lines("/etc/adjtime")
    return {
        "present": os.path.exists("/sys/class/rtc/rtc0"),
        "since_epoch_s": int(since_epoch) if since_epoch else None,
        "wall_s_at_read": wall_s,
        "local_time": adjtime[2].strip() == "LOCAL" if len(adjtime) > 2 else None,
    }


def _first_line(path: str):
    lines = _lines(path)
    return lines[0].strip() if lines else None


def _lines(path: str) -> list:
    try:
        return read_text(path, MAX_SMALL_BYTES).splitlines()
    except (OSError, ValueError):
        return []
