from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import ntp_servers
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.policy import Policy
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import Record

from tests.builders import date_api, ntp_sample, ntp_server, policy, record, silent_sample


def judge(*servers, **sections):
    return ntp_servers.judge(Record(record(ntp={"servers": list(servers)}, **sections)), Policy.from_json(policy()))


def failing(kind: str, error: str = "as the kernel says") -> dict[str, Any]:
    return {**silent_sample(), "error": error, "kind": kind}


def api_that_failed_in(phase: str) -> dict[str, Any]:
    return {"apis": [date_api({"error": {"phase": phase, "message": "as it is"}})]}


NO_API = {"apis": []}
SILENT = [ntp_server("ntp1", silent_sample(), address="192.0.2.1"), ntp_server("192.0.2.2", silent_sample())]
NAMELESS = [ntp_server(name, error="Name or service not known") for name in ("ntp1", "ntp2")]

JUDGED = {
    "no reply from any while the API answers": (SILENT, None, "UDP 123 blocked"),
    "no reply from any while TLS with the API fails": (SILENT, api_that_failed_in("tls"), "UDP 123 blocked"),
    "no reply from any nor from the API": (
        SILENT,
        api_that_failed_in("connect"),
        "nothing answers this node, neither by UDP 123 nor by TCP",
    ),
    "no reply from any, and no API was asked": (SILENT, NO_API, "UDP 123 blocked, or no network at all"),
    "no reply from the only one": (SILENT[:1], None, "ntp1 is blocked or down"),
    "ICMP port unreachable": (
        [ntp_server("ntp1", failing("refused")), ntp_server("ntp2", failing("refused"))],
        None,
        "NTP refused: nothing listens on UDP 123",
    ),
    "no route": ([ntp_server("ntp1", failing("unreachable"))], None, "no route to the NTP servers"),
    "an IPv6 address without a route hides no silence": (
        [ntp_server("ntp1", failing("unreachable"), silent_sample()), SILENT[1]],
        None,
        "UDP 123 blocked",
    ),
    "the servers' names alone": (NAMELESS, None, "the NTP servers' names are not resolved"),
    "no name at all": (NAMELESS, api_that_failed_in("dns"), "DNS does not work"),
    "kiss-o'-death": ([ntp_server("ntp1", ntp_sample(stratum=0, refid=b"DENY"))], None, "kiss-o'-death DENY"),
    "two kisses": (
        [ntp_server(code, ntp_sample(stratum=0, refid=code.encode())) for code in ("RSTR", "RATE")],
        None,
        "kiss-o'-death RATE, RSTR",
    ),
    "servers that are not synchronised": (
        [ntp_server("ntp1", ntp_sample(leap=3)), ntp_server("ntp2", ntp_sample(root_dispersion_s=9.0))],
        None,
        "the NTP servers have no good time of their own",
    ),
    "another service in its place": (
        [ntp_server("ntp1", ntp_sample(mode=3))],
        None,
        "what answers is no NTP server",
    ),
    "each its own": (
        [SILENT[0], NAMELESS[1], ntp_server("ntp3", failing("other"))],
        None,
        "no usable NTP server: could not be asked, name not resolved, no reply",
    ),
}


@pytest.mark.parametrize(("servers", "api_date", "cause"), JUDGED.values(), ids=JUDGED)
def test_what_is_in_the_way_is_told_apart(servers, api_date, cause):
    finding = judge(*servers, **({"api_date": api_date} if api_date else {}))
    assert (finding.state, finding.cause) == ("fail", cause)


def test_the_network_team_is_asked_for_protocol_port_direction_and_addresses():
    remedy = judge(*SILENT).remedy
    assert "UDP from this node to port 123 of ntp1 (192.0.2.1), 192.0.2.2," in remedy
    assert "replies from port 123 back to this node" in remedy


ASKED_FOR = {
    "dns": (NAMELESS[0], "UDP and TCP port 53 from this node"),
    "unreachable": (ntp_server("192.0.2.1", failing("unreachable")), "Give this node a route to 192.0.2.1"),
    "refused": (
        ntp_server("192.0.2.1", failing("refused")),
        "an NTP server runs on 192.0.2.1 and listens for this node",
    ),
    "kiss": (ntp_server("ntp1", ntp_sample(stratum=0, refid=b"DENY")), "Ask whoever runs ntp1"),
    "bad_time": (ntp_server("ntp1", ntp_sample(stratum=16)), "Fix the server, not the node: on ntp1"),
    "strange": (ntp_server("ntp1", ntp_sample(version=7)), "what answers UDP port 123 in the place of ntp1"),
    "other": (ntp_server("ntp1", failing("of a later version")), "what the node says of ntp1"),
}


@pytest.mark.parametrize(("kind", "server", "asked"), [(kind, *case) for kind, case in ASKED_FOR.items()])
def test_each_reason_has_its_own_next_step(kind, server, asked):
    finding = judge({**server, "addresses": [server["server"]]}, SILENT[1])
    assert asked in finding.remedy
    assert finding.seen["problems"] == {server["server"]: kind, "192.0.2.2": "silent"}


def test_servers_that_want_to_be_asked_less_often_say_nothing_of_the_network():
    finding = judge(ntp_server("ntp1", ntp_sample(stratum=0, refid=b"RATE")))
    assert (finding.state, finding.cause) == ("inconclusive", "kiss-o'-death RATE")
    assert "Wait some minutes" in finding.remedy


def test_servers_that_answer_pass():
    finding = judge(ntp_server("ntp1", ntp_sample()), ntp_server("ntp2", ntp_sample()))
    assert (finding.state, finding.summary) == ("pass", "2 of 2 NTP servers answer this node")
    assert finding.seen["usable"] == ["ntp1", "ntp2"]
    assert finding.seen["servers"]["ntp1"].startswith("stratum 2, delay 0.002")


def test_one_that_answers_is_enough_and_the_others_are_told():
    finding = judge(ntp_server("ntp1", ntp_sample()), ntp_server("ntp2", silent_sample()))
    assert finding.state == "pass"
    assert finding.summary == "1 of 2 NTP servers answer this node; not usable: ntp2: no reply within 2 s"
    assert finding.seen["usable"] == ["ntp1"]


def test_none_that_answers_usably_fails_and_each_says_why():
    finding = judge(
        ntp_server("ntp1", silent_sample()),
        ntp_server("ntp2", ntp_sample(stratum=16)),
        ntp_server("ntp3", error="Name or service not known"),
    )
    assert finding.state == "fail"
    assert finding.summary == (
        "none of 3 NTP servers answers this node usably (ntp1: no reply within 2 s; ntp2: the server is not "
        "synchronised itself (leap 0, stratum 16); ntp3: Name or service not known)"
    )
    assert "UDP from this node to port 123 of ntp1" in finding.remedy


def test_a_server_with_another_time_still_answers():
    assert judge(ntp_server("ntp1", ntp_sample(server_off_s=600.0))).state == "pass"


def test_no_server_that_was_asked_is_inconclusive():
    finding = judge()
    assert (finding.state, finding.summary, finding.cause) == ("inconclusive",) + 2 * ("no NTP server was asked",)
    assert "gate_ntp_servers" in finding.remedy


def test_chrony_opens_no_firewall():
    assert not ntp_servers.REMEDIABLE
