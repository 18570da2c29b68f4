"""A controller whose own clock is wrong checks nodes of the lab:
the run says so, and no node is refused for it.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.conftest import BIN, INVENTORY, run_in
from tests.lab import Lab
from tests.lab.github_api import Control

pytestmark = pytest.mark.lab


@pytest.mark.parametrize(
    "off_s", [pytest.param(-612, id="behind"), pytest.param(3600, id="ahead", marks=pytest.mark.nightly)]
)
def test_a_wrong_controller_is_a_finding_of_the_run_and_refuses_no_node(
    trio: Lab, github: Control, libfaketime: Path, tmp_path: Path, off_s: int
) -> None:
    trio.wait_synchronised("node1")
    settings = json.dumps({"gate_report_dir": str(tmp_path)})
    # The monotonic clock is false too: else its sleeps, which end at a time of that
    # clock, are refused.
    wrong_clock = [f"LD_PRELOAD={libfaketime}", f"FAKETIME={off_s:+d}", "NO_FAKE_STAT=1"]
    check = [BIN / "ansible-playbook", "-i", INVENTORY, "skewgate.preflight.check", "-l", "node1", "-e", settings]
    run = run_in(trio, tmp_path, ["env", *wrong_clock, *map(str, check)], 600)

    assert run.status == 0, run.output
    assert "controller_clock" in [finding["id"] for finding in run.report["fleet"]["findings"]]
    found_s = run.report["fleet"]["controller_skew_s"]
    assert found_s["low"] <= off_s <= found_s["high"]
    assert run.app("node1")["node_clock"]["class"] == "accepted"
    assert github.tokens()["live"] == []
