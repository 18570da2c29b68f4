# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What may steer the clock: units and processes.

timedatectl is not asked: ``timedatectl show`` makes D-Bus start systemd-timedated (systemd's
src/timedate/timedatectl.c), and whether it would say NTPSynchronized=yes stands in the section
``clock``, in adjtimex's maxerror.
"""

from __future__ import annotations

import glob
import os
from fnmatch import fnmatchcase

from ..node.background import gather
from ..node.files import read_text
from ..node.names import DAEMON_TEMPLATES, DAEMON_UNITS, MOVER_UNITS, WAIT_UNITS
from ..node.processes import not_contained
from ..node.systemd import is_manager

SERVICES = (*DAEMON_UNITS, *WAIT_UNITS, *MOVER_UNITS)

# A pattern finds the instances that systemd has loaded: those that run, and those that are enabled.
SERVICE_UNITS = tuple(f"{name}.service" for name in (*SERVICES, *(f"{name}@*" for name in DAEMON_TEMPLATES)))
UNITS = (*SERVICE_UNITS, "time-sync.target")

PROPERTIES = {
    "Names": "names",
    "LoadState": "load_state",
    "ActiveState": "active_state",
    "SubState": "sub_state",
    "UnitFileState": "unit_file_state",
    "MainPID": "main_pid",
}

# OpenRC's states and what systemd would say, in the order in which one counts before another.
OPENRC_STATES = {
    "failed": "failed",
    "crashed": "failed",
    "starting": "activating",
    "stopping": "deactivating",
    "inactive": "inactive",
    "started": "active",
    "stopped": "inactive",
}


def collect(timeout_s: float, shown, processes: list, may_set_clock: dict) -> dict:
    """The section ``time_services``; ``units`` is ``{"error"}`` if the question failed.

    ``shown``: what ``systemd.show`` gives of UNITS (and maybe more) with PROPERTIES, an empty list
    without systemd. ``processes``: the time daemons that run; ``may_set_clock``: who else may set
    the clock (``processes.Running``).
    """
    manager = "systemd" if is_manager() else "openrc" if os.path.isdir("/run/openrc") else "other"
    return {
        "manager": manager,
        "processes": processes,
        "may_set_clock": may_set_clock,
        "connman_time_updates": connman_time_updates(processes),
        "units": gather({"units": openrc_units}, timeout_s)["units"] if manager == "openrc" else _units(shown),
    }


def connman_time_updates(processes: list, path: str = "/var/lib/connman/settings"):
    """Whether the ConnMan that runs sets the clock: ``manual`` (it does not) or ``auto``, as it has
    stored it (its src/clock.c).

    None if it does not run, or nothing was read: by default it sets it. Of the file, which also
    holds passphrases, no more is shown.
    """
    if not any(process["comm"] == "connmand" for process in not_contained(processes)):
        return None
    try:
        lines = [line.strip() for line in read_text(path).splitlines()]
    except (OSError, ValueError):
        return None
    section, found = "", None
    for line in lines:
        if line.startswith("["):
            section = line
        name, _equals, value = line.partition("=")
        if section == "[global]" and name.strip() == "TimeUpdates" and value.strip() in ("auto", "manual"):
            found = value.strip()
    return found


def _units(shown):
    if "error" in shown:
        return shown
    return [_unit(properties) for properties in shown if _is_of_time(properties["Names"].split())]


def _is_of_time(names: list) -> bool:
    return any(fnmatchcase(name, pattern) for name in names for pattern in UNITS)


def _unit(properties: dict) -> dict:
    """A unit as the evidence has it.

    >>> _unit({"Id": "chrony.service", "Names": "chronyd.service chrony.service", "LoadState": "loaded",
    ...        "ActiveState": "active", "SubState": "running", "UnitFileState": "enabled", "MainPID": "7"})
    {'unit': 'chrony.service', 'names': ['chrony.service', 'chronyd.service'], 'load_state': 'loaded', \
'active_state': 'active', 'sub_state': 'running', 'unit_file_state': 'enabled', 'main_pid': 7}
    """  # noqa: W505 - an example or a table
    unit = {"unit": properties["Id"], **{name: properties.get(key, "") for key, name in PROPERTIES.items()}}
    unit["names"] = sorted(unit["names"].split())
    unit["main_pid"] = int(unit["main_pid"] or 0)  # a target has none
    return unit


def openrc_units(root: str = "") -> list:
    """OpenRC's services in the form of systemd's units, from its folders (OpenRC's src/librc: rc.h,
    librc.c, librc-daemon.c).

    ``enabled``: in a runlevel that a boot goes through, which ``shutdown`` is not. A service that
    was started and whose PID file names no process is ``crashed``, as rc-status(8) calls it.
    """
    units = []
    for name in SERVICES:
        runlevels = {path.split("/")[-2] for path in glob.glob(f"{root}/etc/runlevels/*/{name}")}
        state = next(
            (state for state in OPENRC_STATES if os.path.lexists(f"{root}/run/openrc/{state}/{name}")), "stopped"
        )
        if not runlevels and state == "stopped" and not os.path.exists(f"{root}/etc/init.d/{name}"):
            continue
        main_pid = _openrc_pid(name, root) if state == "started" else 0
        if main_pid is None:
            state = "crashed"
        units.append(
            {
                "unit": name,
                "names": [name],
                "load_state": "loaded",
                "active_state": OPENRC_STATES[state],
                "sub_state": state,
                "unit_file_state": "enabled" if runlevels - {"shutdown"} else "disabled",
                "main_pid": main_pid or 0,
            }
        )
    return units


def _openrc_pid(name: str, root: str):
    """The process of a started service: 0 if OpenRC noted no PID file or only root may read it,
    None if it has ended.
    """
    for daemon in sorted(glob.glob(f"{root}/run/openrc/daemons/{name}/*")):
        for line in read_text(daemon).splitlines():
            key, _equals, pid_file = line.partition("=")
            if key == "pidfile" and pid_file:
                try:
                    pid = int(read_text(root + pid_file))
                except PermissionError:
                    return 0
                except (OSError, ValueError):
                    return None
                return pid if os.path.exists(f"{root}/proc/{pid}") else None
    return 0
