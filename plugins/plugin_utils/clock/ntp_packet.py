"""Computes from one SNTP exchange of a node how far the node is ahead of that server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from ..boundary.libraries import ntplib
from .interval import Interval

NS = 1_000_000_000
NTP_TO_UNIX_S = 2_208_988_800
"""Seconds from the NTP era's start (1900) to Unix time's (1970); RFC 5905, figure 4."""

MAX_ROOT_DISTANCE_S = 1.5
"""Above this a server does not know the time itself. RFC 5905, appendix A.5.1.1: MAXDIST of 1 s,
with room for growth."""

HEADER_BYTES = 48

Kind = Literal["dns", "unreachable", "refused", "silent", "other", "strange", "kiss", "bad_time"]
"""Why an exchange gave no time. Each kind has a different next step: the name; the way there (no
route, ICMP's refusal, no answer, other); the answer (not an NTP server, a server that refuses this
node, a server without a good time)."""


class NtpError(ValueError):
    """An exchange that gave no time.

    ``code`` is that of a kiss-o'-death (RFC 5905, section 7.4). ``no_route``: this node has no
    route to the address, so chronyd skips it (NIO_IsServerConnectable in chrony's ntp_io.c).
    """

    def __init__(self, kind: Kind, message: str, *, code: str = "", no_route: bool = False) -> None:
        """``message``: what was found, in one line."""
        super().__init__(message)
        self.kind = kind
        self.code = code
        self.no_route = no_route


@dataclass(frozen=True)
class NtpSample:
    """The result of an exchange.

    ``skew_s`` is node minus server, and includes the server's error.
    """

    address: str
    skew_s: Interval
    delay_s: float
    stratum: int
    reference_id: int
    root_distance_s: float


@dataclass(frozen=True)
class Header:
    """A server's statements about itself in a reply, usable or not."""

    leap: int
    stratum: int
    root_delay_s: float
    root_dispersion_s: float

    @property
    def synchronised(self) -> bool:
        """Whether it says that its clock is synchronised."""
        return self.leap != 3 and 1 <= self.stratum <= 15

    @property
    def root_distance_s(self) -> float:
        """The root distance as daemons compute it: root delay / 2 + root dispersion."""
        return self.root_delay_s / 2 + self.root_dispersion_s


def header_of(sample: Mapping[str, Any]) -> Header | None:
    """The reply's header; None if there was no reply of an NTP server, or a kiss-o'-death."""
    try:
        packet = _server_packet(_checked_reply(sample))
    except (KeyError, ValueError):  # an NtpError is one
        return None
    return Header(packet.leap, packet.stratum, packet.root_delay, packet.root_dispersion)


def decode_sample(sample: Mapping[str, Any]) -> NtpSample:
    """Check a reply as RFC 5905 (section 8 and 9.2) asks, then compute the interval of the node's
    skew.

    ``sample`` is an entry of the evidence's ``ntp.servers[].samples``. The offset is
    ``((t2-t1)+(t3-t4))/2`` and the delay ``(t4-t1)-(t3-t2)``. t4 is t1 plus the monotonic time that
    passed, so a step of the wall clock can't falsify it. The true offset is within half the delay,
    the server's root distance (root delay / 2 + root dispersion) and its precision. Raises NtpError
    with the reason if a reply can't be used.
    """
    if sample.get("error"):
        raise _no_exchange(sample)
    reply = _checked_reply(sample)
    packet = _checked_packet(reply)
    # A server may fill the bits below its clock's precision with noise (RFC 5905, section 6), so
    # its timestamps are no more exact than that.
    precision_s = 2.0**packet.precision
    root_distance_s = packet.root_delay / 2 + packet.root_dispersion
    t1 = sample["t1_wall_ns"]
    t4 = t1 + sample["t4_mono_ns"] - sample["t1_mono_ns"]
    t2, t3 = _unix_ns(reply[32:40], t1), _unix_ns(reply[40:48], t1)
    delay_s = ((t4 - t1) - (t3 - t2)) / NS
    if (t3 - t2) / NS < -precision_s or delay_s < -max(precision_s, 0.001):
        raise NtpError(
            "bad_time",
            f"the server's timestamps contradict each other: {(t3 - t2) / NS:.6f} s from receiving to sending, "
            f"the whole exchange took {(t4 - t1) / NS:.6f} s",
        )
    skew_s = -((t2 - t1) + (t3 - t4)) / 2 / NS
    bound_s = max(delay_s, 0.0) / 2 + root_distance_s + precision_s
    return NtpSample(
        address=str(sample["address"]),
        skew_s=Interval(skew_s - bound_s, skew_s + bound_s),
        delay_s=delay_s,
        stratum=packet.stratum,
        reference_id=packet.ref_id,
        root_distance_s=root_distance_s,
    )


def _no_exchange(sample: Mapping[str, Any]) -> NtpError:
    """What the node said of an exchange that gave no reply."""
    said = str(sample["error"])
    # Evidence that was saved before samples had an errno has the kernel's words alone.
    no_route = sample.get("errno") in _NO_ROUTE or ("errno" not in sample and said.endswith(tuple(_NO_ROUTE.values())))
    return NtpError(sample["kind"] if sample.get("kind") in get_args(Kind) else "other", said, no_route=no_route)


_NO_ROUTE = {"ENETUNREACH": "Network is unreachable", "EADDRNOTAVAIL": "Cannot assign requested address"}
"""The errors of connect(2) if this node has no route to an address, by errno and in words."""


def _checked_reply(sample: Mapping[str, Any]) -> bytes:
    """The reply's bytes, which answer this very request."""
    sent, reply = bytes.fromhex(sample["sent_hex"]), bytes.fromhex(sample["reply_hex"])
    if len(reply) < HEADER_BYTES:
        raise NtpError("strange", f"the reply has {len(reply)} bytes, an NTP header has {HEADER_BYTES}")
    if reply[24:32] != sent[40:48]:
        raise NtpError("strange", "the reply does not echo the request (another's answer, or a forged one)")
    return reply


def _server_packet(reply: bytes) -> ntplib.NTPStats:
    """The reply's header, of a server that serves this node."""
    packet = ntplib.NTPStats()
    packet.from_data(reply[:HEADER_BYTES])
    if packet.mode != 4 or packet.version not in (3, 4):
        raise NtpError("strange", f"not a server's reply: mode {packet.mode}, version {packet.version}")
    if code := kiss_code(reply):
        raise NtpError("kiss", f"the server refuses this node (kiss-o'-death {code})", code=code)
    return packet


def kiss_code(reply: bytes) -> str:
    """The code of a kiss-o'-death (RFC 5905, section 7.4), or nothing.

    Without a code, stratum 0 says that the server has no source (chronyd: leap 3, stratum 0, ID
    0.0.0.0).
    """
    code = reply[12:16].rstrip(b"\0 ").decode("ascii", "replace") if reply[1:2] == b"\0" else ""
    return code if re.fullmatch("[A-Z0-9]+", code) else ""


def _checked_packet(reply: bytes) -> ntplib.NTPStats:
    """The reply's header, of a server that knows the time."""
    packet = _server_packet(reply)
    if packet.leap == 3 or not 1 <= packet.stratum <= 15:
        raise NtpError(
            "bad_time", f"the server is not synchronised itself (leap {packet.leap}, stratum {packet.stratum})"
        )
    root_distance_s = packet.root_delay / 2 + packet.root_dispersion
    if root_distance_s > MAX_ROOT_DISTANCE_S:
        raise NtpError(
            "bad_time",
            f"the server's root distance is {root_distance_s:.3f} s; expected at most {MAX_ROOT_DISTANCE_S} s",
        )
    precision_s = 2.0**packet.precision
    if precision_s > MAX_ROOT_DISTANCE_S:  # its interval would agree with any other
        raise NtpError("bad_time", f"the server's precision is {precision_s:.3f} s")
    if reply[40:48] == bytes(8):
        raise NtpError("bad_time", "the server gave no transmit timestamp")
    return packet


def _unix_ns(field: bytes, near_ns: int) -> int:
    """A 64-bit NTP timestamp as Unix nanoseconds, in the era nearest to ``near_ns`` (RFC 5905,
    section 6).

    ntplib's conversion uses a float, which loses half a microsecond, and knows only the first era.
    """
    seconds = int.from_bytes(field[:4], "big")
    fraction_ns = int.from_bytes(field[4:], "big") * NS >> 32
    era_s = 1 << 32
    near_s = near_ns // NS + NTP_TO_UNIX_S
    seconds += round((near_s - seconds) / era_s) * era_s
    return (seconds - NTP_TO_UNIX_S) * NS + fraction_ns
