"""Faults of the way itself, below TCP and UDP."""

from __future__ import annotations

from tests.reliability.network import packets
from tests.reliability.network.case import NO_DNS, NO_TIME, Case, ntp, token, wire
from tests.reliability.network.links import unharmed
from tests.reliability.network.world import API_6, API_NAME, NTP_6, Site


def ipv6_alone(site: Site) -> None:
    """No IPv4 on the node, and names have IPv6 addresses alone."""
    site.only_ipv6 = True
    site.zone = {API_NAME: [API_6], **{name: [address] for name, address in NTP_6.items()}}


def dead_ipv6(site: Site) -> None:
    """Names have an IPv6 address too, where nobody answers."""
    for name in (API_NAME, *NTP_6):
        site.zone[name] = ["fd99::9", *site.zone[name]]


CASES = (
    Case("no fault", "nothing", wire(unharmed), harmless=True),
    Case("delay 100 ms", "each packet comes 50 ms later", wire(packets.delayed(0.05, 0.05)), harmless=True),
    Case(
        "delay 600 ms", "each packet comes 300 ms later", wire(packets.delayed(0.3, 0.3)), within_s=20.0, harmless=True
    ),
    Case(
        "jitter", "each packet comes up to 200 ms later, in any order", wire(packets.delayed(0, 0, 0.2)), harmless=True
    ),
    Case(
        "one-way delay",
        "packets to the servers come 500 ms later, replies at once",
        wire(packets.delayed(0.5, 0)),
        harmless=True,
    ),
    Case("delay 4 s", "each packet comes 2 s later", wire(packets.delayed(2, 2)), NO_DNS),
    Case(
        "loss 10 %",
        "10 % of the packets are lost, except DNS",
        wire(packets.but_dns(packets.lossy(0.1))),
        within_s=20.0,
        harmless=True,
    ),
    Case(
        "every other NTP reply lost",
        "each second packet from the NTP servers is lost",
        wire(packets.every_other(123), made=True),
        harmless=True,
    ),
    Case("loss 100 %", "all packets are lost", wire(packets.lossy(1.0)), NO_DNS),
    Case("duplicates", "each packet comes twice", wire(packets.duplicated), harmless=True),
    Case("reordering", "a third of the packets is overtaken", wire(packets.reordered), harmless=True),
    Case(
        "corruption 10 %",
        "a bit of 10 % of the packets is wrong, except DNS",
        wire(packets.but_dns(packets.corrupted(0.1))),
        harmless=True,
    ),
    Case("corruption", "a bit of every packet is wrong", wire(packets.corrupted(1.0)), NO_DNS),
    Case(
        "MTU black hole",
        "packets to the node of more than 600 bytes are lost",
        wire(packets.no_large_ones(600)),
        (token("tls"),),
    ),
    Case(
        "UDP 123 dropped",
        "a firewall drops NTP",
        wire(packets.dropped(packets.UDP, 123)),
        (ntp("fail", "udp_123_blocked"),),
    ),
    Case(
        "all but DNS dropped",
        "a firewall drops all but DNS",
        wire(packets.but_dns(packets.lossy(1.0))),
        (NO_TIME, token("no_connection"), ntp("fail", "nothing_answers")),
    ),
    Case(
        "TCP 443 dropped", "a firewall drops HTTPS", wire(packets.dropped(packets.TCP, 443)), (token("no_connection"),)
    ),
    Case(
        "half-open after the handshake",
        "the API's packets are lost from the end of the TLS handshake",
        wire(packets.dies_at(2, 443), made=True),
        (token("no_reply"),),
    ),
    Case(
        "half-open in TLS",
        "the API's packets are lost from its beginning",
        wire(packets.dies_at(1, 443), made=True),
        (token("tls"),),
    ),
    Case("IPv6 alone", "the node and the names have IPv6 addresses alone", ipv6_alone, harmless=True),
    Case("dead IPv6", "each name has an IPv6 address too, where nobody answers", dead_ipv6, harmless=True),
    Case(
        "replies from another address",
        "NTP's replies come from another address",
        wire(packets.from_another_address),
        (ntp("fail", "udp_123_blocked"),),
    ),
)
