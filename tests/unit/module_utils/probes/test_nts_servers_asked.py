"""Which servers the probe asks for NTS, by configuration and candidates:
no name here resolves, so nobody is asked.
"""

from __future__ import annotations

import doctest
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import chrony, nts

from tests.node_parts import nts_probe, process

Collect = Callable[..., list[dict]]


@pytest.fixture
def collect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Collect:
    return nts_probe(tmp_path, monkeypatch)


def test_the_docstrings_example_holds():
    tested = doctest.testmod(nts)
    assert tested.attempted > 0
    assert tested.failed == 0


def test_only_servers_with_nts_are_asked_and_each_once(collect):
    found = collect(
        "#server commented.invalid nts",
        "! server commented.invalid nts",
        "server plain.invalid iburst",
        "peer peer.invalid nts",
        "keyfile nts",
        "Server a.invalid NTS",
        "server a.invalid iburst nts",
        "pool b.invalid nts ntsport 4461 maxsources 2",
    )
    assert [(entry["server"], entry["port"]) for entry in found] == [("a.invalid", 4460), ("b.invalid", 4461)]


def test_a_candidate_that_is_configured_is_asked_once(collect):
    found = collect(
        "pool a.invalid iburst nts", "server b.invalid nts certset 1", candidates=["a.invalid", "b.invalid"]
    )
    assert [(entry["server"], entry["certset"], entry["configured"]) for entry in found] == [
        ("a.invalid", "0", True),
        ("b.invalid", "1", True),
        ("b.invalid", "0", False),
    ]


def test_candidates_are_tried_though_the_configuration_names_many(collect):
    many = [f"server {n}.invalid nts" for n in range(nts.MAX_SERVERS + 1)]
    assert collect(*many, candidates=["a.invalid"])[-1]["server"] == "a.invalid"


def test_candidates_are_tried_if_there_is_no_configuration_yet(monkeypatch):
    monkeypatch.setattr(nts, "configuration", lambda *_asked: chrony.Start("chronyd", None))
    (found,) = nts.collect(1, ["a.invalid"], [])["servers"]
    assert (found["server"], found["configured"], found["error"]["phase"]) == ("a.invalid", False, "dns")


def test_without_a_configuration_nobody_is_asked(monkeypatch):
    monkeypatch.setattr(nts, "configuration", lambda *_asked: chrony.Start("chronyd", None))
    assert nts.collect(1, [], []) == {"servers": []}


def test_the_configuration_is_the_one_that_chronyd_would_be_started_with(tmp_path: Path, monkeypatch):
    (tmp_path / "own.conf").write_text("server a.invalid nts\n")
    (tmp_path / "chrony").write_text(f'DAEMON_OPTS="-F 1 -f {tmp_path}/own.conf"\n')
    monkeypatch.setattr(chrony, "DEFAULTS", (str(tmp_path / "chrony"),))
    assert [entry["server"] for entry in nts.collect(1, [], [])["servers"]] == ["a.invalid"]


def test_servers_on_chronyds_command_line_are_its_configuration():
    running = process("chronyd", "server a.invalid iburst nts", "-F", "1", "server b.invalid")
    assert [entry["server"] for entry in nts.collect(1, [], [running])["servers"]] == ["a.invalid"]
