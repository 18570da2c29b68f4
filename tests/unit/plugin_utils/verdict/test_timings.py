"""Where a check's time went: the parts add up to the whole, whatever the node says of its share."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.timings import PARTS, Stopwatch, summed_up
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import NS


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def timed(collected: dict[str, Any], calls: int = 1) -> dict[str, float]:
    """A check that takes 1 s until it connects, 2 s for that,
    4 s for each call and 8 s after it.
    """
    clock = Clock()
    watch = Stopwatch(clock)
    clock.now_s += 1
    with watch.connecting():
        clock.now_s += 2
    for _ in range(calls):
        with watch.call():
            clock.now_s += 4
    clock.now_s += 8
    return watch.parts(collected)


def test_each_part_of_a_check_has_its_time() -> None:
    collected = {"started_s": 0.5, "mono_ns": 7 * NS, "end_mono_ns": 8 * NS}
    assert timed(collected) == {
        "prepare": 1.0,
        "connect": 2.0,
        "transfer": 2.5,
        "start": 0.5,
        "probes": 1.0,
        "judging": 8.0,
    }
    assert timed(collected, calls=2)["transfer"] == 6.5


def test_without_evidence_all_of_the_call_is_the_way() -> None:
    assert timed({})["transfer"] == 4.0


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "started_s": st.none() | st.floats(0, 1e9),
            "mono_ns": st.integers(0, 2**63),
            "end_mono_ns": st.integers(0, 2**63),
        },
    )
)
def test_the_parts_are_the_whole_whatever_the_node_says(collected: dict[str, Any]) -> None:
    parts = timed(collected)
    assert tuple(parts) == PARTS
    assert sum(parts.values()) == pytest.approx(15, abs=0.01)
    assert min(parts.values()) >= 0


def test_of_all_nodes_the_median_and_the_longest() -> None:
    found = summed_up([{"connect": 1.0, "judging": 0.1}, {"connect": 3.0, "judging": 0.2}, {"connect": 1.5}])
    assert found == {
        "connect": {"median_s": 1.5, "longest_s": 3.0},
        "judging": {"median_s": 0.15, "longest_s": 0.2},
    }
    assert summed_up([]) == {}
