# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Raw SNTP exchanges (RFC 5905, section 14) with each reference, as bytes and clock readings; the
controller decodes.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import time
from functools import partial

from ..node.background import describe, gather
from ..node.clocks import read_clocks
from ..node.resolving import addresses

HEADER_BYTES = 48
CLIENT_V4 = bytes([4 << 3 | 3])  # leap 0, version 4, mode 3
MAX_WAIT_S = 2.0
SPACING_S = 0.05
MAX_UNANSWERED = 2
MAX_ADDRESSES = 64
DENIED = ("DENY", "RSTR")
"""Codes after which a client must not ask the server again."""

# linux/in.h IP_RECVERR and linux/in6.h IPV6_RECVERR, which socket does not name. Without them a
# connected UDP socket hears of "port unreachable" but not of "host unreachable" and its like, which
# Linux takes for transient (ip(7), IP_RECVERR).
RECVERR = {socket.AF_INET: (socket.IPPROTO_IP, 11), socket.AF_INET6: (socket.IPPROTO_IPV6, 25)}

# What ICMP's other codes of "destination unreachable" come as (Linux, net/ipv4/icmp.c
# icmp_err_convert, net/ipv6/icmp.c tab_unreach), and what this node's own routes and firewall
# answer with.
UNREACHABLE = {
    errno.ENETUNREACH,
    errno.EHOSTUNREACH,
    errno.EHOSTDOWN,
    errno.ENONET,
    errno.ENOPROTOOPT,
    errno.EACCES,
    errno.EPERM,
    errno.EADDRNOTAVAIL,  # no address of this node's fits the server's: an IPv6 address without IPv6 here
}


UNIX_S = 2_208_988_800  # NTP's seconds when Unix time begins
WELL_WITHIN_S = 0.25
"""By how much a server's reading may be wrong, to be as good as what many requests make of an API's
Date."""


def collect(servers: list, port: int, samples: int, timeout_s: float, answered: dict | None = None) -> dict:
    """The section ``ntp``: every server, and every address of it, in a separate thread.

    ``answered`` gets each server's answer as soon as it is there. Beside each ``error`` stands its
    ``kind``: dns of a server, refused, unreachable, silent, strange or other of a sample, and of
    what the kernel said its ``errno`` by name (ENETUNREACH).
    """
    asked = gather(
        {server: partial(_ask, server, port, samples, timeout_s, answered) for server in servers},
        bound_s(samples, timeout_s) - 1,
    )
    return {
        "servers": [{"server": server, "addresses": [], "samples": [], **answer} for server, answer in asked.items()]
    }


def bound_s(samples: int, timeout_s: float) -> float:
    """How long ``collect`` lasts at most: the names' resolution, then the exchanges."""
    return timeout_s + _exchanges_bound_s(samples, timeout_s) + 2


def _exchanges_bound_s(samples: int, timeout_s: float) -> float:
    # Each waits for its answer, and before it for as long if the server limits the rate.
    return samples * 2 * min(timeout_s, MAX_WAIT_S) + 1


def _ask(server: str, port: int, samples: int, timeout_s: float, answered: dict | None) -> dict:
    answer = _asked(server, port, samples, timeout_s)
    if answered is not None:
        answered[server] = answer
    return answer


def _asked(server: str, port: int, samples: int, timeout_s: float) -> dict:
    resolved = gather({"found": partial(resolve, server, port)}, timeout_s)["found"]
    if "error" in resolved:
        return {"error": resolved["error"], "kind": "dns"}
    wait_s = min(timeout_s, MAX_WAIT_S)
    exchanges = gather(
        {address: partial(_exchange_all, target, samples, wait_s) for address, target in resolved.items()},
        _exchanges_bound_s(samples, timeout_s),
    )
    taken: list = []
    for address, found in exchanges.items():
        hung = {"address": address, "t1_wall_ns": time.time_ns(), "kind": "other"}
        taken += found if isinstance(found, list) else [{**hung, **found}]
    return {"addresses": list(resolved), "error": None, "samples": taken}


