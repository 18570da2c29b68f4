"""statime, a PTP daemon in Rust. With ``virtual-system-clock`` in its file it leaves the clock alone: that is not looked at."""

from __future__ import annotations

from .common.daemon import Daemon

DAEMON = Daemon(name="statime", units=("statime",), processes=("statime", "statime-linux"))
