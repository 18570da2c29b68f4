"""Does exactly one time daemon steer the node's clock now?

Without a daemon a clock drifts by seconds a day, and no error is logged anywhere until something refuses the node's
signatures. Two daemons steer the same clock against each other. Whether the right one also starts at the next boot is
what next_boot asks.

Passes where exactly one of chrony, ntpd, ntpsec, openntpd, systemd-timesyncd, BusyBox's ntpd, phc2sys, ptp4l and timemaster runs
and steers. What timemaster starts is one with it. `chronyd -x`, `phc2sys -E ntpshm`, and a ptp4l that steers its network card
alone are not counted. A daemon that runs outside its unit, by hand or in a container, is counted as any other: the kernel has
one clock for all containers.

Source: systemd's unit states, systemctl(1); OpenRC's rc-service(8); chronyd(8), phc2sys(8), timemaster(8); chrony's FAQ on
other NTP clients; time_namespaces(7): there are none for CLOCK_REALTIME.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..finding import Finding
from ..policy import Policy
from ..record import Record
from ..time_daemons import TimeDaemon, leaves_clock_alone, time_daemons

NEEDS = ("time_services",)
MENDED_BY_CHRONY = True

_DAEMON_OF_PROCESS = {
    "chronyd": "chrony",
    "ntpd": "ntpd",
    "busybox": "busybox ntpd",
    "systemd-timesyn": "systemd-timesyncd",
    "ptp4l": "ptp4l",
    "phc2sys": "phc2sys",
    "timemaster": "timemaster",
    "htpdate": "htpdate",
}
"""Programs that steer the clock for as long as they run, as /proc/PID/comm names them."""

_CONTAINER = re.compile(r"kubepods|docker|libpod|containerd|crio|lxc|machine\.slice|buildkit")


@dataclass(frozen=True)
class _Stray:
    """A process that steers the clock and belongs to none of the known units."""

    daemon: str
    pid: int
    comm: str
    cgroup: str | None

    @property
    def name(self) -> str:
        return f"{self.comm} (pid {self.pid}, cgroup {self.cgroup or 'unknown'})"

    @property
    def stop(self) -> str:
        cgroup = self.cgroup or ""
        if _CONTAINER.search(cgroup):
            return f"remove the container of pid {self.pid} ({cgroup}), or let it run chronyd with -x"
        if cgroup.endswith(".service"):
            return f"systemctl disable --now {cgroup.rsplit('/', 1)[-1]}"
        return f"kill {self.pid}, and take it out of what starts it"


def judge(record: Record, policy: Policy) -> Finding:  # noqa: ARG001 - each check has the same form
    """Judge what runs now: units, and the processes beside them."""
    section = record.section("time_services")
    manager = section.get("manager")
    processes = section.get("processes") or []
    daemons = time_daemons(section)
    running = [d for d in daemons if d.steers_now and not _crashed(d, manager, processes)]
    strays = _strays(section, daemons)
    steering: list[TimeDaemon | _Stray] = [*running, *strays]
    seen = {
        "manager": manager,
        "daemons": [asdict(d) for d in daemons],
        "processes": processes,
        "timedatectl": section.get("timedatectl"),
        "competing": [],
    }
    if not steering:
        return _nothing_steers(daemons, manager, seen)
    keep = next((d for d in steering if d.daemon == "chrony"), steering[0])
    if len(steering) > 1:
        others = [d for d in steering if d is not keep]
        seen["competing"] = [_name(d) for d in others]
        return Finding(
            "fail",
            f"{len(steering)} time daemons steer this clock: {', '.join(_name(d) for d in steering)}",
            "Each moves the clock by its own idea of the time and takes the other's corrections for errors of the clock.",
            f"Keep {_name(keep)}: {'; '.join(_stop(d, manager) for d in others)}",
            seen,
            f"several time daemons: {', '.join(sorted(d.daemon for d in steering))}",
        )
    note = " (it belongs to no known unit)" if isinstance(keep, _Stray) else ""
    return Finding("pass", f"{_name(keep)} steers the clock, and no other time daemon does{note}", seen=seen)


def _nothing_steers(daemons: Sequence[TimeDaemon], manager: str | None, seen: Mapping[str, Any]) -> Finding:
    why = "Nothing steers this clock: it drifts until GitHub, the API server or etcd refuses what it dates."
    if not daemons:
        return Finding(
            "fail",
            "no time daemon runs on this node (none is installed)",
            why,
            "Install and configure chrony: the gate does it, or playbook skewgate.preflight.remediate.",
            seen,
            "no time daemon installed",
        )
    states = ", ".join(f"{d.unit}: {d.leaves_clock_alone or d.state}" for d in daemons)
    if idle := [d for d in daemons if d.leaves_clock_alone]:
        return Finding(
            "fail",
            f"no time daemon steers this clock ({states})",
            why,
            f"Let {idle[0].unit} steer the clock (take the option away that keeps it from it). In a container it can't: mend "
            "the time of the container's host.",
            seen,
            "the time daemon leaves the clock alone",
        )
    unit = next((d.unit for d in daemons if d.enabled), daemons[0].unit)
    start = (
        f"rc-update add {unit}; rc-service {unit} start" if manager == "openrc" else f"systemctl enable --now {unit}"
    )
    log = "the system log" if manager == "openrc" else f"journalctl -u {unit}"
    return Finding(
        "fail",
        f"no time daemon runs on this node (installed: {states})",
        why,
        f"{start}; where it does not stay up, its log tells why: {log}",
        seen,
        "the time daemon does not run",
    )


def _crashed(daemon: TimeDaemon, manager: str | None, processes: Sequence[Mapping[str, Any]]) -> bool:
    """OpenRC goes on calling a service started when its process has died."""
    return manager == "openrc" and not any(_may_be_of(process, daemon) for process in processes)


def _may_be_of(process: Mapping[str, Any], daemon: TimeDaemon) -> bool:
    """Whether the process runs the daemon's program. ntpd is that of ntp.org, NTPsec, OpenNTPD and BusyBox."""
    kind = _DAEMON_OF_PROCESS.get(process["comm"])
    if kind in ("ntpd", "busybox ntpd"):
        return daemon.daemon in ("ntpd", "ntpsec", "openntpd", "busybox ntpd")
    return kind == daemon.daemon