def resolve(server: str, port: int) -> dict:
    """{address: (family, socket address)}; raises OSError if the name cannot be resolved,
    ValueError if it has too many.
    """
    found = addresses(server, port, socket.SOCK_DGRAM)
    if len(found) > MAX_ADDRESSES:  # each is asked in a separate thread
        raise ValueError(f"{server} has {len(found)} addresses; expected at most {MAX_ADDRESSES}")
    return {target[0]: (family, target) for family, _type, _protocol, _name, target in found}


def _exchange_all(target: tuple, samples: int, wait_s: float) -> list:
    """Samples of one address; after the second silence it is not asked again.

    A server that limits the rate (kiss-o'-death RATE) is asked again after a pause that differs
    from node to node, as many may have one address for it, and until it has given one answer. One
    that denies its service is not asked again (RFC 5905, section 7.4).
    """
    taken: list = []
    family, socket_address = target
    kissed = answered = False
    while len(taken) < samples and sum("error" in sample for sample in taken) < MAX_UNANSWERED:
        if taken:
            time.sleep(wait_s * (0.5 + os.urandom(1)[0] / 510) if kissed else SPACING_S)
        taken.append({"address": socket_address[0], **_exchange(family, socket_address, wait_s)})
        code = _kiss(taken[-1])
        kissed = kissed or bool(code)
        answered = answered or not (code or "error" in taken[-1])
        if code in DENIED or (kissed and answered):
            break
    return taken


def _kiss(sample: dict) -> str:
    """The code of a kiss-o'-death, empty for any other sample."""
    reply = bytes.fromhex(sample.get("reply_hex", ""))
    if len(reply) < HEADER_BYTES or reply[1]:
        return ""
    return reply[12:16].rstrip(b"\0 ").decode("ascii", "replace")


def _exchange(family: int, socket_address: tuple, wait_s: float) -> dict:
    # A random transmit timestamp, echoed as the reply's origin, shows that the reply answers this
    # request. It does not show this node's time to anybody (draft-ietf-ntp-data-minimization).
    sent = CLIENT_V4 + bytes(39) + os.urandom(8)
    t1_wall_ns = time.time_ns()
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as udp:
            udp.setsockopt(*RECVERR[family], 1)
            udp.connect(socket_address)  # replies from others are dropped, and a refusal by ICMP is seen
            t1_wall_ns, t1_mono_ns = read_clocks()
            udp.send(sent)
            reply, t4_mono_ns = _receive(udp, sent, t1_mono_ns / 1e9 + wait_s)
    except (OSError, ValueError) as error:
        kind, text = _failure(error, wait_s)
        name = errno.errorcode.get(getattr(error, "errno", None) or 0)
        return {"t1_wall_ns": t1_wall_ns, "error": text, "kind": kind, **({"errno": name} if name else {})}
    return {
        "t1_wall_ns": t1_wall_ns,
        "t1_mono_ns": t1_mono_ns,
        "t4_mono_ns": t4_mono_ns,
        "sent_hex": sent.hex(),
        "reply_hex": reply.hex(),
    }


def _failure(error: Exception, wait_s: float) -> tuple:
    """``(kind, text)`` of an exchange without a reply; ``kind`` says what happened in the network.

    refused: ICMP port unreachable, from the host where nothing listens or from a firewall that says
    so (it is what iptables' REJECT sends). unreachable: this node's routes or firewall, or a router
    or firewall on the way, say so. silent: nobody says anything. strange: what came answers another
    request or none, so something else answers in the server's place. other: any other error.
    """
    if isinstance(error, socket.timeout):
        return "silent", f"no reply within {wait_s:g} s"
    if isinstance(error, ConnectionRefusedError):
        return "refused", "connection refused"
    if isinstance(error, OSError):
        return "unreachable" if error.errno in UNREACHABLE else "other", describe(error)
    return "strange", str(error)  # of _receive


def _receive(udp: socket.socket, sent: bytes, deadline_mono_s: float) -> tuple:
    """The first packet that echoes our transmit timestamp as its origin (RFC 5905, section 8,
    TEST2), and when it came.
    """
    strange = None
    while True:
        left_s = deadline_mono_s - time.monotonic()
        try:
            udp.settimeout(max(left_s, 0.001))
            reply = udp.recv(1024)
        except socket.timeout:
            if strange is not None:
                raise ValueError(f"reply does not echo the request's transmit timestamp: {strange.hex()}") from None
            raise
        t4_mono_ns = time.monotonic_ns()
        if reply[24:32] == sent[40:48]:
            return reply, t4_mono_ns
        if left_s <= 0:
            raise ValueError(f"reply does not echo the request's transmit timestamp: {reply.hex()}")
        strange = reply[:HEADER_BYTES]


