"""The controller's time, and what a record keeps of how it was measured."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.controller import (
    ControllerClock,
    Moment,
    measured_of,
    node_ahead_s,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.interval import Interval
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.skew import estimate_skew

from tests.builders import CONTROLLER, NS, TRUE_NS, date_answer, date_api, evidence, ntp_sample, ntp_server

COLLECTED = evidence()["collected"]


def clock_of(*servers: dict[str, Any], skew_s: float = 0.0, **sections: Any) -> ControllerClock:
    """Of a controller with this skew that got these answers."""
    collected = evidence(skew_s)["collected"]
    taken = {"collected": collected, "ntp": {"servers": list(servers)}, "api_date": {"apis": []}, **sections}
    return ControllerClock.of(estimate_skew(taken, None))


KNOWN = clock_of(*(ntp_server(f"10.77.0.{n}", ntp_sample(-612.0)) for n in (1, 2, 3)), skew_s=-612.0)
UNKNOWN = clock_of(ntp_server("ntp1", error="Name or service not known"))


def test_the_time_is_the_own_clocks_less_all_that_it_may_be_ahead():
    assert Moment(1000.0, Interval(-612.5, -611.5)).now_s == 1611.5
    assert Moment(1000.0, None).now_s == 1000.0
    assert KNOWN.at(1000.0).now_s == pytest.approx(1612.0, abs=0.01)


def test_what_was_measured_is_the_same_when_it_is_read_again():
    for clock in (KNOWN, UNKNOWN):
        again = ControllerClock.from_json(json.loads(json.dumps(clock.as_json())))
        assert again.as_json() == clock.as_json()


def test_a_record_shows_each_reference_and_why_the_time_is_not_known():
    shown = UNKNOWN.as_json()
    assert (shown["skew_s"], shown["unknown"]) == (None, "no_reference")
    assert "Name or service not known" in shown["unknown_because"]
    assert set(KNOWN.as_json()["references"]) == {"ntp 10.77.0.1", "ntp 10.77.0.2", "ntp 10.77.0.3"}


def test_an_api_alone_gives_the_time():
    clock = clock_of(skew_s=45.0, api_date={"apis": [date_api(date_answer(45.0))]})
    assert clock.skew_s is not None
    assert clock.skew_s.low <= 45.0 <= clock.skew_s.high


@pytest.mark.parametrize(
    ("clock", "votes"),
    [
        pytest.param(KNOWN, 3, id="three servers"),
        pytest.param(UNKNOWN, 0, id="none that answered"),
        pytest.param(clock_of(ntp_server("a", ntp_sample())), 1, id="one server"),
        pytest.param(
            clock_of(*(ntp_server(name, ntp_sample(), address="10.77.0.1") for name in "ab")),
            1,
            id="one under two names",
        ),
        pytest.param(
            clock_of(*(ntp_server(name, ntp_sample(server_off_s=600.0 * (name == "c"))) for name in "abc")),
            2,
            id="two against one",
        ),
    ],
)
def test_as_many_vote_for_the_controllers_clock_as_are_independent_and_agree(clock, votes):
    assert clock.votes == clock.as_json()["votes"] == votes


def test_references_that_disagree_correct_nothing():
    clock = clock_of(ntp_server("a", ntp_sample()), ntp_server("b", ntp_sample(server_off_s=3600.0)))
    assert (clock.skew_s, clock.unknown) == (None, "references_disagree")


@pytest.mark.parametrize(
    "controller",
    [
        None,
        {},
        CONTROLLER,
        {"measured": None},
        {"measured": []},
        {"measured": {}},
        {"measured": {"skew_s": 5, "unknown": None, "unknown_because": ""}},
        {"measured": {"skew_s": {"low": 2, "high": 1}, "unknown": None, "unknown_because": ""}},
        {"measured": {"skew_s": {"low": 0, "high": 10**400}, "unknown": None, "unknown_because": ""}},
        {"measured": {"skew_s": None, "unknown": "because", "unknown_because": ""}},
    ],
)
def test_a_record_without_a_measurement_in_this_form_has_none(controller):
    assert measured_of(controller) is None
    assert node_ahead_s(COLLECTED, controller) is None


def test_a_node_is_ahead_by_the_controllers_bracket_and_what_the_controller_is_ahead_itself():
    behind = {**CONTROLLER, "measured": KNOWN.as_json()}
    found = node_ahead_s(evidence(100.0)["collected"], behind)
    assert found is not None
    assert found.contains(Interval(100.0 - 612.0, 100.0 - 612.0))
    assert found.bound == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("collected", [{}, {**COLLECTED, "wall_ns": "x"}, {**COLLECTED, "end_mono_ns": TRUE_NS * NS}])
def test_readings_that_are_none_show_nothing(collected):
    assert node_ahead_s(collected, {**CONTROLLER, "measured": KNOWN.as_json()}) is None
