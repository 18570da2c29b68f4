from __future__ import annotations

import time

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.interval import Interval
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.skew import (
    SkewEstimate,
    UnknownSkew,
    as_json,
    controller_bracket,
    estimate_skew,
)
from hypothesis import example, given
from hypothesis import strategies as st

from tests.builders import (
    CONTROLLER,
    NS,
    PRECISION_S,
    TRUE_NS,
    date_answer,
    date_api,
    evidence,
    mono_ns,
    ntp_sample,
    ntp_server,
    silent_sample,
    wall_ns,
)

ROUNDING_S = 1e-6


def of_references(*servers, apis=(), skew_s=0.0, controller=CONTROLLER) -> SkewEstimate:
    taken = evidence(skew_s, ntp={"servers": list(servers)}, api_date={"apis": list(apis)})
    return estimate_skew(taken, controller)


def reference(estimate: SkewEstimate, name: str):
    (found,) = (r for r in estimate.references if r.name == name)
    return found


@pytest.mark.parametrize("skew_s", [-612.0, 0.0, 0.004, 45.0])
def test_all_references_together_give_the_nodes_skew_positive_if_it_is_ahead(skew_s):
    estimate = estimate_skew(evidence(skew_s), CONTROLLER)
    assert estimate.skew_s.low <= skew_s <= estimate.skew_s.high
    assert estimate.skew_s.bound < 0.002
    assert estimate.falsetickers == ()
    assert [r.name for r in estimate.references] == [
        "ntp 10.77.0.1",
        "ntp 10.77.0.2",
        "ntp 10.77.0.3",
        "date https://api.github.lab",
        "controller",
    ]


def test_of_a_servers_samples_the_one_of_the_least_delay_is_taken():
    slow, quick = ntp_sample(1.0, there_s=0.4, back_s=0.1), ntp_sample(1.0, there_s=0.001, back_s=0.002)
    estimate = of_references(ntp_server("a", slow, quick, silent_sample()), skew_s=1.0)
    assert reference(estimate, "ntp a").skew_s.bound == pytest.approx(0.0015 + PRECISION_S)
    assert "delay 0.003000 s" in reference(estimate, "ntp a").detail


@pytest.mark.parametrize(
    ("server", "detail"),
    [
        pytest.param(ntp_server("a", silent_sample(), silent_sample()), "no reply within 2 s", id="silent"),
        pytest.param(
            ntp_server("a", error="Name or service not known"), "Name or service not known", id="no such name"
        ),
        pytest.param(ntp_server("a"), "not asked", id="not asked"),
        pytest.param(
            ntp_server("a", ntp_sample(stratum=16), silent_sample()),
            "the server is not synchronised itself (leap 0, stratum 16); no reply within 2 s",
            id="two reasons",
        ),
    ],
)
def test_a_server_that_gives_no_reading_says_why_and_once(server, detail):
    found = reference(of_references(server), "ntp a")
    assert (found.skew_s, found.detail) == (None, detail)


# The API's Date


@given(
    skew_s=st.floats(-4000, 4000),
    answers=st.lists(
        st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 3)).map(
            lambda t: {"there_s": t[0], "back_s": t[1], "after_s": t[2]}
        ),
        min_size=1,
        max_size=3,
    ),
)
@example(skew_s=0.0, answers=[{"there_s": 0.0, "back_s": 0.0, "after_s": 0.75}])
@example(skew_s=0.0, answers=[{"there_s": 0.0, "back_s": 0.0, "after_s": 0.749999}])
def test_the_true_skew_lies_in_the_interval_of_the_date_whatever_the_latency(skew_s, answers):
    api = date_api(*(date_answer(skew_s, **answer) for answer in answers))
    interval = reference(of_references(apis=[api], skew_s=skew_s), "date https://api.github.lab").skew_s
    assert interval.low - ROUNDING_S <= skew_s <= interval.high + ROUNDING_S
    quickest_s = min(answer["there_s"] + answer["back_s"] for answer in answers)
    assert interval.high - interval.low <= 1 + quickest_s + ROUNDING_S


def test_several_answers_narrow_each_other():
    # The second begins at the node's .75 of a second: one answer just before a new
    # second, one just after.
    api = date_api(date_answer(after_s=0.70), date_answer(after_s=0.76))
    interval = reference(of_references(apis=[api]), "date https://api.github.lab").skew_s
    assert interval.high - interval.low == pytest.approx(0.08)


