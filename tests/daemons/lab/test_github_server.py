"""The server itself: clients that misbehave, its end, and the command that runs it."""

from __future__ import annotations

import http.client
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse
from contextlib import suppress
from pathlib import Path

import pytest

from tests.daemons.lab.asking import ask, mint, wait_until
from tests.findings import unsaid
from tests.lab.github_api import (
    Control,
    RunningApi,
    running_api,
)
from tests.lab.github_credentials import Credentials
from tests.paths import ROOT


def test_a_client_that_stops_amid_the_handshake_holds_up_nobody(api: RunningApi) -> None:
    url = urllib.parse.urlsplit(api.url)
    with socket.create_connection((url.hostname, url.port)) as stuck:
        stuck.sendall(b"\x16\x03\x01")
        assert ask(api, "GET", "/zen").status == 200


def test_a_client_that_does_not_know_the_ca_is_seen_in_the_log(api: RunningApi) -> None:
    url = urllib.parse.urlsplit(api.url)
    connection = http.client.HTTPSConnection(
        url.hostname or "", url.port, context=ssl.create_default_context(), timeout=10
    )
    with pytest.raises(ssl.SSLCertVerificationError):
        connection.request("GET", "/zen")
    connection.close()
    log = api.credentials.directory / "api.log"
    assert wait_until(lambda: "UNKNOWN_CA" in log.read_text())


def ask_in_background(api: RunningApi, method: str, path: str) -> threading.Thread:
    """A request that nobody waits for the answer of, and that may get none."""

    def run() -> None:
        with suppress(OSError, http.client.HTTPException):
            ask(api, method, path)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_the_end_of_the_block_ends_every_connection_and_thread(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    with running_api(tmp_path) as api:
        url = urllib.parse.urlsplit(api.url)
        context = ssl.create_default_context(cafile=str(api.credentials.ca_pem))
        idle = http.client.HTTPSConnection(url.hostname or "", url.port, context=context, timeout=10)
        idle.request("GET", "/zen", headers={"User-Agent": "test"})
        assert idle.getresponse().read()
        stuck = socket.create_connection((url.hostname, url.port))
        api.control.script("GET", "/app", delay_s=60)
        slow = ask_in_background(api, "GET", "/app")
        time.sleep(0.2)
    slow.join(5)
    assert wait_until(lambda: set(threading.enumerate()) <= before)
    with pytest.raises(ConnectionRefusedError):
        ask(api, "GET", "/zen")
    assert not api.control.socket_path.exists()
    idle.close()
    stuck.close()


def test_a_socket_left_by_a_killed_server_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(tmp_path / "control.sock"))
    with running_api(tmp_path) as api:
        assert api.control.requests() == []


def serve(state_dir: Path, listen: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.lab.github_api", "serve", "--listen", listen, "--state-dir", str(state_dir)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_command_serves_until_it_is_stopped(tmp_path: Path) -> None:
    state_dir = tmp_path / "github"
    with serve(state_dir, "127.0.0.1:0") as process:
        control = Control(state_dir)
        control.wait_until_ready()
        assert process.stdout is not None
        url = process.stdout.readline().split()[1].rstrip(",")
        api = RunningApi(url, Credentials(state_dir), control)
        token = mint(api)
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=10)
    assert process.returncode == 0
    assert errors == ""
    assert token not in output + (state_dir / "api.log").read_text()


def test_an_address_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with serve(tmp_path, listen) as process:
            _, errors = process.communicate(timeout=10)
    assert process.returncode == 1
    assert not unsaid(errors, listen, "Address already in use")


def test_waiting_for_an_api_that_is_not_there_ends(tmp_path: Path) -> None:
    with pytest.raises(TimeoutError, match=r"control\.sock"):
        Control(tmp_path).wait_until_ready(timeout_s=0.1)
