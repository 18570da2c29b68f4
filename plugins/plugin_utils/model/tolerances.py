"""What clients and limits tolerate, in words, and those that a run does not judge by."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from ..boundary.once import once
from ..clock.interval import Interval
from ..github.client_profiles import Outcome
from .policy import Policy

MOST_NAMED = 6
"""How many clients and limits a sentence names; ``seen`` has all of them."""

_DAY_S = 86_400
_MANY_S = 10 * _DAY_S


def seen_without_tolerance(policy: Policy) -> dict[str, Any]:
    """The named limits that decide nothing, because they tolerate nothing on one side."""
    all_limits = policy.all_limits
    named = [all_limits[name] for name in policy.limits]
    shown = {limit.name: limits_text(limit.skew_s) for limit in named if limit.without_tolerance}
    return {"without_tolerance": shown} if shown else {}


def some_of(names: Sequence[str]) -> str:
    """The first of the names, and how many there are more."""
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def seen_of_others(policy: Policy, skew_s: Interval) -> dict[str, Any]:
    """The clients that nobody named and what would happen to them at this skew, and the limits that
    it would break: the reference page has the others.
    """
    clients = [
        (profile.client_outcome(skew_s), profile.name, profile.tolerated_s)
        for profile in policy.catalogue.values()
        if profile.name not in policy.clients
    ]
    limits = [
        (limit.outcome(skew_s), limit.name, limit.skew_s)
        for limit in policy.all_limits.values()
        if limit.name not in policy.limits and not limit.without_tolerance
    ]
    return {
        "other_clients_that_would_pass": _named(clients, "pass"),
        "other_clients_that_would_fail": _named(clients, "fail"),
        "other_limits_that_would_fail": _named(limits, "fail"),
    }


def _named(others: Iterable[tuple[Outcome, str, Interval]], outcome: Outcome) -> dict[str, str]:
    """Those with this outcome: their names, and the limits of each."""
    return {name: limits_text(allowed) for found, name, allowed in others if found == outcome}


@once
def limits_text(allowed: Interval) -> str:
    """What is tolerated on both sides.

    >>> limits_text(Interval(-90, 30))
    '90 s behind, 30 s ahead'
    """
    return f"{limit_text(allowed, 'behind')}, {limit_text(allowed, 'ahead')}"


def limit_text(allowed: Interval, side: str) -> str:
    """What is tolerated ``behind`` or ``ahead``.

    >>> limit_text(Interval(-math.inf, 40), "behind")
    'no limit behind'
    """
    limit_s = allowed.high if side == "ahead" else -allowed.low
    if math.isinf(limit_s):
        return f"no limit {side}"
    return f"{limit_s:g} s {side}" if abs(limit_s) < _MANY_S else f"{limit_s / _DAY_S:.0f} days {side}"
