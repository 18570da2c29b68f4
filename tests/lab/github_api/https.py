"""The HTTPS server: requests in, answers out, with the API's clock in their Date."""

from __future__ import annotations

import email.utils
import re
import secrets
import socket
import socketserver
import ssl
import struct
import sys
import threading
import urllib.parse
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ..github_credentials import Credentials
from .answers import Answer, Request
from .claims import claims_for_the_log, unverified_claims
from .github import GitHub

IDLE_TIMEOUT_S = 30


class _Handler(BaseHTTPRequestHandler):
    server: HttpsServer
    protocol_version = "HTTP/1.1"
    # One segment an answer: unbuffered, headers and body would wait for each other's
    # acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        github = self.server.github
        url = urllib.parse.urlsplit(self.path)
        request = Request(
            method=self.command,
            path=re.sub("^/api/v3(?=/|$)", "", url.path) or "/",
            query=urllib.parse.parse_qs(url.query),
            headers=self.headers,
            body=self.rfile.read(int(self.headers.get("Content-Length", 0))),
            address=self.client_address[0],
            of_ghes=re.match("/api/v3(?=/|$)", url.path) is not None,
        )
        scripted = github.take_scripted(request.method, request.path)
        if scripted is not None:
            self.server.stopping.wait(scripted.delay_s)
            if scripted.reset:
                self._log(request, None)
                self._reset_connection()
                return
        answer = (scripted.answer() if scripted is not None else None) or github.answer(request)
        if scripted is not None:
            answer = replace(answer, headers={**answer.headers, **scripted.headers})
        self._log(request, answer)
        self._send(answer)

    do_HEAD = do_POST = do_DELETE = do_PUT = do_PATCH = do_GET  # noqa: N815

    def _send(self, answer: Answer) -> None:
        headers = {"x-github-request-id": _request_id()}
        if answer.status != 204:
            headers |= {"content-type": answer.content_type, "content-length": str(len(answer.body))}
        headers |= {name.lower(): value for name, value in answer.headers.items()}
        self.send_response_only(answer.status)
        for name, value in {"server": "github.com", "date": self.date_time_string(), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def _reset_connection(self) -> None:
        """Lets the close that follows send RST instead of FIN (socket(7),
        SO_LINGER with no time).
        """
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def _log(self, request: Request, answer: Answer | None) -> None:
        claims = unverified_claims(request.headers.get("Authorization", "").partition(" ")[2]) or {}
        self.server.github.log(
            method=request.method,
            path=request.path,
            status=None if answer is None else answer.status,
            message=None if answer is None else answer.message,
            node=self.client_address[0],
            claims=claims_for_the_log(claims),
        )

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The header `Date`, by the API's clock."""
        return email.utils.formatdate(self.server.github.now_s() if timestamp is None else timestamp, usegmt=True)

    def log_message(self, *_args: object) -> None:
        """Says nothing: the base class would write the whole request line, the query too."""


class HttpsServer(ThreadingHTTPServer):
    """GitHub's answers over HTTPS: one thread for each connection, all ended by `server_close`."""

    daemon_threads = False  # closing waits for every connection's thread
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], github: GitHub, credentials: Credentials) -> None:
        self.github = github
        self.stopping = threading.Event()
        self._connections: set[socket.socket] = set()
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(credentials.server_pem, credentials.server_key_pem)
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """As the base class, but for asking a resolver for a name."""
        # HTTPServer's own asks the resolver for the host's name, and the lab has no
        # resolver to answer.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def finish_request(self, request: Any, client_address: Any) -> None:
        """The TLS handshake and the requests of one connection."""
        # In the connection's own thread: a client that stops amid the handshake delays nobody else.
        request.settimeout(IDLE_TIMEOUT_S)
        with self._tls.wrap_socket(request, server_side=True, do_handshake_on_connect=False) as connection:
            self._connections.add(connection)
            try:
                if not self.stopping.is_set():
                    connection.do_handshake()
                    super().finish_request(connection, client_address)
            finally:
                self._connections.discard(connection)

    def server_close(self) -> None:
        """End every connection, and wait for its thread."""
        self.stopping.set()
        for connection in list(self._connections):
            with suppress(OSError):
                # Not SSLSocket's own shutdown: the thread that reads from it still
                # needs its TLS state.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """Note in the log how a connection ended."""
        # The type alone: the text of an exception can hold what a client sent.
        error = sys.exc_info()[1]
        self.github.log(node=client_address[0], error=getattr(error, "reason", None) or type(error).__name__)


def _request_id() -> str:
    return ":".join(secrets.token_hex(length).upper() for length in (2, 2, 4, 4, 4))
