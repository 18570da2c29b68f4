"""The time daemons of a node, from its systemd units and processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .record import MissingEvidenceError

DAEMON_OF_UNIT = {
    "chrony.service": "chrony",
    "chronyd.service": "chrony",
    "ntp.service": "ntpd",
    "ntpd.service": "ntpd",
    "ntpsec.service": "ntpsec",
    "openntpd.service": "openntpd",
    "systemd-timesyncd.service": "systemd-timesyncd",
}
"""Units that steer the system clock from the network, by any of their names."""

ENABLED_STATES = ("enabled", "enabled-runtime", "static", "generated")
RUNNING_STATES = ("active", "activating", "reloading")


@dataclass(frozen=True)
class TimeDaemon:
    """One daemon's unit, by its real name. ``steers``: it moves the clock now, or will after the next boot."""

    daemon: str
    unit: str
    active: bool
    enabled: bool
    steers: bool
    state: str


def time_daemons(time_services: Mapping[str, Any]) -> list[TimeDaemon]:
    """All that are installed, from the evidence's section ``time_services``.

    Raises MissingEvidenceError where systemd did not tell.
    """
    units = time_services["units"]
    if "error" in units:
        raise MissingEvidenceError(f"systemd did not tell its units: {units['error']}")
    found: dict[str, TimeDaemon] = {}
    for unit in units:
        names = {unit["unit"], *(unit.get("names") or [])}
        kinds = {DAEMON_OF_UNIT[name] for name in names & DAEMON_OF_UNIT.keys()}
        if not kinds or unit["load_state"] in ("not-found", "masked"):
            continue
        # ntpsec and openntpd also answer to ntp.service: the more particular name is the daemon's own.
        daemon = min(kinds, key=lambda kind: (kind == "ntpd", kind))
        # A daemon that falls over is "activating" between its starts, but nothing runs then.
        falls_over = unit["sub_state"].startswith("auto-restart")
        active = unit["active_state"] in RUNNING_STATES and not falls_over
        enabled = unit["unit_file_state"] in ENABLED_STATES
        found[unit["unit"]] = TimeDaemon(
            daemon,
            unit["unit"],
            active,
            enabled,
            active or enabled,
            f"{unit['active_state']}/{unit['sub_state']}, {unit['unit_file_state']}",
        )
    return list(found.values())