def _strays(section: Mapping[str, Any], daemons: Sequence[TimeDaemon]) -> list[_Stray]:
    """One for each program and cgroup: daemons fork."""
    names = {name for unit in section["units"] for name in (unit["unit"], *(unit.get("names") or []))}
    main_pids = {unit["main_pid"] for unit in section["units"] if unit["main_pid"]}
    strays: dict[tuple[str, str | None], _Stray] = {}
    for process in section.get("processes") or []:
        daemon, cgroup = _DAEMON_OF_PROCESS.get(process["comm"]), process.get("cgroup")
        if daemon is None or process["pid"] in main_pids or not _steers(process):
            continue
        if cgroup and cgroup != "/" and (section.get("manager") == "systemd" or _CONTAINER.search(cgroup)):
            own = bool(names & set(cgroup.split("/")))
        else:  # it does not tell whose the process is
            own = any(d.active and _may_be_of(process, d) for d in daemons)
        if not own:
            strays.setdefault((daemon, cgroup), _Stray(daemon, process["pid"], process["comm"], cgroup))
    return list(strays.values())


def _steers(process: Mapping[str, Any]) -> bool:
    """By its own command line. ptp4l steers its network card, unless told to use software time stamps (ptp4l(8), -S)."""
    if process["comm"] == "ptp4l":
        return "-S" in str(process["cmdline"]).split()
    return not leaves_clock_alone(process)


def _name(daemon: TimeDaemon | _Stray) -> str:
    return daemon.name if isinstance(daemon, _Stray) else daemon.unit


def _stop(daemon: TimeDaemon | _Stray, manager: str | None) -> str:
    if isinstance(daemon, _Stray):
        return daemon.stop
    if manager == "openrc":
        return f"rc-service {daemon.unit} stop; rc-update del {daemon.unit}"
    return f"systemctl disable --now {daemon.unit}"
