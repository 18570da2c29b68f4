from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node.nts_exchange import request_records
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import nts

from tests.daemons.boxed import wait_for
from tests.findings import unsaid
from tests.node_parts import nts_probe

Collect = Callable[..., list[dict]]


@pytest.fixture
def collect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Collect:
    return nts_probe(tmp_path, monkeypatch)


@pytest.fixture
def trust(authority, tmp_path: Path) -> str:
    (tmp_path / "ca.pem").write_text("A CA für NTS\n" + authority.pem)  # text around a PEM is a comment
    return "ntstrustedcerts ca.pem"


@pytest.fixture
def serve_ke(serve_tcp) -> Callable[..., int]:
    """A key establishment server on loopback; its port."""

    def serve(context: ssl.SSLContext, alpn: str | None = "ntske/1") -> int:
        if alpn:
            context.set_alpn_protocols([alpn])

        def talk(connection: socket.socket) -> None:
            with context.wrap_socket(connection, server_side=True) as tls:
                # Nothing is asked of a server that does not choose the protocol.
                assert tls.recv(1024) == (request_records() if alpn == "ntske/1" else b"")

        return serve_tcp(talk).port

    return serve


def test_a_server_that_sets_up_nts_is_reached(collect, trust, serve_ke, authority):
    port = serve_ke(authority.server_context())
    (found,) = collect(trust, f"server localhost iburst nts ntsport {port}")
    assert "127.0.0.1" in found.pop("addresses")
    certificate = found.pop("certificate")
    assert certificate["not_before_s"] < time.time() < certificate["not_after_s"]
    assert found.pop("exchange")["cookies"] == 0  # it only listens
    assert found == {
        "server": "localhost",
        "port": port,
        "certset": "0",
        "configured": True,
        "error": None,
        "alpn": "ntske/1",
        "certificate_time_error": None,
        "ntp": None,
    }


