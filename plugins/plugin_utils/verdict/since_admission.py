"""Whether a node's clock went on, since its admission, as the clock that was judged.

A node is asked twice, and each time it reads four clocks together:

| | a step | a slew | a suspend | a pause or an old snapshot | a reboot |
| --- | --- | --- | --- | --- | --- |
| CLOCK_REALTIME | moves | moves | goes on | stands still | another value |
| CLOCK_BOOTTIME | | moves | goes on | stands still | begins at 0 |
| CLOCK_MONOTONIC | | moves | stands still | stands still | begins at 0 |
| CLOCK_MONOTONIC_RAW | | | stands still | stands still | begins at 0 |

So the difference of the first two shows steps alone, to the microsecond, and that of the second and
the third shows suspends alone. What stands still while the node does not run, and what a slew
moves, shows only a clock outside of the node: the controller's, which counts from one call to the
next. It knows the time that passed within the length of the two calls.

A leap second is a step of exactly one second, which is allowed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..clock.interval import Interval
from ..clock.ntp_packet import NS
from ..model.policy import Policy
from .admission import Ended

MAX_MOVED_S = 1.0
"""How far a clock may be moved after it was judged."""

DRIFT = 200e-6
"""How far two clocks that nobody corrects, the node's and the controller's, drift apart in a
second: crystals are within 100 ppm each."""

MIN_ERROR_S = 0.001
"""Two differences of clocks that were read together are not compared more finely than this."""


class LackingError(ValueError):
    """Evidence lacks values that are compared; the text names them."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One reading of the node's clocks, of its ``collected`` section.

    ``at_s`` is when it was taken, by the controller's steady clock. ``vmclocks`` has the disruption
    marker and the generation of each VMClock that could be read.
    """

    boot_id: str
    wall_ns: int
    mono_ns: int
    boot_ns: int
    raw_ns: int
    gap_ns: int
    at_s: Interval
    suspends: int | None = None
    vmclocks: Mapping[str, tuple[str, str | None]]

    @classmethod
    def of(cls, evidence: Mapping[str, Any], controller: Mapping[str, Any] | None) -> Reading:
        """The reading of a node's evidence, which fits its form, and of the controller's notes;
        raises LackingError.
        """
        collected = evidence.get("collected") or {}
        of_node = ("boot_id", "wall_ns", "mono_ns", "boot_ns", "raw_ns", "gap_ns")
        of_controller = ("steady_before_ns", "steady_after_ns")
        lacking = [name for name in of_node if collected.get(name) is None]
        lacking += [name for name in of_controller if (controller or {}).get(name) is None]
        if lacking or controller is None:
            raise LackingError(", ".join(lacking))
        before_s, after_s = (controller[name] / NS for name in of_controller)
        # It was read when the module began.
        lasted_s = max(0, collected.get("end_mono_ns", 0) - collected["mono_ns"]) / NS
        return cls(
            **{name: collected[name] for name in of_node},
            at_s=Interval(before_s, max(before_s, after_s - lasted_s)),
            suspends=collected.get("suspends"),
            vmclocks={
                clock["device"]: (clock["disruption_marker"], clock["vm_generation_counter"])
                for clock in collected.get("vmclocks") or []
                if not clock.get("error")
            },
        )


def changes(judged: Reading, now: Reading) -> dict[Ended, str]:
    """What happened to the node between two readings, and what shows it; empty if its clock went
    on.
    """
    found = dict(_of_hypervisor(judged, now))
    passed_s = Interval(max(0.0, now.at_s.low - judged.at_s.high), max(0.0, now.at_s.high - judged.at_s.low))
    if judged.boot_id == now.boot_id:
        return {**found, **dict(_of_clocks(judged, now, passed_s))}
    # All clocks began anew, and so did the counter that the disruption marker is about.
    found.pop(Ended.DISRUPTED, None)
    runs_s = now.boot_ns / NS
    if runs_s > passed_s.high * (1 + DRIFT) + MAX_MOVED_S:
        found[Ended.RESTORED] = (
            f"this boot began {runs_s:.0f} s ago, before the node was judged at most {passed_s.high:.0f} s ago"
        )
    return {Ended.REBOOTED: f"the boot ID was {judged.boot_id}, and is {now.boot_id}", **found}


def _of_hypervisor(judged: Reading, now: Reading) -> Iterator[tuple[Ended, str]]:
    for device in sorted({*judged.vmclocks} & {*now.vmclocks}):
        (marker, generation), (new_marker, new_generation) = judged.vmclocks[device], now.vmclocks[device]
        if None not in (generation, new_generation) and generation != new_generation:
            yield Ended.RESTORED, f"the VM generation of {device} was {generation}, and is {new_generation}"
        if marker != new_marker:
            yield Ended.DISRUPTED, f"the disruption marker of {device} was {marker}, and is {new_marker}"


def _of_clocks(judged: Reading, now: Reading, passed_s: Interval) -> Iterator[tuple[Ended, str]]:
    error_s = (judged.gap_ns + now.gap_ns) / NS + MIN_ERROR_S
    boot_s, mono_s, raw_s, wall_s = (
        (getattr(now, name) - getattr(judged, name)) / NS for name in ("boot_ns", "mono_ns", "raw_ns", "wall_ns")
    )
    suspended_s, stepped_s = boot_s - mono_s, wall_s - boot_s
    counted = None not in (judged.suspends, now.suspends)  # a kernel that cannot suspend counts none
    resumes = (now.suspends or 0) - (judged.suspends or 0) if counted else 0
    if abs(suspended_s) > error_s or resumes:
        counts = f"{resumes} resume{'' if resumes == 1 else 's'}"
        yield Ended.RESUMED, f"its clocks show {abs(suspended_s):.3f} s of sleep, and its kernel counts {counts}"
    if abs(stepped_s) > MAX_MOVED_S + error_s:
        yield Ended.STEPPED, f"its clock was set by {stepped_s:+.3f} s, and at most {MAX_MOVED_S:g} s are allowed"
    # Positive: the node counted more than passed.
    ahead_s, hardware_ahead_s = _beyond(boot_s, passed_s), _beyond(raw_s + suspended_s, passed_s)
    if abs(ahead_s) > MAX_MOVED_S + DRIFT * passed_s.high:
        by_hardware = hardware_ahead_s * ahead_s > 0 and abs(hardware_ahead_s) > abs(ahead_s) / 2
        ended = (Ended.RAN_AHEAD if ahead_s > 0 else Ended.STOOD_STILL) if by_hardware else Ended.SLEWED
        yield (
            ended,
            f"the node counted {boot_s:.3f} s, while {passed_s.low:.3f} to {passed_s.high:.3f} s passed on the controller",
        )


def _beyond(value: float, allowed: Interval) -> float:
    """How far a value is above (positive) or below an interval; 0 within it."""
    return max(0.0, value - allowed.high) or min(0.0, value - allowed.low)


def words(found: Mapping[Ended, str]) -> str:
    """What ended an admission, each with what shows it."""
    return "; ".join(f"{_WORDS[ended]} ({text})" if ended in _WORDS else text for ended, text in found.items())


_WORDS = {
    Ended.REBOOTED: "the node rebooted after it was judged",
    Ended.RESTORED: "the machine was restored from a snapshot, or another machine answers at its address",
    Ended.DISRUPTED: "the hypervisor reports that it interrupted the machine's count of time, as in a live migration",
    Ended.RESUMED: "the node was suspended and resumed after it was judged",
    Ended.STEPPED: "the node's clock was set after it was judged",
    Ended.STOOD_STILL: "the node's clocks stood still: the machine was paused, or restored from a snapshot",
    Ended.RAN_AHEAD: "the node's clocks counted more time than the controller's: that was paused, or the node's run too fast",
    Ended.SLEWED: "the node's clock was slewed after it was judged, by more than a second",
}
_AGAIN = "Run the gate for it again, then join it."
_NEXT = {
    Ended.SETTINGS_IN_FACTS: "Remove these facts from the node and from the fact cache. ",
    Ended.NO_ANSWER: "Make sure that Ansible reaches the node and can run a module there. ",
    Ended.CLOCK_AFTER_REBOOT: "Fix that, or wait until the time daemon has synchronised. ",
    Ended.STEPPED: "Find what sets its clock; the check clock_movers names jobs that do. ",
}
_ALLOW = " If gate_allow_reboot is true, such a node is measured here, and may join if its clock passes."


def next_step(found: Collection[Ended]) -> str:
    """What to do about an admission that does not hold."""
    first = next((_NEXT[ended] for ended in found if ended in _NEXT), "")
    return f"{first}{_AGAIN}{_ALLOW if {*found} == {Ended.REBOOTED} else ''}"


AFTER_REBOOT = ("clock_skew", "time_service", "sync_state")
"""The checks of what a reboot changes: the clock, which comes from the RTC or from nowhere, and the
daemon that keeps it right, which has to have started and to have synchronised again. What the
other checks judge is on the disk and in the network, and holds as long as it does without a
reboot."""


def policy_after_reboot(policy: Policy) -> Policy:
    """The policy of the node's admission, for a reboot that is accepted if its clock is right.

    The skew is required in any case, since nothing else would be left to rest on. The other checks
    are, if they were.
    """
    checks = tuple(name for name in AFTER_REBOOT if name == AFTER_REBOOT[0] or name in policy.checks)
    advisory = tuple(name for name in policy.advisory_checks if name in checks[1:])
    return replace(policy, checks=checks, advisory_checks=advisory, github_apps=())
