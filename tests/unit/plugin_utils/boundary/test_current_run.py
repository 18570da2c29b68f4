"""What the actions of one run share: its beginning, and each host's checks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible import constants
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.current_run import (
    begin_once,
    current_id,
    current_run,
    keep,
    kept,
)


@pytest.fixture(autouse=True)
def of_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))


def check(follows: str, check_id: str = "c1") -> dict[str, Any]:
    return {"record": {"evidence": {}}, "judgement": {}, "check_id": check_id, "follows": follows, "address": None}


def test_before_a_run_there_is_none() -> None:
    assert (current_run(), current_id(), kept("node1")) == ({}, "", None)


def test_a_run_begins_once_in_a_play() -> None:
    assert begin_once("play", lambda: {"id": "run", "hosts": ["a"]}) == {"id": "run", "hosts": ["a"]}
    assert begin_once("play", lambda: {"id": "another"})["id"] == "run"
    assert (current_run()["hosts"], current_id()) == (["a"], "run")
    begin_once("the next play", lambda: {"id": "second"})
    assert current_id() == "second"


def test_a_run_whose_settings_are_wrong_is_none() -> None:
    begin_once("play", lambda: {"id": "run"})
    begin_once("the next play", lambda: {"failed": True, "msg": "wrong"})
    assert (current_run(), current_id()) == ({}, "")


def test_a_hosts_first_check_and_the_one_that_repeats_it_are_kept_side_by_side() -> None:
    begin_once("play", lambda: {"id": "run"})
    keep("node1", check("run"))
    assert (kept("node1"), kept("node1", again=True), kept("node2")) == (check("run"), None, None)
    keep("node1", check("c1", "c2"))
    assert (kept("node1"), kept("node1", again=True)) == (check("run"), check("c1", "c2"))


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "x" * 1000, "nöde", "\udcff", "", " "])
def test_a_host_may_have_any_name(name: str, tmp_path: Path) -> None:
    begin_once("play", lambda: {"id": "run"})
    keep(name, check("run"))
    assert kept(name) == check("run")
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 3
