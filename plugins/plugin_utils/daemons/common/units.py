"""The time daemons of a node, from its units (systemd's or OpenRC's) and processes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ...boundary.once import once
from ...model.record import MissingEvidenceError, Record
from .. import daemons_by_process, daemons_by_unit, discover
from .daemon import Daemon, TimeDaemon

ENABLED_STATES = ("enabled", "enabled-runtime", "static", "generated")
RUNNING_STATES = ("active", "activating", "reloading")

FILES = ("ntpd", "ptp", "clockbound")
"""The sections whose files say whether a daemon that runs steers the clock: a check that asks for
the daemons reads them."""


@once
def time_daemons(record: Record) -> Sequence[TimeDaemon]:
    """All that are installed, from the evidence's section ``time_services``, and from FILES what
    they do.

    Raises MissingEvidenceError if the service manager did not show them, or if a file that decides
    was not read.
    """
    time_services = record.section("time_services")
    units = time_services["units"]
    if "error" in units:
        raise MissingEvidenceError(f"systemd did not show its units: {units['error']}", "time_services")
    found: dict[str, TimeDaemon] = {}
    for unit in units:
        kind = _kind(unit, time_services)
        if kind is None or unit["load_state"] in ("not-found", "masked"):
            continue
        # A daemon that falls over is "activating" between its starts, but nothing runs then.
        falls_over = unit["sub_state"].startswith("auto-restart")
        active = unit["active_state"] in RUNNING_STATES and not falls_over
        enabled = unit["unit_file_state"] in ENABLED_STATES
        found[unit["unit"]] = TimeDaemon(
            daemon=kind.name,
            unit=unit["unit"],
            active=active,
            enabled=enabled,
            until_reboot=unit["unit_file_state"] == "enabled-runtime",
            state=f"{unit['active_state']}/{unit['sub_state']}, {unit['unit_file_state']}",
            leaves_clock_alone=_leaves_clock_alone(kind, unit, record) if active else "",
        )
    return _with_idle_beside_others(list(found.values()), record)


def _kind(unit: Mapping[str, Any], time_services: Mapping[str, Any]) -> Daemon | None:
    """Whose unit it is, by any of its names; None if it is no time daemon's."""
    known = daemons_by_unit()
    names = {_stem(name) for name in (unit["unit"], *(unit.get("names") or []))}
    kinds = [known[name] for name in names & known.keys()]
    if not kinds:
        return None
    kind = min(kinds, key=lambda kind: (kind.yields_units, kind.name))
    behind = (other for other in discover().values() if other.is_behind and other.is_behind(kind.name, time_services))
    return next(behind, kind)


def _with_idle_beside_others(daemons: list[TimeDaemon], record: Record) -> list[TimeDaemon]:
    """Beside a daemon that steers, one that counts alone leaves the clock alone, unless one of its
    processes moves it.

    By default ptp4l steers the network card's clock, which phc2sys or chronyd then follows
    (ptp4l(8)).
    """
    idle = {
        kind.name: idle_alone(kind, record)
        for kind in discover().values()
        if kind.counts_alone
        and any(d.daemon == kind.name for d in daemons)
        and any(d.steers_now for d in daemons if d.daemon != kind.name)
    }
    return [replace(d, leaves_clock_alone=d.leaves_clock_alone or idle.get(d.daemon, "")) for d in daemons]


def idle_alone(kind: Daemon, record: Record) -> str:
    """Why a daemon that counts alone moves no system clock with any of its processes; empty if it
    does, or is no such daemon.

    If no process is shown it is judged as one without arguments.
    """
    if not kind.counts_alone:
        return ""
    processes = record.section("time_services").get("processes") or []
    own = [p for p in processes if p["comm"] in kind.processes] or [{"comm": kind.processes[0], "argv": []}]
    reasons = [leaves_clock_alone(process, record) for process in own]
    return ", ".join(dict.fromkeys(reasons)) if all(reasons) else ""


_INSTANCE_AND_SUFFIX = re.compile(r"(@[^.]*)?\.service$")


def _stem(unit: str) -> str:
    """``ptp4l@eth0.service`` is ``ptp4l``; OpenRC's names have neither part.

    Helpers and targets keep their suffix.
    """
    return _INSTANCE_AND_SUFFIX.sub("", unit)


def _leaves_clock_alone(kind: Daemon, unit: Mapping[str, Any], record: Record) -> str:
    """Why a daemon that runs moves no clock; empty if it does, or nothing is known."""
    if kind.counts_alone:
        return ""
    processes = record.section("time_services").get("processes") or []
    own = [p for p in processes if kind.may_be(p) and any(p["argv"])]
    # OpenRC shows no main process. Then a command line counts only if it is the only one.
    shown = [p for p in own if p["pid"] == unit.get("main_pid")] or (own if len(own) == 1 else [])
    return _why_it_leaves(kind, shown[0], record) if shown else ""


def leaves_clock_alone(process: Mapping[str, Any], record: Record) -> str:
    """Why this process moves no system clock, by its arguments and files; empty if it does, or
    may.
    """
    kind = daemons_by_process().get(process["comm"])
    return _why_it_leaves(kind, process, record) if kind else ""


def leaves_at_start(daemon: TimeDaemon, boot_units: Mapping[str, Mapping[str, Any]], record: Record) -> str:
    """Why a daemon would move no clock after its start: as now if it runs, else by the one command
    that its unit runs.

    Empty if a variable of the environment, a script or a file that was not read decides.
    """
    command = boot_units.get(daemon.unit, {}).get("exec_start") or ""
    argv = command.split()
    if daemon.active or daemon.leaves_clock_alone or not argv or set("$;") & set(command):
        return daemon.leaves_clock_alone
    kind = discover()[daemon.daemon]
    process = {"comm": argv[0].rpartition("/")[2], "pid": 0, "argv": argv}
    with suppress(MissingEvidenceError):
        return _why_it_leaves(kind, process, record) if kind.may_be(process) else ""
    return ""


def _why_it_leaves(kind: Daemon, process: Mapping[str, Any], record: Record) -> str:
    if process.get("may_set_clock") is False:
        return f"{process['comm']} may not set the clock (it has no CAP_SYS_TIME here)"
    return kind.leaves_clock_alone(process, record) if kind.leaves_clock_alone else ""
