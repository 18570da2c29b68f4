from __future__ import annotations

import base64
import email.utils
import math
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node.https import (
    Connection,
    HttpsError,
    tls_context,
)
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import api_date

from tests.connect_proxy import running_proxy


class Dated(BaseHTTPRequestHandler):
    """Answers with the machine's Date, on a connection that stays."""

    protocol_version = "HTTP/1.1"
    seen: list[tuple[str, str, tuple[str, int], dict[str, str]]]

    def do_HEAD(self) -> None:
        type(self).seen.append((self.command, self.path, self.client_address, dict(self.headers)))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def dated() -> type[Dated]:
    return type("OwnDated", (Dated,), {"seen": []})


@pytest.fixture(autouse=True)
def _once(monkeypatch):
    monkeypatch.setattr(api_date, "REQUESTS", 1)  # between two it waits for a part of a second


@pytest.fixture
def _twice(_once, monkeypatch):
    monkeypatch.setattr(api_date, "REQUESTS", 2)


@pytest.fixture
def _five_times(_once, monkeypatch):
    monkeypatch.setattr(api_date, "REQUESTS", 5)


def collect_one(url: str, ca_pem: str | None, timeout_s: float = 2) -> dict:
    (taken,) = api_date.collect([{"url": url, "ca_pem": ca_pem}], timeout_s)["apis"]
    assert taken["url"] == url
    return taken


def error_of(taken: dict) -> dict:
    (answer,) = taken["answers"]
    return answer["error"]


@pytest.mark.usefixtures("_twice")
def test_the_date_is_read_more_than_once_over_one_connection(authority, serve_https, dated):
    url = serve_https(dated, authority.server_context()) + "/zen?a=b"
    before_ns = time.time_ns()
    taken = collect_one(url, authority.pem)

    assert taken["certificate_time_error"] is None
    assert len(taken["answers"]) == 2
    for answer in taken["answers"]:
        assert (answer["status"], answer["verified"]) == (200, True)
        assert before_ns <= answer["t_send_wall_ns"] <= time.time_ns()
        assert answer["t_send_mono_ns"] < answer["t_recv_mono_ns"]
        date_s = email.utils.parsedate_to_datetime(answer["date"]).timestamp()
        received_s = (answer["t_send_wall_ns"] + answer["t_recv_mono_ns"] - answer["t_send_mono_ns"]) / 1e9
        assert answer["t_send_wall_ns"] / 1e9 - 1 < date_s <= received_s
    assert {(method, path) for method, path, _client, _headers in dated.seen} == {("HEAD", "/zen?a=b")}
    assert len({client for _method, _path, client, _headers in dated.seen}) == 1
    assert all("Authorization" not in headers for *_, headers in dated.seen)


def behind(dated: type[Dated], offset_s: float) -> type[Dated]:
    """A server whose clock is so far behind this machine's: node minus API is ``offset_s``."""

    class Behind(dated):  # type: ignore[valid-type,misc]
        def date_time_string(self, _timestamp: float | None = None) -> str:
            return email.utils.formatdate(math.floor(time.time() - offset_s), usegmt=True)

    return Behind


def interval(answers: list[dict]) -> tuple[float, float]:
    """Node minus API as all answers together leave it open: each says ``[sent - D - 1, received - D]``."""
    low, high = -math.inf, math.inf
    for answer in answers:
        date_s = email.utils.parsedate_to_datetime(answer["date"]).timestamp()
        sent_s = answer["t_send_wall_ns"] / 1e9
        lasted_s = (answer["t_recv_mono_ns"] - answer["t_send_mono_ns"]) / 1e9
        low, high = max(low, sent_s - date_s - 1), min(high, sent_s + lasted_s - date_s)
    return low, high


@pytest.mark.usefixtures("_five_times")
def test_five_requests_split_the_second_and_fewer_do_on_a_slow_network(authority, serve_https, dated):
    slow = type("Slow", (dated,), {"do_HEAD": lambda self: (time.sleep(0.6), dated.do_HEAD(self))})
    offsets_s = (0.137, -0.62, 612.9, 0.3)
    servers = [behind(dated, offset_s) for offset_s in offsets_s[:3]] + [behind(slow, 0.3)]
    apis = [{"url": serve_https(server, authority.server_context()), "ca_pem": authority.pem} for server in servers]
    taken = [api["answers"] for api in api_date.collect(apis, 5)["apis"]]

    for offset_s, answers in zip(offsets_s, taken, strict=True):
        low, high = interval(answers)
        assert low <= offset_s <= high
        assert answers[-1]["t_send_mono_ns"] - answers[0]["t_send_mono_ns"] < (api_date.PLACING_S + 0.5) * 1e9
    for answers in taken[:3]:
        low, high = interval(answers)
        assert len(answers) >= 4  # of five, where this machine is not too busy to place them
        assert high - low < 0.3  # one answer alone leaves a second
    assert 2 <= len(taken[3]) < 5


