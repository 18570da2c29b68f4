"""The time daemons of a node, from its units (systemd's or OpenRC's) and processes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from ..model.record import MissingEvidenceError

DAEMON_OF_UNIT = {
    "chrony": "chrony",
    "chronyd": "chrony",
    "chronyd-restricted": "chrony",
    "ntp": "ntpd",
    "ntpd": "ntpd",
    "ntpsec": "ntpsec",
    "ntpd-rs": "ntpd-rs",
    "openntpd": "openntpd",
    "systemd-timesyncd": "systemd-timesyncd",
    "busybox-ntpd": "busybox ntpd",
    "ptp4l": "ptp4l",
    "phc2sys": "phc2sys",
    "timemaster": "timemaster",
    "ptpd": "ptpd",
    "ptpd2": "ptpd",
    "htpdate": "htpdate",
}
"""Units that steer the system clock, by any of their names without suffix and instance."""

_PROCESS_OF_DAEMON = {"chrony": "chronyd", "phc2sys": "phc2sys"}

ENABLED_STATES = ("enabled", "enabled-runtime", "static", "generated")
RUNNING_STATES = ("active", "activating", "reloading")


@dataclass(frozen=True)
class TimeDaemon:
    """One daemon's unit, by its real name.

    ``active``: it runs now. ``leaves_clock_alone``: why it moves no clock although it runs (empty: it does).
    ``steers``: it moves the clock now, or will after the next boot.
    """

    daemon: str
    unit: str
    active: bool
    enabled: bool
    steers: bool
    state: str
    leaves_clock_alone: str = ""

    @property
    def steers_now(self) -> bool:
        """Whether it moves the clock at this moment."""
        return self.active and not self.leaves_clock_alone


def time_daemons(time_services: Mapping[str, Any]) -> list[TimeDaemon]:
    """All that are installed, from the evidence's section ``time_services``.

    Raises MissingEvidenceError where the service manager did not tell.
    """
    units = time_services["units"]
    if "error" in units:
        raise MissingEvidenceError(f"systemd did not tell its units: {units['error']}")
    processes = time_services.get("processes") or []
    found: dict[str, TimeDaemon] = {}
    for unit in units:
        names = {_stem(name) for name in (unit["unit"], *(unit.get("names") or []))}
        kinds = {DAEMON_OF_UNIT[name] for name in names & DAEMON_OF_UNIT.keys()}
        if not kinds or unit["load_state"] in ("not-found", "masked"):
            continue
        # ntpsec and openntpd also answer to ntp.service: the more particular name is the daemon's own.
        daemon = min(kinds, key=lambda kind: (kind == "ntpd", kind))
        if daemon == "ntpd" and time_services.get("manager") == "openrc" and _is_busybox(processes):
            daemon = "busybox ntpd"
        # A daemon that falls over is "activating" between its starts, but nothing runs then.
        falls_over = unit["sub_state"].startswith("auto-restart")
        active = unit["active_state"] in RUNNING_STATES and not falls_over
        enabled = unit["unit_file_state"] in ENABLED_STATES
        leaves_alone = _leaves_clock_alone(daemon, unit, processes) if active else ""
        found[unit["unit"]] = TimeDaemon(
            daemon,
            unit["unit"],
            active,
            enabled,
            (active or enabled) and not leaves_alone,
            f"{unit['active_state']}/{unit['sub_state']}, {unit['unit_file_state']}",
            leaves_alone,
        )
    return _without_idle_ptp4l(list(found.values()), processes)


def _without_idle_ptp4l(daemons: list[TimeDaemon], processes: Sequence[Mapping[str, Any]]) -> list[TimeDaemon]:
    """Ptp4l beside a daemon that steers leaves the system clock alone, unless told to use software time stamps (``-S``).

    By default it stamps in the network card and steers the card's clock, which phc2sys or chronyd then follows (ptp4l(8)).
    """
    software = any(p["comm"] == "ptp4l" and "-S" in str(p["cmdline"]).split() for p in processes)
    others = any(d.steers_now for d in daemons if d.daemon != "ptp4l")
    if software or not others:
        return daemons
    idle = "ptp4l steers the network card's clock"
    return [replace(d, steers=False, leaves_clock_alone=idle) if d.daemon == "ptp4l" else d for d in daemons]


def _stem(unit: str) -> str:
    """``ptp4l@eth0.service`` is ``ptp4l``; OpenRC's names have neither part. Helpers and targets keep their suffix."""
    return re.sub(r"(@[^.]*)?\.service$", "", unit)


def _is_busybox(processes: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the node's ntpd is BusyBox's: Alpine's service ``ntpd`` is.

    /proc/PID/exe of an applet is busybox itself; where it could not be read, the options tell: BusyBox's ntpd names its
    servers by ``-p HOST`` (networking/ntpd.c), and the others' ``-p`` names a file.
    """
    for process in processes:
        argv = str(process["cmdline"]).split()
        if process["comm"] not in ("ntpd", "busybox") or not argv:
            continue
        peers = [value for option, value in pairwise(argv) if option == "-p"]
        if "busybox" in (process.get("exe") or argv[0]) or any("/" not in peer for peer in peers):
            return True
    return False


def _leaves_clock_alone(daemon: str, unit: Mapping[str, Any], processes: Sequence[Mapping[str, Any]]) -> str:
    """Why a daemon that runs moves no clock; empty where it does or nothing is known."""
    comm = _PROCESS_OF_DAEMON.get(daemon)
    own = [p for p in processes if p["comm"] == comm and str(p["cmdline"]).strip()]
    # OpenRC tells no main process. Then a command line counts only where it is the only one.
    told = [p for p in own if p["pid"] == unit.get("main_pid")] or (own if len(own) == 1 else [])
    return leaves_clock_alone(told[0]) if told else ""


def leaves_clock_alone(process: Mapping[str, Any]) -> str:
    """Why this process moves no system clock, by its own command line; empty where it does, or may.

    ``chronyd -x`` does not control the system clock (chronyd(8)); ``phc2sys -E ntpshm`` hands its readings to another daemon
    (phc2sys(8)).
    """
    argv = str(process["cmdline"]).split()[1:]
    if process["comm"] == "chronyd":
        return "chronyd runs with -x" if any(re.match("-[46dmnqrRsU]*x", word) for word in argv) else ""
    if process["comm"] == "phc2sys" and "ntpshm" in " ".join(argv):
        return "phc2sys only feeds another daemon (-E ntpshm)"
    return ""
