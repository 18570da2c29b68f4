"""Time daemons that run beside the known units: by hand, in a container, or in a unit of another name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .units import TimeDaemon, leaves_clock_alone

_DAEMON_OF_PROCESS = {
    "chronyd": "chrony",
    "ntpd": "ntpd",
    "openntpd": "openntpd",
    "ntp-daemon": "ntpd-rs",
    "busybox": "busybox ntpd",
    "systemd-timesyn": "systemd-timesyncd",
    "ptp4l": "ptp4l",
    "phc2sys": "phc2sys",
    "timemaster": "timemaster",
    "ptpd": "ptpd",
    "ptpd2": "ptpd",
    "htpdate": "htpdate",
}
"""Programs that steer the clock for as long as they run, as /proc/PID/comm names them."""

_CONTAINER = re.compile(r"kubepods|docker|libpod|containerd|crio|lxc|machine\.slice|buildkit")

_STARTS_OTHERS = re.compile(r"(ssh|sshd|cron|crond|atd|getty|serial-getty|rc-local)(@.*)?\.service$")
"""Units that only start what others ask for: stopping them would take away the way in, or other jobs."""


@dataclass(frozen=True)
class StrayDaemon:
    """A process that steers the clock and belongs to none of the known units."""

    daemon: str
    pid: int
    comm: str
    cgroup: str | None

    @property
    def name(self) -> str:
        """How a finding calls it."""
        return f"{self.comm} (pid {self.pid}, cgroup {self.cgroup or 'unknown'})"

    @property
    def stop(self) -> str:
        """How to stop it, where it runs."""
        cgroup = self.cgroup or ""
        if _CONTAINER.search(cgroup):
            return f"remove the container of pid {self.pid} ({cgroup}), or let it run chronyd with -x"
        unit = cgroup.rsplit("/", 1)[-1]
        if unit.endswith(".service") and not _STARTS_OTHERS.match(unit):
            return f"systemctl disable --now {unit}"
        return f"kill {self.pid}, and take it out of what starts it"


def may_be_of(process: Mapping[str, Any], daemon: TimeDaemon) -> bool:
    """Whether the process runs the daemon's program. ntpd is that of ntp.org, NTPsec, OpenNTPD and BusyBox."""
    kind = _DAEMON_OF_PROCESS.get(process["comm"])
    if kind in ("ntpd", "busybox ntpd"):
        return daemon.daemon in ("ntpd", "ntpsec", "openntpd", "busybox ntpd")
    return kind == daemon.daemon


def stray_daemons(section: Mapping[str, Any], daemons: Sequence[TimeDaemon]) -> list[StrayDaemon]:
    """Those that steer the clock now, from the section ``time_services``; one for each program and cgroup: daemons fork."""
    known = {d.unit for d in daemons}
    units = [unit for unit in section["units"] if unit["unit"] in known]
    names = {name for unit in units for name in (unit["unit"], *(unit.get("names") or []))}
    main_pids = {unit["main_pid"] for unit in units if unit["main_pid"]}
    strays: dict[tuple[str, str | None], StrayDaemon] = {}
    for process in section.get("processes") or []:
        daemon, cgroup = _DAEMON_OF_PROCESS.get(process["comm"]), process.get("cgroup")
        if daemon is None or process["pid"] in main_pids or not _steers(process):
            continue
        if cgroup and cgroup != "/" and (section.get("manager") == "systemd" or _CONTAINER.search(cgroup)):
            own = bool(names & set(cgroup.split("/")))
        else:  # it does not tell whose the process is
            own = any(d.active and may_be_of(process, d) for d in daemons)
        if not own:
            strays.setdefault((daemon, cgroup), StrayDaemon(daemon, process["pid"], process["comm"], cgroup))
    return list(strays.values())


def _steers(process: Mapping[str, Any]) -> bool:
    """By its own command line. ptp4l steers its network card, unless told to use software time stamps (ptp4l(8), -S)."""
    if process["comm"] == "ptp4l":
        return "-S" in str(process["cmdline"]).split()
    return not leaves_clock_alone(process)
