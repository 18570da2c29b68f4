from __future__ import annotations

import math
from fractions import Fraction

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.interval import Agreement, Interval, agree
from hypothesis import example, given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("low", "high"),
    [
        pytest.param(1.0, 0.5, id="empty"),
        pytest.param(math.nan, 1.0, id="low is no number"),
        pytest.param(0.0, math.nan, id="high is no number"),
    ],
)
def test_what_is_no_interval_is_refused(low, high):
    with pytest.raises(ValueError, match="not an interval"):
        Interval(low, high)


def test_the_middle_and_the_bound_say_where_the_truth_may_be():
    interval = Interval(-1.0, 3.0)
    assert (interval.middle, interval.bound) == (1.0, 2.0)


@pytest.mark.parametrize(
    ("other", "contained", "overlapping"),
    [
        pytest.param(Interval(0, 10), True, True, id="itself"),
        pytest.param(Interval(2, 3), True, True, id="inside"),
        pytest.param(Interval(-1, 3), False, True, id="across the low end"),
        pytest.param(Interval(9, 11), False, True, id="across the high end"),
        pytest.param(Interval(10, 11), False, True, id="touches the high end"),
        pytest.param(Interval(-1, 0), False, True, id="touches the low end"),
        pytest.param(Interval(10.5, 11), False, False, id="above"),
        pytest.param(Interval(-2, -1), False, False, id="below"),
    ],
)
def test_containing_and_overlapping_count_the_ends(other, contained, overlapping):
    whole = Interval(0, 10)
    assert (whole.contains(other), whole.overlaps(other)) == (contained, overlapping)
    assert other.overlaps(whole) == overlapping


@pytest.mark.parametrize(
    ("readings", "expected"),
    [
        pytest.param({"a": Interval(1, 2)}, Agreement(Interval(1, 2), ("a",), ()), id="one reading agrees with itself"),
        pytest.param(
            {"a": Interval(0, 2), "b": Interval(1, 3)},
            Agreement(Interval(1, 2), ("a", "b"), ()),
            id="two that overlap share their overlap",
        ),
        pytest.param(
            {"a": Interval(0, 1), "b": Interval(1, 2)},
            Agreement(Interval(1, 1), ("a", "b"), ()),
            id="two that only touch agree on that point",
        ),
        pytest.param(
            {"a": Interval(0, 2), "liar": Interval(40, 41), "b": Interval(1, 3)},
            Agreement(Interval(1, 2), ("a", "b"), ("liar",)),
            id="the one that contradicts two is the falseticker",
        ),
        pytest.param(
            {"Date": Interval(-1, 0), "controller": Interval(-2, 2), "liar": Interval(-0.5, -0.4)},
            Agreement(Interval(-1, 0), ("Date", "controller", "liar"), ()),
            id="one of three narrows nothing that the other two leave possible",
        ),
        pytest.param(
            {"wide": Interval(-5, 45), "a": Interval(0, 0.1), "b": Interval(40, 40.1)},
            Agreement(Interval(0, 40.1), ("wide", "a", "b"), ()),
            id="two majorities that contradict each other leave all between them possible",
        ),
        pytest.param(
            {
                **{f"wide{n}": Interval(-5, 45) for n in range(3)},
                **{f"low{n}": Interval(0, 1) for n in range(2)},
                "between": Interval(20, 21),
                **{f"high{n}": Interval(40, 41) for n in range(2)},
            },
            Agreement(Interval(0, 41), ("wide0", "wide1", "wide2", "low0", "low1", "high0", "high1"), ("between",)),
            id="what lies between two majorities and in neither is a falseticker",
        ),
    ],
)
def test_the_interval_of_the_most_readings_is_found_and_the_others_are_named(readings, expected):
    assert agree(readings) == expected


@pytest.mark.parametrize(
    "readings",
    [
        pytest.param({"a": Interval(0, 1), "b": Interval(2, 3)}, id="one against one"),
        pytest.param({"a": Interval(0, 1), "b": Interval(2, 3), "c": Interval(4, 5)}, id="each against each"),
        pytest.param(
            {"a": Interval(0, 1), "b": Interval(0, 1), "c": Interval(4, 5), "d": Interval(4, 5)}, id="two against two"
        ),
    ],
)
def test_half_of_the_readings_is_no_majority_and_the_error_shows_them_all(readings):
    with pytest.raises(ValueError, match="no majority") as error:
        agree(readings)
    for name, interval in readings.items():
        assert f"{name} [{interval.low:.3f}, {interval.high:.3f}]" in str(error.value)


