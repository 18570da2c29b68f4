"""References that are one machine, or follow one upstream, have one vote together."""

from __future__ import annotations

import hashlib

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.skew import (
    UnknownSkew,
    shared_votes,
)

from tests.builders import (
    date_answer,
    date_api,
    ntp_sample,
    ntp_server,
    silent_sample,
)
from tests.unit.plugin_utils.clock.test_skew import of_references

UPSTREAM = {"refid": bytes([10, 9, 9, 9])}


def group_of(*servers) -> list[tuple[str, ...]]:
    return shared_votes(of_references(*servers, controller=None).references)


@pytest.mark.parametrize(
    ("servers", "shared"),
    [
        pytest.param(
            [ntp_server("a", ntp_sample(), address="10.1.0.1"), ntp_server("b", ntp_sample(), address="10.1.0.1")],
            [("ntp a", "ntp b")],
            id="one machine under two names",
        ),
        pytest.param(
            [ntp_server("a", ntp_sample(**UPSTREAM)), ntp_server("b", ntp_sample(**UPSTREAM))],
            [("ntp a", "ntp b")],
            id="two that follow one upstream",
        ),
        pytest.param(
            [ntp_server("10.9.9.9", ntp_sample(stratum=1, refid=b"GPS\0")), ntp_server("b", ntp_sample(**UPSTREAM))],
            [("ntp 10.9.9.9", "ntp b")],
            id="one that follows the other",
        ),
        pytest.param(
            [
                ntp_server("v6", ntp_sample(), address="2001:db8::1"),
                # The MD5 of 2001:db8::1's sixteen octets begins with these (as
                # `chronyc -n tracking` shows such an upstream).
                ntp_server(
                    "b", ntp_sample(refid=hashlib.md5(bytes.fromhex("20010db8" + "00" * 11 + "01")).digest()[:4])
                ),
            ],
            [("ntp v6", "ntp b")],
            id="one that follows the other by IPv6",
        ),
        pytest.param(
            [
                ntp_server("a", ntp_sample(), ntp_sample(**UPSTREAM)),
                ntp_server("b", ntp_sample(**UPSTREAM)),
                ntp_server("c", ntp_sample(), address="10.1.0.3"),
                ntp_server("d", ntp_sample(refid=bytes([10, 1, 0, 3]))),
                ntp_server("e", ntp_sample(), address="10.9.9.9"),
            ],
            [("ntp c", "ntp d"), ("ntp a", "ntp b", "ntp e")],
            id="by others, and two groups",
        ),
        pytest.param(
            [ntp_server(n, ntp_sample(stratum=1, refid=b"GPS\0")) for n in "ab"], [], id="each with its own GPS"
        ),
        pytest.param(
            [ntp_server(n, ntp_sample(refid=b"\x7f\x7f\x01\x01")) for n in "ab"], [], id="each by its own clock"
        ),
        pytest.param(
            [ntp_server("a", ntp_sample(**UPSTREAM)), ntp_server("b", silent_sample())],
            [],
            id="a silent one has no vote",
        ),
    ],
)
def test_references_that_are_one_machine_or_follow_one_upstream_share_a_vote(servers, shared):
    assert sorted(group_of(*servers)) == sorted(shared)


def test_apis_of_one_host_share_a_vote():
    apis = [date_api(date_answer(), url=f"https://ghes.example/{path}") for path in ("api/v3", "")]
    assert shared_votes(of_references(apis=apis).references) == [
        ("date https://ghes.example/api/v3", "date https://ghes.example/")
    ]


def test_three_followers_of_one_wrong_upstream_do_not_outvote_two_others():
    followers = [ntp_server(n, ntp_sample(server_off_s=600.0, **UPSTREAM)) for n in "abc"]
    estimate = of_references(*followers, apis=[date_api(date_answer())])
    assert estimate.skew_s.low <= 0 <= estimate.skew_s.high
    assert estimate.falsetickers == ("ntp a", "ntp b", "ntp c")
    independent = [ntp_server(n, ntp_sample(server_off_s=600.0)) for n in "abc"]
    assert of_references(*independent, apis=[date_api(date_answer())]).skew_s.middle == pytest.approx(-600)


def test_references_that_are_split_say_who_shares_a_vote():
    followers = [ntp_server(n, ntp_sample(server_off_s=600.0, **UPSTREAM)) for n in "abc"]
    estimate = of_references(*followers)
    assert (estimate.skew_s, estimate.unknown) == (None, UnknownSkew.DISAGREE)
    assert estimate.unknown_because.endswith("; ntp a, ntp b, ntp c share one vote")
    assert "controller [-1.000, 1.000]" in estimate.unknown_because
