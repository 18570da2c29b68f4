"""Would the node's clock be right after its next boot, before the programs that sign with it start?

A clock that is right today starts again at the next boot, from the RTC, or without an RTC
from some time in the past. It stays there until the time daemon has set it. A program that
starts before that (a kubelet with its pods) works with the wrong time. `at_boot` shows what
this node would do, in order.

The journal shows what happened at the last boots (this one, and at most two before it): how far
off the clock was, when it was first right, and what had started by then. What happened counts for
more than what the units, the RTC and the configuration promise. A hypervisor can set the clock off
at every boot, a wait can time out, a daemon can fail at its start; after some minutes nothing shows
it. A boot counts as long as no file, drop-in or link of the unit in question has changed since it
began, nor the daemon's configuration, nor the RTC (/etc/adjtime), and no later boot shows that it
was fixed. Without a boot that counts, the units decide.

Passes if the one daemon that steers now starts at boot, and the clock is right then: because the
RTC is right (or there is none, and at each of two or more recorded boots the clock was right to 1 s
at once), or because a daemon steps the clock. The summary notes what would help but is not needed
now: a wait for the first synchronisation, and kubelet ordered after it. If no cluster unit is
installed yet, the join has to set that order.

Fails in each of these cases:

- at a boot that counts, kubelet (or k3s, rke2, k0s, microk8s) started while the clock was further
  off than one of `gate_clients` can tolerate
- at a boot that counts, the daemon only slewed an error of that size
- at a boot that counts, the daemon failed at its start, and ran only later, as if started by hand
- at each of the last boots that are recorded (two or more) the clock was off by more than that, and
  nothing waits for the synchronisation, or kubelet is not ordered after it, or the daemon would
  only slew
- the daemon is not enabled, or another one is enabled too
- chronyd would end at its start (chrony_config names the line)
- the RTC is absent, or further off than one of `gate_clients` can tolerate, and the
  daemon would only slew
- the RTC is absent or off like this, and kubelet, k3s, rke2, k0s or microk8s is installed but not
  ordered after a wait that proves the synchronisation
- the RTC is in local time and nothing steps the clock

`time-sync.target` alone proves nothing: Debian's and SUSE's chrony.service is ordered before it and
has not synchronised yet. A proof needs chrony-wait (which needs chronyd's command port: not with
`cmdport 0`), systemd-time-wait-sync, or ntp-wait. ClockBound has no such unit, and it is not known
whether it informs the kernel. Then clockbound-wait.service counts if it runs `cbctl waitsync
--system-clock`, and systemd-time-wait-sync if the kernel was informed within two minutes.

The journal is read for what chronyd, systemd-timesyncd, ntpd or OpenNTPD said; for another daemon,
or without root, no boot is recorded.

What to do: enable the daemon, let it step the clock at its start, set the RTC from the right clock,
enable chrony-wait, and order kubelet after it (`Wants=` and `After=time-sync.target` in a drop-in).
The gate does all of these with chrony. If a wait ended too early, or the daemon failed at a boot,
find out why, fix it, and reboot the node: only a boot shows that it helped.

Source: systemd.special(7), time-sync.target; systemd-time-wait-sync.service(8) and its source;
chrony's chrony-wait.service; chrony's sys_timex.c (STA_UNSYNC is only cleared with `rtcsync`);
hwclock(8), adjtime; fake-hwclock(8); systemd.journal-fields(7). A hypervisor that set guests off at
every boot: projectcalico/calico, issue 6687.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from ..clock.interval import Interval
from ..daemons import discover, sections_of
from ..daemons.chrony import would_end
from ..daemons.common.boot_faults import BootFault, kept_at_every_boot, off_at_every_boot, recorded, what_happened
from ..daemons.common.boot_order import Wait, comes_after, is_wanted, known_waits, order_of, order_remedy, wait_of
from ..daemons.common.daemon import FirstCorrection, FirstCorrectionUnknownError, TimeDaemon
from ..daemons.common.first_correction import first_correction
from ..daemons.common.past_boots import PastBoots, past_boots
from ..daemons.common.strays import stray_daemons
from ..daemons.common.units import FILES, idle_alone, leaves_at_start, time_daemons
from ..model.cluster import KUBELET_UNITS, TIME_SYNC_TARGET
from ..model.finding import CommonKey, Finding, follows_from
from ..model.policy import Policy
from ..model.record import MissingEvidenceError, Record

NEEDS = ("time_services", "clock", "boot")
_FIRST = [daemon for daemon in discover().values() if callable(daemon.first_correction)]
READS = (*sections_of(_FIRST), *FILES, "past_boots")
REMEDIABLE = True


class Key(StrEnum):
    """Why the clock would not be right after the next boot."""

    MANAGER_UNKNOWN = "service_manager_unknown"
    NO_UNIT = "daemon_of_no_unit"
    NOT_ENABLED = "daemon_not_enabled"
    SEVERAL_RUN = "several_daemons_run"
    SEVERAL_ENABLED = "several_daemons_enabled"
    RTC_OFF = "rtc_off"
    RTC_ABSENT = "rtc_absent"
    RTC_LOCAL = "rtc_in_local_time"
    RTC_UNREADABLE = "rtc_unreadable"
    GIVES_UP = "daemon_gives_up"
    NO_STEP = "daemon_does_not_step"
    STEP_UNKNOWN = "step_unknown"
    NOTHING_WAITS = "nothing_waits"
    WOULD_NOT_START = "daemon_would_not_start"
    OFF_AT_EVERY_BOOT = "off_at_every_boot"
    STARTED_TOO_EARLY = "started_before_the_clock_was_right"
    ONLY_SLEWED = "only_slewed"
    FAILED_AT_BOOT = "daemon_failed_at_boot"


_KEYS_OF = {
    BootFault.NOT_ORDERED: (Key.STARTED_TOO_EARLY, Key.NOTHING_WAITS),
    BootFault.WAIT_ENDED: (Key.STARTED_TOO_EARLY,),
    BootFault.NO_STEP: (Key.ONLY_SLEWED, Key.NO_STEP),
    BootFault.ONLY_SLEWED: (Key.ONLY_SLEWED,),
    BootFault.FAILED: (Key.FAILED_AT_BOOT,),
}

_WHY = "Until the daemon has set the clock, the node signs and verifies everything with the wrong time."
_SET_RTC = (
    "When the clock is right, set the RTC from it: hwclock --systohc --utc (the gate does it; chrony's "
    "rtcsync keeps it right)."
)


@dataclass(frozen=True)
class _Rtc:
    """What the clock starts from, how far off that is at least, and whether it is ahead."""

    state: Literal["right", "off", "absent", "local"]
    words: str
    least_s: float = 0.0
    ahead: bool = False
    every_boot: bool = False

    @property
    def key(self) -> Key:
        """The key of a fault that begins with it."""
        return Key.OFF_AT_EVERY_BOOT if self.every_boot else _KEY_OF_RTC[self.state]

    @property
    def cause(self) -> str:
        """It in a few words."""
        return "the clock was off at every boot" if self.every_boot else _CAUSE_OF_RTC[self.state]


_KEY_OF_RTC = {"off": Key.RTC_OFF, "absent": Key.RTC_ABSENT, "local": Key.RTC_LOCAL}
_CAUSE_OF_RTC = {"off": "RTC off", "absent": "RTC absent", "local": "RTC in local time"}


def judge(record: Record, policy: Policy) -> Finding:
    """Judge what the units, the RTC and the daemon's configuration say of the next boot."""
    services = record.section("time_services")
    manager = services.get("manager")
    if manager not in ("systemd", "openrc"):
        return _unknown_manager(manager)
    daemons = time_daemons(record)
    steering = [d for d in daemons if d.steers_now and not idle_alone(discover()[d.daemon], record)]
    if not steering:
        return _without_unit(record, daemons)
    units = _boot_units(record)
    daemon = next((d for d in steering if d.daemon == "chrony"), steering[0])
    others = [d for d in daemons if d is not daemon and _starts(d, units) and not leaves_at_start(d, units, record)]
    if refusal := _wrong_daemon_starts(daemon, others, manager, units):
        return refusal
    if daemon.daemon == "chrony" and (refusal := would_end(record, policy, daemon.unit, Key.WOULD_NOT_START)):
        return refusal
    return _of_daemon(daemon, record, policy, units, manager)


