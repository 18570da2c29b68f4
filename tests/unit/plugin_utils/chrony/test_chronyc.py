from __future__ import annotations

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.chronyc import (
    Activity,
    Authentication,
    Selection,
    Source,
    Tracking,
    parse_activity,
    parse_authdata,
    parse_selectdata,
    parse_sources,
    parse_tracking,
)

# Printed by a chronyd 4.3.
FOLLOWING = (
    "0A4D0002,10.77.0.2,6,1795336522.750364304,0.000016709,-0.000011364,0.000033371,-0.130,0.004,0.342,"
    "0.000122366,0.000024071,64.9,Normal\n"
)
LOST = (
    "00000000,,0,0.000000000,0.000000000,0.000000000,0.000000000,"
    "0.000,0.000,0.000,1.000000000,1.000000000,0.0,Not synchronised\n"
)


def test_tracking_is_read_in_the_order_of_its_fields():
    assert parse_tracking(FOLLOWING) == Tracking(
        refid="0A4D0002",
        name="10.77.0.2",
        leap="Normal",
        stratum=6,
        ref_time_s=1795336522.750364304,
        system_time_s=0.000016709,
        last_offset_s=-0.000011364,
        rms_offset_s=0.000033371,
        frequency_ppm=-0.130,
        residual_freq_ppm=0.004,
        skew_ppm=0.342,
        root_delay_s=0.000122366,
        root_dispersion_s=0.000024071,
        update_interval_s=64.9,
    )


def test_a_daemon_that_never_synchronised_is_read_too():
    tracking = parse_tracking(LOST)
    assert (tracking.leap, tracking.stratum, tracking.name) == ("Not synchronised", 0, "")


@pytest.mark.parametrize("system_time_s", [5.0, -5.0])
def test_chronys_bound_of_the_error_counts_the_correction_to_come_whichever_way(system_time_s):
    fields = FOLLOWING.split(",")
    fields[4], fields[10], fields[11] = str(system_time_s), "0.5", "0.125"
    assert parse_tracking(",".join(fields)).max_error_s == 5.375


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "expected 14 fields, found 1", id="nothing"),
        pytest.param("506 Cannot talk to daemon\n", "expected 14 fields, found 1", id="an error"),
        pytest.param(FOLLOWING.replace(",Normal", ""), "expected 14 fields, found 13", id="a field too few"),
        pytest.param(FOLLOWING.replace(",6,", ",six,"), "six", id="no number"),
        pytest.param(FOLLOWING + FOLLOWING, "expected 14 fields, found 27", id="two rows"),
    ],
)
def test_what_is_no_tracking_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        parse_tracking(text)


def test_sources_are_read_with_reach_in_octal():
    text = (
        "^,*,10.77.0.2,5,6,377,16,0.000001,-0.000002,0.000100\n"
        "#,?,GPS,0,4,17,4294967295,0.000000000,0.000000000,0.000000000\n"
    )
    assert parse_sources(text) == [
        Source("^", "*", "10.77.0.2", 5, 6, 255, 16, 0.000001, -0.000002, 0.0001),
        Source("#", "?", "GPS", 0, 4, 15, None, 0.0, 0.0, 0.0),
    ]


def test_a_name_may_have_commas():
    """As a `server` line with a list has; chronyc -c does not quote it."""
    name = "a.example,b.example,c.example"
    assert [row.name for row in parse_sources(f"^,?,{name},0,6,0,4294967295,0.0,0.0,0.0\n")] == [name]
    assert [row.name for row in parse_authdata(f"{name},-,0,0,0,4294967295,0,0,0,0\n")] == [name]
    row = f"s,{name},N,-,-,-,-,-,-,-,-,-,-,4294967295,1.0,0.0,0.0,Normal\n"
    assert [(row.state, row.name) for row in parse_selectdata(row)] == [("s", name)]


def test_no_source_is_an_empty_list():
    assert parse_sources("") == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("506 Cannot talk to daemon\n", "expected 10 fields, found 1: '506 Cannot", id="an error"),
        pytest.param("^,*,10.77.0.2,5,6,378,16,0,0,0\n", "378", id="reach that is not octal"),
    ],
)
def test_what_is_no_source_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        parse_sources(text)


def test_authdata_is_read_with_keys_and_without():
    text = "ntp.example,NTS,1,15,256,42,0,1,8,100\nother.example,NTS,0,0,0,4294967295,3,0,0,0\n"
    assert parse_authdata(text) == [
        Authentication("ntp.example", "NTS", 1, 15, 256, 42, 0, 1, 8, 100),
        Authentication("other.example", "NTS", 0, 0, 0, None, 3, 0, 0, 0),
    ]


def test_selectdata_is_read_with_the_options_that_are_set():
    # Printed by a chronyd 4.3 with a plain server and an NTS server whose port 4460 is closed.
    text = (
        "W,127.0.0.1,N,-,-,-,-,-,-,-,-,-,-,0,1.0,-0.000001957,0.000004897,Normal\n"
        "s,nts.example,Y,-,P,-,-,-,-,P,T,R,-,4294967295,1.0,0.000000000,0.000000000,Not synchronised\n"
    )
    assert parse_selectdata(text) == [
        Selection("W", "127.0.0.1", False, "", "", 0, 1.0, -0.000001957, 0.000004897, "Normal"),
        Selection("s", "nts.example", True, "P", "PTR", None, 1.0, 0.0, 0.0, "Not synchronised"),
    ]


def test_activity_is_read_in_the_order_of_its_fields():
    assert parse_activity("4,3,2,1,10\n") == Activity(4, 3, 2, 1, 10)


@pytest.mark.parametrize(
    ("parse", "text", "message"),
    [
        pytest.param(parse_authdata, "501 Not authorised\n", "authdata: expected 10 fields, found 1", id="not root"),
        pytest.param(parse_authdata, "a,NTS,1,x,256,42,0,0,8,100\n", "x", id="no number in authdata"),
        pytest.param(
            parse_selectdata, "*,a,N,-,-,-\n", "selectdata: expected 18 fields, found 6", id="selectdata cut off"
        ),
        pytest.param(parse_activity, "4,0,0,0\n", "activity: expected 5 fields, found 4", id="activity cut off"),
        pytest.param(parse_activity, "", "activity: expected 1 row, found 0", id="no activity"),
    ],
)
def test_what_is_none_of_them_is_refused(parse, text, message):
    with pytest.raises(ValueError, match=message):
        parse(text)
