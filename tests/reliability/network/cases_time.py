"""Faults of the NTP servers, and of the key establishment of NTS."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

from tests.lab.liar import Answer
from tests.reliability.network import packets, talks
from tests.reliability.network.case import (
    Case,
    another_authority,
    closed_ntp,
    every_ntp,
    ntp,
    ntp_of,
    nts,
    skew,
)
from tests.reliability.network.world import NTS, Site


def nts_by(
    *talkers: Callable[[Site, str], talks.Talker],
) -> Callable[[Site], None]:
    """chrony is configured with NTS; the first servers talk so, the last talker's way is that of
    all others.
    """

    def make(site: Site) -> None:
        ways = [*talkers, *[talkers[-1]] * len(NTS)]
        site.nts = {name: way(site, name) for name, way in zip(NTS, ways, strict=False)}

    return make


def establishes(
    days: tuple[int, int] = (-30, 30),
    alpn: str | None = "ntske/1",
    newest: ssl.TLSVersion | None = None,
    says: bytes = talks.KEYS,
) -> Callable[[Site, str], talks.Talker]:
    """TLS with such a certificate and protocol; then these records."""

    def way(site: Site, name: str) -> talks.Talker:
        certificate = site.authority.issue(days=days, host=name)
        return talks.tls(talks.context_of(certificate, alpn=alpn, newest=newest), talks.says(says))

    return way


def untrusted(site: Site, name: str) -> talks.Talker:
    """A certificate of an unknown CA."""
    return _shows(another_authority(site).issue(host=name))


def misnamed(site: Site, _name: str) -> talks.Talker:
    """Another's certificate."""
    return _shows(site.authority.issue(host="elsewhere.lab"))


def _shows(certificate: Path) -> talks.Talker:
    return talks.tls(talks.context_of(certificate, alpn="ntske/1"), talks.silent)


def plainly(talk: talks.Talker) -> Callable[[Site, str], talks.Talker]:
    """Without TLS."""
    return lambda _site, _name: talk


def nts_closed(site: Site) -> None:
    """chrony is configured with NTS, and nobody listens there."""
    site.nts = {}


def after_keys(answer: Answer) -> Callable[[Site], None]:
    """Both give keys, and their NTP answers like this."""

    def make(site: Site) -> None:
        nts_by(GOOD)(site)
        site.nts_answer = answer

    return make


def large_ntp_lost(site: Site) -> None:
    """Both give keys, and large NTP packets are lost on the way."""
    nts_by(GOOD)(site)
    site.wire = packets.no_large_ntp


GOOD = establishes()

