"""Time daemons that run beside the known units: by hand, in a container, or in a unit of another
name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ...model.record import Record
from .. import daemons_by_process, discover
from .daemon import TimeDaemon
from .units import leaves_clock_alone

_CONTAINER = re.compile(r"kubepods|docker|libpod|containerd|crio|lxc|machine\.slice|buildkit")

_STARTS_OTHERS = re.compile(r"(ssh|sshd|cron|crond|atd|getty|serial-getty|rc-local)(@.*)?\.service$")
"""Units that only start what others ask for: stopping them would take away the way in, or other
jobs."""


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
        if instead := discover()[self.daemon].instead_of_stopping:
            return instead
        if _CONTAINER.search(cgroup):
            return f"remove the container of pid {self.pid} ({cgroup}), or let it run chronyd with -x"
        unit = cgroup.rsplit("/", 1)[-1]
        if unit.endswith(".service") and not _STARTS_OTHERS.match(unit):
            return f"systemctl disable --now {unit}"
        return f"kill {self.pid}, and remove it from whatever starts it"


def stray_daemons(record: Record, daemons: Sequence[TimeDaemon]) -> list[StrayDaemon]:
    """Those that steer the clock now, from the section ``time_services``; one for each program and
    cgroup: daemons fork.
    """
    section = record.section("time_services")
    known = {d.unit for d in daemons}
    units = [unit for unit in section["units"] if unit["unit"] in known]
    names = {name for unit in units for name in (unit["unit"], *(unit.get("names") or []))}
    main_pids = {unit["main_pid"] for unit in units if unit["main_pid"]}
    kinds, active = discover(), {d.daemon for d in daemons if d.active}
    strays: dict[tuple[str, str | None], StrayDaemon] = {}
    for process in section.get("processes") or []:
        kind, cgroup = daemons_by_process().get(process["comm"]), process.get("cgroup")
        if kind is None or process["pid"] in main_pids:
            continue
        if cgroup and cgroup != "/" and (section.get("manager") == "systemd" or _CONTAINER.search(cgroup)):
            own = bool(names & set(cgroup.split("/")))
        else:  # it does not show whose the process is
            own = any(kinds[name].may_be(process) for name in active)
        if not own and not leaves_clock_alone(process, record):
            strays.setdefault((kind.name, cgroup), StrayDaemon(kind.name, process["pid"], process["comm"], cgroup))
    return list(strays.values())
