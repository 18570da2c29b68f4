"""Processes that are no known time daemon and may set the clock: which of them are known not to, by
themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...model.record import Record

# By the name in /proc/PID/comm. systemd's own units say which capabilities they keep (systemd,
# units/*.service.in).
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


SET_IT_WHEN_ASKED = {
    "qemu-ga": "if the hypervisor asks it to (guest-set-time)",
    "google_guest_ag": "after a live migration",
}
"""Programs of guests that set the clock now and then: QEMU's guest agent, Google's
(google_guest_agent/clock.go). VMware's and VirtualBox's tools are for clock_movers.
"""

MOST_NAMED = 5
"""In a summary; what was seen has all."""


def unknown_holders(record: Record) -> list[Mapping[str, Any]]:
    """Those to whom somebody gave CAP_SYS_TIME: whether they set the clock is not known."""
    shown = record.section("time_services").get("may_set_clock") or {}
    return [
        holder
        for holder in shown.get("given") or []
        if holder["comm"] not in SET_NO_CLOCK.keys() | SET_IT_WHEN_ASKED.keys()
    ]


def note(record: Record) -> str:
    """What a summary says of them, and of those that set the clock when they are asked; empty if
    there are none.
    """
    shown = record.section("time_services").get("may_set_clock") or {}
    names = {*(shown.get("privileged") or []), *(holder["comm"] for holder in shown.get("given") or [])}
    asked = "".join(
        f"; {name} sets the clock {SET_IT_WHEN_ASKED[name]}" for name in sorted(names & SET_IT_WHEN_ASKED.keys())
    )
    holders = unknown_holders(record)
    named = ", ".join(f"{holder['comm']} (pid {holder['pid']})" for holder in holders[:MOST_NAMED])
    more = f" and {len(holders) - MOST_NAMED} others" if len(holders) > MOST_NAMED else ""
    return asked + (f"; may also set the clock (CAP_SYS_TIME): {named}{more}" if holders else "")
