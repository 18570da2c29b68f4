"""The token check where the clock of GitHub's API is what is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import github_app_token
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks.github_app_token import Key
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.answers import AnswerKey
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.finding import Finding

from tests.builders import (
    NS,
    TRUE_NS,
    accepted,
    app,
    attempt,
    date_answer,
    date_api,
    not_sent,
    ntp_sample,
    ntp_server,
    policy,
    record,
)
from tests.findings import finding_of, unsaid
from tests.unit.plugin_utils.checks.test_check_github_app_token import bad_key, clock, unreachable

GHES = "https://ghes.example.net/api/v3"


def with_an_api_ahead(
    api_ahead_s: float,
    *attempts: dict[str, Any],
    skew_s: float = 0.0,
    api_url: str = GHES,
    servers: tuple[str, ...] = ("a", "b"),
    **changes: Any,
) -> dict[str, Any]:
    """The record of a node with these NTP servers, which agree,
    and an App whose API's clock is ``api_ahead_s`` ahead of them.
    """
    settings = policy(github_apps=[{**app(), "api_url": api_url}])
    taken = record(
        skew_s,
        of_policy=settings,
        github_apps=[{"name": "deploy", "attempts": list(attempts)}],
        ntp={"servers": [ntp_server(name, ntp_sample(skew_s)) for name in servers]},
        api_date={"apis": [date_api(date_answer(skew_s, api_off_s=api_ahead_s), url=f"{api_url}/rate_limit")]},
    )
    return {**taken, **changes}


def where_the_api_is_ahead(api_ahead_s: float, *attempts: dict[str, Any], **more: Any) -> Finding:
    return finding_of(github_app_token, with_an_api_ahead(api_ahead_s, *attempts, **more))


@pytest.mark.parametrize("api_ahead_s", [-700, -120, 120, 700])
def test_an_api_whose_clock_independent_references_contradict_is_the_cause(api_ahead_s):
    tried = clock("now"), clock("node_clock"), clock("true_time"), accepted("api_clock")
    finding = where_the_api_is_ahead(api_ahead_s, *tried)
    assert (finding.state, finding.keys) == ("fail", (Key.API_CLOCK, AnswerKey.CLOCK))
    assert not unsaid(finding.summary, "ghes.example.net", "ahead" if api_ahead_s > 0 else "behind")
    assert not unsaid(finding.remedy, "ghes.example.net", "Management Console")
    assert finding.seen["apps"][0]["api_clock"]["class"] == "accepted"


UNTRIED = attempt("api_clock", sent=False, node_wall_s=None, not_sent_because="late", withheld=AnswerKey.TOO_FAR_AHEAD)


@pytest.mark.parametrize(
    ("of_its_clock", "key"),
    [
        pytest.param([], Key.API_CLOCK, id="no JWT of its time was sent"),
        pytest.param([UNTRIED], Key.API_CLOCK, id="a JWT of its time would be valid too long"),
        pytest.param([unreachable("api_clock")], Key.API_CLOCK, id="no answer to that"),
        pytest.param([bad_key("api_clock")], Key.API_CLOCK_AND_CREDENTIAL, id="a wrong key beside it"),
    ],
)
def test_what_is_wrong_beside_the_apis_clock_is_said_as_far_as_it_was_tried(of_its_clock, key):
    finding = where_the_api_is_ahead(-120, clock("now"), clock("node_clock"), clock("true_time"), *of_its_clock)
    assert (finding.state, finding.keys) == ("fail", (key, AnswerKey.CLOCK))


def test_a_node_that_is_off_too_does_not_hide_the_apis_clock():
    finding = where_the_api_is_ahead(700, not_sent(), clock("node_clock"), clock("true_time"), skew_s=-612.0)
    assert finding.keys == (Key.API_CLOCK, AnswerKey.CLOCK)
    assert "clock_skew" in finding.summary


def test_a_node_too_far_ahead_for_a_jwt_is_not_said_to_have_sent_one_if_the_apis_clock_is_wrong():
    withheld = attempt("node_clock", sent=False, not_sent_because="late", withheld=AnswerKey.TOO_FAR_AHEAD)
    finding = where_the_api_is_ahead(
        -120, not_sent(), clock("true_time"), accepted("api_clock"), withheld, skew_s=700.0
    )
    assert finding.keys == (Key.API_CLOCK, AnswerKey.TOO_FAR_AHEAD)
    assert not unsaid(finding.summary, "was not sent (late); GitHub refused a JWT of the true time")


def test_an_api_that_accepts_the_true_time_is_not_blamed_for_a_clock_that_is_a_little_off():
    finding = where_the_api_is_ahead(10, not_sent(), clock("node_clock"), accepted("true_time"), skew_s=-612.0)
    assert finding.keys == (Key.CLOCK,)


def test_if_all_that_contradicts_the_node_is_the_apis_own_clock_neither_is_blamed():
    finding = where_the_api_is_ahead(700, clock("now"), clock("node_clock"), accepted("true_time"), servers=())
    assert (finding.state, finding.keys) == ("fail", (Key.NOT_SEPARATED, AnswerKey.CLOCK))
    assert not unsaid(finding.remedy, "ghes.example.net", "gate_ntp_servers")


def test_githubs_own_clock_is_believed_if_it_is_the_only_other_one():
    url = "https://api.github.com"
    finding = where_the_api_is_ahead(
        700, clock("now"), clock("node_clock"), accepted("true_time"), servers=(), api_url=url
    )
    assert finding.keys == (Key.CLOCK,)


def test_if_githubs_own_clock_is_contradicted_the_references_are_what_to_compare():
    finding = where_the_api_is_ahead(
        120, clock("now"), clock("node_clock"), clock("true_time"), api_url="https://api.github.com"
    )
    assert finding.keys == (Key.API_CLOCK, AnswerKey.CLOCK)
    assert "gate_ntp_servers" in finding.remedy
    assert "Management Console" not in finding.remedy


def test_the_controllers_references_count_if_the_nodes_own_show_nothing():
    measured = {
        "skew_s": {"low": -0.1, "high": 0.1},
        "unknown": None,
        "unknown_because": "",
        "references": {f"date {GHES}/rate_limit": {"skew_s": {"low": -120.5, "high": -119.5}, "detail": ""}},
        "falsetickers": [f"date {GHES}/rate_limit"],
        "shared_votes": [],
    }
    controller = {"before_ns": TRUE_NS - NS, "after_ns": TRUE_NS + 3 * NS, "measured": measured}
    tried = clock("now"), clock("node_clock"), clock("true_time"), accepted("api_clock")
    finding = where_the_api_is_ahead(120, *tried, servers=(), controller=controller)
    assert finding.keys == (Key.API_CLOCK, AnswerKey.CLOCK)


def test_if_the_api_is_several_machines_of_which_one_is_off_the_nodes_right_clock_is_not_blamed():
    answers = [date_answer(0.0, api_off_s=off_s) for off_s in (0, 300)]
    two_machines = {"apis": [date_api(*answers, url=f"{GHES}/rate_limit")]}
    taken = with_an_api_ahead(0.0, clock("now"), clock("node_clock"), accepted("true_time"))
    finding = finding_of(github_app_token, {**taken, "evidence": {**taken["evidence"], "api_date": two_machines}})
    assert (finding.state, finding.keys) == ("fail", (Key.NOT_SEPARATED, AnswerKey.CLOCK))
    assert not unsaid(finding.summary, "ghes.example.net", "298.980 s apart")
    assert "remediate" not in finding.remedy
