"""How long an admission holds, and what ends it.

Its age counts from when its evidence was taken, even if it is judged again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from ..boundary.times import read_time

MAX_AGE_S = 3600
"""The default of ``gate_admission_max_age_s`` and of ``skewgate verify --max-age``."""

FUTURE_TOLERANCE = timedelta(seconds=60)
"""How far in the future an admission may be dated:
two machines' clocks differ, or one was set meanwhile.
"""


class Ended(StrEnum):
    """Why an admission does not hold, or is not there."""

    SETTINGS_IN_FACTS = "settings_in_facts"
    NOT_ADMITTED = "not_admitted"
    TOO_OLD = "too_old"
    NOT_RECORDED = "not_recorded"
    NO_ANSWER = "no_answer"
    NOT_SHOWN = "not_shown"
    REBOOTED = "rebooted"
    CLOCK_AFTER_REBOOT = "clock_after_reboot"
    RESTORED = "restored"
    DISRUPTED = "disrupted"
    RESUMED = "resumed"
    STEPPED = "stepped"
    STOOD_STILL = "stood_still"
    RAN_AHEAD = "ran_ahead"
    SLEWED = "slewed"


def stale_because(judged_at: str, max_age_s: float, at: datetime) -> str:
    """Why an admission of ``judged_at`` (RFC 3339) no longer holds at the time ``at``;
    empty if it still holds.

    Raises ValueError if ``judged_at`` is not a time.
    """
    age = at - read_time(judged_at)
    if age < -FUTURE_TOLERANCE:
        return f"admitted at {judged_at}, which is in the future: compare the clocks of the two machines"
    if not age.total_seconds() <= max_age_s:  # nor is any age within a limit that is not a number
        return (
            f"admitted at {judged_at}, {age.total_seconds():.0f} s ago, but at most {max_age_s:g} s are allowed: "
            "run the check again"
        )
    return ""


def age_text(age_s: float) -> str:
    """An age as people read it, in the largest unit that gives two or more.

    >>> age_text(95), age_text(7000), age_text(400000), age_text(-3)
    ('95 s', '116 min', '4 days', '0 s')
    """
    for unit, seconds in (("days", 86400), ("h", 3600), ("min", 60)):
        if age_s >= 2 * seconds:
            return f"{age_s // seconds:.0f} {unit}"
    return f"{max(0, age_s):.0f} s"
