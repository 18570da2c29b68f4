"""The rows of docs/how-to/add-a-client-or-a-limit.md are read,
and nodes are judged by them as the page says.
"""

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
TOLERANCE: dict[str, Any] = yaml.safe_load(PAGE["tolerance"])


def judged(skew_s: float, **settings: Any) -> str:
    """The state of clock_skew on a node that is so far ahead."""
    judgement = judge_record(record(skew_s, of_policy=policy(checks=["clock_skew"], github_apps=[], **settings)))
    return next(finding["state"] for finding in judgement["findings"] if finding["check"] == "clock_skew")


def test_the_budgets_of_the_client_are_those_of_the_page():
    profile = all_profiles(CLIENTS)["merge-bot"]
    assert (profile.jwt_behind_limit_s, profile.renew_before_s, profile.ahead_limit_s) == (360, 90, 60)
    assert profile.iss == "app_id"


@pytest.mark.parametrize(
    ("skew_s", "jwt", "token", "client"),
    [
        (-360.0, "fail", "fail", "fail"),
        (-359.9, "inconclusive", "fail", "fail"),
        (-358.1, "inconclusive", "fail", "fail"),
        (-358.0, "pass", "fail", "fail"),
        (-91.0, "pass", "fail", "fail"),
        (-90.9, "pass", "inconclusive", "inconclusive"),
        (-88.1, "pass", "inconclusive", "inconclusive"),
        (-88.0, "pass", "pass", "pass"),
        (60.0, "pass", "pass", "pass"),
        (60.1, "inconclusive", "pass", "inconclusive"),
        (62.0, "inconclusive", "pass", "inconclusive"),
        (62.1, "fail", "pass", "fail"),
    ],
)
def test_the_edges_of_the_client_are_those_of_the_page(skew_s: float, jwt: str, token: str, client: str):
    profile, skew = all_profiles(CLIENTS)["merge-bot"], Interval(skew_s, skew_s)
    assert (profile.jwt_outcome(skew), profile.token_outcome(skew), profile.client_outcome(skew)) == (
        jwt,
        token,
        client,
    )


@pytest.mark.parametrize(("skew_s", "state"), [(-92, "fail"), (-87, "pass"), (59, "pass"), (63, "fail")])
def test_a_node_is_judged_by_the_client(skew_s: float, state: str):
    assert judged(skew_s, clients=["merge-bot"], client_profiles=CLIENTS) == state


@pytest.mark.parametrize(("skew_s", "state"), [(-2.5, "fail"), (-1.5, "pass"), (1.5, "pass"), (2.5, "fail")])
def test_a_node_is_judged_by_half_of_a_limit_between_machines(skew_s: float, state: str):
    assert judged(skew_s, limits=["ledger"], limit_profiles=LIMITS) == state
    assert all_limits(LIMITS)["ledger"].skew_s == Interval(-2, 2)


@pytest.mark.parametrize(
    ("skew_s", "own", "state"), [(-60, {}, "pass"), (-60, TOLERANCE, "fail"), (-1, TOLERANCE, "pass")]
)
def test_a_limit_that_tolerates_nothing_counts_with_a_tolerance(skew_s: float, own: dict[str, Any], state: str):
    assert judged(skew_s, limits=["cert-manager"], limit_profiles=own) == state
