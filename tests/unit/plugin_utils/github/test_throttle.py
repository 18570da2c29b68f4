"""GitHub's limits on minting, kept over many processes."""

from __future__ import annotations

import json
import math
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


def throttle(
    path: Path, time: Time, per_minute: int = 3, per_hour: int = 10, *, node: str = "node1", chance: float = 0.0
) -> MintThrottle:
    file = path / "mints.json"
    return MintThrottle(file, per_minute, per_hour, time.clock, time.sleep, lambda: chance, node=node)


def waited_s(path: Path, time: Time, node: str) -> float:
    """How long the node waits before it mints."""
    before_s = time.now_s
    throttle(path, time, node=node).wait(1)
    return time.now_s - before_s


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


def test_a_node_that_github_asked_to_wait_waits_and_no_other_does(tmp_path: Path) -> None:
    time = Time()
    throttle(tmp_path, time).hold(30)
    assert [waited_s(tmp_path, time, node) for node in ("node2", "node3", "node1")] == [0, 0, 30]


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_nodes_that_wait_for_the_same_limit_do_not_go_on_at_the_same_moment(tmp_path: Path, chance: float) -> None:
    time = Time()
    for node in ("node1", "node2"):
        throttle(tmp_path, time, node=node).hold(30)
    throttle(tmp_path, time, node="node3", chance=chance).wait(1)
    assert time.slept_s == [30 + 10 * chance]


def test_a_limit_that_others_meet_again_and_again_is_waited_for_once(tmp_path: Path) -> None:
    time = Time()

    def sleep(seconds: float) -> None:
        time.sleep(seconds)
        for node in ("node1", "node2"):
            throttle(tmp_path, time, node=node).hold(60)
        assert len(time.slept_s) < 100

    sleep(10)
    waiting = throttle(tmp_path, time, node="node3", chance=0.5)
    waiting.sleep = sleep
    waiting.wait(1)
    assert time.slept_s == [10, 65]


@pytest.mark.parametrize("chance", [0.0, 1.0])
def test_a_node_that_mints_nothing_waits_for_the_limit_as_well_but_never_for_much_more_than_a_minute(
    tmp_path: Path, chance: float
) -> None:
    time = Time()
    third = throttle(tmp_path, time, node="node3", chance=chance)
    third.wait_while_held()
    throttle(tmp_path, time, node="node1").hold(3500)
    third.wait_while_held()
    assert time.slept_s == []
    throttle(tmp_path, time, node="node2").hold(3500)
    third.wait_while_held()
    assert time.slept_s == [60 + 10 * chance]
    third.wait_while_held()
    assert len(time.slept_s) == 1


def test_a_node_that_mints_nothing_needs_no_file(tmp_path: Path) -> None:
    time = Time()
    throttle(tmp_path, time).wait_while_held()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mints.json").mkdir()  # of root's, it might not be readable
    throttle(tmp_path, time).wait_while_held()
    assert time.slept_s == []


@pytest.mark.parametrize("claim_s", [61, 3500, 1e9, math.inf])
def test_no_claim_delays_its_node_by_more_than_a_minute(tmp_path: Path, claim_s: float) -> None:
    time = Time()
    throttle(tmp_path, time).hold(claim_s)
    assert waited_s(tmp_path, time, "node2") == 0
    assert waited_s(tmp_path, time, "node1") == 60


@pytest.mark.parametrize("claim_s", [-1.0, -math.inf, 0.0])
def test_a_wait_that_is_over_delays_nobody(tmp_path: Path, claim_s: float) -> None:
    time = Time()
    throttle(tmp_path, time).hold(claim_s)
    assert waited_s(tmp_path, time, "node1") == 0


def test_what_two_nodes_met_holds_for_all_and_one_of_them_can_not_make_it_longer(tmp_path: Path) -> None:
    time = Time()
    throttle(tmp_path, time, node="node1").hold(3500)
    throttle(tmp_path, time, node="node2").hold(90)
    assert waited_s(tmp_path, time, "node3") == 90
    assert waited_s(tmp_path, time, "node4") == 0