CASES = (
    Case("NTP silent", "no NTP server answers", every_ntp(None), (ntp("fail", "udp_123_blocked"),)),
    Case("one NTP server silent", "one of three does not answer", ntp_of(None), harmless=True),
    Case(
        "NTP port closed", "all NTP ports are closed (ICMP port unreachable)", closed_ntp(3), (ntp("fail", "refused"),)
    ),
    Case("one NTP port closed", "the port of one of three is closed", closed_ntp(1), harmless=True),
    Case(
        "NTP wrong origin",
        "replies do not echo the request",
        every_ntp(packets.wrong_origin),
        (ntp("fail", "no_ntp_server"),),
    ),
    Case(
        "NTP spoofed before the reply",
        "a packet that answers no request comes before each reply",
        every_ntp(packets.spoofed_first),
        harmless=True,
    ),
    Case(
        "NTP flood",
        "2,000 packets that answer no request come instead of a reply",
        every_ntp(packets.flood),
        (ntp("fail", "no_ntp_server"),),
    ),
    Case("NTP echo", "the request itself comes back", every_ntp(packets.echo), (ntp("fail", "no_ntp_server"),)),
    Case("NTP text", "an HTTP server's text comes back", every_ntp(packets.text), (ntp("fail", "no_ntp_server"),)),
    Case("kiss DENY", "all refuse this node", every_ntp(packets.kissing(b"DENY")), (ntp("fail", "kiss_o_death"),)),
    Case(
        "kiss RSTR",
        "all refuse this node by their policy",
        every_ntp(packets.kissing(b"RSTR")),
        (ntp("fail", "kiss_o_death"),),
    ),
    Case(
        "kiss RATE",
        "all limit how often they are asked",
        every_ntp(packets.kissing(b"RATE")),
        (ntp("inconclusive", "kiss_rate"),),
    ),
    Case(
        "kiss NTSN",
        "all say that NTS failed, though nobody asked with it",
        every_ntp(packets.kissing(b"NTSN")),
        (ntp("fail", "kiss_o_death"),),
    ),
    Case("one kiss RATE", "one of three limits how often it is asked", ntp_of(packets.kissing(b"RATE")), harmless=True),
    Case(
        "NTP stratum 16",
        "no server is synchronised, by its stratum",
        every_ntp(packets.saying(stratum=16)),
        (ntp("fail", "no_good_time"),),
    ),
    Case(
        "NTP leap 3",
        "no server is synchronised, by its leap indicator",
        every_ntp(packets.saying(leap=3)),
        (ntp("fail", "no_good_time"),),
    ),
    Case(
        "NTP root distance",
        "each server is 20 s from its reference",
        every_ntp(packets.saying(root_dispersion_s=20)),
        (ntp("fail", "no_good_time"),),
    ),
    Case("NTP short", "replies of 20 bytes", every_ntp(packets.short), (ntp("fail", "no_ntp_server"),)),
    Case("NTP large", "good replies with 1,400 bytes after them", every_ntp(packets.giant), harmless=True),
    Case(
        "NTP giant",
        "good replies with 60,000 bytes after them, in fragments",
        every_ntp(packets.endless),
        harmless=True,
    ),
    Case("NTP three times", "each reply comes three times", every_ntp(packets.twice), harmless=True),
    Case("NTP late by 1 s", "each reply leaves 1 s later", every_ntp(packets.late(1)), harmless=True),
    Case(
        "NTP late by 5 s",
        "each reply leaves 5 s later, when nobody waits",
        every_ntp(packets.late(5)),
        (ntp("fail", "udp_123_blocked"),),
    ),
    Case(
        "NTP without a transmit time",
        "the reply's transmit timestamp is 0",
        every_ntp(packets.no_transmit_time),
        (ntp("fail", "no_good_time"),),
    ),
    Case(
        "NTP sent before received",
        "the reply left 5 s before its request came, by its own timestamps",
        every_ntp(packets.sent_before_received),
        (ntp("fail", "no_good_time"),),
    ),
    Case(
        "NTP other era",
        "the reply's timestamps are those of 1900 or 2036",
        every_ntp(packets.other_era),
        (skew("inconclusive", "unknown_references_disagree"),),
    ),
    Case("one NTP server lies", "one of three is 612 s off", ntp_of(packets.off_by(612)), harmless=True),
    Case("one NTP server lies a little", "one of three is 20 s off", ntp_of(packets.off_by(20)), harmless=True),
    Case(
        "two NTP servers lie apart",
        "one of three is 612 s ahead, one 612 s behind",
        ntp_of(packets.off_by(612), packets.off_by(-612)),
        (skew("inconclusive", "unknown_references_disagree"),),
    ),
    Case(
        "NTP servers lie together",
        "all three are 612 s ahead",
        every_ntp(packets.off_by(612)),
        (skew("fail", "beyond", "api_clock"),),
    ),
    Case("NTS good", "nothing; chrony has two servers with NTS", nts_by(GOOD), harmless=True),
    Case(
        "NTS one closes", "one of two servers ends each connection", nts_by(plainly(talks.closes), GOOD), harmless=True
    ),
    Case("NTS closes", "both servers end each connection", nts_by(plainly(talks.closes)), (nts("tls_failed"),)),
    Case(
        "NTS resets",
        "both reset each connection during the handshake",
        nts_by(plainly(talks.resets)),
        (nts("tls_failed"),),
    ),
    Case("NTS silent", "both accept and say nothing", nts_by(plainly(talks.silent)), (nts("tls_failed"),)),
    Case(
        "NTS drips",
        "both send a byte of TLS a second",
        nts_by(plainly(talks.drips(b"\x16\x03\x03\x40\x00"))),
        (nts("tls_failed"),),
    ),
    Case("NTS port closed", "nobody listens at TCP 4460", nts_closed, (nts("refused"),)),
    Case(
        "NTS expired",
        "both certificates expired a day ago",
        nts_by(establishes(days=(-30, -1))),
        (nts("certificate_not_valid_at_the_true_time"),),
    ),
    Case(
        "NTS not yet valid",
        "both certificates are valid from tomorrow",
        nts_by(establishes(days=(1, 30))),
        (nts("certificate_not_valid_at_the_true_time"),),
    ),
    Case(
        "NTS unknown CA", "the certificates are of an unknown CA", nts_by(untrusted), (nts("certificate_not_trusted"),)
    ),
    Case(
        "NTS wrong name", "both show another server's certificate", nts_by(misnamed), (nts("certificate_not_trusted"),)
    ),
    Case("NTS wrong protocol", "both speak h2", nts_by(establishes(alpn="h2")), (nts("no_nts"),)),
    Case("NTS no protocol", "both choose no protocol", nts_by(establishes(alpn=None)), (nts("no_nts"),)),
    Case(
        "NTS TLS 1.2",
        "both speak TLS 1.2 at most",
        nts_by(establishes(newest=ssl.TLSVersion.TLSv1_2)),
        (nts("tls_failed"),),
    ),
    Case(
        "NTS plain text",
        "both answer in plain HTTP",
        nts_by(plainly(talks.says(b"HTTP/1.1 400 Bad Request\r\n\r\n"))),
        (nts("tls_failed"),),
    ),
    Case(
        "NTS no keys",
        "both answer the key exchange with an error",
        nts_by(establishes(says=talks.NO_KEYS)),
        (nts("key_exchange_failed"),),
    ),
    Case(
        "NTS cut off",
        "both end the key exchange in the middle",
        nts_by(establishes(says=talks.KEYS[:50])),
        (nts("key_exchange_failed"),),
    ),
    Case(
        "NTS large packets lost",
        "NTP packets of more than 76 bytes are lost",
        large_ntp_lost,
        (nts("large_packets_dropped"),),
    ),
    Case(
        "NTS fields removed",
        "the answers are as if requests had no field of NTS",
        after_keys(lambda request: packets.knows_nts(request[:48])),
        (nts("extension_fields_stripped"),),
    ),
    Case(
        "NTS not answered",
        "requests with NTS have no answer, others have",
        after_keys(lambda request: [] if request[48:50] == b"\x01\x04" else packets.knows_nts(request)),
        (nts("nts_request_not_answered"),),
    ),
    Case(
        "NTS without NTP",
        "both give keys, and no NTP server answers",
        after_keys(lambda _request: []),
        (nts("ntp_blocked"),),
    ),
)
