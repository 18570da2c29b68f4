"""Faults of the way itself, below TCP and UDP."""

from __future__ import annotations

from tests.reliability.network import packets
from tests.reliability.network.case import Case, wire
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
    Case("delay 600 ms", "each packet comes 300 ms later", wire(packets.delayed(0.3, 0.3)), harmless=True),
    Case("jitter", "each packet comes up to 200 ms later, in any order", wire(packets.delayed(0, 0, 0.2)), harmless=True),
    Case("one-way delay", "packets to the servers come 500 ms later, replies at once", wire(packets.delayed(0.5, 0)), harmless=True),
    Case("delay 4 s", "each packet comes 2 s later", wire(packets.delayed(2, 2))),
    Case("loss 2 %", "2 % of the packets are lost", wire(packets.lossy(0.02)), harmless=True),
    Case("loss 40 %", "40 % of the packets are lost", wire(packets.lossy(0.4))),
    Case("loss 100 %", "all packets are lost", wire(packets.lossy(1.0))),
    Case("duplicates", "each packet comes twice", wire(packets.duplicated), harmless=True),
    Case("reordering", "a third of the packets is overtaken", wire(packets.reordered), harmless=True),
    Case("corruption 2 %", "a bit of 2 % of the packets is wrong", wire(packets.corrupted(0.02)), harmless=True),
    Case("corruption", "a bit of every packet is wrong", wire(packets.corrupted(1.0))),
    Case("MTU black hole", "packets to the node of more than 600 bytes are lost", wire(packets.no_large_ones(600))),
    Case("UDP 123 dropped", "a firewall drops NTP", wire(packets.dropped(packets.UDP, 123))),
    Case("TCP 443 dropped", "a firewall drops HTTPS", wire(packets.dropped(packets.TCP, 443))),
    Case("half-open after the handshake", "the API's packets are lost after the first 4", wire(packets.dies_after(4, 443), made=True)),
    Case("half-open in TLS", "the API's packets are lost after the first 2", wire(packets.dies_after(2, 443), made=True)),
    Case("IPv6 alone", "the node and the names have IPv6 addresses alone", ipv6_alone, harmless=True),
    Case("dead IPv6", "each name has an IPv6 address too, where nobody answers", dead_ipv6, harmless=True),
    Case("replies from another address", "NTP's replies come from another address", wire(packets.from_another_address)),
)
