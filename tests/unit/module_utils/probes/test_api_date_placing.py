"""Where in a second a request is placed to learn most from a Date: arithmetic alone."""

from __future__ import annotations

import doctest
import math

from ansible_collections.skewgate.preflight.plugins.module_utils.probes import api_date
from hypothesis import given
from hypothesis import strategies as st


def test_the_docstrings_example_holds():
    tested = doctest.testmod(api_date)
    assert tested.attempted > 0
    assert tested.failed == 0


@given(
    low_s=st.floats(-1e5, 1e5),
    width_s=st.floats(0.02, 1),
    truth=st.floats(0, 1),
    round_trip_s=st.floats(0, 0.3),
    way_there=st.floats(0, 1),
    now_s=st.floats(1.7e9, 1.9e9),
)
def test_a_placed_request_halves_what_is_open_down_to_the_round_trip(
    *, low_s, width_s, truth, round_trip_s, way_there, now_s
):
    high_s = low_s + width_s
    offset_s = low_s + truth * width_s
    sent_s = api_date.next_request_s(low_s, high_s, round_trip_s, now_s)
    assert -1e-6 < sent_s - now_s < 1 + 1e-6

    date_s = math.floor(sent_s + way_there * round_trip_s - offset_s)
    left_low_s, left_high_s = max(low_s, sent_s - date_s - 1), min(high_s, sent_s + round_trip_s - date_s)

    assert left_low_s - 1e-6 <= offset_s <= left_high_s + 1e-6
    assert left_high_s - left_low_s <= width_s / 2 + round_trip_s / 2 + 1e-6
