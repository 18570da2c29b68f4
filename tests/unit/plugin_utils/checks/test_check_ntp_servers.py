from __future__ import annotations

from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import ntp_servers
from ansible_collections.skewgate.preflight.plugins.plugin_utils.policy import Policy
from ansible_collections.skewgate.preflight.plugins.plugin_utils.record import Record

from tests.unit.plugin_utils.builders import ntp_sample, ntp_server, policy, record, silent_sample


def judge(*servers):
    return ntp_servers.judge(Record(record(ntp={"servers": list(servers)})), Policy.from_json(policy()))


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
    assert "UDP port 123" in finding.remedy


def test_a_server_with_another_time_still_answers():
    assert judge(ntp_server("ntp1", ntp_sample(server_off_s=600.0))).state == "pass"


def test_no_server_that_was_asked_is_inconclusive():
    finding = judge()
    assert (finding.state, finding.summary) == ("inconclusive", "no NTP server was asked")
    assert "gate_ntp_servers" in finding.remedy


def test_chrony_opens_no_firewall():
    assert not ntp_servers.MENDED_BY_CHRONY
