"""Is chronyd's claim to be synchronised borne out by what it shows beside it?

"Leap status: Normal" alone proves nothing: it stays after every source is lost, and while the clock is seconds away and
being slewed. So the claim is held against the age of the last update, the correction still to be made and the root distance.

Passes where chronyd is synchronised, the last update is not older than eight polling intervals nor in the future, and its own
bound of the clock's error, |system time| + root dispersion + root delay / 2, is at most `gate_max_clock_error_s`.

Judged for chrony; with another daemon it is inconclusive. Source: chronyc(1), "tracking"; the age limit is ClockBound's.
"""

from __future__ import annotations

from ..chronyc import parse_sources, parse_tracking
from ..finding import Finding
from ..policy import Policy
from ..record import Record
from ..without_chrony import without_chrony

NEEDS = ("collected", "clock", "time_services", "chrony")
MENDED_BY_CHRONY = True

_WHY = "The node says that it is synchronised, or will be, but what it shows does not bear it out."
_REMEDY = (
    "Give chronyd servers that answer, and step the clock: the gate does it, or playbook skewgate.preflight.remediate."
)
_STALE_AFTER_INTERVALS = 8


def judge(record: Record, policy: Policy) -> Finding:
    """Judge ``chronyc tracking`` against the node's clock and its sources."""
    if missing := without_chrony(record, "state"):
        return missing
    tracking = parse_tracking(record.chronyc("tracking"))
    polls = [s.poll for s in parse_sources(record.chronyc("sources")) if s.state == "*"]
    interval_s = max([tracking.update_interval_s, *(2.0**poll for poll in polls)])
    collected = record.section("collected")
    age_s = collected["wall_ns"] / 1e9 - tracking.ref_time_s
    took_s = (collected["end_mono_ns"] - collected["mono_ns"]) / 1e9
    seen = {
        "leap": tracking.leap,
        "stratum": tracking.stratum,
        "system_time_s": tracking.system_time_s,
        "max_error_s": round(tracking.max_error_s, 6),
        "last_update_age_s": round(age_s, 1),
        "stale_after_s": _STALE_AFTER_INTERVALS * interval_s,
        "kernel": record.section("clock").get("adjtimex"),
    }
    if tracking.leap == "Not synchronised" or tracking.stratum in (0, 16):
        return Finding(
            "fail",
            f"chronyd is not synchronised (leap {tracking.leap}, stratum {tracking.stratum})",
            _WHY,
            _REMEDY,
            seen,
        )
    if age_s > _STALE_AFTER_INTERVALS * interval_s:
        return Finding(
            "fail", f"chronyd says {tracking.leap}, but its last update is {age_s:.0f} s old", _WHY, _REMEDY, seen
        )
    if -age_s > took_s + policy.max_clock_error_s:
        summary = f"chronyd says {tracking.leap}, but its last update lies {-age_s:.0f} s in this clock's future"
        return Finding("fail", summary, _WHY, _REMEDY, seen)
    if tracking.max_error_s > policy.max_clock_error_s:
        summary = (
            f"chronyd says {tracking.leap}, but by its own figures the clock may be {tracking.max_error_s:.3f} s off "
            f"(limit {policy.max_clock_error_s} s)"
        )
        return Finding("fail", summary, _WHY, _REMEDY, seen)
    return Finding(
        "pass",
        f"synchronised {age_s:.0f} s ago, at most {tracking.max_error_s:.6f} s off by its own figures",
        seen=seen,
    )
