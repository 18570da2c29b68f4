"""BusyBox's ntpd, which answers no query and writes no state (networking/ntpd.c)."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from ..model.record import Record
from .common.daemon import Daemon, FirstCorrection
from .common.options import options


def _is_behind(daemon: str, time_services: Mapping[str, Any]) -> bool:
    """Whether an OpenRC node's ntpd is BusyBox's: Alpine's service ``ntpd`` is.

    /proc/PID/exe of an applet is busybox itself; if it could not be read, the options decide:
    BusyBox's ntpd names its servers by ``-p HOST`` (networking/ntpd.c), and the others' ``-p``
    names a file.
    """
    if daemon != "ntpd" or time_services.get("manager") != "openrc":
        return False
    for process in time_services.get("processes") or []:
        argv = process["argv"]
        if not DAEMON.may_be(process) or not argv:
            continue
        peers = [value for option, value in pairwise(argv) if option == "-p"]
        if "busybox" in (process.get("exe") or argv[0]) or any("/" not in peer for peer in peers):
            return True
    return False


def _leaves_clock_alone(process: Mapping[str, Any], record: Record) -> str:  # noqa: ARG001 - each daemon's has the same form
    """``-w`` only asks the servers (networking/ntpd.c)."""
    only_asks = ("-w", "") in options(process["argv"][1:], "dqNwnI:p:k:lS:")
    return "BusyBox's ntpd only asks its servers (-w)" if only_asks else ""


DAEMON = Daemon(
    name="busybox ntpd",
    units=("busybox-ntpd",),
    is_behind=_is_behind,
    processes=("busybox",),
    may_run_as=("ntpd",),
    not_asked_because="cannot be asked",
    # STEP_THRESHOLD in BusyBox's ntpd.c.
    first_correction=FirstCorrection(1.0, "it steps the clock beyond 1 s"),
    leaves_clock_alone=_leaves_clock_alone,
)
