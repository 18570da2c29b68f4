"""A fleet whose requests are real, and the counting that shows a stampede."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.reliability.load import fleet, part
from tests.reliability.load.cases import CASES, NtpRules
from tests.reliability.load.fleet import Fleet, Ran, most_within, rate
from tests.reliability.load.servers import RateLimitedTime

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="NTP's port takes root")
LIMITED, DOWN = 2, 4


def ran(api: list[tuple[float, str, int]], nodes: Mapping[str, Any] | None = None) -> Ran:
    """A run in which the API was asked this."""
    counted = {"requests": api, "most_open": 1, "most_in_flight": 1, "live_tokens": 0, "blocked_s": [(10.0, 20.0)]}
    return Ran(2, "", {"nodes": nodes or {}}, counted, {"requests": []}, dict.fromkeys(nodes or {}, "healthy"))


def node(refused_because: str | None, **keys: str) -> dict[str, Any]:
    """A node of a report."""
    findings = [{"check": check, "required": True, "state": "fail", "keys": [key]} for check, key in keys.items()]
    return {
        "verdict": "refuse" if refused_because else "admit",
        "refused_because": refused_because,
        "findings": findings,
    }


@needs_root
@pytest.mark.parametrize("seed", [LIMITED, pytest.param(DOWN, marks=pytest.mark.nightly)])
def test_of_60_nodes_all_healthy_ones_are_admitted_and_all_others_refused_for_what_is_wrong(
    tmp_path: Path, seed: int
) -> None:
    found = part.row(fleet.run(tmp_path, seed, Fleet(56, 2), gate_mint_nodes=5), seed, CASES[seed - 1])
    assert found.faults == []
    assert (found.cases, found.admitted_wrongly, found.refused_wrongly, found.inconclusive) == (60, 0, 0, 0)
    assert found.figures["limited"] + found.figures["down"] > 0.1  # the case was met


@needs_root
@pytest.mark.nightly
def test_a_fleet_without_spacing_is_seen_as_a_stampede(tmp_path: Path) -> None:
    settings = {"gate_mint_nodes": "all", "gate_mints_per_minute": 1_000_000, "gate_mints_per_hour": 1_000_000}
    assert any(
        "mints within a minute" in fault for fault in part.stampedes(fleet.run(tmp_path, 1, Fleet(96, 2), **settings))
    )


def test_more_mints_in_a_minute_than_github_allows_are_a_stampede() -> None:
    calm = [(second, "mint", 201) for second in range(600)]
    assert list(part.stampedes(ran(calm))) == []
    assert list(part.stampedes(ran([*calm, *[(300.5, "mint", 201)] * 21]))) == ["81 mints within a minute"]


def test_nodes_that_do_not_wait_for_the_end_of_a_limit_are_a_stampede() -> None:
    answered, met = [(1.0, "jwt", 200)] * 50, [(11.0, "jwt", 429)] * 50
    assert list(part.stampedes(ran([*answered, *met]))) == []
    assert len(list(part.stampedes(ran([*answered, *met, *[(16.0, "jwt", 429)] * 50])))) == 1


def test_nodes_that_all_go_on_at_the_end_of_a_limit_are_a_stampede() -> None:
    assert list(part.stampedes(ran([(20 + number / 10, "jwt", 200) for number in range(100)]))) == []
    assert len(list(part.stampedes(ran([(20 + number / 100, "jwt", 200) for number in range(100)])))) == 1


def test_a_healthy_node_that_is_refused_and_one_that_is_missing_are_found() -> None:
    nodes = {"a": node("failure", ntp_servers="server_blocked_or_down"), "b": node(None), "c": None}
    found = part.row(ran([], nodes), 1, CASES[0])
    assert (found.refused_wrongly, found.lost) == (1, 1)
    assert "server_blocked_or_down" in " ".join(found.faults)


@pytest.mark.parametrize("seed", [LIMITED, LIMITED + 1, DOWN])
def test_a_case_that_no_node_met_is_an_error(seed: int) -> None:
    with pytest.raises(RuntimeError, match="was not met"):
        part.row(ran([(1.0, "jwt", 200)], {"a": node(None)}), seed, CASES[seed - 1])


def test_the_peak_is_of_any_second_and_not_of_whole_ones() -> None:
    assert rate([0.0, 0.6, 0.9, 1.2, 1.5, 5.0]).peak == 4
    assert most_within([0.0, 59.9, 60.0, 119.0], 60.0) == 3
    assert rate([]).peak == 0


def test_the_ntp_server_answers_a_burst_and_a_quarter_of_what_comes_after() -> None:
    server = RateLimitedTime(NtpRules(per_s=0.125, kiss=1.0))
    outcomes = [server.answer(bytes([0x23]) + bytes(47))[0][1] for _ in range(1008)]
    assert outcomes[:8] == [2] * 8
    assert 200 < outcomes[8:].count(2) < 300
    assert outcomes.count(0) + outcomes.count(2) == 1008