@pytest.mark.usefixtures("_twice")
@pytest.mark.parametrize(("header", "value"), [("X-RateLimit-Remaining", "0"), ("Retry-After", "60")])
def test_an_api_that_asks_to_be_left_alone_is_asked_once(authority, serve_https, dated, header, value):
    class Limited(dated):
        def end_headers(self) -> None:
            self.send_header(header, value)
            super().end_headers()

    taken = collect_one(serve_https(Limited, authority.server_context()), authority.pem)
    assert len(taken["answers"]) == 1
    assert taken["answers"][0]["date"]


@pytest.mark.usefixtures("_twice")
@pytest.mark.parametrize("date", ["", "yesterday", "Sun, 22 Nov 99999 12:00:00 GMT"])
def test_an_answer_without_a_date_that_can_be_read_is_the_last(authority, serve_https, dated, monkeypatch, date):
    monkeypatch.setattr(dated, "date_time_string", lambda _self: date)
    taken = collect_one(serve_https(dated, authority.server_context()), authority.pem)
    assert [answer["date"] for answer in taken["answers"]] == [date]


@pytest.mark.usefixtures("_five_times")
def test_several_machines_with_clocks_of_their_own_are_not_asked_further(authority, serve_https, dated, monkeypatch):
    offsets = iter([0.0, 20.0])
    monkeypatch.setattr(
        dated, "date_time_string", lambda _self: email.utils.formatdate(time.time() - next(offsets), usegmt=True)
    )
    taken = collect_one(serve_https(dated, authority.server_context()), authority.pem)
    assert len(taken["answers"]) == 2


@pytest.mark.usefixtures("_twice")
def test_a_server_that_closes_after_each_answer_is_connected_to_again(authority, serve_https, dated):
    dated.protocol_version = "HTTP/1.0"
    taken = collect_one(serve_https(dated, authority.server_context()), authority.pem)
    assert [answer["status"] for answer in taken["answers"]] == [200, 200]
    assert len({client for _method, _path, client, _headers in dated.seen}) == 2


@pytest.mark.parametrize(
    ("days", "says"), [((-30, -1), "certificate has expired"), ((1, 30), "certificate is not yet valid")]
)
def test_a_certificate_that_is_out_of_date_by_this_clock_does_not_hide_the_date(
    authority, serve_https, dated, days, says
):
    taken = collect_one(serve_https(dated, authority.server_context(days=days)), authority.pem)
    assert says in taken["certificate_time_error"]
    assert [answer["verified"] for answer in taken["answers"]] == [True]
    assert all(answer["date"] for answer in taken["answers"])


def test_out_of_date_and_of_an_unknown_ca_is_not_believed(authority, another_authority, serve_https, dated):
    taken = collect_one(serve_https(dated, another_authority.server_context(days=(-30, -1))), authority.pem)
    assert error_of(taken)["kind"] == "unknown_ca"
    assert dated.seen == []


def test_an_unknown_ca_is_told_from_a_wrong_name(authority, another_authority, serve_https, dated):
    unknown = collect_one(serve_https(dated, another_authority.server_context()), authority.pem)
    wrong = collect_one(serve_https(dated, authority.server_context(host="other.example")), authority.pem)

    assert error_of(unknown) == {
        "phase": "tls",
        "message": "the certificate was refused: unable to get local issuer certificate",
        "kind": "unknown_ca",
    }
    assert (error_of(wrong)["phase"], error_of(wrong)["kind"]) == ("tls", "wrong_name")
    assert "127.0.0.1" in error_of(wrong)["message"]
    assert dated.seen == []


def test_without_a_ca_of_its_own_the_systems_store_decides(authority, serve_https, dated):
    taken = collect_one(serve_https(dated, authority.server_context()), None)
    assert error_of(taken)["kind"] == "unknown_ca"