@pytest.mark.parametrize(
    ("answers", "detail"),
    [
        pytest.param(
            [{"error": {"phase": "dns", "message": "api.github.lab: no such name"}}],
            "dns: api.github.lab: no such name",
            id="no answer",
        ),
        pytest.param([date_answer(verified=False)], "the certificate could not be verified", id="unverified"),
        pytest.param([date_answer(date=None)], "the answer had no Date", id="no Date"),
        pytest.param([date_answer(date="soon")], "the Date could not be read: 'soon'", id="no date in Date"),
        pytest.param([], "not asked", id="not asked"),
    ],
)
def test_an_api_without_a_usable_date_is_no_reference_and_says_why(answers, detail):
    found = reference(of_references(apis=[date_api(*answers)]), "date https://api.github.lab")
    assert (found.skew_s, found.detail) == (None, detail)


def test_machines_of_one_name_whose_clocks_are_apart_give_an_interval_that_holds_each_of_them():
    one = date_answer(after_s=0.70)
    ahead = date_answer(after_s=0.55, date=date_answer(after_s=0.76)["date"])
    found = reference(of_references(apis=[date_api(one, ahead)]), "date https://api.github.lab")
    assert found.detail == "2 answers of whole seconds, of machines whose clocks are at least 0.130 s apart"
    assert found.skew_s.low <= -0.2
    assert found.skew_s.high >= 0


def test_an_unusable_answer_does_not_spoil_a_usable_one():
    api = date_api(date_answer(), date_answer(verified=False, date="Sun, 22 Nov 2026 09:00:00 GMT"))
    assert reference(of_references(apis=[api]), "date https://api.github.lab").skew_s


@pytest.mark.parametrize(
    "date", ["Sun, 22 Nov 2026 08:35:36 GMT", "Sun, 22 Nov 2026 08:35:36 -0000", "Sun Nov 22 08:35:36 2026"]
)
def test_a_date_is_gmt_in_every_form_and_on_every_controller(monkeypatch, date):
    expected = of_references(apis=[date_api(date_answer(date="Sun, 22 Nov 2026 08:35:36 GMT"))])
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert of_references(apis=[date_api(date_answer(date=date))]) == expected
    finally:
        monkeypatch.undo()
        time.tzset()


# The controller


@given(
    skew_s=st.floats(-4000, 4000),
    before_s=st.floats(0, 60),
    took_s=st.floats(0, 60),
    after_s=st.floats(0, 60),
)
def test_the_true_skew_lies_in_the_controllers_bracket_however_long_the_node_waited(skew_s, before_s, took_s, after_s):
    collected = {"wall_ns": wall_ns(skew_s), "mono_ns": mono_ns(), "end_mono_ns": mono_ns(took_s)}
    controller = {"before_ns": TRUE_NS - round(before_s * NS), "after_ns": TRUE_NS + round((took_s + after_s) * NS)}
    bracket = controller_bracket(collected, controller)
    assert bracket.low - ROUNDING_S <= skew_s <= bracket.high + ROUNDING_S
    assert bracket.high - bracket.low == pytest.approx(before_s + after_s, abs=ROUNDING_S)


def test_a_controller_whose_own_clock_was_moved_is_no_reference():
    moved = {"before_ns": CONTROLLER["before_ns"], "after_ns": CONTROLLER["before_ns"] - NS}
    estimate = of_references(ntp_server("a", ntp_sample()), controller=moved)
    assert reference(estimate, "controller").skew_s is None
    assert "controller's own clock was moved" in reference(estimate, "controller").detail
    assert estimate.skew_s is not None


# All together


def test_the_controller_alone_proves_nothing():
    estimate = of_references(ntp_server("a", silent_sample()), apis=[date_api()])
    assert estimate.skew_s is None
    assert estimate.unknown_because == (
        "no reference answered: ntp a: no reply within 2 s; date https://api.github.lab: not asked"
    )


def test_a_node_that_is_the_controller_does_not_vouch_for_its_own_clock():
    """A wrong server that agrees with the node's clock would win against a right one,
    with the controller on its side.
    """
    servers = ntp_server("a", ntp_sample(server_off_s=600.0)), ntp_server("b", ntp_sample())
    assert of_references(*servers).skew_s is not None
    alone = of_references(*servers, controller={**CONTROLLER, "same_machine": True})
    assert alone.skew_s is None
    assert alone.unknown is UnknownSkew.DISAGREE