def agreed(answered: dict, servers: int, hosts: int):
    """``(low, high)``, node minus true time in seconds, if NTP has answered well by now; else None.

    NTP has answered well if all of the ``servers`` have answered, more than half of them gave a
    reading within WELL_WITHIN_S, at least two of these are independent, and all agree. And what is
    less exact must not have a majority without them: the coarse servers, the controller, and a Date
    of each of so many ``hosts``. This decides only what else is measured. The controller judges the
    replies.
    """
    readings, votes, well = [], [], 0
    for answer in list(answered.values()):
        usable = [reading for reading in map(_reading, answer.get("samples", ())) if reading]
        if not usable:
            continue
        ids = set().union(*(reading[3] for reading in usable))
        readings.append(min(usable)[1:3])  # a coarse one may contradict the others too
        exact = min(usable)[0] <= WELL_WITHIN_S
        well += exact
        votes = _joined(votes, ids, exact)
    shares = [sum(members) / len(members) for _ids, members in votes]  # of each vote, what is exact
    outvoted = sum(shares) < len(shares) - sum(shares) + hosts + 1
    if len(answered) < servers or 2 * well <= servers or sum(map(bool, shares)) < 2 or outvoted:
        return None
    low, high = max(low for low, _high in readings), min(high for _low, high in readings)
    return (low, high) if low <= high else None


def _joined(votes: list, ids: set, exact: bool) -> list:
    """``(ids, members)`` of each vote with one more member, which joins those that share an ID."""
    joined = [vote for vote in votes if vote[0] & ids]
    members = [member for vote in joined for member in vote[1]]
    others = [vote for vote in votes if not vote[0] & ids]
    return [*others, (ids.union(*(vote[0] for vote in joined)), [*members, exact])]


def _reading(sample: dict):
    """``(bound, low, high, ids)`` of a sample whose reply can be used, as
    plugin_utils/clock/ntp_packet.py reads it; else None.

    ``ids``: who answered and whom it follows, both as reference IDs (RFC 5905, figure 12).
    """
    reply = bytes.fromhex(sample.get("reply_hex", ""))
    if len(reply) < HEADER_BYTES:
        return None
    flags, stratum, precision, delay, dispersion, upstream = struct.unpack(">BBxbII4s", reply[:16])
    if flags & 7 != 4 or flags >> 6 == 3 or not 1 <= stratum <= 15 or reply[40:48] == bytes(8):
        return None
    wall_ns, lasted_s = sample["t1_wall_ns"], (sample["t4_mono_ns"] - sample["t1_mono_ns"]) / 1e9
    ahead_s, behind_s = _minus(wall_ns, reply[32:40]), _minus(wall_ns, reply[40:48]) + lasted_s
    own = _reference_id(sample["address"])
    if behind_s < ahead_s or not own:
        return None
    bound_s = (behind_s - ahead_s) / 2 + delay / 2**17 + dispersion / 2**16 + 2.0**precision
    skew_s = (ahead_s + behind_s) / 2
    follows = {upstream} if stratum > 1 and upstream[0] not in (0, 127) else set()
    return bound_s, skew_s - bound_s, skew_s + bound_s, {own} | follows


def _reference_id(address: str):
    """How its followers name a server; None if this Python makes no MD5."""
    try:
        return socket.inet_pton(socket.AF_INET, address)
    except OSError:
        packed = socket.inet_pton(socket.AF_INET6, address.partition("%")[0])
    import hashlib  # noqa: PLC0415 - few nodes need it, and it costs time

    try:
        return hashlib.md5(packed).digest()[:4]  # noqa: S324 - RFC 5905 says so
    except ValueError:  # FIPS mode
        return None


def _minus(wall_ns: int, timestamp: bytes) -> float:
    """A wall clock less an NTP timestamp, in the era nearest to it (RFC 5905, section 6)."""
    apart_s = wall_ns / 1e9 + UNIX_S - int.from_bytes(timestamp, "big") / 2**32
    return (apart_s + 2**31) % 2**32 - 2**31