def connects(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def chronyd_with_nts(chrony_tree: Path, authority, tmp_path: Path) -> Iterator[int]:
    """A real chronyd that serves NTS at a port of loopback;
    with -x it leaves this machine's clock alone.
    """
    pem = authority.issue()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder = tmp_path / "chronyd"
    folder.mkdir(mode=0o700)
    (folder / "chrony.conf").write_text(
        f"port 0\ncmdport 0\nbindcmdaddress /\npidfile {folder}/pid\nbindaddress 127.0.0.1\nallow 127.0.0.1\n"
        f"ntsport {port}\nntsservercert {pem}\nntsserverkey {pem}\nntsdumpdir {folder}\n"
    )
    server = subprocess.Popen(
        [chrony_tree / "usr/sbin/chronyd", "-x", "-d", "-u", "root", "-f", folder / "chrony.conf"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        wait_for(lambda: connects(port) or server.poll() is not None, "chronyd does not serve NTS")
        assert server.poll() is None, server.communicate()[0]
        yield port
    finally:
        server.terminate()
        server.wait(10)


def test_a_real_chronyd_that_serves_nts_is_reached(collect, trust, chronyd_with_nts: int):
    (found,) = collect(trust, f"server 127.0.0.1 nts ntsport {chronyd_with_nts}")
    assert (found["error"], found["alpn"], found["addresses"]) == (None, "ntske/1", ["127.0.0.1"])


@pytest.mark.parametrize("alpn", [None, "h2"])
def test_a_server_that_does_not_choose_the_protocol_is_alpn(collect, trust, serve_ke, authority, alpn):
    port = serve_ke(authority.server_context(), alpn)
    (found,) = collect(trust, f"server localhost nts ntsport {port}")
    assert found["error"].keys() == {"phase", "message"}
    assert (found["error"]["phase"], "ntske/1" in found["error"]["message"]) == ("alpn", True)
    assert found["alpn"] is None


@pytest.mark.skipif(shutil.which("openssl") is None, reason="its s_server refuses a protocol with TLS's alert")
def test_a_server_that_refuses_the_protocol_is_alpn(collect, trust, authority):
    pem = authority.issue()
    command = ["openssl", "s_server", "-accept", "127.0.0.1:0", "-alpn", "h2", "-cert", pem, "-key", pem]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            line = next(line for line in server.stdout if line.startswith("ACCEPT"))
            (found,) = collect(trust, f"server 127.0.0.1 nts ntsport {line.strip().rpartition(':')[2]}")
        finally:
            server.kill()
    assert found["error"]["phase"] == "alpn", found
    assert "no application protocol" in found["error"]["message"]


def test_an_unknown_ca_and_a_wrong_name_are_distinguished(collect, trust, serve_ke, authority, another_authority):
    unknown = serve_ke(another_authority.server_context())
    wrong = serve_ke(authority.server_context(host="other.example"))
    found = collect(trust, f"server localhost nts ntsport {unknown}", f"server localhost nts ntsport {wrong}")
    assert [(entry["error"]["phase"], entry["error"]["kind"]) for entry in found] == [
        ("tls", "unknown_ca"),
        ("tls", "wrong_name"),
    ]


def test_a_certificate_that_is_only_out_of_date_by_this_clock_is_reported(collect, trust, serve_ke, authority):
    ports = [serve_ke(authority.server_context(days=days)) for days in ((-30, -1), (1, 30))]
    expired, early = collect(trust, *(f"server localhost nts ntsport {port}" for port in ports))
    assert "certificate has expired" in expired["certificate_time_error"]
    assert "certificate is not yet valid" in early["certificate_time_error"]
    assert expired["certificate"]["not_after_s"] < time.time() < early["certificate"]["not_before_s"]
    assert [(entry["error"], entry["alpn"]) for entry in (expired, early)] == [(None, "ntske/1")] * 2


def test_out_of_date_and_of_an_unknown_ca_is_an_unknown_ca(collect, trust, serve_ke, another_authority):
    port = serve_ke(another_authority.server_context(days=(-30, -1)))
    (found,) = collect(trust, f"server localhost nts ntsport {port}")
    assert found["error"]["kind"] == "unknown_ca"


def test_tls_before_1_3_is_refused(collect, trust, serve_ke, authority):
    context = authority.server_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    (found,) = collect(trust, f"server localhost nts ntsport {serve_ke(context)}")
    assert found["error"]["phase"] == "tls"


def test_a_closed_port_is_connect(collect, serve_tcp):
    closed = serve_tcp(lambda _connection: None)
    closed.close()
    (found,) = collect(f"server 127.0.0.1 nts ntsport {closed.port}")
    assert (found["error"]["phase"], found["error"]["kind"]) == ("connect", "refused")
    assert not unsaid(found["error"]["message"], "127.0.0.1", str(closed.port), "Connection refused")
    assert found["addresses"] == ["127.0.0.1"]


def test_a_firewall_that_drops_is_connect_and_delays_nobody(collect, trust, serve_ke, authority, dropping_port):
    begun_s = time.monotonic()
    found = collect(
        trust,
        *(f"server 127.0.0.1 nts ntsport {port}" for port in (dropping_port, serve_ke(authority.server_context()))),
        timeout_s=0.5,
    )
    assert time.monotonic() - begun_s < 5
    assert found[0]["error"]["phase"] == "connect"
    assert found[1]["error"] is None


def test_a_port_that_is_silent_after_the_tcp_handshake_is_tls(collect, serve_tcp):
    port = serve_tcp(lambda connection: connection.recv(1) and time.sleep(5)).port
    begun_s = time.monotonic()
    (found,) = collect(f"server 127.0.0.1 nts ntsport {port}", timeout_s=0.3)
    assert found["error"].keys() == {"phase", "message"}
    assert (found["error"]["phase"], " 0.3 s" in found["error"]["message"]) == ("tls", True)
    assert time.monotonic() - begun_s < 4


def test_a_name_that_does_not_resolve_is_dns(collect):
    (found,) = collect("server no-such-host.invalid nts")
    assert (found["error"]["phase"], found["addresses"], found["port"]) == ("dns", [], 4460)


def test_the_environments_proxy_is_not_used_as_chronyd_knows_of_none(collect, trust, serve_ke, authority, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://no-such-host.invalid:3128")
    (found,) = collect(trust, f"server localhost nts ntsport {serve_ke(authority.server_context())}")
    assert found["error"] is None


def test_candidates_are_tried_beside_those_of_the_configuration_as_they_would_be_written(
    collect, trust, serve_ke, authority, monkeypatch
):
    monkeypatch.setattr(nts, "PORT", serve_ke(authority.server_context()))
    found = collect(trust, "server a.invalid nts ntsport 1", candidates=["localhost", "a.invalid", "localhost"])
    assert [(entry["server"], entry["configured"], entry["alpn"]) for entry in found] == [
        ("a.invalid", True, None),
        ("localhost", False, "ntske/1"),
        ("a.invalid", False, None),
    ]


def test_each_set_of_certificates_is_its_own(collect, serve_ke, authority, another_authority, tmp_path: Path):
    (tmp_path / "certs").mkdir()
    for name, ca in (("a.crt", authority), ("b.crt", another_authority)):
        (tmp_path / "certs" / name).write_text(ca.pem)
    port, another = (serve_ke(ca.server_context()) for ca in (authority, another_authority))
    found = collect(
        "ntstrustedcerts 1 certs/a.crt",
        "ntstrustedcerts 2 certs",
        f"server localhost nts ntsport {port} certset 1",
        f"server localhost nts ntsport {another} certset 1",
        f"server localhost nts ntsport {another} certset 2",
        f"server localhost nts ntsport {port}",
        f"server localhost nts ntsport {port} certset 3",
    )
    assert [entry["error"] and entry["error"].get("kind") for entry in found[:4]] == [
        None,
        "unknown_ca",
        None,
        "unknown_ca",  # set 0: the system's store
    ]
    assert not unsaid(found[4]["error"]["message"], "ntstrustedcerts", "certset 3")


def test_the_systems_store_is_left_out_if_the_configuration_says_so(tmp_path: Path, authority):
    (tmp_path / "ca.pem").write_text(authority.pem)
    lines = [["ntstrustedcerts", "ca.pem"]]
    assert nts.trusted(lines, "0", str(tmp_path)) == (authority.pem, True)
    assert nts.trusted([*lines, ["nosystemcert"]], "0", str(tmp_path)) == (authority.pem, False)


def test_certificates_that_cannot_be_read_are_named(collect, serve_ke, authority):
    port = serve_ke(authority.server_context())
    (found,) = collect("ntstrustedcerts /no/such.pem", f"server localhost nts ntsport {port}")
    assert found["error"]["phase"] == "tls"
    assert "/no/such.pem" in found["error"]["message"]