def test_a_ca_that_is_no_pem_is_said(serve_https, dated, authority):
    url = serve_https(dated, authority.server_context())
    for junk in ("not a certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "€"):
        error = error_of(collect_one(url, junk))
        assert error["phase"] == "tls"
        assert "CA certificates given cannot be read" in error["message"]


def test_only_https_is_spoken(authority):
    for url in ("http://127.0.0.1/", "ftp://127.0.0.1/", "127.0.0.1", "https://", "https://127.0.0.1:port/"):
        assert error_of(collect_one(url, authority.pem))["phase"] == "url"


def test_a_name_that_does_not_resolve_is_dns(authority):
    error = error_of(collect_one("https://no-such-host.invalid/", authority.pem))
    assert error["phase"] == "dns"
    assert "no-such-host.invalid" in error["message"]


def test_a_resolver_that_hangs_is_dns(authority, monkeypatch):
    hanging = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: hanging.wait())
    begun_s = time.monotonic()
    taken = collect_one("https://slow.example/", authority.pem, 0.3)
    hanging.set()
    assert error_of(taken) == {"phase": "dns", "message": "no answer within 0.3 s"}
    assert time.monotonic() - begun_s < 5


def test_a_closed_port_is_connect(authority, serve_tcp):
    server = serve_tcp(lambda _connection: None)
    server.close()
    error = error_of(collect_one(f"https://127.0.0.1:{server.port}/", authority.pem))
    assert error == {"phase": "connect", "message": f"127.0.0.1 port {server.port}: Connection refused"}


def test_a_host_that_drops_packets_is_connect(authority, dropping_port):
    error = error_of(collect_one(f"https://127.0.0.1:{dropping_port}/", authority.pem, 0.3))
    assert error["phase"] == "connect"


def test_a_server_that_is_silent_after_the_tcp_handshake_is_tls(authority, serve_tcp):
    server = serve_tcp(lambda connection: connection.recv(1) and time.sleep(5))
    begun_s = time.monotonic()
    error = error_of(collect_one(f"https://127.0.0.1:{server.port}/", authority.pem, 0.3))
    assert error == {"phase": "tls", "message": "no answer within 0.3 s"}
    assert time.monotonic() - begun_s < 4


