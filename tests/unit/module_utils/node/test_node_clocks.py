from __future__ import annotations

import time

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import clocks


def test_wall_and_monotonic_clock_are_read_together():
    first_wall_ns, first_mono_ns = clocks.read_clocks()
    time.sleep(0.05)
    wall_ns, mono_ns = clocks.read_clocks()

    assert abs(wall_ns - time.time_ns()) < 1e9
    # Two readings of one pair of clocks: what lies between them is the same on both.
    assert abs((wall_ns - first_wall_ns) - (mono_ns - first_mono_ns)) < 1e6


def test_four_clocks_are_read_together_and_how_far_apart_is_known():
    first = clocks.read_all_clocks()
    time.sleep(0.05)
    then = clocks.read_all_clocks()

    gaps_ns = first["gap_ns"] + then["gap_ns"]
    assert 0 < gaps_ns < 1e7
    passed_ns = {name: then[name] - first[name] for name in ("wall_ns", "mono_ns", "boot_ns")}
    assert min(passed_ns.values()) >= 0.05e9
    # Nobody set this machine's clock or let it sleep meanwhile.
    assert max(passed_ns.values()) - min(passed_ns.values()) <= gaps_ns
    assert then["raw_ns"] - first["raw_ns"] == pytest.approx(passed_ns["mono_ns"], rel=0.1)
    assert abs(then["wall_ns"] - time.time_ns()) < 1e9


def test_a_process_knows_how_long_it_has_run():
    first_s = clocks.process_age_s()
    time.sleep(0.05)
    assert 0 < first_s < clocks.process_age_s() < time.clock_gettime(time.CLOCK_BOOTTIME)
