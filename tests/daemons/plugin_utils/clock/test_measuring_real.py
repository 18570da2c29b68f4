"""The controller's own measurement, with real servers, and by processes side by side."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.controller import ControllerClock
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.measuring import References
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.skew import UnknownSkew

from tests.lab.github_api import RunningApi, running_api
from tests.lab.liar import ScriptedServer, lie

AHEAD_S = 612.0
"""How far the references are ahead of this machine, which then is behind."""


@pytest.fixture
def api(tmp_path: Path) -> Iterator[RunningApi]:
    with running_api(tmp_path / "github") as running:
        running.control.set_clock_offset(AHEAD_S)
        yield running


@pytest.fixture
def ntp() -> Iterator[ScriptedServer]:
    server = ScriptedServer(lambda request: [lie(request, AHEAD_S)], "127.0.0.1", 0)
    yield server
    server.udp.close()


def references(ntp: ScriptedServer, *apis: dict[str, Any], timeout_s: float = 5) -> References:
    return References(ntp_servers=["127.0.0.1"], apis=apis, timeout_s=timeout_s, ntp_port=ntp.port)


def of_api(api: RunningApi) -> dict[str, Any]:
    return {"url": f"{api.url}/rate_limit", "ca_pem": api.credentials.ca_pem.read_text()}


def assert_behind(clock: ControllerClock, bound_s: float) -> None:
    assert clock.skew_s is not None, clock.unknown_because
    assert clock.skew_s.low - 0.1 <= -AHEAD_S <= clock.skew_s.high + 0.1
    assert clock.skew_s.bound < bound_s


def test_an_ntp_server_and_an_api_give_the_time_and_each_is_asked_once(ntp, api):
    assert_behind(references(ntp, of_api(api)).measure(), bound_s=0.1)
    assert len(ntp.requests) == 1
    assert [request["path"] for request in api.control.requests()] == ["/rate_limit"]


def test_an_api_alone_gives_the_time_to_the_second_if_ntp_is_blocked(ntp, api):
    ntp.answer = lambda _request: []
    assert_behind(references(ntp, of_api(api)).measure(), bound_s=1.0)


def test_an_api_that_hangs_does_not_hold_up_the_ntp_servers_answer(ntp, dropping_port):
    begun_s = time.monotonic()
    clock = references(ntp, {"url": f"https://127.0.0.1:{dropping_port}", "ca_pem": None}, timeout_s=1).measure()
    assert time.monotonic() - begun_s < 3
    assert_behind(clock, bound_s=0.1)


def test_a_certificate_that_cannot_be_verified_proves_no_time(ntp, api):
    ntp.answer = lambda _request: []
    clock = references(ntp, {**of_api(api), "ca_pem": None}).measure()
    assert (clock.skew_s, clock.unknown) == (None, UnknownSkew.NO_REFERENCE)
    assert "127.0.0.1" in clock.unknown_because


@pytest.mark.parametrize("reply", [b"", b"\x24", bytes(48), b"\xff" * 1000], ids=len)
def test_a_server_that_answers_nonsense_ends_nothing(ntp, reply):
    ntp.answer = lambda _request: [reply]
    assert references(ntp, timeout_s=1).measure().unknown is UnknownSkew.NO_REFERENCE


CODE = """
import sys; from pathlib import Path
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.measuring import References, measured_once
given = References(ntp_servers=["127.0.0.1"], apis=[], timeout_s=5, ntp_port=int(sys.argv[2]))
print(measured_once(Path(sys.argv[1]), given.measure).skew_s)
"""


def test_processes_side_by_side_measure_once(ntp, tmp_path):
    argv = [sys.executable, "-c", CODE, str(tmp_path), str(ntp.port)]
    started = [
        subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": "collections"}) for _ in range(6)
    ]
    said = {process.communicate(timeout=60)[0] for process in started}
    assert len(ntp.requests) == 1
    assert len(said) == 1
    assert json.loads((tmp_path / "skewgate-controller-clock.json").read_text())["measured"]["skew_s"]
