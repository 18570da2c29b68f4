"""Does exactly one time daemon steer the node's clock now?

Without a daemon a clock drifts by seconds a day, and nothing logs an error until something refuses
the node's signatures. Two daemons steer the same clock against each other. next_boot checks whether
the right one also starts at the next boot.

Passes if exactly one of chrony, ntpd, ntpsec, openntpd, ntpd-rs, systemd-timesyncd, BusyBox's
ntpd, phc2sys, ptp4l, timemaster, ptpd, statime, timebeat, htpdate, ntpclient, ConnMan and
ClockBound runs and steers. timemaster and the daemons that it starts count as one. A daemon that
runs outside its unit, by hand or in a container, counts like any other, because the kernel has one
clock for all containers.

A daemon that leaves the system clock alone does not count: `chronyd -x`; a ptp4l that steers its
network card's clock (its default), or with `serverOnly`; a phc2sys that steers a card's clock
(`-c eth0`, or `-a` without `-r`); a linuxptp program with `clock_servo ntpshm` or `free_running`;
an ntpd with `disable ntp`; BusyBox's `ntpd -w`; `ptpd -n`; ConnMan with TimeUpdates `manual`;
ClockBound 1 and 2, which only read chronyd. Inconclusive if this depends on a file of linuxptp
that was not read. Also inconclusive if a ClockBound beside chronyd may set the clock, and neither
its shared memory nor its options show its version.

A process needs CAP_SYS_TIME to set the clock. If a process has it without CAP_SYS_ADMIN, and is no
known time daemon, the summary names it: it is not known whether it sets the clock. For root's other
processes, the names are in the evidence that the finding shows.

What to do: keep one daemon and stop the others (the finding has the command). If a node has no
daemon, let the gate install chrony, or run playbook skewgate.preflight.remediate.

Source: capabilities(7), user_namespaces(7); systemd's unit states, systemctl(1); OpenRC's
rc-service(8); chronyd(8), phc2sys(8), timemaster(8); chrony's FAQ on other NTP clients;
time_namespaces(7): there are none for CLOCK_REALTIME.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from enum import StrEnum
from typing import Any

from ..daemons import discover
from ..daemons.common import holders
from ..daemons.common.daemon import TimeDaemon
from ..daemons.common.strays import StrayDaemon, stray_daemons
from ..daemons.common.units import FILES, idle_alone, time_daemons
from ..model.finding import Finding
from ..model.policy import Policy
from ..model.record import Record

NEEDS = ("time_services",)
READS = FILES
REMEDIABLE = True


class Key(StrEnum):
    """Why the clock is not steered by exactly one time daemon."""

    SEVERAL = "several_daemons"
    PTP4L_WITHOUT_PHC2SYS = "ptp4l_without_phc2sys"
    NONE_INSTALLED = "none_installed"
    LEAVES_CLOCK_ALONE = "leaves_clock_alone"
    NOT_RUNNING = "not_running"


_WHY_NOTHING = (
    "Nothing steers this clock. It drifts until GitHub, the API server or etcd refuses the times that it gives."
)


def judge(record: Record, policy: Policy) -> Finding:  # noqa: ARG001 - each check has the same form
    """Judge what runs now: units, and the processes beside them."""
    section = record.section("time_services")
    manager = section.get("manager")
    processes = section.get("processes") or []
    daemons = time_daemons(record)
    running = [d for d in daemons if d.steers_now and not _crashed(d, manager, processes)]
    strays = stray_daemons(record, daemons)
    steering: list[TimeDaemon | StrayDaemon] = [*running, *strays]
    seen = {
        "manager": manager,
        "daemons": [asdict(d) for d in daemons],
        "processes": processes,
        "competing": [],
        "may_set_clock": section.get("may_set_clock"),
    }
    may_also = holders.note(record)
    if not steering:
        return _nothing_steers(daemons, manager, seen)
    keep = next((d for d in steering if d.daemon == "chrony"), steering[0])
    if len(steering) > 1:
        others = [d for d in steering if d is not keep]
        seen["competing"] = [_name(d) for d in others]
        return Finding(
            state="fail",
            summary=f"{len(steering)} time daemons steer this clock: {', '.join(_name(d) for d in steering)}",
            why="Each daemon moves the clock to a different time, and takes the other's corrections for errors of the clock.",
            remedy=f"Keep {_name(keep)}: {'; '.join(_stop(d, manager) for d in others)}",
            seen=seen,
            keys=(Key.SEVERAL,),
            about=tuple(sorted(d.daemon for d in steering)),
            cause=f"several time daemons: {', '.join(sorted(d.daemon for d in steering))}",
        )
    if isinstance(keep, TimeDaemon) and (why := idle_alone(discover()[keep.daemon], record)):
        return _only_the_card(keep, why, daemons, manager, seen)
    note = " (it belongs to no known unit)" if isinstance(keep, StrayDaemon) else ""
    return Finding(
        state="pass",
        summary=f"{_name(keep)} steers the clock{note}, and no other known time daemon does{may_also}",
        seen=seen,
    )


def _nothing_steers(daemons: Sequence[TimeDaemon], manager: str | None, seen: Mapping[str, Any]) -> Finding:
    if not daemons:
        return Finding(
            state="fail",
            summary="no time daemon runs on this node (none is installed)",
            why=_WHY_NOTHING,
            remedy="Install and configure chrony: run the gate, or playbook skewgate.preflight.remediate.",
            seen=seen,
            keys=(Key.NONE_INSTALLED,),
            cause="no time daemon installed",
        )
    states = ", ".join(f"{d.unit}: {d.leaves_clock_alone or d.state}" for d in daemons)
    if idle := [d for d in daemons if d.leaves_clock_alone]:
        others = [d for d in idle if not discover()[d.daemon].of_linuxptp]
        return Finding(
            state="fail",
            summary=f"no time daemon steers this clock ({states})",
            why=_WHY_NOTHING,
            remedy=discover()[others[0].daemon].if_it_leaves
            or f"Let {others[0].unit} steer the clock (remove the option that prevents it). In a container it cannot: "
            "fix the time of the container's host."
            if others
            else "Run chronyd beside it, or a phc2sys that steers the system clock (`phc2sys -a -r`).",
            seen=seen,
            keys=(Key.LEAVES_CLOCK_ALONE,),
            cause="the time daemon leaves the clock alone",
        )
    return Finding(
        state="fail",
        summary=f"no time daemon runs on this node (installed: {states})",
        why=_WHY_NOTHING,
        remedy=_start(next((d.unit for d in daemons if d.enabled), daemons[0].unit), manager),
        seen=seen,
        keys=(Key.NOT_RUNNING,),
        cause="the time daemon does not run",
    )


def _only_the_card(
    keep: TimeDaemon, why: str, daemons: Sequence[TimeDaemon], manager: str | None, seen: Mapping[str, Any]
) -> Finding:
    """A ptp4l that steers the network card's clock, and nothing carries its time
    to the system clock.
    """
    idle = [d for d in daemons if d.active and d.leaves_clock_alone and d.daemon != keep.daemon]
    down = [d for d in daemons if d.enabled and not d.active and not discover()[d.daemon].counts_alone]
    down.sort(key=lambda d: d.daemon != "chrony")
    runs = [f"{_name(keep)} runs ({why})", *(f"{d.unit} runs ({d.leaves_clock_alone})" for d in idle)]
    off = f" ({down[0].unit} is enabled and does not run: {down[0].state})" if down else ""
    if down:
        key, cause, remedy = Key.NOT_RUNNING, "the time daemon does not run", _start(down[0].unit, manager)
    elif idle:
        key, cause = Key.LEAVES_CLOCK_ALONE, "the time daemon leaves the clock alone"
        remedy = "Run chronyd beside it: the present daemons take the time from the system clock, or only feed another daemon."
    else:
        key, cause = Key.PTP4L_WITHOUT_PHC2SYS, "ptp4l without phc2sys"
        remedy = (
            "If it steers the card's clock, run phc2sys beside it (`phc2sys -a -r`), or chronyd with `refclock PHC`. Else run "
            "chronyd beside it (with `refclock SHM` if ptp4l feeds it)."
        )
    return Finding(
        state="fail",
        summary=f"{', '.join(runs)}, and nothing steers the system clock{off}",
        why=_WHY_NOTHING,
        remedy=remedy,
        seen=seen,
        keys=(key,),
        cause=cause,
    )


def _start(unit: str, manager: str | None) -> str:
    start = (
        f"rc-update add {unit}; rc-service {unit} start" if manager == "openrc" else f"systemctl enable --now {unit}"
    )
    log = "the system log" if manager == "openrc" else f"journalctl -u {unit}"
    return f"{start}; if it does not keep running, look in its log for the reason: {log}"


def _crashed(daemon: TimeDaemon, manager: str | None, processes: Sequence[Mapping[str, Any]]) -> bool:
    """Whether OpenRC calls a service started although its process has died."""
    return manager == "openrc" and not any(discover()[daemon.daemon].may_be(process) for process in processes)


def _name(daemon: TimeDaemon | StrayDaemon) -> str:
    return daemon.name if isinstance(daemon, StrayDaemon) else daemon.unit


def _stop(daemon: TimeDaemon | StrayDaemon, manager: str | None) -> str:
    if isinstance(daemon, StrayDaemon):
        return daemon.stop
    if instead := discover()[daemon.daemon].instead_of_stopping:
        return instead
    if manager == "openrc":
        return f"rc-service {daemon.unit} stop; rc-update del {daemon.unit}"
    return f"systemctl disable --now {daemon.unit}"
