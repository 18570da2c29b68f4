"""Real counterparts for the probes: an unpacked chronyd, certificates of a throw-away CA,
HTTPS servers on loopback.
"""

from __future__ import annotations

import datetime
import ipaddress
import platform
import shutil
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.lab.host import unpack_package
from tests.paths import ROOT
from tests.toolchains import CHRONYS, chrony


@pytest.fixture(scope="session")
def chrony_tree() -> Path:
    """The package chrony, unpacked and not installed:
    installed, it would steer this machine's clock.
    """
    if shutil.which("apt-get") is None:
        pytest.skip("chronyd is unpacked from Debian's package, and here is no apt-get")
    return unpack_package("chrony", ROOT / "build/chrony")


NEWEST = max(CHRONYS, key=lambda version: tuple(map(int, version.split("."))))


@pytest.fixture(
    scope="session",
    params=[pytest.param(version, marks=() if version == NEWEST else pytest.mark.nightly) for version in CHRONYS],
)
def each_chrony_tree(request: pytest.FixtureRequest) -> Path:
    """Each version of chrony that is tried, unpacked as ``chrony_tree`` is:
    the newest in ``make test``, all nightly.
    """
    if shutil.which("apt-get") is None or platform.machine() != "x86_64":
        pytest.skip("chronyd is unpacked from Debian's packages for x86-64, and here is no apt-get, or another machine")
    return chrony(request.param, ROOT / "build")


class Authority:
    """A CA that lives as long as the test run."""

    def __init__(self, folder: Path, name: str = "throw-away CA") -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._sign(self.name, self.key.public_key(), (-3650, 3650), ca=True)
        self.pem = self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def server_context(self, *, days: tuple[int, int] = (-30, 30), host: str = "localhost") -> ssl.SSLContext:
        """For a server at loopback, with a certificate as ``issue`` makes it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.issue(days=days, host=host))
        return context

    def issue(self, *, days: tuple[int, int] = (-30, 30), host: str = "localhost") -> Path:
        """A file with a key and its certificate;
        ``days`` from now is its validity, ``host`` the name in it.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [x509.DNSName(host)]
        if host == "localhost":
            names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        return self._write(key, self._sign(subject, key.public_key(), days, names=names))

    def self_signed(self, host: str) -> Path:
        """A file with the CA's key and a certificate for ``host`` that is its own issuer."""
        certificate = self._sign(self.name, self.key.public_key(), (-30, 30), names=[x509.DNSName(host)])
        return self._write(self.key, certificate)

    def _write(self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> Path:
        path = self.folder / f"{certificate.serial_number}.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        return path

    def _sign(
        self,
        subject: x509.Name,
        public_key: ec.EllipticCurvePublicKey,
        days: tuple[int, int],
        *,
        names: list[x509.GeneralName] | None = None,
        ca: bool = False,
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + datetime.timedelta(days=days[0]))
            .not_valid_after(now + datetime.timedelta(days=days[1]))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self.key, hashes.SHA256())


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def another_authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("another"), "another CA")


class _TlsServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler], context: ssl.SSLContext) -> None:
        self.context = context
        super().__init__(("127.0.0.1", 0), handler)

    def finish_request(self, request, client_address):
        with suppress(OSError):  # clients of these tests leave amid the handshake
            super().finish_request(self.context.wrap_socket(request, server_side=True), client_address)


@contextmanager
def running(server: ThreadingHTTPServer) -> Iterator[ThreadingHTTPServer]:
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def serve_https() -> Iterator[Callable[[type[BaseHTTPRequestHandler], ssl.SSLContext], str]]:
    """``serve_https(handler, server_context)`` starts a server and returns its URL."""
    with ExitStack() as servers:

        def serve(handler: type[BaseHTTPRequestHandler], context: ssl.SSLContext) -> str:
            server = servers.enter_context(running(_TlsServer(handler, context)))
            return f"https://127.0.0.1:{server.server_port}"

        yield serve


class Talk:
    """A TCP server, at loopback unless an address is given,
    whose every connection is handed to one function, in a thread.
    """

    def __init__(self, talk: Callable[[socket.socket], None], address: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        self.talk = talk
        self.listener = socket.create_server(address)
        self.port = self.listener.getsockname()[1]
        self.connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _address = self.listener.accept()
                self.connections.append(connection)
                threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection: socket.socket) -> None:
        with suppress(OSError):
            self.talk(connection)

    def close(self) -> None:
        for connection in [self.listener, *self.connections]:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


@pytest.fixture
def serve_tcp() -> Iterator[Callable[[Callable[[socket.socket], None]], Talk]]:
    with ExitStack() as servers:

        def serve(talk: Callable[[socket.socket], None]) -> Talk:
            server = Talk(talk)
            servers.callback(server.close)
            return server

        yield serve


@pytest.fixture(autouse=True)
def _no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def dropping_port() -> Iterator[int]:
    """A port of loopback that drops what it is sent, as a firewall does:
    with its queue full, Linux drops further SYNs.
    """
    with ExitStack() as open_sockets:
        full = open_sockets.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            client = open_sockets.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(full.getsockname())
        yield full.getsockname()[1]
