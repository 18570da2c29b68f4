from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import ntp_servers
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks.ntp_servers import Key

from tests.builders import chrony, date_api, ntp_sample, ntp_server, record, silent_sample, source, time_services
from tests.findings import finding_of, unsaid


def judge(*servers, **sections):
    return finding_of(ntp_servers, record(ntp={"servers": list(servers)}, **sections))


def failing(kind: str, error: str = "as the kernel says") -> dict[str, Any]:
    return {**silent_sample(), "error": error, "kind": kind}


def api_that_failed_in(phase: str) -> dict[str, Any]:
    return {"apis": [date_api({"error": {"phase": phase, "message": "as it is"}})]}


NO_API = {"apis": []}
SILENT = [ntp_server("ntp1", silent_sample(), address="192.0.2.1"), ntp_server("192.0.2.2", silent_sample())]
NAMELESS = [ntp_server(name, error="Name or service not known") for name in ("ntp1", "ntp2")]

JUDGED = {  # the servers, what the API answered if not as usual, the key, and whom it is about
    "no reply from any while the API answers": (SILENT, None, Key.UDP_BLOCKED, ()),
    "no reply from any while TLS with the API fails": (SILENT, api_that_failed_in("tls"), Key.UDP_BLOCKED, ()),
    "no reply from any nor from the API": (SILENT, api_that_failed_in("connect"), Key.NOTHING_ANSWERS, ()),
    "no reply from any, and no API was asked": (SILENT, NO_API, Key.UDP_BLOCKED_OR_NO_NETWORK, ()),
    "no reply from the only one": (SILENT[:1], None, Key.SERVER_DOWN, ("ntp1",)),
    "ICMP port unreachable": (
        [ntp_server("ntp1", failing("refused")), ntp_server("ntp2", failing("refused"))],
        None,
        Key.REFUSED,
        (),
    ),
    "no route": ([ntp_server("ntp1", failing("unreachable"))], None, Key.NO_ROUTE, ()),
    "an IPv6 address without a route hides no silence": (
        [ntp_server("ntp1", failing("unreachable"), silent_sample()), SILENT[1]],
        None,
        Key.UDP_BLOCKED,
        (),
    ),
    "the servers' names alone": (NAMELESS, None, Key.NAMES_NOT_RESOLVED, ()),
    "no name at all": (NAMELESS, api_that_failed_in("dns"), Key.NO_DNS, ()),
    "kiss-o'-death": ([ntp_server("ntp1", ntp_sample(stratum=0, refid=b"DENY"))], None, Key.KISS, ("DENY",)),
    "two kisses": (
        [ntp_server(code, ntp_sample(stratum=0, refid=code.encode())) for code in ("RSTR", "RATE")],
        None,
        Key.KISS,
        ("RATE", "RSTR"),
    ),
    "servers that are not synchronised": (
        [ntp_server("ntp1", ntp_sample(leap=3)), ntp_server("ntp2", ntp_sample(root_dispersion_s=9.0))],
        None,
        Key.BAD_TIME,
        (),
    ),
    "another service in its place": ([ntp_server("ntp1", ntp_sample(mode=3))], None, Key.NO_NTP_SERVER, ()),
    "an error of a later version": ([ntp_server("ntp1", failing("other"))], None, Key.COULD_NOT_ASK, ()),
    "each its own": (
        [SILENT[0], NAMELESS[1], ntp_server("ntp3", failing("other"))],
        None,
        Key.MIXED,
        ("dns", "other", "silent"),
    ),
}


@pytest.mark.parametrize(("servers", "api_date", "key", "about"), JUDGED.values(), ids=JUDGED)
def test_what_is_in_the_way_is_distinguished(servers, api_date, key, about):
    finding = judge(*servers, **({"api_date": api_date} if api_date else {}))
    assert (finding.state, finding.keys, finding.about) == ("fail", (key,), about)
    assert not unsaid(finding.summary, *(server["server"] for server in servers))


def test_the_network_team_is_asked_for_protocol_port_direction_and_addresses():
    remedy = judge(*SILENT).remedy
    assert not unsaid(remedy, "UDP", "ntp1 (192.0.2.1), 192.0.2.2")
    assert remedy.count("port 123") == 2  # there, and back


ASKED_FOR = {
    "dns": (NAMELESS[0], ["/etc/resolv.conf", "`getent hosts NAME`", "TCP port 53"]),
    "unreachable": (ntp_server("192.0.2.1", failing("unreachable")), ["`ip route get ADDRESS`"]),
    "refused": (ntp_server("192.0.2.1", failing("refused")), ["chronyd", "`allow`", "UDP"]),
    "kiss": (ntp_server("ntp1", ntp_sample(stratum=0, refid=b"DENY")), []),
    "bad_time": (ntp_server("ntp1", ntp_sample(stratum=16)), ["`chronyc tracking`", "`chronyc sources`"]),
    "strange": (ntp_server("ntp1", ntp_sample(version=7)), ["UDP port 123"]),
    "other": (ntp_server("ntp1", failing("of a later version")), []),
}


