"""htpdate, which takes the time from the ``Date`` of web servers."""

from __future__ import annotations

from .common.daemon import Daemon

DAEMON = Daemon(name="htpdate", units=("htpdate",), processes=("htpdate",))
