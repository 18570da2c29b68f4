"""A certificate that TLS refuses for its times:
real handshakes, of a process whose clock is off and of one whose is not.
"""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.judge import judge_record

from tests.builders import app, policy
from tests.lab import github_credentials
from tests.lab.github_api import CLIENT_ID, INSTALLATION_ID, RunningApi, running_api
from tests.lab.lab import REPOSITORY

DAY_S = 86400
COLLECT = """
import json, sys
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import api_date
from ansible_collections.skewgate.preflight.plugins.modules.node_evidence import collect
api_date.REQUESTS = 1  # between two it would sleep, which libfaketime fails at with a monotonic clock that is not faked
print(json.dumps(collect(json.load(sys.stdin))))
"""

Check = Callable[[RunningApi, float], dict[str, Any]]
Collect = Callable[[dict[str, Any], float], dict[str, Any]]


def parameters(api: RunningApi, node_s: int) -> dict[str, Any]:
    """What node_evidence is given to ask the API with a JWT
    of a node whose clock reads ``node_s``.
    """
    claims = {"iss": CLIENT_ID, "iat": node_s - 30, "exp": node_s + 90}
    ca_pem = api.credentials.ca_pem.read_text()
    attempt = {
        "label": "node_clock",
        "jwt": jwt.encode(claims, api.credentials.app_pem.read_text(), algorithm="RS256"),
        "signed_for_s": node_s,
        "only_within_s": None,
    }
    asked = {
        "name": "deploy",
        "api_url": api.url,
        "git_url": api.url,
        "ca_pem": ca_pem,
        "installation_id": str(INSTALLATION_ID),
        "depth": "token",
        "repositories": [],
        "permissions": {},
        "attempts": [attempt],
    }
    return {
        "sections": ["api_date", "github_apps"],
        "apis": [{"url": api.url, "ca_pem": ca_pem}],
        "github_apps": [asked],
        "ntp_servers": [],
        "ntp_samples": 1,
        "ntp_port": 123,
        "timeout_s": 5,
    }


@pytest.fixture
def collect(libfaketime: Path) -> Collect:
    """``collect(parameters, skew_s)``: the evidence of a node whose clock is ahead by the skew."""

    def run(given: dict[str, Any], skew_s: float) -> dict[str, Any]:
        environment = {
            "PYTHONPATH": str(REPOSITORY / "collections"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "LD_PRELOAD": str(libfaketime),
            "FAKETIME": f"{skew_s:+.0f}",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }
        argv, given_text = [sys.executable, "-c", COLLECT], json.dumps(given)
        done = subprocess.run(
            argv, input=given_text, env=environment, stdout=subprocess.PIPE, text=True, timeout=60, check=True
        )
        evidence: dict[str, Any] = json.loads(done.stdout)
        return evidence

    return run


@pytest.fixture
def check(collect: Collect) -> Check:
    """``check(api, skew_s)``: the token's finding on a node whose clock is ahead by the skew;
    the API's Date is the reference.
    """

    def run(api: RunningApi, skew_s: float) -> dict[str, Any]:
        record = {
            "policy": policy(checks=["github_app_token"], github_apps=[{**app(), "api_url": api.url}]),
            "collected_at": "2026-11-22T08:35:36Z",
            "evidence": collect(parameters(api, int(time.time() + skew_s)), skew_s),
        }
        findings = {finding["check"]: finding for finding in judge_record(record)["findings"]}
        return findings["github_app_token"]

    return run


@pytest.mark.parametrize("skew_s", [-60 * DAY_S, 3650 * DAY_S], ids=["behind", "ahead"])
def test_a_clock_outside_the_certificates_times_is_to_blame(tmp_path: Path, check: Check, skew_s: float) -> None:
    with running_api(tmp_path) as api:
        finding = check(api, skew_s)
        assert [request for request in api.control.requests() if request["method"] == "POST"] == []
    assert (finding["state"], finding["keys"]) == ("fail", ["clock", "certificate_time"])
    assert finding["seen"]["apps"][0]["blame"] == "clock"
    assert " 127.0.0.1:" in finding["summary"]
    assert "skewgate.preflight.remediate" in finding["remedy"]


@pytest.mark.parametrize("skew_s", [0, 3650 * DAY_S], ids=["clock right", "clock wrong too"])
def test_a_certificate_that_has_expired_is_not_blamed_on_the_clock(
    tmp_path: Path, check: Check, monkeypatch: pytest.MonkeyPatch, skew_s: float
) -> None:
    monkeypatch.setattr(github_credentials, "VALID_FOR", datetime.timedelta(days=1))
    with running_api(tmp_path) as api:
        finding = check(api, skew_s)
    assert (finding["state"], finding["keys"]) == ("inconclusive", ["not_the_clock", "certificate_time"])
    assert finding["seen"]["apps"][0]["blame"] == "not_the_clock"
    assert ("clock_skew" in finding["summary"]) == bool(skew_s)
    assert " 127.0.0.1:" in finding["remedy"]
    assert "skewgate.preflight.remediate" not in finding["remedy"]
