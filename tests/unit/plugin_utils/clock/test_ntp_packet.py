from __future__ import annotations

import re

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.ntp_packet import decode_sample, header_of
from hypothesis import example, given
from hypothesis import strategies as st

from tests.builders import NS, NTP_TO_UNIX_S, PRECISION_S, TRUE_NS, ntp_sample, silent_sample

ROUNDING_S = 1e-8
"""NTP's fraction of a second has 0.23 ns, and the arithmetic is in floats."""

ERA_1_NS = ((1 << 32) - NTP_TO_UNIX_S) * NS
"""7 February 2036, 06:28:16 UTC: NTP's seconds begin anew."""


def test_a_node_that_is_ahead_of_the_server_has_a_positive_skew():
    ahead, behind = decode_sample(ntp_sample(45.0)), decode_sample(ntp_sample(-612.0))
    assert ahead.skew_s.middle == pytest.approx(45.0)
    assert behind.skew_s.middle == pytest.approx(-612.0)


def test_a_sample_says_who_answered_and_how_well():
    sample = decode_sample(
        ntp_sample(there_s=0.010, back_s=0.030, stratum=3, root_delay_s=0.25, root_dispersion_s=0.5, refid=b"GPS\0")
    )
    assert (sample.address, sample.stratum, sample.reference_id) == ("10.77.0.1", 3, int.from_bytes(b"GPS\0", "big"))
    assert sample.delay_s == pytest.approx(0.040)
    assert sample.root_distance_s == 0.625
    assert sample.skew_s.bound == pytest.approx(0.020 + 0.625 + PRECISION_S)


@given(
    skew_s=st.floats(-4000, 4000),
    there_s=st.floats(0, 1),
    back_s=st.floats(0, 1),
    serving_s=st.floats(0, 0.1),
    root=st.tuples(st.integers(0, 65536), st.integers(0, 65536)),
    server_off=st.floats(-1, 1),
)
@example(skew_s=0.0, there_s=1.0, back_s=0.0, serving_s=0.0, root=(0, 0), server_off=0.0)
@example(skew_s=0.0, there_s=0.0, back_s=1.0, serving_s=0.0, root=(65536, 65536), server_off=-1.0)
def test_the_true_skew_lies_in_the_interval_whatever_the_way_and_the_servers_own_error(
    *, skew_s, there_s, back_s, serving_s, root, server_off
):
    root_distance_s = root[0] / 65536 / 2 + root[1] / 65536
    sample = decode_sample(
        ntp_sample(
            skew_s,
            there_s=there_s,
            back_s=back_s,
            serving_s=serving_s,
            server_off_s=server_off * root_distance_s,
            root_delay_s=root[0] / 65536,
            root_dispersion_s=root[1] / 65536,
        )
    )
    assert sample.skew_s.low - ROUNDING_S <= skew_s <= sample.skew_s.high + ROUNDING_S
    assert sample.skew_s.bound == pytest.approx((there_s + back_s) / 2 + root_distance_s + PRECISION_S, abs=ROUNDING_S)


