"""An API is asked once for its Date if NTP has given the time well, else as often as needed."""

from __future__ import annotations

import email.utils
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import api_date
from ansible_collections.skewgate.preflight.plugins.modules import node_evidence

from tests.daemons.module_utils.probes.dated import Dated
from tests.lab.liar import ScriptedServer, lie

SERVERS = ["127.0.3.1", "127.0.3.2", "127.0.3.3"]


@pytest.fixture
def _as_often_as_it_takes(_once: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_date, "REQUESTS", 4)


@pytest.fixture
def ntp_port() -> Iterator[Callable[..., int]]:
    """Starts servers whose times are so far off, one an address of SERVERS,
    None for one that says nothing: their port.
    """
    started: list[ScriptedServer] = []

    def start(*offs_s: float | None, late_s: float = 0.0, follows: str = "") -> int:
        for address, off_s in zip(SERVERS, offs_s, strict=False):

            def answer(request: bytes, off_s: float | None = off_s, address: str = address) -> list[bytes]:
                time.sleep(late_s)
                if off_s is None:
                    return []
                reply = lie(request, off_s)
                return [reply[:12] + socket.inet_aton(follows or address) + reply[16:]]

            started.append(ScriptedServer(answer, address, started[0].port if started else 0))
        return started[0].port

    yield start
    for server in started:
        server.udp.close()


@pytest.fixture
def collect(
    _as_often_as_it_takes: None, authority: Any, serve_https: Any, dated: Any, ntp_port: Any
) -> Callable[..., dict[str, Any]]:
    def run(*offs_s: float | None, api: type[Dated] | None = None, **servers: Any) -> dict[str, Any]:
        url = serve_https(api or dated, authority.server_context())
        defaults = {name: option.get("default") for name, option in node_evidence.ARGUMENTS.items()}
        given = {
            "sections": ["ntp", "api_date"],
            "ntp_servers": SERVERS[: len(offs_s)],
            "ntp_port": ntp_port(*offs_s, **servers) if offs_s else 123,
            "apis": [{"url": url, "ca_pem": authority.pem}],
        }
        return node_evidence.collect({**defaults, **given})

    return run


def dates(evidence: dict[str, Any]) -> int:
    (api,) = evidence["api_date"]["apis"]
    assert not [answer for answer in api["answers"] if "error" in answer]
    return len(api["answers"])


nightly = pytest.mark.nightly


@pytest.mark.parametrize(
    "offs_s",
    [
        pytest.param((0, 0), id="two", marks=nightly),
        pytest.param((0, 0, 0), id="three"),
    ],
)
def test_after_servers_that_agree_one_answer_is_enough(collect: Any, offs_s: tuple) -> None:
    assert dates(collect(*offs_s)) == 1


@pytest.mark.parametrize(
    "offs_s",
    [
        pytest.param((), id="none", marks=nightly),
        pytest.param((0,), id="one"),
        pytest.param((0, 0.8), id="apart", marks=nightly),
        pytest.param((0, 0, 0.8), id="not all agree"),
        pytest.param((0, 0, None), id="one is silent, and waited for", marks=nightly),
    ],
)
def test_without_them_the_edge_of_the_second_is_looked_for(collect: Any, offs_s: tuple) -> None:
    assert dates(collect(*offs_s)) > 1


def test_an_api_that_contradicts_them_is_asked_further(collect: Any, dated: Any) -> None:
    class Behind(dated):  # type: ignore[misc]
        def date_time_string(self, _timestamp: float | None = None) -> str:
            return email.utils.formatdate(time.time() - 20, usegmt=True)

    assert dates(collect(0, 0, 0, api=Behind)) > 1


def test_servers_that_answer_late_end_the_looking_when_they_have(collect: Any) -> None:
    evidence = collect(0, 0, 0, late_s=0.2)
    replied_ns = max(x["t4_mono_ns"] for server in evidence["ntp"]["servers"] for x in server["samples"])
    (api,) = evidence["api_date"]["apis"]
    assert all(answer["t_send_mono_ns"] < replied_ns + 50_000_000 for answer in api["answers"])


def test_servers_that_follow_one_and_the_same_are_one(collect: Any) -> None:
    assert dates(collect(0, 0, 0, follows="192.0.2.1")) > 1
