"""How fast a clock runs away: from two readings, or from what chronyd says of its frequency."""

from __future__ import annotations

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import clock_skew
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.interval import Interval
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.drift import (
    Drift,
    earlier_reading,
    measured_drift,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.policy import Policy
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import Record

from tests.builders import policy, record

HOUR_S = 3600


def then(skew_s: float, apart_s: float = HOUR_S, bound_s: float = 0.001) -> dict:
    """A reading of so long ago."""
    true_time_s = earlier_reading(record(0.0))["true_time_s"] - apart_s
    return {"true_time_s": true_time_s, "skew_s": {"low": skew_s - bound_s, "high": skew_s + bound_s}}


def test_two_readings_an_hour_apart_give_the_rate_with_its_bound():
    drift = measured_drift(Record({**record(0.36), "earlier": then(0.0)}))
    assert drift.rate_ppm.middle == pytest.approx(100, abs=1)
    assert drift.rate_ppm.bound == pytest.approx(0.7, abs=0.5)
    assert drift.source == "two readings 3600 s apart"


def test_a_clock_that_loses_drifts_negatively():
    assert measured_drift(Record({**record(-0.36), "earlier": then(0.0)})).rate_ppm.high < 0


@pytest.mark.parametrize(
    "earlier",
    [then(0.0, apart_s=30), then(-612.0), None],
    ids=["too near together", "the clock was stepped between", "no earlier reading"],
)
def test_otherwise_chronyds_own_error_is_the_bound(earlier):
    drift = measured_drift(Record({**record(0.0), "earlier": earlier}))
    assert drift.source.startswith("chronyd's error")
    assert drift.rate_ppm.low == -drift.rate_ppm.high < 0


def test_without_either_nothing_is_said():
    assert measured_drift(Record(record(0.0, chrony=None))) is None


@pytest.mark.parametrize(
    ("rate_ppm", "expected_s"),
    [
        (Interval(100, 100), 300_000),
        (Interval(-100, -100), 900_000),
        (Interval(-100, 100), 300_000),
        (Interval(0, 0), None),
    ],
    ids=["gains", "loses", "either way", "neither"],
)
def test_a_margin_of_30_s_ahead_and_90_s_behind_is_used_up_at_the_earliest_after(rate_ppm, expected_s):
    assert Drift(rate_ppm, "", of_two_readings=True).reaches_in_s(30, 90) == expected_s


def test_the_budget_table_names_who_breaks_first_and_when():
    settings = policy(clients=["coolify", "argocd", "githubkit"])
    data = {**record(0.36, of_policy=settings), "earlier": then(0.0)}
    finding = clock_skew.judge(Record(data), Policy.from_json(settings))
    rows = {row["name"]: row for row in finding.seen["budget"]}
    assert rows["argocd"]["breaks_in_s"] == pytest.approx(29.64 / 100e-6, rel=0.02)
    assert rows["argocd"]["breaks_in_s"] < rows["coolify"]["breaks_in_s"]
    assert finding.seen["breaks_first"].startswith("argocd, in ")
    assert "100 ppm" in finding.summary
    assert "480 s ago" in rows["githubkit"]["worst_case"]


def test_the_installation_tokens_budget_says_who_breaks_first_and_when():
    settings = policy(clients=["argocd", "pygithub"])
    data = {**record(-10.36, of_policy=settings), "earlier": then(-10.0)}
    finding = clock_skew.judge(Record(data), Policy.from_json(settings))
    rows = {row["name"]: row for row in finding.seen["budget"]}
    assert rows["pygithub"]["breaks_in_s"] == pytest.approx(9.64 / 100e-6, rel=0.02)
    assert finding.seen["breaks_first"].startswith("pygithub, in ")


def test_a_client_that_is_broken_already_breaks_now():
    data = {**record(45.0), "earlier": then(44.64)}
    finding = clock_skew.judge(Record(data), Policy.from_json(policy()))
    assert finding.seen["breaks_first"] == "argocd, in 0 s at the earliest"