def test_a_server_that_stands_twice_leaves_no_majority_to_the_controller():
    twice = [ntp_server("a", ntp_sample(-600.0))] * 2
    as_wrong = {name: at_ns - 600 * NS for name, at_ns in CONTROLLER.items()}
    assert of_references(*twice, skew_s=-600.0, controller=as_wrong).skew_s is None


def test_one_other_reference_that_agrees_with_the_controller_is_enough():
    assert of_references(ntp_server("a", ntp_sample(0.25)), skew_s=0.25).skew_s.middle == pytest.approx(0.25)


def test_one_other_reference_that_contradicts_the_controller_leaves_the_skew_unknown():
    estimate = of_references(ntp_server("a", ntp_sample(server_off_s=40)))
    assert estimate.skew_s is None
    assert "no majority" in estimate.unknown_because


@pytest.mark.parametrize(
    ("measured", "known"),
    [
        pytest.param({"skew_s": {"low": 44.9, "high": 45.1}, "votes": 2}, True, id="off by two references"),
        pytest.param({"skew_s": {"low": 44.9, "high": 45.1}, "votes": 1}, False, id="off by one alone"),
        pytest.param({"skew_s": {"low": 44.9, "high": 45.1}}, False, id="off by nobody knows how many"),
        pytest.param({"skew_s": {"low": -0.1, "high": 0.1}, "votes": 3}, False, id="right, so the server is wrong"),
        pytest.param({"skew_s": None, "votes": 0}, False, id="not known"),
    ],
)
def test_a_controller_that_has_measured_that_it_is_off_contradicts_nobody(measured, known):
    controller = {**bracket_off_by(45.0), "measured": measured}
    estimate = of_references(ntp_server("a", ntp_sample()), controller=controller)
    assert (estimate.skew_s is not None) is known
    assert estimate.falsetickers == (("controller",) if known else ())


def test_a_controller_that_has_measured_that_it_is_off_does_not_admit_by_itself():
    controller = {**bracket_off_by(45.0), "measured": {"skew_s": {"low": 44.9, "high": 45.1}, "votes": 2}}
    assert of_references(controller=controller).unknown is UnknownSkew.NO_REFERENCE


def test_without_a_controller_a_single_server_is_believed():
    assert of_references(ntp_server("a", ntp_sample()), controller=None).skew_s.middle == pytest.approx(0, abs=1e-6)


def test_a_server_with_a_wrong_time_is_outvoted_and_named():
    servers = [
        ntp_server("a", ntp_sample()),
        ntp_server("liar", ntp_sample(server_off_s=3600)),
        ntp_server("b", ntp_sample()),
    ]
    estimate = of_references(*servers)
    assert estimate.falsetickers == ("ntp liar",)
    assert estimate.skew_s.middle == pytest.approx(0, abs=1e-6)


def test_if_the_references_are_split_in_halves_the_skew_is_unknown():
    servers = [ntp_server(name, ntp_sample()) for name in "ab"]
    servers += [ntp_server(name, ntp_sample(server_off_s=600)) for name in "cd"]
    estimate = of_references(*servers, controller=None)
    assert estimate.skew_s is None
    assert all(f"ntp {name} [" in estimate.unknown_because for name in "abcd")


# Independence


# The controller's own clock


def bracket_off_by(off_s: float) -> dict[str, int]:
    return {key: value + round(off_s * NS) for key, value in CONTROLLER.items()}


@pytest.mark.parametrize(("off_s", "is_off"), [(0.0, False), (1.9, False), (2.1, True), (-1.9, False), (-3600.0, True)])
def test_the_controllers_clock_is_judged_by_the_nodes_references(off_s, is_off):
    """The bracket is [-1, 1] wide around the truth:
    what lies outside it by more than a second is proven.
    """
    servers = [ntp_server(n, ntp_sample(7.0)) for n in "abc"]
    estimate = of_references(*servers, skew_s=7.0, controller=bracket_off_by(off_s))
    assert estimate.controller_skew_s.low <= off_s <= estimate.controller_skew_s.high
    assert estimate.controller_skew_s.bound == pytest.approx(1.0, abs=0.01)
    assert estimate.controller_is_off == is_off
    assert estimate.skew_s.middle == pytest.approx(7.0, abs=0.01)


