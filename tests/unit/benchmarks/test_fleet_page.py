"""The page on performance: medians, ratios, and each target beside what was measured."""

from __future__ import annotations

from typing import Any

import pytest

from tests.benchmarks.fleet_page import page
from tests.benchmarks.fleet_targets import Target, targets

ABOUT = {"at": "2026-11-22", "machine": "2 cores", "versions": "ansible-core 2.19"}


def cost(wall_s: float, cpu_s: float = 1.0, peak_mb: float = 60.0) -> dict[str, float]:
    return {"status": 0, "wall_s": wall_s, "cpu_s": cpu_s, "peak_mb": peak_mb}


def part(nodes: int, *, over_ssh: bool = True, **sides: list[dict[str, float]]) -> dict[str, Any]:
    names = {"playbook_token": "playbook, token", "playbook_jwt": "playbook, jwt", "builtin": "built-in modules"}
    named = {names.get(side, side): rounds for side, rounds in sides.items()}
    return {**ABOUT, "nodes": nodes, "over_ssh": over_ssh, "forks": 20, "sides": named}


def measured(results: dict[str, Any]) -> list[Target]:
    return [target for target in targets(results) if target.measured is not None]


FIFTY = part(50, ping=[cost(10, 5)], playbook_token=[cost(90, 90), cost(13, 7), cost(1, 1)])


def test_a_row_has_the_median_of_its_rounds_and_its_ratio_to_ping() -> None:
    assert "| playbook, token | 13.0 s | 1.30 | 7.0 s | 0.140 s | 60 MB | 3 |" in page({"sshd50": FIFTY})


def test_a_target_is_met_or_missed_by_what_was_measured() -> None:
    wall, cpu = measured({"sshd50": FIFTY})
    assert (wall.measured, wall.met) == (pytest.approx(1.3), True)
    assert (cpu.measured, cpu.met) == (pytest.approx(1.4), False)


def test_a_target_of_which_a_side_was_not_measured_says_so() -> None:
    results = {"sshd50": part(50, playbook_token=[cost(13)])}
    assert measured(results) == []
    assert page(results).count("| not measured | |") == len(list(targets({})))


def test_a_side_that_failed_is_named() -> None:
    assert "Not measured, as it failed: testinfra." in page({"sshd50": {**FIFTY, "failed": ["testinfra"]}})


def test_time_a_node_is_compared_between_fleets() -> None:
    results = {
        "replayed100": part(100, over_ssh=False, playbook_jwt=[cost(10)]),
        "replayed5000": part(5000, over_ssh=False, playbook_jwt=[cost(600)]),
    }
    (target,) = measured(results)
    assert (target.measured, target.met) == (pytest.approx(1.2), False)


def test_faster_is_met_only_by_at_least_the_factor() -> None:
    slow, fast = (part(50, playbook_token=[cost(wall_s)], builtin=[cost(100)]) for wall_s in (21, 20))
    assert [target.met for of_fifty in (slow, fast) for target in measured({"sshd50": of_fifty})] == [False, True]


def test_parts_of_different_days_say_so() -> None:
    old = {**part(10, ping=[cost(1)]), "at": "2026-11-01"}
    text = page({"sshd10": old, "sshd50": FIFTY})
    assert "sshd10: measured on 2026-11-01" in text
    assert "sshd50: measured on 2026-11-22" in text
