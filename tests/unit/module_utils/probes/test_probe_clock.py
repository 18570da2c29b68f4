from __future__ import annotations

import ctypes
import time
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import clock


def test_the_kernels_clock_state_is_read_and_left_alone():
    first = clock.collect()["adjtimex"]
    second = clock.collect()["adjtimex"]

    assert set(first) == {"state", "status", "offset_us", "freq_ppm", "maxerror_us", "esterror_us", "tai_s"}
    assert first["state"] in range(6)
    assert 0 <= first["maxerror_us"] <= 16_000_000
    assert first["freq_ppm"] == second["freq_ppm"]


def test_the_layout_of_struct_timex_is_the_kernels():
    # linux/timex.h on 64-bit: 208 bytes, of which the last 44 are reserved, here more to
    # be on the safe side.
    assert clock._Timex.tai.offset == 160
    assert ctypes.sizeof(clock._Timex) >= 208


def test_the_clocksource_and_the_absence_of_an_rtc_are_recorded():
    taken = clock.collect()
    current = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")

    assert taken["clocksource"] == (current.read_text().strip() if current.exists() else None)
    assert taken["rtc"]["present"] is Path("/sys/class/rtc/rtc0").exists()
    if not taken["rtc"]["present"]:
        assert taken["rtc"]["since_epoch_s"] is None


@pytest.mark.parametrize(
    ("adjtime", "local_time"),
    [
        (["0.0 0 0.0", "0", "LOCAL"], True),
        (["0.0 0 0.0", "0", "UTC"], False),
        (["0.0 0 0.0"], None),
        ([], None),
    ],
)
def test_whether_the_rtc_keeps_local_time_is_read_from_adjtime(monkeypatch, adjtime, local_time):
    lines = {"/etc/adjtime": adjtime, "/sys/class/rtc/rtc0/since_epoch": ["1795334400"]}
    monkeypatch.setattr(clock, "_lines", lambda path: lines.get(path, []))
    before_s = time.time()
    rtc = clock.collect()["rtc"]
    assert (rtc["local_time"], rtc["since_epoch_s"]) == (local_time, 1795334400)
    assert before_s <= rtc["wall_s_at_read"] <= time.time()
