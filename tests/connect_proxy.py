"""An HTTP proxy on loopback that knows CONNECT alone, and remembers what it was asked for."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class ConnectProxy(socketserver.ThreadingTCPServer):
    """Connects clients to where they ask, or, if that is given, to one port of loopback;
    or refuses them all.
    """

    daemon_threads = True

    def __init__(self, target_port: int | None, refusal: bytes | None, port: int) -> None:
        self.target_port = target_port
        self.refusal = refusal
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", port), _Client)
        self.port = self.server_address[1]

    @property
    def lines(self) -> list[str]:
        """The first line of each request."""
        return [asked.partition("\r\n")[0] for asked in self.asked]


class _Client(socketserver.BaseRequestHandler):
    server: ConnectProxy

    def handle(self) -> None:
        asked = b""
        while not asked.endswith(b"\r\n\r\n"):
            chunk = self.request.recv(4096)
            if not chunk:
                return
            asked += chunk
        self.server.asked.append(asked.decode())
        if self.server.refusal:
            self.request.sendall(b"HTTP/1.1 " + self.server.refusal + b"\r\n\r\n")
            return
        host, _, port = asked.split()[1].decode().rpartition(":")
        target = ("127.0.0.1", self.server.target_port) if self.server.target_port else (host, int(port))
        with socket.create_connection(target) as server:
            self.request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            threading.Thread(target=self._copy, args=(server, self.request), daemon=True).start()
            self._copy(self.request, server)

    @staticmethod
    def _copy(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while chunk := source.recv(4096):
                sink.sendall(chunk)
            sink.shutdown(socket.SHUT_WR)


@contextmanager
def running_proxy(
    *, target_port: int | None = None, refusal: bytes | None = None, port: int = 0
) -> Iterator[ConnectProxy]:
    """``refusal``: the status and reason with which every CONNECT is answered,
    b"403 Forbidden" for instance.
    """
    with ConnectProxy(target_port, refusal, port) as proxy:
        threading.Thread(target=proxy.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
