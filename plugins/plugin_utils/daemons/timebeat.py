"""Timebeat: time from PTP, NTP and others.

With ``adjust_clock: false`` in its file it only watches. The file is not read.
"""

from __future__ import annotations

from .common.daemon import Daemon

DAEMON = Daemon(name="timebeat", units=("timebeat",), processes=("timebeat",))
