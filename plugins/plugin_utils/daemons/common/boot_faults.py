"""What went wrong at a node's last boots, as the journal shows it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from itertools import takewhile
from typing import Any

from ...clock.interval import Interval
from ...model.cluster import KUBELET_UNITS, RUNTIME_UNITS
from ...model.policy import Policy
from ...model.wording import listed
from .. import discover
from .daemon import FirstCorrection, TimeDaemon
from .past_boots import PastBoot, PastBoots

FEWEST = 2
"""So many boots show what is so at every boot. A single one may be the first since the RTC was
set."""
KEPT_S = 1.0
"""A clock that was saved at the shutdown and starts there again is behind by what the reboot took,
which is more."""
BY_HAND_S = 30.0
"""systemd starts what failed again sooner, if it is to (Restart=)."""

_WHY = (
    "It was so at a boot, and nothing has changed since. Until the clock is right, the node signs and verifies everything with "
    "the wrong time."
)


class BootFault(Enum):
    """A kind of fault, as far as other changes fix it."""

    NOT_ORDERED = auto()
    """A cluster unit started before the clock was right, and is not ordered after a wait."""
    WAIT_ENDED = auto()
    """It did although it is."""
    NO_STEP = auto()
    """The daemon only slewed, as its configuration says."""
    ONLY_SLEWED = auto()
    """It did although its configuration lets it step."""
    FAILED = auto()
    """The daemon failed at its start."""


@dataclass(frozen=True)
class Happened:
    """A fault, and the fields of its finding but the keys."""

    kind: BootFault
    finding: Mapping[str, Any]


@dataclass(frozen=True)
class Off:
    """How far off the clock was at every boot, at least, in which direction, and in words."""

    least_s: float
    ahead: bool
    words: str


def off_at_every_boot(past: PastBoots, policy: Policy) -> Off | None:
    """If at each of the last boots, two or more, the clock was further off than one of the clients
    can tolerate.
    """
    off_s = list(takewhile(lambda each: _beyond(each, policy), _off_s(past)))
    if len(off_s) < FEWEST:
        return None
    said = ", ".join(_off(each) for each in off_s)
    least_s = min(off_s, key=abs)
    return Off(abs(least_s), least_s > 0, f"at each of the last {len(off_s)} boots the clock was off ({said})")


def kept_at_every_boot(past: PastBoots) -> str:
    """In words, if at each recorded boot the clock was right at once; else empty."""
    off_s = _off_s(past)
    if len(off_s) < FEWEST or max(map(abs, off_s)) > KEPT_S:
        return ""
    return f"at each of the last {len(off_s)} boots the clock was right at once"


def _off_s(past: PastBoots) -> list[float]:
    return [boot.off_s for boot in past.known if boot.off_s is not None and past.as_now(boot, ())]


def what_happened(
    daemon: TimeDaemon,
    past: PastBoots,
    policy: Policy,
    correction: FirstCorrection,
    *,
    units: Mapping[str, Any],
    waits: Iterable[str],
    proof: frozenset[str],
    how: str,
) -> Happened | None:
    """The first fault of a boot that had all as it is now.

    A boot that went well shows that what was wrong before was fixed, where no file shows that.

    ``units``: those of the section ``boot``; ``waits``: which of them wait for the clock.
    ``proof``: after which of them it is known to be right. ``how``: what to do for cluster units to
    be ordered after a wait, empty if they are.
    """
    counting = [boot for boot in past.boots if past.as_now(boot, [daemon.unit])]
    for unit in (unit for unit in KUBELET_UNITS if unit in units):
        order = _order(unit, units, waits, proof)
        for boot in (boot for boot in counting if unit in boot.started_at_s and past.as_now(boot, order)):
            at_s = boot.started_at_s[unit]
            if at_s < (boot.right_at_s or 0.0) and _beyond(boot.off_at(at_s), policy):
                return _too_early(unit, boot, how, proof)
            if not how and boot.right_at_s is not None and at_s >= boot.right_at_s:
                break  # the wait held
    for boot in counting:
        if boot.how == "slew" and _beyond(boot.off_s or 0.0, policy):
            return _slewed(daemon, boot, correction)
        if boot.how == "step":
            break
    for boot in counting:
        ran_s = math.inf if boot.daemon_at_s is None else boot.daemon_at_s
        if boot.failed_at_s is not None and ran_s > boot.failed_at_s + BY_HAND_S:
            return _failed(daemon, boot, boot.failed_at_s)
        if boot.daemon_at_s is not None:
            break
    return None


def _order(unit: str, units: Mapping[str, Any], waits: Iterable[str], proof: frozenset[str]) -> list[str]:
    """The units whose files decide when a cluster unit starts: its runtime only if it waits by way
    of that.
    """
    after = set(units[unit]["after"])
    between = [name for name in RUNTIME_UNITS if name in after & set(units) and proof & set(units[name]["after"])]
    return [unit, *(name for name in waits if name in units), *([] if proof & after else between)]


def _too_early(unit: str, boot: PastBoot, how: str, proof: Iterable[str]) -> Happened:
    waits = " ".join(sorted(name for name in proof if name.endswith(".service")))
    at_s, right_s = boot.started_at_s[unit], boot.right_at_s or 0.0
    finding = {
        "summary": f"at {boot.name} {unit} started after {at_s:.1f} s with a clock that was {_off(boot.off_at(at_s))}; the clock "
        f"was right only after {right_s:.1f} s, {right_s - at_s:.1f} s later",
        "why": _WHY,
        "remedy": how
        or f"{unit} is ordered after a wait, which ended too early. See why (`systemctl status {waits}`, its "
        "TimeoutStartSec=), and let it wait longer, or use servers that answer sooner. Then reboot the node, and run the "
        "check again.",
        "cause": "a cluster unit started before the clock was right",
        "beyond_remediation": not how,
    }
    return Happened(BootFault.NOT_ORDERED if how else BootFault.WAIT_ENDED, finding)


def _slewed(daemon: TimeDaemon, boot: PastBoot, correction: FirstCorrection) -> Happened:
    off_s = boot.off_s or 0.0
    lets_it_step = abs(off_s) > correction.steps_beyond_s
    options = (
        f"Its configuration lets it step. Look at its options (`systemctl cat {daemon.unit}`; with -R chronyd does not step). "
        "Then reboot the node, and run the check again."
    )
    finding = {
        "summary": f"at {boot.name} the clock was {_off(off_s)}, and {daemon.unit} only slewed it: right after "
        f"{boot.right_at_s or 0.0:.0f} s at the earliest",
        "why": _WHY,
        "remedy": options if lets_it_step else discover()[daemon.daemon].let_it_step,
        "cause": "the clock was off at a boot, and only slewed",
        "beyond_remediation": lets_it_step,
    }
    return Happened(BootFault.ONLY_SLEWED if lets_it_step else BootFault.NO_STEP, finding)


def _failed(daemon: TimeDaemon, boot: PastBoot, failed_at_s: float) -> Happened:
    then = "did not run" if boot.daemon_at_s is None else f"ran only from {boot.daemon_at_s:.0f} s on"
    failed = "was skipped by systemd, as a condition was not met" if boot.skipped else "failed to start"
    finding = {
        "summary": f"at {boot.name} {daemon.unit} {failed} (after {failed_at_s:.0f} s), and {then}",
        "why": "Its files have not changed since, so the next boot may end in the same way. Then nothing steers this clock.",
        "remedy": f"See why it failed (`journalctl -b -{boot.back} -u {daemon.unit}`), and fix that: maybe it starts before what "
        "it needs. Then reboot the node, and run the check again.",
        "cause": "the time daemon failed at a boot",
        "beyond_remediation": True,
    }
    return Happened(BootFault.FAILED, finding)


def recorded(
    past: PastBoots, daemon: TimeDaemon, *, units: Mapping[str, Any], waits: Iterable[str], proof: frozenset[str]
) -> str:
    """What the recorded boots say, as a note; the keywords are those of ``what_happened``."""
    counting = [boot for boot in past.known if past.as_now(boot, [daemon.unit])]
    if counting:
        worst_s = max((boot.off_s or 0.0 for boot in counting), key=abs)
        off = f"the clock was {_off(worst_s)}" if abs(worst_s) > KEPT_S else "the clock was never off"
        last = max(counting, key=lambda boot: boot.right_at_s or 0.0)
        # A daemon may slew more slowly than it is allowed to.
        right = f"right after {last.right_at_s or 0.0:.0f} s at the {'earliest' if last.how == 'slew' else 'latest'}"
        boots = f"{len(counting)} recorded boot{'s' if len(counting) > 1 else ''}"
        orders = {unit: _order(unit, units, waits, proof) for unit in KUBELET_UNITS if unit in units}
        since = [unit for unit, order in orders.items() if not past.as_now(counting[0], order)]
        unproved = f"; no boot has happened since the order of {listed(since)} was changed" if since else ""
        return f"at {boots} {off}, and known to be {right}{unproved}"
    if past.known:
        return "no boot has happened since the units, the configuration or the RTC were changed, so these decide"
    why = past.none_because or "the journal does not show when the clock was right"
    return f"no boot is recorded ({why}), so the units decide"


def _beyond(off_s: float, policy: Policy) -> bool:
    """Whether one of the clients fails with a clock that is this far off."""
    return any(profile.client_outcome(Interval(off_s, off_s)) == "fail" for profile in policy.profiles)


def _off(off_s: float) -> str:
    return f"{abs(off_s):.0f} s {'ahead' if off_s > 0 else 'behind'}"
