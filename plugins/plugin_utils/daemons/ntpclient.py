"""ntpclient, a small NTP client of embedded systems (ntpclient(1), Larry Doolittle's)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..model.record import Record
from .common.daemon import Daemon
from .common.options import options


def _leaves_clock_alone(process: Mapping[str, Any], record: Record) -> str:  # noqa: ARG001 - each daemon's has the same form
    """It sets the clock once with ``-s`` and goes on with ``-l``; without both it prints what it
    has measured.
    """
    read = options(process["argv"][1:], "c:df:g:h:i:lp:q:rst")
    return "" if {("-s", ""), ("-l", "")} & set(read) else "ntpclient only prints (neither -s nor -l)"


DAEMON = Daemon(
    name="ntpclient", units=("ntpclient",), processes=("ntpclient",), leaves_clock_alone=_leaves_clock_alone
)
