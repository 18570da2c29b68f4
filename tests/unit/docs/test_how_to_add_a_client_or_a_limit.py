"""The rows of docs/how-to/add-a-client-or-a-limit.md are read, and nodes are judged by them as the page says."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.interval import Interval
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.client_profiles import all_profiles
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.limits import all_limits
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.judge import judge_record

from tests.builders import policy, record
from tests.examples import blocks

PAGE = blocks("add-a-client-or-a-limit")
CLIENTS: dict[str, Any] = yaml.safe_load(PAGE["client"])
LIMITS: dict[str, Any] = yaml.safe_load(PAGE["limit"])


def judged(skew_s: float, **settings: Any) -> str:
    """The state of clock_skew on a node that is so far ahead."""
    judgement = judge_record(record(skew_s, of_policy=policy(checks=["clock_skew"], github_apps=[], **settings)))
    return next(finding["state"] for finding in judgement["findings"] if finding["check"] == "clock_skew")


def test_the_budgets_of_the_client_are_those_of_the_page():
    profile = all_profiles(CLIENTS)["merge-bot"]
    assert (profile.behind_limit_s, profile.ahead_limit_s, profile.iss) == (360, 60, "app_id")


@pytest.mark.parametrize(
    ("skew_s", "outcome"),
    [
        (-360.0, "fail"),
        (-359.9, "inconclusive"),
        (-358.1, "inconclusive"),
        (-358.0, "pass"),
        (60.0, "pass"),
        (60.1, "inconclusive"),
        (62.0, "inconclusive"),
        (62.1, "fail"),
    ],
)
def test_the_edges_of_the_client_are_those_of_the_page(skew_s: float, outcome: str):
    assert all_profiles(CLIENTS)["merge-bot"].outcome(Interval(skew_s, skew_s)) == outcome


@pytest.mark.parametrize(("skew_s", "state"), [(-361, "fail"), (-357, "pass"), (59, "pass"), (63, "fail")])
def test_a_node_is_judged_by_the_client(skew_s: float, state: str):
    assert judged(skew_s, clients=["merge-bot"], client_profiles=CLIENTS) == state


@pytest.mark.parametrize(("skew_s", "state"), [(-2.5, "fail"), (-1.5, "pass"), (1.5, "pass"), (2.5, "fail")])
def test_a_node_is_judged_by_half_of_a_limit_between_machines(skew_s: float, state: str):
    assert judged(skew_s, limits=["ledger"], limit_profiles=LIMITS) == state
    assert all_limits(LIMITS)["ledger"].skew_s == Interval(-2, 2)
