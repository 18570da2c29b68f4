"""What a server of the key exchange may say, whoever it is."""

from __future__ import annotations

import doctest
import struct
import time

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import nts_exchange
from ansible_collections.skewgate.preflight.plugins.module_utils.node.nts_exchange import (
    AEAD,
    COOKIE,
    END,
    MAX_BYTES,
    NEXT_PROTOCOL,
    SERVER,
    read_records,
    until_end,
)
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import nts
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.evidence import parse_evidence

from tests.unit.plugin_utils.checks.test_check_nts_servers import nts as nts_entry


def answer(*records: tuple[int, bytes]) -> bytes:
    return b"".join(struct.pack(">HH", kind, len(body)) + body for kind, body in [*records, (END, b"")])


HOSTILE = {
    "many protocols in one record": [(NEXT_PROTOCOL, bytes(MAX_BYTES - 100))],
    "many protocols": [(NEXT_PROTOCOL, bytes(200))] * 70,
    "many algorithms": [(AEAD, bytes(2))] * 2000,
    "many cookies": [(COOKIE, b"")] * 4000,
    "a long name": [(SERVER, b"n" * 5000)],
    "a name that is not ASCII": [(SERVER, b"\xff" * 4000)],
    "a name of control characters": [(SERVER, b"\x1b[2J\0" * 51)],
}


@pytest.mark.parametrize("records", HOSTILE.values(), ids=HOSTILE)
def test_no_answer_of_a_server_makes_the_nodes_evidence_unreadable(records):
    said, _cookie = read_records(answer(*records, (COOKIE, b"c" * 100)))
    section = {"servers": [nts_entry(exchange=said), nts_entry("b.example")]}
    assert "malformed" not in parse_evidence({"nts": section})["nts"]
    assert said["ended"]


def test_a_cookie_that_no_client_takes_is_not_sent_to_the_server_that_the_answer_names():
    """chronyd takes no record of more than 256 bytes (its nts_ke.h)."""
    large, small = (COOKIE, b"x" * 257), (COOKIE, b"c" * 256)
    assert read_records(answer(large))[1] == b""
    assert read_records(answer(large, small))[1] == small[1]


@pytest.mark.parametrize("step", [1, 3, MAX_BYTES])
def test_the_end_is_seen_in_whatever_pieces_an_answer_comes(step):
    whole = answer((NEXT_PROTOCOL, b"\0\0"), (COOKIE, b"c" * 100))
    ended = until_end()
    assert [ended(whole[:n]) for n in range(0, len(whole), step)] == [False] * len(range(0, len(whole), step))
    assert ended(whole)


def test_an_answer_in_single_bytes_costs_the_node_no_time():
    """Beside it, the node takes the times of NTP packets."""
    many = struct.pack(">HH", 9, 0) * (MAX_BYTES // 4)
    ended, begun_s = until_end(), time.process_time()
    assert not any(ended(many[:n]) for n in range(len(many)))
    assert time.process_time() - begun_s < 1


class Connection:
    """To a server of the key exchange, which names another for NTP."""

    def __init__(self, address: str) -> None:
        self.addresses = ("192.0.2.9", address)

    def talk(self, *_asked: object) -> bytes:
        return answer((SERVER, b"ntp.example"), (COOKIE, b"c" * 100))

    def close(self) -> None:
        """Nothing is open."""


V6, V4 = ("IPv6", ("2001:db8::7", 123, 0, 0)), ("IPv4", ("192.0.2.7", 123))


@pytest.mark.parametrize(
    ("connected", "found", "asked"),
    [
        ("192.0.2.4", [V6, V4], V4),
        ("2001:db8::4", [V4, V6], V6),
        ("fe80::4%eth0", [V4, V6], V6),
        ("192.0.2.4", [V6], V6),
    ],
)
def test_ntp_is_asked_by_the_protocol_that_reached_the_key_exchange_as_chronyd_does(
    monkeypatch, connected, found, asked
):
    """chrony's nts_ke_client.c, name_resolve_handler."""
    monkeypatch.setattr(nts, "resolve", lambda *_name: {target[0]: (family, target) for family, target in found})
    monkeypatch.setattr(nts, "exchange", lambda target, _cookie, _wait_s: {"target": target})
    assert nts._exchanged(Connection(connected), 1)["ntp"] == {"target": asked}


def test_the_docstrings_example_holds():
    tested = doctest.testmod(nts_exchange)
    assert tested.attempted > 0
    assert tested.failed == 0
