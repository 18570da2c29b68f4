from __future__ import annotations

import time

from ansible_collections.skewgate.preflight.plugins.module_utils.node import clocks


def test_wall_and_monotonic_clock_are_read_together():
    first_wall_ns, first_mono_ns = clocks.read_clocks()
    time.sleep(0.05)
    wall_ns, mono_ns = clocks.read_clocks()

    assert abs(wall_ns - time.time_ns()) < 1e9
    # Two readings of one pair of clocks: what lies between them is the same on both.
    assert abs((wall_ns - first_wall_ns) - (mono_ns - first_mono_ns)) < 1e6


def test_a_process_knows_how_long_it_has_run():
    first_s = clocks.process_age_s()
    time.sleep(0.05)
    assert 0 < first_s < clocks.process_age_s() < time.clock_gettime(time.CLOCK_BOOTTIME)