def test_if_the_other_references_disagree_nothing_is_said_of_the_controller():
    servers = [ntp_server("a", ntp_sample()), ntp_server("b", ntp_sample(server_off_s=9.0))]
    estimate = of_references(*servers)
    assert (estimate.controller_skew_s, estimate.controller_is_off) == (None, False)
    assert estimate.skew_s is not None


@given(
    skew_s=st.floats(-4000, 4000),
    off_s=st.floats(-4000, 4000),
    before_s=st.floats(0, 30),
    after_s=st.floats(0, 30),
    later_s=st.floats(0, 60),
)
def test_what_a_jwt_of_the_nodes_clock_is_signed_for_does_not_depend_on_the_controllers_clock(
    *, skew_s, off_s, before_s, after_s, later_s
):
    """The action signs for the controller's now and the bracket's low end:
    the node's clock, at most the bracket too early.
    """
    collected = {"wall_ns": wall_ns(skew_s), "mono_ns": mono_ns(), "end_mono_ns": mono_ns(2.0)}
    controller = {
        "before_ns": wall_ns(off_s, -before_s),
        "after_ns": wall_ns(off_s, 2.0 + after_s),
    }
    signed_for_s = wall_ns(off_s, later_s) / NS + controller_bracket(collected, controller).low
    node_s = wall_ns(skew_s, later_s) / NS
    assert node_s - (before_s + after_s) - 1e-5 <= signed_for_s <= node_s + 1e-5


@pytest.mark.parametrize(
    ("stepped", "known"), [pytest.param(0.6, False, id="stepped"), pytest.param(0.4, True, id="slewed")]
)
@pytest.mark.parametrize("seen_by", ["ntp", "date"])
def test_a_clock_that_is_stepped_while_it_is_measured_has_no_skew(seen_by, stepped, known):
    stepped_node = {
        "ntp": {"ntp": {"servers": [ntp_server("a", ntp_sample(0.0)), ntp_server("b", ntp_sample(stepped))]}},
        "date": {"api_date": {"apis": [date_api(date_answer(stepped))]}},
    }[seen_by]
    estimate = estimate_skew(
        evidence(0.0, **stepped_node), {"before_ns": TRUE_NS - 9 * NS, "after_ns": TRUE_NS + 9 * NS}
    )
    assert ("moved" not in estimate.unknown_because) == known
    if not known:
        assert estimate.skew_s is None
        assert estimate.unknown_because == "the clock was moved by 0.600 s while it was measured"


def test_a_step_before_the_first_reference_is_seen_too():
    stepped = {
        "ntp": {"servers": [ntp_server("a", ntp_sample(0.6))]},
        "api_date": {"apis": [date_api(date_answer(0.6))]},
    }
    assert estimate_skew(evidence(0.0, **stepped), CONTROLLER).unknown_because.startswith("the clock was moved by 0.6")


@pytest.mark.parametrize(
    "sections",
    [
        pytest.param({"ntp": None, "api_date": None}, id="sections not taken"),
        pytest.param({"ntp": {"error": "OSError: no"}, "api_date": {"error": "OSError: no"}}, id="sections failed"),
        pytest.param({"ntp": {"servers": []}, "api_date": {"apis": []}}, id="nobody to ask"),
    ],
)
def test_without_references_the_skew_is_unknown(sections):
    estimate = estimate_skew(evidence(**sections), CONTROLLER)
    assert estimate.skew_s is None
    assert estimate.unknown_because.startswith("no reference answered")


def test_an_estimate_shows_every_reference():
    seen = of_references(ntp_server("a", ntp_sample()), ntp_server("b", silent_sample())).seen()
    assert seen["skew_s"]["low"] < 0 < seen["skew_s"]["high"]
    assert seen["references"]["ntp b"] == {"skew_s": None, "detail": "no reply within 2 s"}
    assert seen["references"]["controller"]["skew_s"] == {"low": -1.0, "high": 1.0}
    assert seen["falsetickers"] == []
    assert seen["shared_votes"] == []
    assert seen["controller_skew_s"]["low"] == pytest.approx(-1.0, abs=0.01)


def test_intervals_are_written_to_the_microsecond():
    assert as_json(Interval(-0.0000014, 0.0000016)) == {"low": -1e-06, "high": 2e-06}
    assert as_json(None) is None