def test_the_same_node_twice_is_no_second_witness(tmp_path: Path) -> None:
    time = Time()
    for _ in range(5):
        throttle(tmp_path, time, node="node1").hold(3500)
    assert waited_s(tmp_path, time, "node2") == 0


def test_limits_that_two_nodes_met_long_after_one_another_are_not_the_same(tmp_path: Path) -> None:
    time = Time()
    throttle(tmp_path, time, node="node1").hold(3500)
    time.now_s += 121
    throttle(tmp_path, time, node="node2").hold(3000)
    assert waited_s(tmp_path, time, "node3") == 0


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


AFTER_ALL = 100000.0 + 4000
STATES = {
    "half a file": b"{half",
    "no text": b"\xff\xfe\x00",
    "another type": b"[1, 2]",
    "null": b"null",
    "a number": b"7",
    "begun of another type": b'{"begun": 5}',
    "begun is a mapping": b'{"begun": {"a": 1}}',
    "claims of another type": b'{"claims": [1]}',
    "claims of another form": b'{"claims": {"node1": 5, "node2": [1], "node3": ["a", "b"], "node4": null, "node5": [1, 2, 3]}}',
    "not finite": b'{"begun": [NaN, Infinity, -Infinity], "claims": {"node1": [Infinity, Infinity], "node2": [NaN, NaN]}}',
    "the earlier form, held for good": b'{"begun": [], "not_before": Infinity}',
    "strings": b'{"begun": ["1", "now", null, true, [], {}]}',
    "the future": f'{{"begun": [{AFTER_ALL}, 1e300, {"9" * 400}], "claims": {{"node1": [{AFTER_ALL}, 1e308]}}}}'.encode(),
    "claims without an end": b'{"claims": {"node1": [99999, 1e300], "node2": [99999, 1e300]}}',
    "a million entries": b'{"begun": [' + b",".join([b"99999.0"] * 1_000_000) + b"]}",
    "deeper than it can be read": b"[" * 200_000,
    "nothing": b"",
}


@pytest.mark.parametrize("content", STATES.values(), ids=STATES)
def test_whatever_the_file_holds_the_next_mint_waits_a_minute_at_most_and_the_limits_hold_again(
    tmp_path: Path, content: bytes
) -> None:
    time = Time()
    (tmp_path / "mints.json").write_bytes(content)
    assert waited_s(tmp_path, time, "node1") <= 60
    assert [waited_s(tmp_path, time, "node1") for _ in range(3)] == [0, 0, 60]
    assert (tmp_path / "mints.json").stat().st_size < 1000


def test_a_broken_file_counts_as_a_full_minute(tmp_path: Path) -> None:
    (tmp_path / "mints.json").write_text("{half")
    assert waited_s(tmp_path, Time(), "node1") == 60


def test_claims_do_not_pile_up(tmp_path: Path) -> None:
    time = Time()
    for number in range(300):
        throttle(tmp_path, time, node=f"node{number}").hold(3000)
        time.now_s += 0.01
    assert len(json.loads((tmp_path / "mints.json").read_text())["claims"]) == 100


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


def test_each_app_has_its_own_file_that_names_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    one, two = state_file("https://api.github.com", "1"), state_file("https://api.github.com", "2")
    assert one != two
    assert one.parent == tmp_path / "skewgate"


def test_there_is_room_for_what_the_hour_has_left_and_what_was_not_asked_for_is_given_back(tmp_path: Path) -> None:
    time = Time()
    one = throttle(tmp_path, time, per_minute=10)
    assert one.wait(3)
    assert one.room() == 7
    one.count(-2)
    assert one.room() == 9
    one.count(-5)
    assert one.room() == 10
    time.now_s += 3601
    assert throttle(tmp_path, time).room() == 10


def test_one_that_gives_up_waits_for_the_minute_and_not_for_the_hour(tmp_path: Path) -> None:
    time = Time()
    one = throttle(tmp_path, time, per_minute=3, per_hour=5)
    assert one.wait(3, gives_up=True)
    assert one.wait(2, gives_up=True)
    assert time.slept_s == [60.0]
    assert not one.wait(1, gives_up=True)
    assert time.slept_s == [60.0]
    assert one.wait(1)
    assert sum(time.slept_s) == 3600
