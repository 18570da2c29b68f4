"""A GitHub whose own clock is wrong, on the lab:
the API is blamed, and no node, no credential, no controller is.
"""

from __future__ import annotations

import pytest

from tests.integration.conftest import Runner
from tests.lab import Lab
from tests.lab.github_api import Control

pytestmark = pytest.mark.lab

HOST = "api.github.lab"
ONE_OF_MANY = pytest.mark.nightly


@pytest.mark.parametrize(
    ("api_off_s", "tried"),
    [
        pytest.param(120, "accepted", id="120-s-ahead"),
        pytest.param(700, "withheld", id="700-s-ahead", marks=ONE_OF_MANY),
        pytest.param(-120, "accepted", id="120-s-behind", marks=ONE_OF_MANY),
        pytest.param(-700, "accepted", id="700-s-behind", marks=ONE_OF_MANY),
    ],
)
def test_the_gate_blames_the_api_alone_and_changes_no_node(
    trio: Lab, github: Control, skewgate: Runner, api_off_s: int, tried: str
) -> None:
    trio.wait_synchronised("node1")
    github.set_clock_offset(api_off_s)
    run = skewgate("gate", "-l", "node1")

    assert run.status == 4
    assert run.refusing("node1") == {"github_app_token", "clock_skew"}
    token, skew = run.finding("node1", "github_app_token"), run.finding("node1", "clock_skew")
    assert token["keys"][0] == skew["keys"][0] == "api_clock"
    assert skew["about"] == [HOST]
    assert not token["remediable"]
    assert not skew["remediable"]
    assert run.app("node1")["api_clock"]["class"] == tried
    skew_s = run.report["nodes"]["node1"]["skew_s"]
    assert -1 < skew_s["low"] <= skew_s["high"] < 1
    assert not (run.report["nodes"]["node1"]["remediation"] or {}).get("attempted")
    assert "controller_clock" not in [finding["id"] for finding in run.report["fleet"]["findings"]]
    assert github.tokens()["live"] == []
