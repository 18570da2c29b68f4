# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""NTS (RFC 8915) as far as it goes without keys: the records of the key exchange, and a request
whose authenticator nobody can verify.

A server with NTS answers such a request with the kiss code NTSN and the request's unique
identifier (section 5.7). That is all that is wanted to know: packets of that size and with these
fields reach the server, and its answer comes back. The keys stay in TLS; no cookie is kept.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from functools import partial

from .background import gather

# RFC 8915, section 4.1: record types.
END, NEXT_PROTOCOL, ERROR, WARNING, AEAD, COOKIE, SERVER, PORT = range(8)
CRITICAL = 0x8000
NTPV4 = 0
AES_SIV_CMAC_256 = 15  # RFC 8915, section 5.1: every implementation has it
#: Eight cookies of 100 bytes are usual. More than this is no answer to our request.
MAX_BYTES = 16 * 1024
#: As of chronyd (its nts_ke.h), which takes no longer record: a cookie, or the name of a server.
MAX_BODY_BYTES = 256
MAX_NUMBERS = 16

# RFC 8915, section 7.5: types of extension fields.
UNIQUE_IDENTIFIER, NTS_COOKIE, AUTHENTICATOR = 0x0104, 0x0204, 0x0404
EXPERIMENT = 0xF5FF
NONCE_BYTES = TAG_BYTES = 16

HEADER_BYTES = 48
CLIENT_V4 = bytes([4 << 3 | 3])  # leap 0, version 4, mode 3
NTP_PORT = 123
ATTEMPTS = 2
#: Addresses that nobody may have (RFC 5737, RFC 3849): only who redirects UDP 123 answers there.
NOBODY = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}


def request_records() -> bytes:
    """What a client says: NTPv4, AES-SIV-CMAC-256, and the end."""
    return b"".join(
        struct.pack(">HH", kind | CRITICAL, len(body)) + body
        for kind, body in (
            (NEXT_PROTOCOL, struct.pack(">H", NTPV4)),
            (AEAD, struct.pack(">H", AES_SIV_CMAC_256)),
            (END, b""),
        )
    )


def until_end():
    """A function of an answer that grows: whether it has its last record. It goes through each
    record once, in however small pieces they come.
    """
    at = 0

    def ended(answer: bytes) -> bool:
        nonlocal at
        for kind, body in _records(answer, at):
            if kind == END:
                return True
            at += 4 + len(body)
        return False

    return ended


def _records(answer: bytes, at: int = 0):
    """``(type, body)`` of each whole record from ``at``, up to the last one."""
    while at + 4 <= len(answer):
        kind, length = struct.unpack_from(">HH", answer, at)
        body = answer[at + 4 : at + 4 + length]
        if len(body) < length:
            return
        yield kind & ~CRITICAL, body
        if kind & ~CRITICAL == END:
            return
        at += 4 + length


