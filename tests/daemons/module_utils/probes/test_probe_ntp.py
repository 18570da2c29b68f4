from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import ntp

from tests.daemons.boxed import in_network
from tests.lab.liar import Answer, ScriptedServer


def answer_well(request: bytes) -> list[bytes]:
    """A server's reply: version 4, mode 4, stratum 2, our transmit timestamp as its origin,
    its own times.
    """
    return [bytes([0x24, 2]) + bytes(22) + request[40:48] + b"\xee" * 16]


@pytest.fixture
def serve() -> Iterator[Callable[..., ScriptedServer]]:
    servers: list[ScriptedServer] = []

    def start(answer: Answer, address: str = "127.0.0.1", port: int = 0) -> ScriptedServer:
        servers.append(ScriptedServer(answer, address, port))
        return servers[-1]

    yield start
    for server in servers:
        server.udp.close()


def collect_one(server: ScriptedServer, samples: int = 4, timeout_s: float = 1) -> dict:
    (taken,) = ntp.collect(["127.0.0.1"], server.port, samples, timeout_s)["servers"]
    return taken


def test_a_server_is_asked_for_several_samples_with_the_readings_that_judging_needs(serve):
    server = serve(answer_well)
    before_ns, before_mono_ns = time.time_ns(), time.monotonic_ns()
    taken = collect_one(server)
    after_ns, after_mono_ns = time.time_ns(), time.monotonic_ns()

    assert (taken["server"], taken["addresses"], taken["error"]) == ("127.0.0.1", ["127.0.0.1"], None)
    assert len(taken["samples"]) == 4
    for sample in taken["samples"]:
        assert before_ns <= sample["t1_wall_ns"] <= after_ns
        assert before_mono_ns <= sample["t1_mono_ns"] < sample["t4_mono_ns"] <= after_mono_ns
        sent, reply = bytes.fromhex(sample["sent_hex"]), bytes.fromhex(sample["reply_hex"])
        assert (len(sent), sent[0]) == (48, 0x23)
        assert reply == answer_well(sent)[0]
    spacing_ns = taken["samples"][1]["t1_mono_ns"] - taken["samples"][0]["t4_mono_ns"]
    assert spacing_ns >= 0.05e9


def test_a_request_reveals_nothing_and_no_two_are_alike(serve):
    server = serve(answer_well)
    collect_one(server)
    assert all(request[1:40] == bytes(39) for request in server.requests)
    assert len({request[40:48] for request in server.requests}) == 4


def test_a_kiss_of_death_is_a_reply(serve):
    server = serve(lambda request: [bytes([0xE4, 0]) + bytes(10) + b"RATE" + bytes(8) + request[40:48] + bytes(16)])
    taken = collect_one(server, samples=1)
    assert bytes.fromhex(taken["samples"][0]["reply_hex"])[12:16] == b"RATE"


def kiss(request: bytes, code: bytes = b"RATE") -> list[bytes]:
    """A kiss-o'-death (RFC 5905, section 7.4)."""
    return [bytes([0xE4, 0]) + bytes(10) + code + bytes(8) + request[40:48] + bytes(16)]


def test_a_server_that_limits_the_rate_is_left_alone_for_a_while_and_then_asked_for_one_answer(serve):
    kisses = iter([True, True])
    server = serve(lambda request: kiss(request) if next(kisses, False) else answer_well(request))
    begun_s = time.monotonic()
    taken = collect_one(server, timeout_s=0.5)
    assert [bytes.fromhex(sample["reply_hex"])[1] for sample in taken["samples"]] == [0, 0, 2]
    assert 2 * 0.25 <= time.monotonic() - begun_s < 3


def test_a_server_that_has_answered_before_it_limits_the_rate_is_not_asked_again(serve):
    """The answer is what is needed."""
    good = iter([True])
    server = serve(lambda request: answer_well(request) if next(good, False) else kiss(request))
    taken = collect_one(server)
    assert [bytes.fromhex(sample["reply_hex"])[1] for sample in taken["samples"]] == [2, 0]
    assert len(server.requests) == 2