def _of_daemon(
    daemon: TimeDaemon, record: Record, policy: Policy, units: Mapping[str, Mapping[str, Any]], manager: str
) -> Finding:
    """Judge the boot with this daemon, which starts alone."""
    past = past_boots(record, daemon)
    own = _rtc(record, policy)
    rtc = _start(own, past, record, policy)
    try:
        correction = first_correction(daemon, record)
    except FirstCorrectionUnknownError as unknown:
        raise MissingEvidenceError(str(unknown), key=Key.STEP_UNKNOWN) from unknown
    wait = wait_of(daemon, record, units)
    unordered = [unit for unit in units if unit in KUBELET_UNITS and not comes_after(unit, wait.proof, units)]
    order = order_of(units, wait.proof, manager)
    at_boot = [rtc.words, f"{daemon.unit} starts; {correction.words}", wait.words, *order]
    seen = {
        "at_boot": at_boot,
        "daemon": daemon.unit,
        "rtc": own.state,
        "unordered": unordered,
        "past_boots": [boot.as_json() for boot in past.boots],
    }
    how, waits = order_remedy(wait, unordered, units), known_waits()
    if fault := what_happened(daemon, past, policy, correction, units=units, waits=waits, proof=wait.proof, how=how):
        return Finding(state="fail", keys=_KEYS_OF[fault.kind], seen=seen, **fault.finding)
    if refusal := _clock_stays_wrong(daemon, rtc, correction, seen):
        return refusal
    if (unordered and rtc.state in ("off", "absent")) or (rtc.every_boot and not wait.proof):
        return _nothing_waits(", ".join(unordered) or "what the join installs", rtc, wait, how, seen)
    notes = [f"{daemon.unit} starts at the next boot; {correction.words}", rtc.words]
    notes += [recorded(past, daemon, units=units, waits=waits, proof=wait.proof)] if manager == "systemd" else []
    if not wait.proof or unordered:
        notes.append(f"{', '.join(unordered)} may start before that" if wait.proof else wait.words)
    if manager == "systemd" and (not wait.proof or unordered):
        notes.append(f"what would help: {how}")
    if manager == "systemd" and not any(unit in KUBELET_UNITS for unit in units):
        notes.append(f"no cluster unit is installed yet: the join must order it after {TIME_SYNC_TARGET}")
    return Finding(state="pass", summary="; ".join(note.rstrip(".") for note in notes), seen=seen)


