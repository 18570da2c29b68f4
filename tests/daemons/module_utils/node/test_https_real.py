"""In which phase a request over HTTPS fails, by certificates, dead hosts and proxies;
asked by the probe of the Date.
"""

from __future__ import annotations

import base64
import socket
import sys
import threading
import time

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node.https import (
    Connection,
    HttpsError,
    tls_context,
)

from tests.connect_proxy import running_proxy
from tests.daemons.module_utils.probes.dated import collect_one, error_of, port_of
from tests.findings import unsaid


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


def test_an_unknown_ca_is_distinguished_from_a_wrong_name(authority, another_authority, serve_https, dated):
    unknown = collect_one(serve_https(dated, another_authority.server_context()), authority.pem)
    wrong = collect_one(serve_https(dated, authority.server_context(host="other.example")), authority.pem)

    assert (error_of(unknown)["phase"], error_of(unknown)["kind"]) == ("tls", "unknown_ca")
    assert "unable to get local issuer certificate" in error_of(unknown)["message"]
    assert (error_of(wrong)["phase"], error_of(wrong)["kind"]) == ("tls", "wrong_name")
    assert "127.0.0.1" in error_of(wrong)["message"]
    assert dated.seen == []


def test_without_its_own_ca_the_systems_store_decides(authority, serve_https, dated):
    taken = collect_one(serve_https(dated, authority.server_context()), None)
    assert error_of(taken)["kind"] == "unknown_ca"


def test_a_ca_that_is_no_pem_is_said(serve_https, dated, authority):
    url = serve_https(dated, authority.server_context())
    for junk in ("not a certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "€"):
        error = error_of(collect_one(url, junk))
        assert (error["phase"], dated.seen) == ("tls", [])
        assert "CA" in error["message"]


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
    assert error_of(taken).keys() == {"phase", "message"}
    assert (error_of(taken)["phase"], " 0.3 s" in error_of(taken)["message"]) == ("dns", True)
    assert time.monotonic() - begun_s < 5


def test_a_closed_port_is_connect(authority, serve_tcp):
    server = serve_tcp(lambda _connection: None)
    server.close()
    error = error_of(collect_one(f"https://127.0.0.1:{server.port}/", authority.pem))
    assert (error["phase"], error["kind"]) == ("connect", "refused")
    assert not unsaid(error["message"], "127.0.0.1", str(server.port), "Connection refused")


def test_a_host_that_drops_packets_is_connect(authority, dropping_port):
    error = error_of(collect_one(f"https://127.0.0.1:{dropping_port}/", authority.pem, 0.3))
    assert error["phase"] == "connect"


def test_a_server_that_is_silent_after_the_tcp_handshake_is_tls(authority, serve_tcp):
    server = serve_tcp(lambda connection: connection.recv(1) and time.sleep(5))
    begun_s = time.monotonic()
    error = error_of(collect_one(f"https://127.0.0.1:{server.port}/", authority.pem, 0.3))
    assert error.keys() == {"phase", "message"}
    assert (error["phase"], " 0.3 s" in error["message"]) == ("tls", True)
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
    assert error.keys() == {"phase", "message"}
    assert (error["phase"], " 0.4 s" in error["message"]) == ("reply", True)
    assert time.monotonic() - begun_s < 4


def test_a_connection_cut_before_the_answer_is_reply(authority, serve_tcp):
    context = authority.server_context()

    def talk(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as tls:
            tls.recv(4096)

    error = error_of(collect_one(f"https://127.0.0.1:{serve_tcp(talk).port}/", authority.pem))
    assert error["phase"] == "reply"


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


def test_a_proxy_that_is_dead_is_distinguished_from_a_dead_api(authority, serve_tcp, monkeypatch):
    closed, silent = serve_tcp(lambda _: None), serve_tcp(lambda _: time.sleep(5))
    closed.close()
    for address, says in {
        f"127.0.0.1:{closed.port}": "Connection refused",
        f"127.0.0.1:{silent.port}": " 0.3 s",
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
