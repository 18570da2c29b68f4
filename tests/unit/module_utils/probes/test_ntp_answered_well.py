"""When NTP has given a node the time well enough: no edge of a second is looked for in a Date."""

from __future__ import annotations

import hashlib

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import ntp
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.skew import estimate_skew
from hypothesis import example, given
from hypothesis import strategies as st

from tests.builders import date_answer, date_api, evidence, ntp_sample, ntp_server, wall_ns

A = ntp_server("10.77.0.1", ntp_sample(0.3))
B = ntp_server("10.77.0.2", ntp_sample(0.301))
DEAD = {"server": "10.77.0.9", "addresses": ["10.77.0.9"], "samples": [{"error": "no reply within 2 s"}], "error": None}
LOCAL = b"\x7f\x7f\x01\x01"
UNKNOWN = {"error": "gaierror: no such name", "kind": "dns"}


def agreed(*answers: dict, servers: int = 0, hosts: int = 1):
    return ntp.agreed(dict(enumerate(answers)), servers or len(answers), hosts)


def follower(name: str, upstream: bytes, *samples: dict) -> dict:
    return ntp_server(name, *(samples or (ntp_sample(0.3, refid=upstream),)))


def test_two_servers_that_agree_are_enough_and_say_how_far_the_node_is_ahead():
    low, high = agreed(A, B)
    assert low <= 0.3 <= high < low + 0.01


@pytest.mark.parametrize("servers", [2, 3])
def test_most_of_those_that_were_asked_have_answered(servers: int):
    assert agreed(A, B, *[DEAD, UNKNOWN][: servers - 2], servers=servers)
    assert agreed(A, B, servers=4) is None
    assert agreed(A, B, DEAD, UNKNOWN) is None


def test_the_dates_of_two_hosts_and_the_controller_do_not_outvote_the_servers():
    """If they did, the skew would be as wide as what these leave open."""
    another = ntp_server("10.77.0.3", ntp_sample(0.3))
    coarse = ntp_server("10.77.0.4", ntp_sample(0.3, root_dispersion_s=0.9))
    tied = ntp_server("10.77.0.5", ntp_sample(0.3, root_dispersion_s=0.9), address="10.77.0.1")
    assert agreed(A, B, hosts=2) is None
    assert agreed(A, B, another, hosts=2)
    assert agreed(A, B, coarse) is None
    assert agreed(A, B, another, coarse)
    assert agreed(A, B, tied) is None


def test_a_server_that_has_not_answered_yet_is_waited_for():
    assert agreed(A, B, servers=3) is None
    assert agreed(A, B, DEAD, servers=3)


@pytest.mark.parametrize(
    "answers",
    [
        [],
        [A],
        [A, DEAD],
        [UNKNOWN, UNKNOWN],
        [A, ntp_server("10.77.0.2", ntp_sample(0.3), ntp_sample(0.3, after_s=0.2)) | {"samples": []}],
        [A, ntp_server("10.77.0.2", ntp_sample(0.6))],
        [A, B, ntp_server("10.77.0.3", ntp_sample(-700))],
        [A, B, ntp_server("10.77.0.1", ntp_sample(-0.375, root_dispersion_s=0.6), address="10.77.0.1")],
        [A, ntp_server("10.77.0.2", ntp_sample(0.3), address="10.77.0.1")],
        [A, follower("10.77.0.2", bytes([10, 77, 0, 1]))],
        [follower("10.77.0.2", bytes([10, 9, 9, 9])), follower("10.77.0.3", bytes([10, 9, 9, 9]))],
        [
            ntp_server("2001:db8::1", ntp_sample(0.3), address="2001:db8::1"),
            follower("10.77.0.2", hashlib.md5(bytes.fromhex("20010db8" + "00" * 11 + "01")).digest()[:4]),
        ],
        *[
            [A, ntp_server("10.77.0.2", ntp_sample(0.3, **bad))]
            for bad in (
                {"leap": 3},
                {"mode": 3},
                {"stratum": 0, "refid": b"RATE"},
                {"stratum": 16},
                {"root_dispersion_s": 0.6},
                {"precision": 1},
            )
        ],
        [ntp_server(f"10.77.0.{n}", ntp_sample(0.3, there_s=0.4, back_s=0.4)) for n in (1, 2)],
    ],
)
def test_what_leaves_the_time_open_is_not_enough(answers: list[dict]):
    assert agreed(*answers) is None


def test_servers_of_another_era_and_a_node_far_off_are_read_too():
    far = [ntp_server(f"10.77.0.{n}", ntp_sample(86_400 * 9000.0)) for n in (1, 2)]
    low, high = agreed(*far)
    assert low <= 86_400 * 9000.0 <= high


def test_a_python_without_md5_takes_no_ipv6_server_for_another(monkeypatch: pytest.MonkeyPatch):
    def md5(_packed: bytes) -> None:
        raise ValueError("disabled for FIPS")

    monkeypatch.setattr(hashlib, "md5", md5)
    assert agreed(A, ntp_server("2001:db8::1", ntp_sample(0.3), address="2001:db8::1")) is None
    assert agreed(A, B)


@given(
    servers=st.lists(
        st.tuples(
            st.sampled_from(["10.77.0.1", "10.77.0.2", "10.77.0.3", "2001:db8::1"]),
            st.floats(-0.4, 0.4),
            st.floats(0, 0.3),
            st.sampled_from([LOCAL, bytes([10, 77, 0, 1]), bytes([10, 9, 9, 9])]),
        ),
        min_size=1,
        max_size=5,
    ),
    hosts=st.integers(0, 3),
)
@example(
    servers=[("10.77.0.1", at_s, wide_s, LOCAL) for at_s, wide_s in ((0.25, 0), (-0.375, 0.25))]
    + [("10.77.0.2", 0.25, 0, LOCAL)],
    hosts=0,
)
def test_the_controller_too_finds_two_votes_for_what_the_node_took_for_well_answered(servers: list, hosts: int):
    answers = [
        ntp_server(f"s{n}", ntp_sample(skew_s, root_dispersion_s=wide_s, refid=refid), address=address)
        for n, (address, skew_s, wide_s, refid) in enumerate(servers)
    ]
    found = agreed(*answers, hosts=hosts)
    if found:
        estimate = estimate_skew({"ntp": {"servers": answers}}, None)
        assert estimate.votes >= 2
        assert estimate.skew_s.low - 1e-5 <= found[0]
        assert found[1] <= estimate.skew_s.high + 1e-5
        dates = [date_api(date_answer(0.3), url=f"https://{n}.github.lab") for n in range(hosts)]
        around = {"before_ns": wall_ns(0.0, -2.0), "after_ns": wall_ns(0.0, 4.0)}
        whole = {**evidence(), "ntp": {"servers": answers}, "api_date": {"apis": dates}}
        with_others = estimate_skew(whole, around).skew_s
        fine = [r.skew_s for r in estimate.references if r.skew_s and r.skew_s.bound <= ntp.WELL_WITHIN_S + 1e-5]
        assert with_others is None or min(r.low for r in fine) <= with_others.low
        assert with_others is None or with_others.high <= max(r.high for r in fine)