def _nothing_waits(who: str, rtc: _Rtc, wait: Wait, how: str, seen: Mapping[str, Any]) -> Finding:
    return Finding(
        state="fail",
        summary=f"at the next boot {who} may start before the clock is set: {rtc.words}; {wait.words}",
        why=_WHY,
        remedy=f"{how}{f' {_SET_RTC}' if rtc.key == Key.RTC_OFF else ''}",
        seen=seen,
        keys=(rtc.key, Key.NOTHING_WAITS),
        cause=f"{rtc.cause}, and nothing waits",
    )


def _unknown_manager(manager: str | None) -> Finding:
    return Finding(
        state="inconclusive",
        summary=f"the node's services are not run by systemd or OpenRC ({manager})",
        keys=(Key.MANAGER_UNKNOWN,),
        cause="service manager not known",
        why="Only for these two is it known what starts at boot.",
        remedy="Check by hand that one time daemon starts at boot and steps the clock. Then make next_boot advisory for this "
        "node (gate_advisory_checks).",
        seen={"at_boot": []},
    )


def _without_unit(record: Record, daemons: Sequence[TimeDaemon]) -> Finding:
    """Nothing that systemd or OpenRC would start again steers the clock."""
    strays = stray_daemons(record, daemons)
    if not strays:
        return follows_from(
            "time_service",
            key=CommonKey.NO_DAEMON,
            summary="no time daemon steers the clock, so the next boot cannot be judged",
            cause="no time daemon steers the clock",
            seen={"at_boot": []},
        )
    return Finding(
        state="fail",
        summary=f"{strays[0].name} steers the clock, and no known unit starts it at the next boot",
        why="After a reboot nothing steers this clock, or only once a container runs. A skew comes back unnoticed.",
        remedy="Run a time daemon as a service of the node (the gate installs chrony), then stop this one.",
        seen={"at_boot": [f"nothing is known to start {strays[0].comm}"]},
        keys=(Key.NO_UNIT,),
        cause="the time daemon belongs to no unit",
    )


