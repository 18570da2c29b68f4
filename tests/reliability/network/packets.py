"""What a wire does to packets (links.Fault), and what an NTP server answers."""

from __future__ import annotations

import random
import socket
import struct
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable

from tests.lab.liar import Answer, lie
from tests.reliability.network.links import Fault

Copies = Iterable[tuple[float, bytes]]

TCP, UDP = socket.IPPROTO_TCP, socket.IPPROTO_UDP


def ports(packet: bytes) -> tuple[int, int, int]:
    """Protocol, source and destination port of an IP packet; zeros of one that has none."""
    six = packet[0] >> 4 == 6
    protocol, at = (packet[6], 40) if six else (packet[9], 4 * (packet[0] & 15))
    if protocol not in (TCP, UDP) or len(packet) < at + 4:
        return protocol, 0, 0
    return protocol, *struct.unpack_from("!HH", packet, at)


def delayed(to_server_s: float, back_s: float, jitter_s: float = 0.0) -> Fault:
    """Later by so much in each direction, and by up to the jitter; packets keep no order then."""

    def fault(packet: bytes, to_server: bool, chance: random.Random) -> Copies:
        return [((to_server_s if to_server else back_s) + chance.uniform(0, jitter_s), packet)]

    return fault


def lossy(share: float) -> Fault:
    """That share of packets is lost."""
    return lambda packet, _to_server, chance: [] if chance.random() < share else [(0.0, packet)]


def but_dns(fault: Fault) -> Fault:
    """The fault for all but DNS: a resolver waits 5 s before it asks again, longer than the check
    waits for it.
    """

    def without_dns(packet: bytes, to_server: bool, chance: random.Random) -> Copies:
        return [(0.0, packet)] if 53 in ports(packet)[1:] else fault(packet, to_server, chance)

    return without_dns


def dropped(protocol: int, port: int) -> Fault:
    """As a firewall drops it."""

    def fault(packet: bytes, _to_server: bool, _chance: random.Random) -> Copies:
        found, *either = ports(packet)
        return [] if found == protocol and port in either else [(0.0, packet)]

    return fault


def every_other(port: int) -> Callable[[], Fault]:
    """Of the packets from a UDP port, the second, the fourth ... of each server are lost."""

    def make() -> Fault:
        seen: Counter[bytes] = Counter()

        def fault(packet: bytes, to_server: bool, _chance: random.Random) -> Copies:
            if to_server or ports(packet)[:2] != (UDP, port):
                return [(0.0, packet)]
            seen[packet[12:16]] += 1
            return [(0.0, packet)] if seen[packet[12:16]] % 2 else []

        return fault

    return make


def duplicated(packet: bytes, _to_server: bool, _chance: random.Random) -> Copies:
    """Each packet comes twice."""
    return [(0.0, packet), (0.001, packet)]


def reordered(packet: bytes, _to_server: bool, chance: random.Random) -> Copies:
    """A third of the packets is overtaken by later ones."""
    return [(0.03 if chance.random() < 1 / 3 else 0.0, packet)]


def corrupted(share: float) -> Fault:
    """One bit of that share of packets is wrong, behind the IP header."""

    def fault(packet: bytes, _to_server: bool, chance: random.Random) -> Copies:
        changed = bytearray(packet)
        if chance.random() < share and len(packet) > 40:
            changed[chance.randrange(28, len(packet))] ^= 1 << chance.randrange(8)
        return [(0.0, bytes(changed))]

    return fault


def no_large_ones(size: int) -> Fault:
    """A black hole: larger packets to the node are lost, and nobody says so."""

    def fault(packet: bytes, to_server: bool, _chance: random.Random) -> Copies:
        return [] if not to_server and len(packet) > size else [(0.0, packet)]

    return fault


def no_large_ntp(packet: bytes, _to_server: bool, _chance: random.Random) -> Copies:
    """NTP's packets that are larger than plain ones (76 bytes) are lost."""
    protocol, *either = ports(packet)
    return [] if protocol == UDP and 123 in either and len(packet) > 76 else [(0.0, packet)]