def read_records(answer: bytes) -> tuple:
    """``(established, cookie)``: what the server said, as evidence has it, and its first cookie.

    The server says whom to send the cookie, so what is larger than chronyd takes counts as not
    said.

    >>> read_records(bytes.fromhex("8001000200008004000200 0f000500026162800000 00".replace(" ", "")))[0]["cookies"]
    1
    """  # noqa: W505 - an example or a table
    said: dict = {"ended": False, "protocols": [], "aeads": [], "errors": [], "warnings": [], "cookies": 0}
    said.update(cookie_bytes=0, ntp_server=None, ntp_port=None)
    numbers = {NEXT_PROTOCOL: "protocols", AEAD: "aeads", ERROR: "errors", WARNING: "warnings"}
    cookie = b""
    for kind, body in _records(answer):
        if len(body) > MAX_BODY_BYTES:
            continue
        if kind in numbers:
            listed = said[numbers[kind]]
            listed += [number for (number,) in struct.iter_unpack(">H", body[: len(body) // 2 * 2])]
            del listed[MAX_NUMBERS:]
        elif kind == COOKIE:
            cookie = cookie or body
            said["cookies"] += 1
            said["cookie_bytes"] = max(said["cookie_bytes"], len(body))
        elif kind == SERVER:
            said["ntp_server"] = body.decode("ascii", "backslashreplace")
        elif kind == PORT and len(body) == 2:
            said["ntp_port"] = struct.unpack(">H", body)[0]
        elif kind == END:
            said["ended"] = True
    return said, cookie


def _field(kind: int, body: bytes) -> bytes:
    """An extension field (RFC 7822): padded to four bytes, its length with the header."""
    body += bytes(-len(body) % 4)
    return struct.pack(">HH", kind, 4 + len(body)) + body


def nts_request(unique: bytes, cookie: bytes) -> bytes:
    """A client's request with the three fields of NTS, the last of random bytes."""
    sealed = struct.pack(">HH", NONCE_BYTES, TAG_BYTES) + os.urandom(NONCE_BYTES + TAG_BYTES)
    fields = _field(UNIQUE_IDENTIFIER, unique) + _field(NTS_COOKIE, cookie) + _field(AUTHENTICATOR, sealed)
    return plain_request() + fields


def plain_request() -> bytes:
    """48 bytes with a random transmit timestamp, as the probe ``ntp`` sends them."""
    return CLIENT_V4 + bytes(39) + os.urandom(8)


def padded_request(size: int) -> bytes:
    """A plain request of this many bytes, with a field that is for experiments (RFC 5905, section
    7.5; draft-ietf-ntp-roughtime has 0xF5xx): servers answer it as if the field were not there.
    """
    return plain_request() + _field(EXPERIMENT, bytes(size - HEADER_BYTES - 4))


def exchange(target: tuple, cookie: bytes, wait_s: float) -> dict:
    """What a server's address did with a request with NTS's fields.

    ``target``: of ``resolve``. The result has ``address``, ``port``, ``unique_hex``, and what
    ``_asked`` gave for ``nts``. If that has no answer of NTS, also for requests that show who is at
    fault: ``plain`` (48 bytes), ``padded`` (as large as that of NTS), and ``nobody`` (48 bytes to
    an address that nobody has); else they are None. Ends within ``bound_s(wait_s)``.
    """
    family, address = target
    unique = os.urandom(32)
    request = nts_request(unique, cookie)
    found = {"address": address[0], "port": address[1], "unique_hex": unique.hex()}
    found.update(nts=_asked(family, address, request, wait_s), plain=None, padded=None, nobody=None)
    if unique in bytes.fromhex(found["nts"].get("reply_hex", "")):
        return found
    nobody = (NOBODY[family], NTP_PORT, *address[2:])
    others = {
        "plain": partial(_asked, family, address, plain_request(), wait_s),
        "padded": partial(_asked, family, address, padded_request(len(request)), wait_s),
        "nobody": partial(_asked, family, nobody, plain_request(), wait_s),
    }
    return {**found, **gather(others, ATTEMPTS * wait_s + 1)}


def bound_s(wait_s: float) -> float:
    """How long ``exchange`` lasts at most."""
    return 2 * ATTEMPTS * wait_s + 2


def _asked(family: int, address: tuple, request: bytes, wait_s: float) -> dict:
    """``{"bytes", "reply_hex"}`` or ``{"bytes", "error"}``; a silent one is asked once more."""
    for _ in range(ATTEMPTS):
        found = _ask(family, address, request, wait_s)
        if found.get("kind") != "silent":
            break
    return {"bytes": len(request), **found}


def _ask(family: int, address: tuple, request: bytes, wait_s: float) -> dict:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as udp:
            udp.connect(address)
            deadline_mono_s = time.monotonic() + wait_s
            udp.send(request)
            while True:
                udp.settimeout(max(0.001, deadline_mono_s - time.monotonic()))
                reply = udp.recv(2048)
                if reply[24:32] == request[40:48]:  # the origin (RFC 5905, section 8)
                    return {"reply_hex": reply[:512].hex()}
    except socket.timeout:
        return {"error": f"no reply within {wait_s:g} s", "kind": "silent"}
    except OSError as error:
        return {"error": str(error), "kind": "refused" if isinstance(error, ConnectionRefusedError) else "other"}