def next_step(server: dict[str, Any]) -> str:
    """What is asked for because of this server:
    its remedy, without what the silence of 192.0.2.2 adds to it.
    """
    silence = judge(SILENT[1]).remedy
    return judge({**server, "addresses": [server["server"]]}, SILENT[1]).remedy.removesuffix(f" {silence}")


@pytest.mark.parametrize(("kind", "server", "asked"), [(kind, *case) for kind, case in ASKED_FOR.items()])
def test_each_reason_has_its_own_next_step(kind, server, asked):
    finding = judge({**server, "addresses": [server["server"]]}, SILENT[1])
    assert finding.seen["problems"] == {server["server"]: kind, "192.0.2.2": "silent"}
    assert not unsaid(next_step(server), server["server"], *asked)
    assert "192.0.2.2" not in next_step(server)


def test_no_two_reasons_have_the_same_next_step():
    steps = {next_step(server).replace(server["server"], "SERVER") for server, _asked in ASKED_FOR.values()}
    assert len(steps) == len(ASKED_FOR)


def test_servers_that_want_to_be_asked_less_often_say_nothing_of_the_network():
    finding = judge(ntp_server("ntp1", ntp_sample(stratum=0, refid=b"RATE")))
    assert (finding.state, finding.keys) == ("inconclusive", (Key.ASK_LESS,))
    assert "ntp1" in finding.remedy


FOLLOWED = ntp_server("ntp1", silent_sample(), address="10.77.0.1")
"""A server that chronyd of the other evidence follows, and that does not answer the check."""


@pytest.mark.parametrize("servers", [[FOLLOWED], [FOLLOWED, SILENT[1]]])
def test_a_server_that_answers_the_daemon_alone_is_neither_down_nor_blocked(servers):
    finding = judge(*servers)
    assert (finding.state, finding.keys) == ("inconclusive", (Key.DAEMON_IS_ANSWERED,))
    assert not unsaid(finding.remedy, "ntp1", "ratelimit", "port 123")
    assert "192.0.2.2" not in finding.remedy


def test_how_old_the_daemons_answer_is_is_said_since_the_way_may_have_been_blocked_after_it():
    finding = judge(FOLLOWED)
    assert "12 s ago" in finding.summary
    assert "blocked since then" in finding.why


@pytest.mark.parametrize("reach", [0o376, 0])
def test_a_server_that_left_the_daemons_last_request_without_an_answer_is_not_reached(reach):
    assert judge(FOLLOWED, chrony=chrony(None, source(reach=reach))).keys == (Key.SERVER_DOWN,)


def test_without_a_daemon_a_silent_server_is_down_or_blocked():
    assert judge(FOLLOWED, time_services=time_services(), chrony=None).keys == (Key.SERVER_DOWN,)


def test_servers_that_answer_pass():
    finding = judge(ntp_server("ntp1", ntp_sample()), ntp_server("ntp2", ntp_sample()))
    assert (finding.state, finding.keys, finding.seen["problems"]) == ("pass", (), {})
    assert "2 of 2" in finding.summary
    assert finding.seen["usable"] == ["ntp1", "ntp2"]
    assert finding.seen["servers"]["ntp1"].startswith("stratum 2, delay 0.002")


def test_one_that_answers_is_enough_and_the_others_are_reported():
    finding = judge(ntp_server("ntp1", ntp_sample()), ntp_server("ntp2", silent_sample()))
    assert finding.state == "pass"
    assert not unsaid(finding.summary, "1 of 2", "ntp2: no reply within 2 s")
    assert "ntp1" not in finding.summary
    assert (finding.seen["usable"], finding.seen["problems"]) == (["ntp1"], {"ntp2": "silent"})


def test_none_that_answers_usably_fails_and_each_says_why():
    finding = judge(
        ntp_server("ntp1", silent_sample()),
        ntp_server("ntp2", ntp_sample(stratum=16)),
        ntp_server("ntp3", error="Name or service not known"),
    )
    assert (finding.state, finding.keys) == ("fail", (Key.MIXED,))
    assert finding.seen["problems"] == {"ntp1": "silent", "ntp2": "bad_time", "ntp3": "dns"}
    shown = ["ntp1: no reply within 2 s", "ntp2: ", "leap 0, stratum 16", "ntp3: Name or service not known"]
    assert not unsaid(finding.summary, " 3 ", *shown)
    assert not unsaid(finding.remedy, "UDP", "port 123", "ntp1", "ntp2", "ntp3")


def test_a_server_with_another_time_still_answers():
    assert judge(ntp_server("ntp1", ntp_sample(server_off_s=600.0))).state == "pass"


def test_no_server_that_was_asked_is_inconclusive():
    finding = judge()
    assert (finding.state, finding.keys, finding.seen["servers"]) == ("inconclusive", (Key.NOT_ASKED,), {})
    assert "gate_ntp_servers" in finding.remedy


def test_chrony_opens_no_firewall():
    assert not ntp_servers.REMEDIABLE