def test_no_reading_is_no_agreement():
    with pytest.raises(ValueError, match="no reference"):
        agree({})


# Small whole numbers, so ends often coincide.
intervals = st.tuples(st.integers(0, 12), st.integers(0, 5)).map(lambda ends: Interval(ends[0], ends[0] + ends[1]))


votes = st.lists(st.tuples(intervals, st.integers(1, 4)), min_size=1, max_size=7)
"""Intervals, each with how many share its vote."""

POINTS = [half / 2 for half in range(40)]
"""Weight changes at ends only, and ends are whole: halves stand for all the points between them."""


def weighed(found: list[tuple[Interval, int]]) -> tuple[dict[str, Interval], dict[str, Fraction]]:
    readings = {str(number): interval for number, (interval, _) in enumerate(found)}
    return readings, {str(number): Fraction(1, shared_by) for number, (_, shared_by) in enumerate(found)}


@given(votes)
@example([(Interval(0, 1), 1), (Interval(1, 2), 1), (Interval(2, 3), 1)])
@example([(Interval(0, 1), 1), (Interval(4, 5), 3), (Interval(4, 5), 3), (Interval(4, 5), 3)])
def test_agreement_is_what_weighing_every_point_gives(found):
    readings, weights = weighed(found)
    depth = {
        point: sum((weights[name] for name, i in readings.items() if i.low <= point <= i.high), Fraction(0))
        for point in POINTS
    }
    most = max(depth.values())
    best = [point for point in POINTS if depth[point] == most]
    possible = [point for point in POINTS if depth[point] > sum(weights.values()) / 2]
    if not possible:
        with pytest.raises(ValueError, match="no majority"):
            agree(readings, weights)
        return
    agreement = agree(readings, weights)
    assert agreement.interval == Interval(min(possible), max(possible))
    right = {name for name, i in readings.items() if any(i.low <= point <= i.high for point in best)}
    assert set(agreement.agreeing) == right
    assert set(agreement.falsetickers) == set(readings) - right


@given(votes, st.integers(0, 17))
@example([(Interval(0, 12), 1), (Interval(5, 5), 1), (Interval(0, 4), 1)], 5)
def test_the_truth_is_in_the_agreement_if_more_than_half_of_the_votes_have_it(found, truth):
    """Whatever the others say, alike or not, inside of the right intervals or not."""
    readings, weights = weighed(found)
    of_truth = sum((weights[name] for name, i in readings.items() if i.low <= truth <= i.high), Fraction(0))
    if of_truth <= sum(weights.values()) / 2:
        return
    agreement = agree(readings, weights)
    assert agreement.interval.low <= truth <= agreement.interval.high


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 4)), min_size=1, max_size=9))
def test_who_overlaps_a_place_that_most_share_agrees_and_nobody_else(found):
    readings = {f"r{n}": Interval(low, low + length) for n, (low, length) in enumerate(found)}
    points = [quarter / 4 for quarter in range(17 * 4)]  # all ends are whole numbers
    sharing = {point: sum(i.low <= point <= i.high for i in readings.values()) for point in points}
    most = max(sharing.values())
    if 2 * most <= len(readings):
        return
    best = [point for point in points if sharing[point] == most]
    agreeing = tuple(name for name, i in readings.items() if any(i.low <= point <= i.high for point in best))
    assert agree(readings).agreeing == agreeing


def test_references_that_share_a_vote_do_not_outvote_two_others():
    readings = {"a": Interval(5, 6), "b": Interval(5, 6), "c": Interval(5, 6), "d": Interval(0, 1), "e": Interval(0, 2)}
    weights = {name: Fraction(1, 3) if name in "abc" else Fraction(1) for name in readings}
    assert agree(readings).interval == Interval(5, 6)
    assert agree(readings, weights) == Agreement(Interval(0, 1), ("d", "e"), ("a", "b", "c"))
