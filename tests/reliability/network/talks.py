"""How TCP servers go wrong: functions that a connection is handed to."""

from __future__ import annotations

import email.utils
import gzip
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import repeat
from pathlib import Path

Talker = Callable[[socket.socket], None]
#: What is sent in answer to a request: its first line, and its bytes in pieces.
Said = Callable[[str], Iterable[bytes]]

MIB = 1 << 20


def silent(connection: socket.socket) -> None:
    """Accepts, and says nothing."""
    while connection.recv(4096):
        pass


def _record(kind: int, body: bytes = b"") -> bytes:
    return struct.pack("!HH", 0x8000 | kind, len(body)) + body


#: What a key exchange says (RFC 8915, section 4.1): NTPv4, AES-SIV-CMAC-256, eight cookies, end.
KEYS = _record(1, bytes(2)) + _record(4, b"\x00\x0f") + _record(5, bytes(100)) * 8 + _record(0)
#: An error instead: the request was bad.
NO_KEYS = _record(2, b"\x00\x01") + _record(0)


def closes(_connection: socket.socket) -> None:
    """Ends the connection at once."""
    _connection.close()


def resets(connection: socket.socket) -> None:
    """Ends it with RST, after the first bytes came."""
    connection.recv(1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def drips(data: bytes) -> Talker:
    """A byte a second, again and again."""

    def talk(connection: socket.socket) -> None:
        while True:
            for byte in data:
                connection.sendall(bytes([byte]))
                time.sleep(1)

    return talk


def says(data: bytes) -> Talker:
    """These bytes to whatever comes first, and the end."""

    def talk(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(data)
        with suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass

    return talk


def tls(context: ssl.SSLContext, talk: Talker) -> Talker:
    """The talk, inside of TLS."""

    def secured(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            talk(secure)

    return secured


def context_of(certificate: Path, *, alpn: str | None = None, newest: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    """A server's, with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if newest is not None:
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, newest
    context.load_cert_chain(certificate)
    if alpn:
        context.set_alpn_protocols([alpn])
    return context


def http(said: Said) -> Talker:
    """Answers each request with these pieces."""

    def talk(connection: socket.socket) -> None:
        stream = connection.makefile("rb")
        while first := stream.readline():
            length = 0
            while (line := stream.readline()).strip():
                if line.lower().startswith(b"content-length:"):
                    length = int(line.partition(b":")[2])
            stream.read(length)
            for piece in said(first.decode("latin-1").strip()):
                connection.sendall(piece)

    return talk


def date(ahead_s: float = 0.0) -> str:
    """This machine's time as HTTP has it."""
    return email.utils.formatdate(time.time() + ahead_s, usegmt=True)


def head(status: str, *headers: str, dated: bool = True) -> bytes:
    """The beginning of an answer."""
    lines = [f"HTTP/1.1 {status}", *([f"Date: {date()}"] if dated else []), *headers]
    return "\r\n".join([*lines, "", ""]).encode()


def whole(status: str, body: bytes, *headers: str, dated: bool = True) -> Said:
    """A whole answer; HEAD gets none of its body."""

    def said(first: str) -> Iterable[bytes]:
        beginning = head(status, f"Content-Length: {len(body)}", *headers, dated=dated)
        return [beginning, b"" if first.startswith("HEAD") else body]

    return said


def to_post(said: Said) -> Said:
    """The fault is in the answer to the mint alone; other requests get GitHub's root."""
    others = whole("200 OK", b"{}", "Content-Type: application/json")
    return lambda first: said(first) if first.startswith("POST") else others(first)


TOKEN = json.dumps({"token": "ghs_" + "x" * 36, "expires_at": "2099-01-01T00:00:00Z", "permissions": {}}).encode()
CREATED = "201 Created"


def endless_headers(_first: str) -> Iterable[bytes]:
    """A header after the other."""
    yield b"HTTP/1.1 200 OK\r\n"
    yield from repeat(b"X-Filler: " + b"x" * 100 + b"\r\n", 1_000_000)


def one_huge_header(_first: str) -> Iterable[bytes]:
    """A line without an end."""
    yield b"HTTP/1.1 200 OK\r\nX-Filler: "
    yield from repeat(b"x" * 65536, 1000)


def endless_continue(_first: str) -> Iterable[bytes]:
    """An interim answer after the other."""
    yield from repeat(b"HTTP/1.1 100 Continue\r\n\r\n", 1_000_000)


def endless_body(_first: str) -> Iterable[bytes]:
    """A body whose end is the connection's, and which has none."""
    yield head(CREATED, "Content-Type: application/json", "Connection: close")
    yield from repeat(b"[" * 65536, 5000)


def endless_chunks(_first: str) -> Iterable[bytes]:
    """320 MiB of spaces, 16 KiB in a chunk."""
    yield head(CREATED, "Content-Type: application/json", "Transfer-Encoding: chunked")
    yield from repeat(b"4000\r\n" + b" " * 0x4000 + b"\r\n", 20_000)


def slow_chunks(_first: str) -> Iterable[bytes]:
    """A chunk of a byte each second."""
    yield head(CREATED, "Content-Type: application/json", "Transfer-Encoding: chunked")
    for _ in range(1000):
        yield b"1\r\n \r\n"
        time.sleep(1)


def slow_head(_first: str) -> Iterable[bytes]:
    """A byte of the header each second."""
    for byte in head("200 OK") * 100:
        yield bytes([byte])
        time.sleep(1)


def longer_than_sent(_first: str) -> Iterable[bytes]:
    """Its length is said to be more than what comes."""
    yield head(CREATED, "Content-Type: application/json", f"Content-Length: {len(TOKEN) + 500}")
    yield TOKEN


def shorter_than_sent(_first: str) -> Iterable[bytes]:
    """Its length is said to be less than what comes."""
    yield head(CREATED, "Content-Type: application/json", "Content-Length: 10")
    yield TOKEN


def gzip_bomb(_first: str) -> Iterable[bytes]:
    """200 MiB of spaces, packed; nobody asked for that encoding."""
    packed = gzip.compress(bytes(MIB), 1) * 200
    yield head(CREATED, "Content-Type: application/json", "Content-Encoding: gzip", f"Content-Length: {len(packed)}")
    yield packed


def nested(_first: str) -> Iterable[bytes]:
    """JSON, a hundred thousand arrays deep."""
    body = b"[" * 100_000
    yield head(CREATED, "Content-Type: application/json", f"Content-Length: {len(body)}")
    yield body


# proxies


def tunnel_then(talk: Talker) -> Talker:
    """A proxy that says yes to CONNECT and then goes on as it likes."""

    def proxy(connection: socket.socket) -> None:
        asked = b""
        while not asked.endswith(b"\r\n\r\n"):
            if not (more := connection.recv(4096)):
                return
            asked += more
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        talk(connection)

    return proxy


def joined(address: str, port: int) -> Talker:
    """Carries bytes to another server and back."""

    def talk(connection: socket.socket) -> None:
        with socket.create_connection((address, port), timeout=10) as server:
            threading.Thread(target=_copy, args=(server, connection), daemon=True).start()
            _copy(connection, server)

    return talk


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(4096):
            sink.sendall(chunk)
        sink.shutdown(socket.SHUT_WR)
