"""statime, a PTP daemon in Rust.

With ``virtual-system-clock`` in its file it leaves the clock alone. The file is not read.
"""

from __future__ import annotations

from .common.daemon import Daemon

DAEMON = Daemon(name="statime", units=("statime",), processes=("statime", "statime-linux"))
