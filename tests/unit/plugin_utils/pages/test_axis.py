from __future__ import annotations

import itertools
import math

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.interval import Interval
from ansible_collections.skewgate.preflight.plugins.plugin_utils.pages.axis import (
    MOST_S,
    Axis,
    axis_for,
    duration_text,
    tick_text,
)
from hypothesis import given
from hypothesis import strategies as st

SKEWS = st.floats(-1e11, 1e11, allow_nan=False)
AXES = st.builds(
    lambda skew_s, limits: axis_for([Interval(min(0, skew_s), max(0, skew_s))], limits),
    SKEWS,
    st.lists(st.floats(1e-3, 1e6), max_size=4),
)


@given(AXES, SKEWS, SKEWS)
def test_who_is_farther_ahead_stands_farther_right(axis: Axis, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert 0 <= axis.at(low) <= axis.at(high) <= 1


@given(AXES, SKEWS)
def test_the_two_sides_mirror_each_other(axis: Axis, skew_s: float) -> None:
    assert axis.at(-skew_s) == pytest.approx(1 - axis.at(skew_s))
    assert axis.at(0) == 0.5


@given(AXES, st.floats(0, 1))
def test_a_place_leads_back_to_its_skew(axis: Axis, place: float) -> None:
    assert axis.at(axis.skew_s(place)) == pytest.approx(place, abs=1e-6)


@given(AXES, st.floats(0.02, 0.4))
def test_ticks_are_apart_mirrored_and_on_the_axis(axis: Axis, apart: float) -> None:
    ticks = axis.ticks(apart)
    places = [axis.at(tick) for tick in ticks]
    assert all(right - left >= apart * 0.999 for left, right in itertools.pairwise(places))
    assert ticks == [-tick for tick in reversed(ticks)]
    assert 0 in ticks
    assert max(ticks) <= axis.most_s


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_whatever_a_report_holds_has_a_place(one: float, other: float) -> None:
    axis = axis_for([Interval(min(one, other), max(one, other))], [abs(one)])
    assert axis.most_s <= MOST_S
    for skew_s in (one, other):
        assert 0 <= axis.at(skew_s) <= 1


def test_the_incident_has_its_limits_and_its_nodes_well_apart() -> None:
    axis = axis_for([Interval(-612.01, 44.98)], [90, 30, 480, 60])
    assert [tick_text(tick) for tick in axis.ticks()] == [
        "\u221210 min",
        "\u22121 min",
        "\u221210 s",
        "0",
        "+10 s",
        "+1 min",
        "+10 min",
    ]
    assert axis.at(-480) - axis.at(-612.01) > 0.01
    assert axis.at(44.98) - axis.at(30) > 0.02


def test_with_no_skew_and_no_limit_there_is_an_axis() -> None:
    axis = axis_for([], [])
    assert [tick_text(tick) for tick in axis.ticks()] == [
        "\u221210 min",
        "\u22121 min",
        "\u221210 s",
        "0",
        "+10 s",
        "+1 min",
        "+10 min",
    ]
    assert math.isfinite(axis.skew_s(1))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (1e-6, "1 µs"), (0.25, "250 ms"), (59, "59 s"), (3600, "1 h"), (5 * 86_400, "5 d"), (1e11, "3,169 y")],
)
def test_a_duration_is_in_its_largest_unit(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