def dies_at(number: int, port: int) -> Callable[[], Fault]:
    """Half-open: of each TCP connection to a port, what the server sends is lost as soon as the
    client has sent so many packets with data.
    """

    def make() -> Fault:
        sent: defaultdict[int, set[int]] = defaultdict(set)

        def fault(packet: bytes, to_server: bool, _chance: random.Random) -> Copies:
            protocol, source, target = ports(packet)
            if protocol != TCP or port not in (source, target):
                return [(0.0, packet)]
            if to_server and len(packet) > 20 + 4 * (packet[32] >> 4):  # IPv4 without options
                sent[source].add(struct.unpack_from("!I", packet, 24)[0])
            return [] if not to_server and len(sent[target]) >= number else [(0.0, packet)]

        return fault

    return make


def from_another_address(packet: bytes, to_server: bool, _chance: random.Random) -> Copies:
    """NTP's replies come from 10.78.0.77."""
    if to_server or packet[0] >> 4 != 4 or ports(packet)[:2] != (UDP, 123):
        return [(0.0, packet)]
    changed = bytearray(packet)
    changed[12:16] = socket.inet_aton("10.78.0.77")
    changed[10:12] = bytes(2)
    changed[10:12] = _checksum(bytes(changed[:20]))
    changed[26:28] = bytes(2)  # UDP without a checksum (RFC 768)
    return [(0.0, bytes(changed))]


def _checksum(header: bytes) -> bytes:
    total = sum(struct.unpack(f"!{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~total & 0xFFFF)


# what an NTP server answers


def off_by(seconds: float) -> Answer:
    """An honest server's words with another clock."""
    return lambda request: [lie(request, seconds, stratum=1)]


def saying(**words: float) -> Answer:
    """The true time, with other words about itself (tests/lab/liar.py)."""
    return lambda request: [lie(request, 0, **{"stratum": 1, **words})]  # type: ignore[arg-type]


def kissing(code: bytes) -> Answer:
    """A kiss-o'-death (RFC 5905, section 7.4; RFC 8915, section 5.7 for NTSN)."""

    def answer(request: bytes) -> list[bytes]:
        reply = lie(request, 0, stratum=0)
        return [reply[:12] + code + reply[16:]]

    return answer


def changed(change: Callable[[bytes, bytes], list[bytes]]) -> Answer:
    """``change(reply, request)`` of a good reply."""
    return lambda request: change(lie(request, 0, stratum=1), request)


def knows_nts(request: bytes) -> list[bytes]:
    """A server with NTS: what it cannot authenticate it answers with NTSN and the request's unique
    identifier (RFC 8915, section 5.7).
    """
    if len(request) == 48:
        return [lie(request, 0, stratum=1)]
    identifier = request[48 : 48 + int.from_bytes(request[50:52], "big")]
    return (
        [kissing(b"NTSN")(request)[0] + identifier] if request[48:50] == b"\x01\x04" else [lie(request, 0, stratum=1)]
    )


short = changed(lambda reply, _request: [reply[:20]])
giant = changed(lambda reply, _request: [reply + bytes(1400)])
endless = changed(lambda reply, _request: [reply + bytes(60_000)])
twice = changed(lambda reply, _request: [reply, reply, reply])
echo = changed(lambda _reply, request: [request])
wrong_origin = changed(lambda reply, _request: [reply[:24] + b"\x01" * 8 + reply[32:]])
spoofed_first = changed(lambda reply, _request: [reply[:24] + b"\x01" * 8 + reply[32:], reply])
flood = changed(lambda reply, _request: [reply[:24] + b"\x01" * 8 + reply[32:]] * 2000)
no_transmit_time = changed(lambda reply, _request: [reply[:40] + bytes(8)])
sent_before_received = changed(lambda reply, _request: [reply[:32] + reply[40:48] + _earlier(reply[40:48])])
other_era = changed(lambda reply, _request: [reply[:32] + b"\x00\x00\x00\x01" * 4])
text = changed(lambda _reply, _request: [b"HTTP/1.1 400 Bad Request\r\n\r\n<html>this is no time server</html>"])


def _earlier(stamp: bytes) -> bytes:
    return (int.from_bytes(stamp, "big") - (5 << 32)).to_bytes(8, "big")


def late(seconds: float) -> Answer:
    """The reply leaves so much later; its own times say so."""

    def answer(request: bytes) -> list[bytes]:
        reply = lie(request, 0, stratum=1)
        time.sleep(seconds)
        return [reply]

    return answer
