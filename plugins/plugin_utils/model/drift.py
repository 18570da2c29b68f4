"""How fast a node's clock runs away, and when that breaks a limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..chrony.chronyc import parse_tracking
from ..clock.interval import Interval
from ..clock.ntp_packet import NS
from ..clock.skew import as_json
from .record import MissingEvidenceError, Record

MAX_DRIFT_PPM = 500.0
"""The kernel steers a clock by at most this much (adjtimex(2), MAXFREQ).

A faster change is a step, not a drift.
"""

MIN_APART_S = 60.0
"""If readings are nearer together, they show their measuring errors rather than the drift."""


@dataclass(frozen=True)
class Drift:
    """The clock's rate against true time in parts per million (positive: it gains),
    and how that is known.

    ``of_two_readings``: measured between two runs; else it is chronyd's error of its frequency.
    """

    rate_ppm: Interval
    source: str
    of_two_readings: bool

    def seen(self) -> dict[str, Any]:
        """As a finding shows it."""
        return {"rate_ppm": as_json(self.rate_ppm), "source": self.source}

    def reaches_in_s(self, left_ahead_s: float, left_behind_s: float) -> float | None:
        """The earliest time at which one side's margin is used up, in seconds;
        None where this rate never does that.
        """
        times = []
        if self.rate_ppm.high > 0:
            times.append(left_ahead_s / self.rate_ppm.high * 1e6)
        if self.rate_ppm.low < 0:
            times.append(left_behind_s / -self.rate_ppm.low * 1e6)
        return max(0.0, min(times)) if times else None


def measured_drift(record: Record) -> Drift | None:
    """From two readings of the node if there is an earlier one, else from chronyd's
    error of its frequency.

    The latter shows how fast the clock would run away if nothing steered it any more: residual
    frequency and skew of chronyc(1), "tracking".
    """
    return _of_two_readings(record) or _of_chrony(record)


def earlier_reading(data: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a later record keeps of this one to measure the drift:
    true time in seconds, and the skew then.
    """
    return _reading(Record(data))


def _reading(record: Record) -> dict[str, Any] | None:
    skew_s = record.skew.skew_s
    collected = record.evidence.get("collected")
    if skew_s is None or collected is None:
        return None
    return {"true_time_s": collected["wall_ns"] / NS - skew_s.middle, "skew_s": as_json(skew_s)}


def _of_two_readings(record: Record) -> Drift | None:
    then = record.data.get("earlier")
    now = _reading(record) if then else None
    if not then or not now:
        return None
    apart_s = now["true_time_s"] - then["true_time_s"]
    if apart_s < MIN_APART_S:
        return None
    rate_ppm = Interval(
        (now["skew_s"]["low"] - then["skew_s"]["high"]) / apart_s * 1e6,
        (now["skew_s"]["high"] - then["skew_s"]["low"]) / apart_s * 1e6,
    )
    if not rate_ppm.overlaps(Interval(-MAX_DRIFT_PPM, MAX_DRIFT_PPM)):
        return None
    return Drift(rate_ppm, f"two readings {apart_s:.0f} s apart", of_two_readings=True)


def _of_chrony(record: Record) -> Drift | None:
    try:
        tracking = parse_tracking(record.chronyc("tracking"))
    except (MissingEvidenceError, ValueError):
        return None
    if tracking.leap == "Not synchronised" or tracking.skew_ppm == 0:
        return None
    error_ppm = abs(tracking.residual_freq_ppm) + tracking.skew_ppm
    source = "chronyd's error of its frequency, if chronyd stopped"
    return Drift(Interval(-error_ppm, error_ppm), source, of_two_readings=False)
