"""Does exactly one time daemon run on the node, and will it run after the next boot?

Without a daemon a clock drifts by seconds a day, and no error is logged anywhere until something refuses the node's
signatures. Two daemons steer the same clock against each other. One that is active but not enabled is gone after a reboot.

Passes where exactly one of chrony, ntpd, ntpsec, openntpd and systemd-timesyncd is active and enabled, and no other is
active or enabled.

Source: systemd's unit states, systemctl(1); chrony's FAQ on other NTP clients.
"""

from __future__ import annotations

from dataclasses import asdict

from ..finding import Finding
from ..policy import Policy
from ..record import Record
from ..time_daemons import time_daemons

NEEDS = ("time_services",)
MENDED_BY_CHRONY = True


def judge(record: Record, policy: Policy) -> Finding:  # noqa: ARG001 - each check has the same form
    """Judge the units; processes are shown, not judged: a container on the node may have a daemon of its own."""
    section = record.section("time_services")
    if section.get("manager") != "systemd":
        return Finding(
            "inconclusive",
            f"the node's services are not run by systemd ({section.get('manager')})",
            "Which daemon starts at boot is only known of systemd's units.",
            "Check by hand that one time daemon runs and starts at boot; leave time_service out of gate_checks here.",
            {"processes": section.get("processes")},
        )
    daemons = time_daemons(section)
    seen = {
        "daemons": [asdict(d) for d in daemons],
        "processes": section.get("processes") or [],
        "timedatectl": section.get("timedatectl"),
        "competing": [],
    }
    active = [d for d in daemons if d.active]
    claimed = [d for d in daemons if d.steers]
    if not claimed:
        what = (
            f"installed but neither active nor enabled: {', '.join(d.unit for d in daemons)}"
            if daemons
            else "none is installed"
        )
        return Finding(
            "fail",
            f"no time daemon runs on this node ({what})",
            "Nothing steers this clock: it drifts until GitHub, the API server or etcd refuses what it dates.",
            "Install and configure chrony: the gate does it, or playbook skewgate.preflight.remediate.",
            seen,
        )
    if len(claimed) > 1:
        keep = next((d for d in active if d.daemon == "chrony"), (active or claimed)[0])
        seen["competing"] = [d.unit for d in claimed if d is not keep]
        return Finding(
            "fail",
            f"{len(claimed)} time daemons are active or enabled: {', '.join(d.unit for d in claimed)}",
            "Each moves the clock by its own idea of the time; which of them wins changes with each boot.",
            f"Keep one: systemctl disable --now {' '.join(seen['competing'])}",
            seen,
        )
    only = claimed[0]
    if not (only.active and only.enabled):
        missing = "not active" if not only.active else "not enabled: it does not start at the next boot"
        return Finding(
            "fail",
            f"{only.unit} is {missing} ({only.state})",
            "Nothing steers this clock"
            + (" now." if not only.active else " after a reboot, and the skew comes back unseen."),
            f"systemctl enable --now {only.unit}, and read its log if it does not stay up: journalctl -u {only.unit}",
            seen,
        )
    return Finding("pass", f"{only.unit} is active and enabled, and no other time daemon is", seen=seen)
