# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Processes that can move a clock, from /proc."""

from __future__ import annotations

import os

# As in /proc/PID/comm, which holds 15 characters. ntpd is that of NTP, NTPsec, OpenNTPD and BusyBox alike.
TIME_DAEMONS = {
    "chronyd",
    "ntpd",
    "ntpdate",
    "sntp",
    "systemd-timesyn",
    "ptp4l",
    "phc2sys",
    "timemaster",
    "htpdate",
    "vmtoolsd",
    "VBoxService",
}


def time_daemons(proc: str = "/proc") -> list:
    """The known time daemons that run: ``[{"pid", "comm", "argv"}]``, by pid."""
    found = []
    for pid in sorted(int(name) for name in os.listdir(proc) if name.isdigit()):
        try:
            comm = _read(f"{proc}/{pid}/comm").rstrip("\n")
            if comm not in TIME_DAEMONS and comm != "busybox":
                continue
            argv = _read(f"{proc}/{pid}/cmdline").rstrip("\0").split("\0")
        except OSError:  # it has ended meanwhile
            continue
        if comm in TIME_DAEMONS or "ntpd" in argv[:2]:
            found.append({"pid": pid, "comm": comm, "argv": argv})
    return found


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
