from __future__ import annotations

import re
from fractions import Fraction

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.interval import Interval
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.wording import (
    difference_text,
    listed,
    range_text,
    skew_text,
)
from hypothesis import given
from hypothesis import strategies as st

intervals = st.tuples(st.floats(-1e9, 1e9), st.floats(0, 1e6)).map(lambda pair: Interval(pair[0], sum(pair)))
SIDES = {"ahead": 1, "behind": -1, None: 0}


def seconds(text: str, side: str | None = "ahead") -> Fraction:
    return SIDES[side] * Fraction(text)


@pytest.mark.parametrize(
    ("skew_s", "text"),
    [
        pytest.param(Interval(-612.016, -611.9955), "612.006 s behind (± 0.011 s)", id="behind"),
        pytest.param(Interval(44.9, 45.1), "45.000 s ahead (± 0.100 s)", id="ahead"),
        pytest.param(Interval(-0.0004, 0.0002), "0.000 s (± 0.001 s)", id="zero has no side"),
        pytest.param(
            Interval(0.0041, 0.0041), "0.004 s ahead (± 0.001 s)", id="what rounding takes away is in the bound"
        ),
        pytest.param(Interval(2.0, 2.0), "2.000 s ahead (± 0.000 s)", id="exact"),
        pytest.param(Interval(1e-7, 2e-7), "0.000 s (± 0.001 s)", id="below the last place"),
    ],
)
def test_a_skew_is_its_middle_its_side_and_its_bound(skew_s: Interval, text: str) -> None:
    assert skew_text(skew_s) == text


@given(intervals)
def test_the_skew_that_is_shown_contains_the_one_that_was_measured(skew_s: Interval) -> None:
    middle, side, bound = re.fullmatch(
        r"(\d+\.\d{3}) s(?: (ahead|behind))? \(± (\d+\.\d{3}) s\)", skew_text(skew_s)
    ).groups()
    assert seconds(middle, side) - seconds(bound) <= Fraction(str(skew_s.low))
    assert seconds(middle, side) + seconds(bound) >= Fraction(str(skew_s.high))
    assert (side is None) == (float(middle) == 0)


@pytest.mark.parametrize(
    ("skews_s", "text"),
    [
        pytest.param(Interval(-612.0161, -598.1204), "612.017 s behind to 598.120 s behind", id="behind"),
        pytest.param(Interval(-0.5, 2.0), "0.500 s behind to 2.000 s ahead", id="on both sides"),
        pytest.param(Interval(0.0, 1e-9), "0.000 s to 0.001 s ahead", id="from zero"),
    ],
)
def test_the_skews_of_several_nodes_are_a_range(skews_s: Interval, text: str) -> None:
    assert range_text(skews_s) == text


@given(intervals)
def test_the_range_that_is_shown_contains_the_measured_one(skews_s: Interval) -> None:
    ends = re.fullmatch(r"(\S+) s(?: (ahead|behind))? to (\S+) s(?: (ahead|behind))?", range_text(skews_s)).groups()
    assert seconds(*ends[:2]) <= Fraction(str(skews_s.low))
    assert seconds(*ends[2:]) >= Fraction(str(skews_s.high))


def test_a_difference_has_no_side() -> None:
    assert difference_text(Interval(657.0004, 657.0009)) == "657.000 s to 657.001 s"


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, ""), (2, "n0, n1"), (3, "n0, n1, n2"), (5, "n0, n1, n2 and 2 more")],
)
def test_of_many_names_the_first_are_listed_and_the_rest_counted(count: int, text: str) -> None:
    assert listed([f"n{n}" for n in range(count)], most=3) == text
