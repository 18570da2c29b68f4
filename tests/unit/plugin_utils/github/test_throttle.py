"""GitHub's limits on minting, kept over many processes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.throttle import MintThrottle, state_file
from hypothesis import given
from hypothesis import strategies as st


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now_s = 100000.0
        self.slept_s: list[float] = []

    def clock(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.slept_s.append(seconds)
        self.now_s += seconds


def throttle(path: Path, time: Time, per_minute: int = 3, per_hour: int = 10) -> MintThrottle:
    return MintThrottle(path / "mints.json", per_minute, per_hour, time.clock, time.sleep)


def test_mints_below_the_limit_do_not_wait(tmp_path: Path) -> None:
    time = Time()
    for _ in range(3):
        throttle(tmp_path, time).wait(1)
    assert time.slept_s == []


def test_the_next_one_waits_until_the_first_is_a_minute_old(tmp_path: Path) -> None:
    time = Time()
    for _ in range(3):
        throttle(tmp_path, time).wait(1)
        time.now_s += 5
    waits_s: list[float] = []
    last = throttle(tmp_path, time)
    last.on_wait = waits_s.append
    last.wait(1)
    assert waits_s == time.slept_s == [45.0]


def test_nobody_mints_while_github_asks_to_wait(tmp_path: Path) -> None:
    time = Time()
    throttle(tmp_path, time).hold(30)
    throttle(tmp_path, time).wait(1)
    assert time.slept_s == [30.0]


def test_more_at_once_than_the_limit_is_refused_with_the_settings_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="gate_mints_per_minute"):
        throttle(tmp_path, Time()).wait(4)


def test_times_of_before_the_machines_last_boot_do_not_count(tmp_path: Path) -> None:
    time = Time()
    throttle(tmp_path, time).wait(3)
    throttle(tmp_path, time).hold(1000)
    time.now_s = 10.0
    throttle(tmp_path, time).wait(3)
    assert time.slept_s == []


def test_a_broken_file_counts_as_a_full_minute(tmp_path: Path) -> None:
    time = Time()
    (tmp_path / "mints.json").write_text("{half")
    throttle(tmp_path, time).wait(1)
    assert time.slept_s == [60.0]


@given(st.lists(st.tuples(st.integers(1, 3), st.floats(0, 40)), max_size=40))
def test_no_window_ever_holds_more_than_its_limit(wishes: list[tuple[int, float]]) -> None:
    time = Time()
    begun: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for count, pause_s in wishes:
            throttle(Path(folder), time).wait(count)
            begun += [time.now_s] * count
            time.now_s += pause_s
    for start in begun:
        assert sum(start <= t < start + 60 - 1e-6 for t in begun) <= 3
        assert sum(start <= t < start + 3600 - 1e-6 for t in begun) <= 10


def test_each_app_has_a_file_of_its_own_that_names_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    one, two = state_file("https://api.github.com", "1"), state_file("https://api.github.com", "2")
    assert one != two
    assert one.parent == tmp_path / "skewgate"
