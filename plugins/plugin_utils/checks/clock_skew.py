"""Is the node's clock within what the cluster's GitHub App clients can stand?

A GitHub App client signs a JWT with times from its node's clock; GitHub compares them with its own and refuses the JWT
with 401 where they don't fit. Each client dates its JWTs its own way, so each has its own budget behind and ahead:
Argo CD and Flux break 90 s behind and 30 s ahead.

The skew is node minus reference (positive: the node is ahead), an interval on which most references agree: raw NTP
exchanges with each of `gate_ntp_servers`, the API's own `Date`, and the controller's clock around the module call.

Passes where the whole interval lies within the budget of every client in `gate_clients`, and within `gate_max_skew_s` where
that is set. Fails where it lies wholly outside one. Between the two, and where no majority of the references agrees, it is
inconclusive.

What is left of each budget is shown behind and ahead, which client breaks first, and when, from the measured drift: of two
checks into the same report folder, or of chronyd's error of its frequency.

Source: the clients' code, named one by one in client_profiles.yml; RFC 5905 for the interval of an exchange.
"""

from __future__ import annotations

from typing import Any

from ..client_profiles import ClientProfile, Outcome
from ..drift import Drift, measured_drift
from ..finding import Finding
from ..interval import Interval
from ..policy import Policy
from ..record import Record

NEEDS = ("collected", "ntp", "api_date")
MENDED_BY_CHRONY = True

_WORST_FIRST = ("fail", "inconclusive", "pass")
_WHY = (
    "Clients date their JWTs by this clock, and GitHub answers 401 to a JWT whose iat lies in its future or whose exp has "
    "passed. Pods on this node fail while the same pods elsewhere work."
)
_REMEDY = (
    "Give the node a working NTP configuration and step its clock: the gate does both, as does playbook "
    "skewgate.preflight.remediate."
)


def judge(record: Record, policy: Policy) -> Finding:
    """Judge the skew by the budgets of the named clients."""
    estimate = record.skew
    if estimate.skew_s is None:
        return Finding(
            "inconclusive",
            f"the skew is unknown: {estimate.unknown_because}",
            "A clock that could not be compared with anything may be any time off.",
            "See that the node reaches its NTP servers (UDP 123) and the GitHub API (TCP 443), and that they agree.",
            estimate.seen(),
        )
    skew_s = estimate.skew_s
    drift = measured_drift(record)
    budget = [_client_row(profile, skew_s, drift) for profile in policy.profiles]
    if policy.max_skew_s is not None:
        budget.append(_own_limit_row(policy.max_skew_s, skew_s, drift))
    others = [profile for profile in policy.catalogue.values() if profile.name not in policy.clients]
    seen = {
        **estimate.seen(),
        "drift": drift and drift.seen(),
        "budget": budget,
        "breaks_first": _breaks_first(budget),
        "other_clients_that_would_pass": _limits_of([p for p in others if p.outcome(skew_s) == "pass"]),
        "other_clients_that_would_fail": _limits_of([p for p in others if p.outcome(skew_s) == "fail"]),
    }
    state = min((row["outcome"] for row in budget), key=_WORST_FIRST.index)
    summary = _describe(skew_s)
    if state != "pass":
        summary += f": {'beyond' if state == 'fail' else 'at the edge of'} {_side(budget, state, skew_s)}"
        passing = _side(budget, "pass", skew_s)
        summary += f"; within {passing}" if passing else ""
    if drift and drift.source.startswith("two readings"):
        summary += f"; it drifts by {drift.rate_ppm.middle:.0f} ppm (±{drift.rate_ppm.bound:.0f})"
        summary += f"; first to break: {seen['breaks_first']}"
    if estimate.falsetickers:
        summary += f"; the majority contradicts {', '.join(estimate.falsetickers)}"
    if state == "pass":
        return Finding("pass", summary, seen=seen)
    return Finding(state, summary, _WHY, _REMEDY, seen)


def _describe(skew_s: Interval) -> str:
    direction = "ahead" if skew_s.middle > 0 else "behind"
    return f"{abs(skew_s.middle):.3f} s {direction} (±{max(skew_s.bound, 0.001):.3f} s)"


def _side(budget: list[dict[str, Any]], outcome: Outcome, skew_s: Interval) -> str:
    """The rows with this outcome, each with a limit: where it passes that on the clock's side, else the one that is nearer."""
    told = []
    for row in (row for row in budget if row["outcome"] == outcome):
        ahead = skew_s.middle > 0 if outcome == "pass" else row["left_ahead_s"] < row["left_behind_s"]
        side = "ahead" if ahead else "behind"
        told.append(f"{row['name']} ({row[f'{side}_limit_s']:g} s {side})")
    return ", ".join(told)


def _client_row(profile: ClientProfile, skew_s: Interval, drift: Drift | None) -> dict[str, Any]:
    limits = Interval(-profile.behind_limit_s, profile.ahead_limit_s)
    row = _row(profile.name, limits, skew_s, drift, outcome=profile.outcome(skew_s), source=profile.source)
    if profile.reuse_s:
        row["worst_case"] = (
            f"a JWT that it made {profile.reuse_s} s ago and sends again; a fresh one bears {profile.exp_s} s behind"
        )
    return row


def _own_limit_row(max_skew_s: float, skew_s: Interval, drift: Drift | None) -> dict[str, Any]:
    limits = Interval(-max_skew_s, max_skew_s)
    outcome: Outcome = "pass" if limits.contains(skew_s) else "inconclusive" if limits.overlaps(skew_s) else "fail"
    return _row("gate_max_skew_s", limits, skew_s, drift, outcome=outcome, source="the setting")


def _row(
    name: str, limits: Interval, skew_s: Interval, drift: Drift | None, *, outcome: Outcome, source: str
) -> dict[str, Any]:
    left_ahead_s, left_behind_s = limits.high - skew_s.high, skew_s.low - limits.low
    breaks_in_s = drift.reaches_in_s(left_ahead_s, left_behind_s) if drift else None
    return {
        "name": name,
        "ahead_limit_s": limits.high,
        "behind_limit_s": -limits.low,
        "left_ahead_s": round(left_ahead_s, 3),
        "left_behind_s": round(left_behind_s, 3),
        "breaks_in_s": None if breaks_in_s is None else round(breaks_in_s),
        "outcome": outcome,
        "source": source,
    }


def _breaks_first(budget: list[dict[str, Any]]) -> str:
    """The row with the least margin on either side, and when it is used up where the drift is known."""
    row = min(budget, key=lambda r: min(r["left_ahead_s"], r["left_behind_s"]))
    return row["name"] if row["breaks_in_s"] is None else f"{row['name']}, in {row['breaks_in_s']} s at the earliest"


def _limits_of(profiles: list[ClientProfile]) -> dict[str, str]:
    return {p.name: f"{p.behind_limit_s} s behind, {p.ahead_limit_s} s ahead" for p in profiles}
