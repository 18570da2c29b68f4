"""Processes that are no known time daemon and may set the clock: which of them are known not to, by themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...model.record import Record

# By the name in /proc/PID/comm. systemd's own units say which capabilities they keep (systemd, units/*.service.in).
SET_NO_CLOCK = {
    "systemd-timedat": "it sets the clock only if timedatectl asks it to",
    "systemd-nspawn": "it starts containers",
    "(sd-pam)": "it ends a session",
    "gpsd": "it hands its readings to a time daemon (gpsd(8))",
    "ts2phc": "it steers the clocks of network cards (ts2phc(8))",
    "containerd": "it starts containers",
    "crio": "it starts containers",
    "dockerd": "it starts containers",
}


MOST_NAMED = 5
"""In a summary; what was seen has all."""


def unknown_holders(record: Record) -> list[Mapping[str, Any]]:
    """Those to whom somebody gave CAP_SYS_TIME: whether they set the clock is not known."""
    shown = record.section("time_services").get("may_set_clock") or {}
    return [holder for holder in shown.get("given") or [] if holder["comm"] not in SET_NO_CLOCK]


def note(record: Record) -> str:
    """What a summary says of them; empty where there are none."""
    holders = unknown_holders(record)
    named = ", ".join(f"{holder['comm']} (pid {holder['pid']})" for holder in holders[:MOST_NAMED])
    more = f" and {len(holders) - MOST_NAMED} others" if len(holders) > MOST_NAMED else ""
    return f"; may also set the clock (CAP_SYS_TIME): {named}{more}" if holders else ""
