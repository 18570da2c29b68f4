from __future__ import annotations

import time
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import nts_client

from tests.node_parts import add_command

LINES = ["server a.example iburst nts maxsamples 1", "nosystemcert"]


def test_chronyd_is_run_as_a_client_alone_with_the_directives_as_they_are(bare: Path):
    add_command(bare, "chronyd", f"printf '%s\\n' \"$@\" > {bare}/asked; echo said >&2; exit 1")
    assert nts_client.collect({"a": LINES}) == {"tried": {"a": {"rc": 1, "stdout": "", "stderr": "said\n"}}}
    assert (bare / "asked").read_text().splitlines() == ["-Q", "-t", "10", *LINES]


def test_all_run_side_by_side_and_end_by_the_bound(bare: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(nts_client, "KILLED_AFTER_S", 0.5)
    add_command(bare, "chronyd", "exec /bin/sleep 30")
    begun_s = time.monotonic()
    tried = nts_client.collect({str(number): LINES for number in range(20)})["tried"]
    assert time.monotonic() - begun_s < nts_client.bound_s() + 2
    assert len(tried) == nts_client.MAX_CLIENTS
    assert {answer["error"] for answer in tried.values()} == {"chronyd -Q did not end within 0.5 s"}


def test_of_what_it_says_the_end_is_kept(bare: Path):
    add_command(bare, "chronyd", "/usr/bin/yes | /usr/bin/head -c 9000 >&2; echo the end >&2")
    (answer,) = nts_client.collect({"a": LINES})["tried"].values()
    assert len(answer["stderr"]) == nts_client.MAX_CHARS
    assert answer["stderr"].endswith("the end\n")


def test_a_node_that_is_asked_for_nothing_runs_nothing(bare: Path):
    add_command(bare, "chronyd", f"echo > {bare}/asked")
    assert nts_client.collect({}) == {"tried": {}}
    assert nts_client.collect({"a": LINES})["tried"]["a"]["rc"] == 0
    assert (bare / "asked").exists()
