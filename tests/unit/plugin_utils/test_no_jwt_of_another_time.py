"""What a node claims of the time gets it no JWT for that time,
against the simulated node and GitHub.
"""

from __future__ import annotations

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.controller import ControllerClock

from tests.builders import accepted_steps, attempt, date_answer, date_api, evidence
from tests.unit.plugin_utils.world import (
    CALL_S,
    CLOCK,
    World,
    answers,
    unreachable,
)

DAY_S = 86400


@pytest.mark.parametrize("controller_off_s", [0, -612, 3600])
@pytest.mark.parametrize("skew_s", [513, 612, DAY_S, 365 * DAY_S, 1e12])
def test_a_node_that_claims_to_be_far_ahead_gets_no_jwt_of_its_time(collection, skew_s, controller_off_s):
    world = World(skew_s, controller_off_s)
    record = collection(world).take()
    assert answers(record) == [("now", "not_sent"), ("true_time", "accepted"), ("node_clock", "withheld")]
    assert max(claims["exp"] for claims in world.signed) <= world.true_s + 90
    (withheld,) = [each for each in record["evidence"]["github_apps"][0]["attempts"] if each.get("withheld")]
    assert (withheld["withheld"], withheld["sent"], withheld["steps"]) == ("too_far_ahead", False, [])
    assert "jwt" not in withheld


@pytest.mark.parametrize("lied_s", [-DAY_S, -612, 30, 612, DAY_S])
def test_invented_ntp_answers_do_not_move_the_true_time(collection, lied_s):
    lies = {"ntp": evidence(lied_s)["ntp"], "api_date": evidence(lied_s)["api_date"]}
    world = World(-100, sections=lies)
    collection(world).take()
    (true_time,) = [claims for claims in world.signed if claims["label"] == "true_time"]
    assert world.true_s + 30 - CALL_S - 1 <= true_time["exp"] + CALL_S <= world.true_s + 30


@pytest.mark.parametrize("skew_s", [-612, 2, 29, 45, 612, DAY_S, 1e12])
@pytest.mark.parametrize("lied_s", [-DAY_S, -20, 0, 20, DAY_S])
def test_if_the_controller_could_not_check_its_clock_no_iat_is_after_it(collection, skew_s, lied_s):
    lies = {"ntp": evidence(skew_s + lied_s)["ntp"], "api_date": evidence(skew_s + lied_s)["api_date"]}
    world = World(skew_s, checked=False, sections=lies)
    collection(world).take()
    assert world.signed
    for claims in world.signed:
        assert claims["iat"] <= world.true_s + 2
        assert claims["exp"] <= world.true_s + (30 if claims["label"] == "true_time" else 600)


def test_a_controller_that_is_behind_and_can_not_check_that_withholds_the_jwt_of_a_good_node(collection):
    world = World(0, -612, checked=False)
    record = collection(world).take()
    assert answers(record) == [("now", "not_sent"), ("node_clock", "withheld")]
    assert record["evidence"]["github_apps"][0]["attempts"][1]["withheld"] == "controller_time_unknown"
    assert record["controller"]["measured"]["unknown"] == "no_reference"
    assert len(world.calls) == 1


def test_an_answer_of_the_nodes_takes_no_withheld_attempts_place(collection):
    world = World(DAY_S)
    forged = {"evidence": {"github_apps": [{"name": "deploy", "attempts": [attempt("node_clock", *accepted_steps())]}]}}
    world.failures[2] = lambda: forged
    assert answers(collection(world).take())[-1] == ("node_clock", "withheld")


def test_if_the_call_for_the_true_time_fails_what_was_withheld_is_still_reported(collection):
    assert answers(collection(World(DAY_S, failures={2: unreachable})).take()) == [
        ("now", "not_sent"),
        ("node_clock", "withheld"),
    ]


@pytest.mark.parametrize(
    "collected", [{}, {"wall_ns": 1, "mono_ns": 0, "end_mono_ns": 10**18}], ids=["none", "no time"]
)
def test_a_node_whose_clock_readings_are_none_is_not_asked_again(collection, collected):
    world = World(-612, sections={"collected": collected})
    assert answers(collection(world).take()) == [("now", "not_sent")]


def test_the_controller_measures_nothing_if_there_is_nothing_to_sign(collection):
    def controller() -> ControllerClock:
        pytest.fail("it was measured")

    record = collection(World(), controller=controller, apps=()).take()
    assert "measured" not in record["controller"]


# The clock of GitHub's API is what is wrong


@pytest.mark.parametrize("controller_off_s", [0, -612])
@pytest.mark.parametrize(
    ("github_off_s", "of_its_clock"), [(-700, "accepted"), (-120, "accepted"), (120, "accepted"), (700, "withheld")]
)
def test_a_jwt_of_a_wrong_api_clock_shows_that_nothing_else_is_wrong(
    collection, github_off_s, of_its_clock, controller_off_s
):
    world = World(0, controller_off_s, github_off_s=github_off_s)
    record = collection(world).take()
    assert dict(answers(record)) == {
        "now": "clock",
        "node_clock": "clock",
        "true_time": "clock",
        "api_clock": of_its_clock,
    }
    assert len(world.calls) == 2
    assert max(claims["exp"] for claims in world.signed) <= world.true_s + 600


def test_while_the_apis_clock_is_right_no_jwt_of_it_is_sent(collection):
    world = World(-612)
    collection(world).take()
    assert {claims["label"] for claims in world.signed} == {"now", "node_clock", "true_time"}


@pytest.mark.parametrize("lied_s", [-DAY_S, -700, 120, 700, DAY_S])
def test_an_api_that_a_node_invents_to_be_off_gets_it_no_jwt_that_is_valid_too_long(collection, lied_s):
    answers_of_api = date_api(date_answer(api_off_s=lied_s), url="https://api.github.lab/rate_limit")
    world = World(0, sections={"api_date": {"apis": [answers_of_api]}}, refusals={"deploy": [CLOCK] * 4})
    collection(world).take()
    of_api = [claims for claims in world.signed if claims["label"] == "api_clock"]
    assert len(of_api) == (lied_s <= 500)
    assert max(claims["exp"] for claims in world.signed) <= world.true_s + 600
