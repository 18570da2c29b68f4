"""How long an admission holds. An admission ages from when its evidence was taken: judged again, it does not become younger."""

from __future__ import annotations

from datetime import datetime, timedelta

from ..boundary.times import read_time

MAX_AGE_S = 3600
"""The default of ``gate_admission_max_age_s`` and of ``skewgate verify --max-age``."""

FUTURE_TOLERANCE = timedelta(seconds=60)
"""How far in the future an admission may be dated: the clocks of two machines, or of one that was set meanwhile, differ."""


def stale_because(judged_at: str, max_age_s: float, at: datetime) -> str:
    """Why an admission of ``judged_at`` (RFC 3339) no longer holds at the time ``at``; empty while it does.

    Raises ValueError for what is no time.
    """
    age = at - read_time(judged_at)
    if age < -FUTURE_TOLERANCE:
        return f"admitted at {judged_at}, which is in the future: compare the two machines' clocks"
    if not age.total_seconds() <= max_age_s:  # nor is any age within a limit that is not a number
        return (
            f"admitted at {judged_at}, {age.total_seconds():.0f} s ago, but at most {max_age_s:g} s are allowed: "
            "check it again"
        )
    return ""


def age_text(age_s: float) -> str:
    """An age in the largest unit of which there are two, as people read it.

    >>> age_text(95), age_text(7000), age_text(400000), age_text(-3)
    ('95 s', '116 min', '4 days', '0 s')
    """
    for unit, seconds in (("days", 86400), ("h", 3600), ("min", 60)):
        if age_s >= 2 * seconds:
            return f"{age_s // seconds:.0f} {unit}"
    return f"{max(0, age_s):.0f} s"