def test_nodes_that_a_server_sent_away_at_the_same_moment_do_not_come_back_at_the_same_moment(serve):
    server = serve(kiss)
    waits_ns = []
    for _ in range(4):
        first, second = collect_one(server, samples=2, timeout_s=0.2)["samples"]
        waits_ns.append((second["t1_mono_ns"] - first["t4_mono_ns"]) // 1_000_000)
    assert all(wait_ms >= 100 for wait_ms in waits_ns)
    assert len(set(waits_ns)) > 1


@pytest.mark.parametrize("code", [b"DENY", b"RSTR"])
def test_a_server_that_denies_its_service_is_not_asked_again(serve, code):
    server = serve(lambda request: kiss(request, code))
    assert len(collect_one(server)["samples"]) == len(server.requests) == 1


def test_a_reply_to_another_request_is_dropped_and_the_true_one_awaited(serve):
    forged = bytes([0x24, 1]) + bytes(46)
    server = serve(lambda request: [forged, b"short", *answer_well(request)])
    taken = collect_one(server, samples=2)
    for sample in taken["samples"]:
        assert bytes.fromhex(sample["reply_hex"])[24:32] == bytes.fromhex(sample["sent_hex"])[40:48]


def test_nothing_but_replies_to_another_request_is_an_error_that_says_so(serve):
    server = serve(lambda _request: [bytes([0x24, 1]) + bytes(46)])
    taken = collect_one(server, timeout_s=0.3)
    assert len(taken["samples"]) == 2
    for sample in taken["samples"]:
        assert sample["kind"] == "strange"
        assert " 2401" in sample["error"]  # what came
        assert "reply_hex" not in sample


def test_a_stream_of_foreign_replies_does_not_hold_the_probe(serve):
    server = serve(lambda _request: [bytes(48)] * 20000)
    begun_s = time.monotonic()
    taken = collect_one(server, samples=1, timeout_s=0.3)
    assert taken["samples"][0]["kind"] == "strange"
    assert " 0000" in taken["samples"][0]["error"]
    assert time.monotonic() - begun_s < 5


def test_a_silent_server_is_asked_twice_and_no_more(serve):
    server = serve(lambda _request: [])
    taken = collect_one(server, timeout_s=0.3)
    assert [sample["kind"] for sample in taken["samples"]] == ["silent"] * 2
    assert all(" 0.3 s" in sample["error"] for sample in taken["samples"])
    assert all(sample["address"] == "127.0.0.1" and sample["t1_wall_ns"] for sample in taken["samples"])
    assert len(server.requests) == 2


def test_one_lost_reply_costs_one_sample(serve):
    lost = iter([True])
    server = serve(lambda request: [] if next(lost, False) else answer_well(request))
    taken = collect_one(server, timeout_s=0.3)
    assert ["error" in sample for sample in taken["samples"]] == [True, False, False, False]


def test_a_port_where_nothing_listens_is_refused_at_once():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    begun_s = time.monotonic()
    (taken,) = ntp.collect(["127.0.0.1"], port, 4, 10)["servers"]
    assert [(sample["kind"], sample["error"]) for sample in taken["samples"]] == [("refused", "connection refused")] * 2
    assert time.monotonic() - begun_s < ntp.MAX_WAIT_S


ROUTED = """
set -e
ip link set lo up
unshare -n sleep 30 & router=$!
trap 'kill $router' EXIT
while [ "$(readlink /proc/$router/ns/net)" = "$(readlink /proc/$$/ns/net)" ]; do sleep 0.05; done
ip link add veth0 type veth peer name veth1 netns $router
ip addr add 192.0.2.1/24 dev veth0
ip link set veth0 up
nsenter -t $router -n sh -ec '
  ip addr add 192.0.2.2/24 dev veth1
  ip link set lo up
  ip link set veth1 up
  echo 1 > /proc/sys/net/ipv4/ip_forward
  ip route add unreachable 198.51.100.1
  ip route add prohibit 198.51.100.2
  ip route add blackhole 198.51.100.3'
ip route add 198.51.100.0/24 via 192.0.2.2
ip route add unreachable 203.0.113.1
ip route add prohibit 203.0.113.2
"$@"
"""
ASK = """
import json, sys
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import ntp
print(json.dumps(ntp.collect(sys.argv[1:], 123, 1, 1)))
"""


def test_what_routers_and_this_nodes_routes_say_is_distinguished_from_silence():
    expected = {
        "198.51.100.1": "unreachable",  # the router: ICMP host unreachable, which Linux takes for transient
        "198.51.100.2": "unreachable",  # the router: ICMP administratively prohibited, as a firewall's reject
        "198.51.100.3": "silent",  # the router drops it
        "192.0.2.2": "refused",  # ICMP port unreachable
        "203.0.113.1": "unreachable",
        "203.0.113.2": "unreachable",
        "203.0.113.3": "unreachable",  # no route at all
        "2001:db8::1": "unreachable",  # no IPv6
    }
    servers = json.loads(in_network(ROUTED, ASK, *expected, timeout_s=30))["servers"]
    assert {server["server"]: server["samples"][0]["kind"] for server in servers} == expected


def test_a_dead_server_does_not_delay_the_others(serve):
    dead = serve(lambda _request: [], "127.0.0.3")
    good = serve(answer_well, "127.0.0.2", dead.port)
    servers = ["127.0.0.3", "127.0.0.2", "127.0.0.4"]  # nothing listens at the last

    begun_s = time.monotonic()
    taken = ntp.collect(servers, dead.port, 4, 0.7)["servers"]
    lasted_s = time.monotonic() - begun_s

    assert [entry["server"] for entry in taken] == servers
    assert lasted_s < ntp.bound_s(4, 0.7)
    good_samples = taken[1]["samples"]
    assert len(good_samples) == len(good.requests) == 4
    # The good server's exchanges began before the dead one's first request was given up.
    assert good_samples[-1]["t1_wall_ns"] < taken[0]["samples"][1]["t1_wall_ns"]


def test_every_address_of_a_name_is_asked(serve, monkeypatch):
    first = serve(answer_well, "127.0.0.2")
    serve(lambda _request: [], "127.0.0.3", first.port)
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda _name, port, **_: [
            (socket.AF_INET, socket.SOCK_DGRAM, 17, "", (address, port)) for address in ("127.0.0.2", "127.0.0.3")
        ],
    )
    (taken,) = ntp.collect(["pool.example"], first.port, 2, 0.3)["servers"]
    assert taken["addresses"] == ["127.0.0.2", "127.0.0.3"]
    assert [(sample["address"], "error" in sample) for sample in taken["samples"]] == [
        ("127.0.0.2", False),
        ("127.0.0.2", False),
        ("127.0.0.3", True),
        ("127.0.0.3", True),
    ]


def test_a_name_that_does_not_resolve_is_recorded():
    (taken,) = ntp.collect(["no-such-host.invalid"], 123, 4, 2)["servers"]
    assert taken["addresses"] == []
    assert taken["samples"] == []
    assert taken["error"]
    assert taken["kind"] == "dns"


def test_a_resolver_that_hangs_is_left_behind(monkeypatch):
    hanging = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: hanging.wait())
    begun_s = time.monotonic()
    (taken,) = ntp.collect(["slow.example"], 123, 4, 0.3)["servers"]
    hanging.set()
    assert taken["error"]
    assert taken["kind"] == "dns"
    assert time.monotonic() - begun_s < 5


def test_no_servers_no_exchanges():
    assert ntp.collect([], 123, 4, 1) == {"servers": []}
