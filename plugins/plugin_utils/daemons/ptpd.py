"""PTPd, a daemon for PTP that has nothing to do with linuxptp."""

from __future__ import annotations

from .common.daemon import Daemon

DAEMON = Daemon(name="ptpd", units=("ptpd", "ptpd2"), processes=("ptpd", "ptpd2"))
