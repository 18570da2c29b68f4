"""What is wrong besides the clock: each fault has its own finding and exit status,
and none ends in a traceback.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.integration.conftest import Run, Runner, github_app
from tests.lab import Lab
from tests.lab.github_api import Control

pytestmark = pytest.mark.lab


@pytest.fixture
def wrong_key(tmp_path: Path) -> str:
    key = rsa.generate_private_key(65537, 2048)
    path = tmp_path / "wrong.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
    return str(path)


@pytest.fixture(autouse=True)
def no_traceback(trio: Lab, github: Control) -> None:
    trio.wait_synchronised("node1")
    assert github.tokens()["live"] == []


def no_traceback_in(run: Run) -> Run:
    assert "Traceback" not in run.output
    return run


def test_a_wrong_key_is_blamed_on_a_good_clock_and_on_a_bad_one(skewgate: Runner, wrong_key: str) -> None:
    apps = [github_app(private_key_file=wrong_key)]
    run = no_traceback_in(skewgate("check", "-l", "node1,node2", extra={"gate_github_apps": apps}))
    assert run.status == 4
    assert run.refusing("node1") == {"github_app_token"}
    assert run.app("node1")["blame"] == "not_the_clock"
    assert run.app("node2")["blame"] == "clock_and_credential"
    for node in ("node1", "node2"):
        assert "A JSON web token could not be decoded" in run.finding(node, "github_app_token")["summary"]
    assert "clock_skew" in run.refusing("node2")


def test_an_unknown_installation_is_no_matter_of_the_clock(skewgate: Runner) -> None:
    run = no_traceback_in(
        skewgate("check", "-l", "node1", extra={"gate_github_apps": [github_app(installation_id=999)]})
    )
    assert run.status == 4
    assert run.app("node1")["blame"] == "not_the_clock"
    assert run.finding("node1", "github_app_token")["keys"] == ["not_the_clock", "unknown_installation"]


def test_an_api_that_can_not_be_reached_is_inconclusive_and_admits_nobody(skewgate: Runner) -> None:
    apps = [github_app(api_url="https://10.77.0.9", git_url="https://10.77.0.9")]
    run = no_traceback_in(skewgate("check", "-l", "node1", extra={"gate_github_apps": apps}))
    assert run.status == 3
    finding = run.finding("node1", "github_app_token")
    assert (finding["state"], run.report["nodes"]["node1"]["verdict"]) == ("inconclusive", "refuse")
    assert finding["keys"] == ["not_judged", "no_connection"]
    assert run.finding("node1", "clock_skew")["state"] == "pass"


def test_a_node_that_can_not_be_reached_is_refused_and_stops_no_other(skewgate: Runner, more: list[str]) -> None:
    run = no_traceback_in(skewgate("check", *more, "-l", "node1,node5"))
    assert run.status == 3
    assert run.report["nodes"]["node1"]["verdict"] == "admit"
    node = run.report["nodes"]["node5"]
    assert (node["verdict"], node["refused_because"]) == ("refuse", "not_judged")
    assert run.finding("node5", "reachable")["state"] == "inconclusive"
    assert {f["state"] for f in node["findings"] if f["check"] != "reachable"} == {"skipped"}


def test_no_node_at_all_is_an_error(skewgate: Runner) -> None:
    run = no_traceback_in(skewgate("check", "-l", "nobody"))
    assert run.status == 2
    assert not run.report


def test_wrong_settings_are_all_named_before_any_node_is_contacted(skewgate: Runner, github: Control) -> None:
    settings = {
        "gate_clients": ["argo"],
        "gate_checks": ["clock", "github_app_token"],
        "gate_github_apps": [github_app(private_key_file="/nonexistent.pem"), github_app(installation_id="x")],
    }
    run = no_traceback_in(skewgate("check", "-l", "node1", extra=settings))
    assert run.status == 2
    for words in ("'argo'", "argocd", "'clock'", "clock_skew", "/nonexistent.pem", "installation_id"):
        assert words in run.output
    assert github.requests() == []


def test_servers_that_do_not_answer_are_named_and_the_clock_is_still_measured(skewgate: Runner) -> None:
    run = no_traceback_in(skewgate("check", "-l", "node1", extra={"gate_ntp_servers": ["10.77.0.9"]}))
    assert run.status == 4
    assert run.refusing("node1") == {"ntp_servers"}
    finding = run.finding("node1", "ntp_servers")
    assert finding["keys"] == ["refused"]
    assert "10.77.0.9" in finding["summary"]
    assert run.finding("node1", "clock_skew")["state"] == "pass"


def test_an_advisory_check_is_reported_and_does_not_refuse(skewgate: Runner) -> None:
    settings = {"gate_ntp_servers": ["10.77.0.9"], "gate_advisory_checks": ["ntp_servers"]}
    run = no_traceback_in(skewgate("check", "-l", "node1", extra=settings))
    assert run.status == 0
    assert run.finding("node1", "ntp_servers")["state"] == "fail"


def test_an_admission_that_has_grown_too_old_joins_nobody(playbook: Runner) -> None:
    run = playbook("cluster_migration", "-l", "node1", extra={"gate_admission_max_age_s": 0})
    assert run.report["nodes"]["node1"]["verdict"] == "admit"
    assert run.status == 2
    assert re.search(r"\bnode1\b.* 0 s ", run.output), run.output
    assert "Join (here, a marker file)" not in run.output
