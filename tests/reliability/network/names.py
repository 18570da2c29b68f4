"""A DNS server that answers as a function says (RFC 1035, section 4)."""

from __future__ import annotations

import ipaddress
import socket
import struct
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress

DNS_PORT = 53
A, AAAA = 1, 28
NO_ERROR, SERVFAIL, NXDOMAIN, REFUSED = 0, 2, 3, 5
TRUNCATED = 0x0200

#: The packets that answer a query of a name; over TCP the flag is true.
Answers = Callable[[bytes, str, int, bool], Iterable[bytes]]


def asked(query: bytes) -> tuple[str, int]:
    """The name and the type of a query."""
    labels, at = [], 12
    while length := query[at]:
        labels.append(query[at + 1 : at + 1 + length].decode())
        at += 1 + length
    return ".".join(labels).lower(), struct.unpack_from("!H", query, at + 1)[0]


def reply(query: bytes, addresses: Iterable[str] = (), *, code: int = NO_ERROR, flags: int = 0) -> bytes:
    """An answer with these addresses, or with an error."""
    end = query.index(0, 12) + 5
    kind = asked(query)[1]
    rows = [
        packed.packed
        for packed in map(ipaddress.ip_address, addresses)
        if len(packed.packed) == (4 if kind == A else 16)
    ]
    rows = rows if kind in (A, AAAA) else []
    head = query[:2] + struct.pack("!HHHHH", 0x8180 | flags | code, 1, len(rows), 0, 0)
    body = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 5, len(row)) + row for row in rows)
    return head + query[12:end] + body


class DnsServer:
    """Answers over UDP and TCP at one address, in threads, until `close`."""

    def __init__(self, address: str, answers: Answers) -> None:
        self.answers = answers
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.udp = socket.socket(family, socket.SOCK_DGRAM)
        self.udp.bind((address, DNS_PORT))
        self.tcp = socket.create_server((address, DNS_PORT), family=family)
        for serve in (self._serve_udp, self._serve_tcp):
            threading.Thread(target=serve, daemon=True).start()

    def _serve_udp(self) -> None:
        with suppress(OSError):
            while True:
                query, client = self.udp.recvfrom(4096)
                if not query:  # it was shut down
                    return
                for packet in self.answers(query, *asked(query), False):
                    self.udp.sendto(packet, client)

    def _serve_tcp(self) -> None:
        with suppress(OSError):
            while True:
                connection, _client = self.tcp.accept()
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with suppress(OSError, struct.error), connection, connection.makefile("rb") as stream:
            while True:
                query = stream.read(struct.unpack("!H", stream.read(2))[0])
                for packet in self.answers(query, *asked(query), True):
                    connection.sendall(struct.pack("!H", len(packet)) + packet)

    def close(self) -> None:
        """Answer nothing more."""
        for listener in (self.udp, self.tcp):
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
