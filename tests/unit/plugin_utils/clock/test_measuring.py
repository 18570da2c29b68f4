"""One measurement for all processes of a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.controller import ControllerClock
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.interval import Interval
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.measuring import STATE_FILE, measured_once
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.skew import UnknownSkew

from tests.builders import NS

UNKNOWN = ControllerClock(None, UnknownSkew.NO_REFERENCE, "no reference answered")


class Controller:
    """Its clocks, and how often it was measured;
    the first measurement finds it 1 s ahead, the next one 2 s.
    """

    def __init__(self, finds: ControllerClock | None = None) -> None:
        self.finds = finds
        self.measured = 0
        self.wall_ns, self.mono_ns = 1_795_336_536 * NS, 290 * NS

    def clocks(self) -> tuple[int, int]:
        return self.wall_ns, self.mono_ns

    def measure(self) -> ControllerClock:
        self.measured += 1
        return self.finds or ControllerClock(Interval(self.measured, self.measured + 0.5))

    def pass_s(self, seconds: float, stepped_s: float = 0.0) -> None:
        self.wall_ns += round((seconds + stepped_s) * NS)
        self.mono_ns += round(seconds * NS)

    def ask(self, folder: Path) -> ControllerClock:
        return measured_once(folder, self.measure, self.clocks)


def test_whoever_asks_later_reads_what_the_first_one_measured(tmp_path: Path) -> None:
    controller = Controller()
    found = []
    for _ in range(3):
        found.append(controller.ask(tmp_path).as_json())
        controller.pass_s(600)
    assert found == [ControllerClock(Interval(1, 1.5)).as_json()] * 3
    assert controller.measured == 1


def test_that_nothing_could_be_measured_is_shared_too(tmp_path: Path) -> None:
    controller = Controller(UNKNOWN)
    assert [controller.ask(tmp_path).unknown for _ in range(3)] == [UnknownSkew.NO_REFERENCE] * 3
    assert controller.measured == 1


@pytest.mark.parametrize(
    ("stepped_s", "measured"), [(0.05, 1), (-0.05, 1), (0.2, 2), (-0.2, 2), (3600, 2), (-86400, 2)]
)
def test_a_clock_that_was_moved_since_is_measured_again(tmp_path: Path, stepped_s: float, measured: int) -> None:
    controller = Controller()
    controller.ask(tmp_path)
    controller.pass_s(5, stepped_s)
    for _ in range(2):
        assert controller.ask(tmp_path).skew_s == Interval(measured, measured + 0.5)
    assert controller.measured == measured


@pytest.mark.parametrize(
    "text",
    ["", "{half", "null", "[]", '{"wall_minus_mono_ns": "x"}', '{"wall_minus_mono_ns": 1}', '{"measured": {}}'],
)
def test_a_file_that_was_not_written_to_its_end_is_written_again(tmp_path: Path, text: str) -> None:
    (tmp_path / STATE_FILE).write_text(text)
    controller = Controller()
    assert [controller.ask(tmp_path).skew_s for _ in range(2)] == [Interval(1, 1.5)] * 2
    assert json.loads((tmp_path / STATE_FILE).read_text())["measured"]["skew_s"] == {"low": 1, "high": 1.5}


def test_without_a_folder_to_share_each_measures_for_itself(tmp_path: Path) -> None:
    controller = Controller()
    assert [controller.ask(tmp_path / "gone").skew_s for _ in range(2)] == [Interval(1, 1.5), Interval(2, 2.5)]