def _boot_units(record: Record) -> dict[str, Mapping[str, Any]]:
    units = record.section("boot")["units"]
    if "error" in units:
        raise MissingEvidenceError(f"systemd did not say what it starts at boot: {units['error']}", "boot")
    return {unit["unit"]: unit for unit in units if unit["load_state"] not in ("not-found", "masked")}


def _starts(daemon: TimeDaemon, units: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether it starts at the next boot.

    A unit whose condition was not met at this boot (timesyncd beside chrony) does not.
    """
    unit = units.get(daemon.unit, {})
    if not daemon.active and unit.get("condition_met") is False:
        return False
    if daemon.until_reboot:
        return False
    return daemon.enabled or is_wanted(unit)


def _wrong_daemon_starts(
    daemon: TimeDaemon, others: Sequence[TimeDaemon], manager: str, units: Mapping[str, Mapping[str, Any]]
) -> Finding | None:
    enable = f"rc-update add {daemon.unit} default" if manager == "openrc" else f"systemctl enable {daemon.unit}"
    disable = "; ".join(_keep_off(d, manager) for d in others)
    names = ", ".join(d.unit for d in others)
    if not _starts(daemon, units):
        instead = f"; {names} starts in its place" if others else ""
        return Finding(
            state="fail",
            summary=f"{daemon.unit} steers the clock now, but does not start at the next boot ({daemon.state}){instead}",
            why="After a reboot nothing steers this clock, and a skew comes back unnoticed."
            if not others
            else "After a reboot another daemon steers this clock, with servers that nobody has checked.",
            remedy=f"{enable}{f'; {disable}' if others else ''}",
            seen={"at_boot": [f"{daemon.unit} does not start", *(f"{d.unit} starts" for d in others)]},
            keys=(Key.NOT_ENABLED,),
            cause="the time daemon is not enabled",
        )
    if others and all(d.steers_now for d in others):
        return Finding(
            state="skipped",
            summary=f"{names} would start beside {daemon.unit} at the next boot, as both run now",
            why="time_service found the cause.",
            remedy="Fix what time_service reports (its command also keeps them from starting), then run the check again.",
            seen={"at_boot": [f"{d.unit} starts" for d in (daemon, *others)]},
            keys=(Key.SEVERAL_RUN,),
            cause="several time daemons",
        )
    if others:
        return Finding(
            state="fail",
            summary=f"at the next boot {names} would start beside {daemon.unit}",
            why="Two daemons steer one clock against each other, or another one of them runs after each boot.",
            remedy=f"Keep {daemon.unit}: {disable}",
            seen={"at_boot": [f"{d.unit} starts" for d in (daemon, *others)]},
            keys=(Key.SEVERAL_ENABLED,),
            about=tuple(sorted(d.daemon for d in (daemon, *others))),
            cause=f"several time daemons enabled: {', '.join(sorted(d.daemon for d in (daemon, *others)))}",
        )
    return None


def _keep_off(daemon: TimeDaemon, manager: str) -> str:
    """How to keep a daemon from starting. linuxptp's options may stand in a file
    that was not read.
    """
    kind = discover()[daemon.daemon]
    command = f"rc-update del {daemon.unit}" if manager == "openrc" else f"systemctl disable {daemon.unit}"
    only_if = " (only if its options make it steer the system clock)"
    return kind.instead_of_stopping or f"{command}{only_if if kind.of_linuxptp and not daemon.active else ''}"


def _clock_stays_wrong(
    daemon: TimeDaemon, rtc: _Rtc, correction: FirstCorrection, seen: Mapping[str, Any]
) -> Finding | None:
    """The daemon starts, and does not set the clock that it finds."""
    set_rtc = "" if rtc.state == "absent" or rtc.every_boot else f" {_SET_RTC}"
    if rtc.state in ("off", "absent") and correction.gives_up(rtc.least_s, ahead=rtc.ahead):
        return Finding(
            state="fail",
            summary=f"at the next boot {daemon.unit} would exit: {rtc.words}, and {correction.words}",
            why="The clock stays wrong, and nothing steers it.",
            remedy=f"{discover()[daemon.daemon].keep_it_running}{set_rtc}",
            seen=seen,
            keys=(rtc.key, Key.GIVES_UP),
            cause=f"{rtc.cause}, and the daemon gives up",
        )
    # Without an RTC the error is not known: any threshold of a step is assumed to be enough.
    slews = rtc.least_s <= correction.steps_beyond_s if rtc.state == "off" else not correction.steps
    if rtc.state == "right" or not slews:
        return None
    return Finding(
        state="fail",
        summary=f"at the next boot the clock would stay wrong for long: {rtc.words}, and {correction.words}",
        why=f"{_WHY} A slew takes at least ten times as long as the error (chronyd), or two thousand times (the kernel).",
        remedy=f"{discover()[daemon.daemon].let_it_step}{set_rtc}",
        seen=seen,
        keys=(rtc.key, Key.NO_STEP),
        cause=f"{rtc.cause}, and no step",
    )


def _start(rtc: _Rtc, past: PastBoots, record: Record, policy: Policy) -> _Rtc:
    """From what the clock starts, by the boots that are recorded."""
    if off := off_at_every_boot(past, policy):
        return _Rtc("off", f"{off.words}; {rtc.words}", off.least_s, ahead=off.ahead, every_boot=True)
    if rtc.state == "absent" and not record.section("boot").get("fake_hwclock") and (kept := kept_at_every_boot(past)):
        return _Rtc("right", f"no RTC, but {kept}")
    return rtc


def _rtc(record: Record, policy: Policy) -> _Rtc:
    """Compare the RTC with the true time, if known:
    RTC minus the node's clock, plus the node's skew.
    """
    rtc = record.section("clock").get("rtc") or {}
    if not rtc.get("present"):
        saved = record.section("boot").get("fake_hwclock")
        start = f"at {saved}, as fake-hwclock saved it" if saved else "somewhere in the past"
        # With neither it starts when systemd was built, or when its daemon last ran
        # (systemd(1), "clock").
        return _Rtc("absent", f"no RTC: the clock starts {start}", 0.0 if saved else math.inf)
    if rtc.get("local_time"):
        return _Rtc(
            "local", "the RTC is in local time (/etc/adjtime): wrong by an hour after summer time begins or ends"
        )
    if rtc.get("since_epoch_s") is None:
        why = "there is an RTC, but it could not be read (/sys/class/rtc/rtc0/since_epoch)"
        raise MissingEvidenceError(why, "clock", Key.RTC_UNREADABLE)
    skew_s = record.skew.skew_s
    known = skew_s or Interval(0.0, 0.0)
    ahead_s = rtc["since_epoch_s"] - rtc["wall_s_at_read"]
    # It shows whole seconds, so it may be up to one second later.
    off_s = Interval(ahead_s + known.low, ahead_s + 1 + known.high)
    against = "" if skew_s else " compared with this clock, whose skew is unknown"
    if any(profile.client_outcome(off_s) == "fail" for profile in policy.profiles):
        direction = "ahead" if off_s.middle > 0 else "behind"
        zone_s = round(off_s.middle / 900) * 900
        zone = " (it looks like local time)" if abs(zone_s) >= 1800 and abs(off_s.middle - zone_s) < 5 else ""
        return _Rtc(
            "off",
            f"the RTC is {abs(off_s.middle):.0f} s {direction}{zone}{against}",
            max(off_s.low, -off_s.high),
            ahead=off_s.middle > 0,
        )
    return _Rtc("right", f"the RTC is right to {max(abs(off_s.low), abs(off_s.high)):.0f} s{against}")