def test_a_server_that_does_not_speak_tls_is_tls(authority, serve_tcp):
    server = serve_tcp(lambda connection: connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n"))
    assert error_of(collect_one(f"https://127.0.0.1:{server.port}/", authority.pem))["phase"] == "tls"


@pytest.mark.parametrize("trickle", [b"", b"x"], ids=["silent", "a byte at a time, for ever"])
def test_a_server_that_does_not_end_its_answer_is_reply(authority, serve_tcp, trickle):
    context = authority.server_context()

    def talk(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as tls:
            tls.recv(4096)
            tls.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            for _ in range(50):
                time.sleep(0.1)
                tls.sendall(trickle)

    begun_s = time.monotonic()
    error = error_of(collect_one(f"https://127.0.0.1:{serve_tcp(talk).port}/", authority.pem, 0.4))
    assert error == {"phase": "reply", "message": "no answer within 0.4 s"}
    assert time.monotonic() - begun_s < 4


def test_a_connection_cut_before_the_answer_is_reply(authority, serve_tcp):
    context = authority.server_context()

    def talk(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as tls:
            tls.recv(4096)

    error = error_of(collect_one(f"https://127.0.0.1:{serve_tcp(talk).port}/", authority.pem))
    assert error["phase"] == "reply"


def test_a_dead_api_does_not_delay_the_others(authority, serve_https, serve_tcp, dated):
    dead = f"https://127.0.0.1:{serve_tcp(lambda _: time.sleep(5)).port}/"
    good = serve_https(dated, authority.server_context())
    taken = api_date.collect([{"url": url, "ca_pem": authority.pem} for url in (dead, good)], 1)["apis"]
    ended_s = time.monotonic()
    assert [entry["url"] for entry in taken] == [dead, good]
    assert error_of(taken[0])["phase"] == "tls"
    assert taken[1]["answers"][0]["t_recv_mono_ns"] / 1e9 < ended_s - 0.3  # it did not wait for the dead one's end


def test_a_dead_address_leaves_time_for_the_next(authority, serve_https, dated, monkeypatch):
    url = serve_https(dated, authority.server_context())
    port = int(url.rsplit(":", 1)[1])
    with socket.socket() as full:
        full.bind(("127.0.0.2", port))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(full.getsockname())
        both = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in ("127.0.0.2", "127.0.0.1")]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
        taken = collect_one(url, authority.pem, 1)
        for client in waiting:
            client.close()
    assert [answer["status"] for answer in taken["answers"]] == [200]


def port_of(url: str) -> int:
    return int(url.rsplit(":", 1)[1])


def test_the_environments_proxy_is_used_and_tls_is_with_the_api(authority, serve_https, dated, monkeypatch):
    with running_proxy(target_port=port_of(serve_https(dated, authority.server_context()))) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:p%40ss@127.0.0.1:{proxy.port}")
        taken = collect_one("https://localhost/zen", authority.pem)

    assert [answer["status"] for answer in taken["answers"]] == [200]
    (asked,) = proxy.asked
    assert asked.startswith("CONNECT localhost:443 ")
    assert f"Proxy-Authorization: Basic {base64.b64encode(b'user:p@ss').decode()}" in asked
    assert [headers["Host"] for *_, headers in dated.seen] == ["localhost"]
    assert "Proxy-Authorization" not in dated.seen[0][3]


@pytest.mark.parametrize("named", ["127.0.0.1", "example.net, 127.0.0.1", "127.0.0.1:{port}", "*"])
def test_no_proxy_is_heeded(authority, serve_https, dated, monkeypatch, named):
    url = serve_https(dated, authority.server_context())
    with running_proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", named.format(port=port_of(url)))
        taken = collect_one(url, authority.pem)
    assert [answer["status"] for answer in taken["answers"]] == [200]
    assert proxy.asked == []


def test_the_proxy_is_used_for_a_host_that_no_proxy_does_not_name(authority, serve_https, dated, monkeypatch):
    url = serve_https(dated, authority.server_context())
    with running_proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1:1,example.net")
        taken = collect_one(url, authority.pem)
    assert [answer["status"] for answer in taken["answers"]] == [200]
    assert proxy.lines == [f"CONNECT 127.0.0.1:{port_of(url)} HTTP/1.{'1' if sys.version_info >= (3, 12) else '0'}"]


BASIC = base64.b64encode(b"user:sesame").decode()


@pytest.mark.parametrize(
    "refusal",
    [b"403 Forbidden", b"407 Proxy Authentication Required", f"407 for sesame, user:sesame, Basic {BASIC}".encode()],
)
def test_a_proxy_that_refuses_is_named_and_its_password_is_not(authority, monkeypatch, refusal):
    with running_proxy(refusal=refusal) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:sesame@127.0.0.1:{proxy.port}")
        error = error_of(collect_one("https://localhost/", authority.pem))
    assert error["phase"] == "proxy"
    assert error["message"].startswith(f"127.0.0.1:{proxy.port}: Tunnel connection failed: {refusal[:3].decode()} ")
    assert "sesame" not in error["message"]
    assert BASIC not in error["message"]


def test_a_proxy_that_is_dead_is_told_from_a_dead_api(authority, serve_tcp, monkeypatch):
    closed, silent = serve_tcp(lambda _: None), serve_tcp(lambda _: time.sleep(5))
    closed.close()
    for address, says in {
        f"127.0.0.1:{closed.port}": "Connection refused",
        f"127.0.0.1:{silent.port}": "no answer within 0.3 s",
        "no-such-host.invalid:3128": "no-such-host.invalid: ",
    }.items():
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:sesame@{address}")
        error = error_of(collect_one("https://localhost/", authority.pem, 0.3))
        assert error["phase"] == "proxy"
        assert error["message"].startswith(f"{address}: ")
        assert says in error["message"]
        assert "sesame" not in error["message"]


@pytest.mark.parametrize(
    "proxy",
    [
        "http://",
        "http://user:12/sesame@proxy:3128",
        "http://user:12#sesame@proxy:3128",
        "http://user:sesame@proxy:port",
        "socks5://user:sesame@proxy:1080",
        "https://user:sesame@proxy:3128",
    ],
)
def test_a_proxy_that_cannot_be_used_is_said_without_its_password(authority, monkeypatch, proxy):
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    error = error_of(collect_one("https://localhost/", authority.pem))
    assert error["phase"] == "proxy"
    assert "expected http://" in error["message"]
    for secret in ("sesame", "12"):
        assert secret not in error["message"]


def test_a_header_that_http_does_not_allow_is_refused_without_showing_it(authority, serve_https, dated):
    connection = Connection(serve_https(dated, authority.server_context()), tls_context(authority.pem), 2)
    connection.connect()
    with pytest.raises(HttpsError) as raised:
        connection.request("HEAD", "/", {"Authorization": "Bearer sesame\n"})
    assert "sesame" not in str(raised.value)
    assert dated.seen == []
