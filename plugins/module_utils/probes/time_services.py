# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What may steer the clock: units, processes, and what timedatectl says of them."""

from __future__ import annotations

import os

from .background import gather
from .processes import time_daemons
from .run import installed, run

SERVICES = (
    "chrony",
    "chronyd",
    "chrony-wait",
    "ntp",
    "ntpd",
    "ntpsec",
    "openntpd",
    "ntpdate",
    "sntp",
    "htpdate",
    "systemd-timesyncd",
    "systemd-time-wait-sync",
    "ptp4l",
    "phc2sys",
    "timemaster",
    "vmtoolsd",
    "open-vm-tools",
    "vboxadd-service",
    "virtualbox-guest-utils",
)

PROPERTIES = {
    "Id": "unit",
    "Names": "names",
    "LoadState": "load_state",
    "ActiveState": "active_state",
    "SubState": "sub_state",
    "UnitFileState": "unit_file_state",
    "MainPID": "main_pid",
}


def collect(timeout_s: float) -> dict:
    """The section ``time_services``; ``units`` and ``timedatectl`` are ``{"error"}`` where the question failed."""
    systemd = os.path.isdir("/run/systemd/system")
    asked = gather(
        {
            "units": lambda: _units(timeout_s) if systemd else [],
            "timedatectl": lambda: _timedatectl(timeout_s) if systemd and installed("timedatectl") else None,
        },
        timeout_s + 1,
    )
    return {
        "manager": "systemd" if systemd else "other",
        "processes": [
            {"pid": process["pid"], "comm": process["comm"], "cmdline": " ".join(process["argv"])}
            for process in time_daemons()
        ],
        **asked,
    }


def _units(timeout_s: float):
    # One command for all units: a process is dear on a small node.
    answer = run(
        ["systemctl", "show", "--property", ",".join(PROPERTIES), "--", *SERVICES, "time-sync.target"], timeout_s
    )
    if answer.get("rc") != 0:
        return {"error": answer.get("error") or f"systemctl show: {answer['stderr'].strip()}"}
    return parse_units(answer["stdout"])


def parse_units(text: str) -> list:
    """``systemctl show`` of several units, without those that are not found; an alias adds nothing.

    >>> parse_units("Id=ntp.service\\nLoadState=not-found\\n\\nId=chrony.service\\nNames=chronyd.service chrony.service\\n"
    ...             "LoadState=loaded\\nActiveState=active\\nSubState=running\\nUnitFileState=enabled\\nMainPID=7\\n")
    [{'unit': 'chrony.service', 'names': ['chrony.service', 'chronyd.service'], 'load_state': 'loaded', \
'active_state': 'active', 'sub_state': 'running', 'unit_file_state': 'enabled', 'main_pid': 7}]
    """
    units = {}
    for block in text.strip().split("\n\n"):
        shown = _key_values(block)
        if shown.get("LoadState", "not-found") == "not-found":
            continue
        unit = {name: shown.get(key, "") for key, name in PROPERTIES.items()}
        unit["names"] = sorted(unit["names"].split())
        unit["main_pid"] = int(unit["main_pid"] or 0)  # a target has none
        units[unit["unit"]] = unit
    return list(units.values())


def _timedatectl(timeout_s: float) -> dict:
    answer = run(["timedatectl", "show"], timeout_s)
    if answer.get("rc") != 0:
        return {"error": answer.get("error") or f"timedatectl show: {answer['stderr'].strip()}"}
    return _key_values(answer["stdout"])


def _key_values(text: str) -> dict:
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