@pytest.mark.parametrize(
    ("true_ns", "skew_s"),
    [
        pytest.param(ERA_1_NS + 3600 * NS, 0.25, id="both clocks in the new era"),
        pytest.param(ERA_1_NS - NS // 20, 0.5, id="the exchange across the rollover"),
        pytest.param(ERA_1_NS + 60 * NS, -3600.0, id="node still in the old era"),
        pytest.param(ERA_1_NS - 60 * NS, 3600.0, id="node already in the new era"),
        pytest.param(TRUE_NS, -TRUE_NS / NS, id="node at the epoch after a flat battery"),
    ],
)
def test_the_era_of_a_timestamp_is_the_one_nearest_to_the_nodes_clock(true_ns, skew_s):
    sample = decode_sample(ntp_sample(skew_s, true_ns=true_ns))
    assert sample.skew_s.middle == pytest.approx(skew_s, abs=1e-6)


REJECTED = {
    "no answer": (silent_sample(), "no reply within 2 s"),
    "another's answer": (ntp_sample(origin=bytes(8)), "does not echo the request"),
    "mode 3, a client's packet": (ntp_sample(mode=3), "mode 3, version 4"),
    "mode 5, a broadcast": (ntp_sample(mode=5), "mode 5, version 4"),
    "mode 6, a control answer": (ntp_sample(mode=6), "mode 6, version 4"),
    "version 2": (ntp_sample(version=2), "mode 4, version 2"),
    "version 5": (ntp_sample(version=5), "mode 4, version 5"),
    "kiss RATE": (ntp_sample(stratum=0, leap=3, refid=b"RATE"), "refuses this node (kiss-o'-death RATE)"),
    "kiss DENY": (ntp_sample(stratum=0, refid=b"DENY"), "kiss-o'-death DENY"),
    "no kiss: no code": (ntp_sample(stratum=0, leap=3, refid=bytes(4)), "not synchronised itself (leap 3, stratum 0)"),
    "no kiss: no text": (ntp_sample(stratum=0, refid=b"\xff\xfe\0\0"), "not synchronised itself (leap 0, stratum 0)"),
    "leap alarm": (ntp_sample(leap=3), "not synchronised itself (leap 3, stratum 2)"),
    "stratum 16": (ntp_sample(stratum=16), "leap 0, stratum 16"),
    "root dispersion": (ntp_sample(root_dispersion_s=1.75), "root distance is 1.750 s; expected at most 1.5 s"),
    "no precision": (ntp_sample(precision=10), "precision is 1024.000 s"),
    "root delay": (ntp_sample(root_delay_s=4.0), "root distance is 2.000 s; expected at most 1.5 s"),
    "reply sooner than the server worked on it": (
        ntp_sample(serving_s=0.5, there_s=0.0, back_s=-0.4),
        "contradict each other",
    ),
    "sent before it was received": (ntp_sample(serving_s=-0.4, there_s=0.5, back_s=0.5), "contradict each other"),
}


@pytest.mark.parametrize(("sample", "reason"), REJECTED.values(), ids=REJECTED)
def test_a_reply_that_proves_nothing_is_rejected_with_the_reason(sample, reason):
    with pytest.raises(ValueError, match=re.escape(reason)):
        decode_sample(sample)


@pytest.mark.parametrize("size", [0, 1, 47])
def test_a_short_reply_is_rejected_with_its_size(size):
    sample = ntp_sample()
    sample["reply_hex"] = sample["reply_hex"][: 2 * size]
    with pytest.raises(ValueError, match=f"has {size} bytes, an NTP header has 48"):
        decode_sample(sample)


def test_a_reply_without_a_transmit_time_is_rejected():
    sample = ntp_sample()
    sample["reply_hex"] = sample["reply_hex"][:80] + "00" * 8
    with pytest.raises(ValueError, match="no transmit timestamp"):
        decode_sample(sample)


def test_a_reply_without_a_receive_time_is_rejected():
    sample = ntp_sample()
    sample["reply_hex"] = sample["reply_hex"][:64] + "00" * 8 + sample["reply_hex"][80:]
    with pytest.raises(ValueError, match="contradict each other"):
        decode_sample(sample)


@pytest.mark.parametrize(
    "accepted",
    [
        pytest.param({"version": 3}, id="version 3"),
        pytest.param({"stratum": 15}, id="stratum 15"),
        pytest.param({"leap": 1}, id="leap second announced"),
        pytest.param({"root_dispersion_s": 1.5}, id="root distance at the limit"),
        pytest.param(
            {"serving_s": -0.002, "precision": -8}, id="sent before it was received, by less than its precision"
        ),
        pytest.param({"there_s": 0.0, "back_s": -0.0009, "serving_s": 0.01}, id="delay negative by rounding"),
    ],
)
def test_what_a_good_server_may_say_is_accepted(accepted):
    assert decode_sample(ntp_sample(7.0, **accepted)).skew_s.middle == pytest.approx(7.0, abs=0.001)


def test_what_follows_the_header_is_left_alone():
    sample = ntp_sample(2.0)
    sample["reply_hex"] += "0104002400000000" * 4
    assert decode_sample(sample) == decode_sample(ntp_sample(2.0))


def test_a_reply_of_a_real_chronyd_is_decoded():
    sample = {
        "address": "10.77.0.1",
        "t1_wall_ns": 1795336583600009984,
        "t1_mono_ns": 290839252352,
        "t4_mono_ns": 290869732224,
        "sent_hex": "23" + "00" * 39 + "d15cb8f294cd3503",
        "reply_hex": "240500e600000000000000007f7f0101eead27c95ad46115d15cb8f294cd3503eead27da9ce75e71eead27da9cf67af0",
    }
    decoded = decode_sample(sample)
    assert (decoded.stratum, decoded.reference_id) == (5, 0x7F7F0101)
    assert decoded.skew_s.low < 44.997 < decoded.skew_s.high
    assert decoded.delay_s == pytest.approx(0.030249, abs=1e-6)


def test_what_a_server_says_of_itself_is_read_though_its_time_is_of_no_use():
    windows = header_of(ntp_sample(root_delay_s=0.5, root_dispersion_s=10.0))
    assert (windows.root_delay_s, windows.root_dispersion_s, windows.root_distance_s) == (0.5, 10.0, 10.25)
    assert windows.synchronised
    assert [header_of(ntp_sample(**said)).synchronised for said in ({"leap": 3}, {"stratum": 16})] == [False, False]


@pytest.mark.parametrize(
    "sample",
    [
        silent_sample(),
        ntp_sample(mode=5),
        ntp_sample(origin=bytes(8)),
        ntp_sample(stratum=0, refid=b"DENY"),
        {**ntp_sample(), "reply_hex": "00"},
        {**ntp_sample(), "reply_hex": "no octets"},
    ],
    ids=["silence", "a broadcast", "another's answer", "a kiss", "a short reply", "no reply at all"],
)
def test_what_is_no_servers_answer_has_no_header(sample):
    assert header_of(sample) is None
