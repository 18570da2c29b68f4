"""The parsers on what real daemons printed (samples/daemons/README.md):
the fourth server is 0.7 s ahead of the node.
"""

from __future__ import annotations

from contextlib import suppress

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons import openntpd, timesyncd
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons.common import ntpq, pmc
from hypothesis import given
from hypothesis import strategies as st

from tests import paths

SAMPLES = paths.SAMPLES / "daemons"


def sample(name: str) -> str:
    return (SAMPLES / f"{name}.txt").read_text()


def peers(name: str) -> dict[str, ntpq.Peer]:
    return {row.peer.name: row.peer for row in ntpq.parse_associations(sample(f"{name}.peers"))}


# ntpd and NTPsec


@pytest.mark.parametrize(
    ("name", "leap", "stratum", "refid", "age_s"),
    [
        ("ntpsec_synchronised", 0, 2, "10.99.0.2", 21.321),
        ("ntpsec_lost", 0, 2, "10.99.0.2", 111.578),
        ("ntpsec_starting", 3, 16, "INIT", None),
        ("ntp_synchronised", 0, 2, "10.99.0.3", 16.029),
        ("ntp_lost", 0, 2, "10.99.0.3", 106.062),
        ("ntp_starting", 3, 16, "INIT", None),
    ],
)
def test_ntpds_variables_are_read_from_either_ntpq(name, leap, stratum, refid, age_s):
    system = ntpq.parse_system_variables(sample(f"{name}.rv"))
    assert (system.leap, system.stratum, system.refid) == (leap, stratum, refid)
    assert system.age_s == (None if age_s is None else pytest.approx(age_s, abs=0.001))


def test_ntpds_times_are_seconds():
    system = ntpq.parse_system_variables(sample("ntpsec_synchronised.rv"))
    assert (system.root_delay_s, system.root_dispersion_s) == (pytest.approx(0.002023), pytest.approx(0.187935))
    assert (system.offset_s, system.update_interval_s) == (pytest.approx(0.879e-6), 8.0)


def test_the_age_does_not_depend_on_the_era():
    text = sample("ntpsec_synchronised.rv")
    text = text.replace("eead590d.3e37736c", "fffffff0.00000000").replace("eead5922.904ee02d", "00000010.00000000")
    assert ntpq.parse_system_variables(text).age_s == 32.0


@pytest.mark.parametrize("name", ["ntpsec_synchronised", "ntp_synchronised"])
def test_a_node_behind_its_server_has_a_negative_offset(name):
    assert peers(name)["10.99.0.4"].offset_s == pytest.approx(-0.7, abs=0.001)


def test_the_tally_codes_of_ntpq():
    assert {name: peer.state for name, peer in peers("ntpsec_synchronised").items()} == {
        "10.99.0.1": "candidate",
        "10.99.0.2": "selected",
        "10.99.0.3": "candidate",
        "10.99.0.4": "falseticker",
        "10.99.0.9": "unreachable",
        "ntp.unresolved.": "unresolved",
        "pool.unresolved": "unreachable",
    }
    assert {peer.state for name, peer in peers("ntp_lost").items()} == {"unreachable"}


@pytest.mark.parametrize(
    ("tally", "state"), [("#", "candidate"), ("-", "candidate"), (".", "candidate"), ("o", "selected")]
)
def test_the_tally_codes_that_were_not_recorded(tally, state):
    row = sample("ntpsec_synchronised.peers").replace("*10.99.0.2", f"{tally}10.99.0.2")
    assert ntpq.parse_associations(row)[1].peer.state == state


def test_reach_is_octal_and_times_have_units():
    first = peers("ntpsec_synchronised")["10.99.0.3"]
    assert (first.reach, first.last_rx_s, first.refid) == (0o17, 4.0, ".GPS.")
    row = sample("ntpsec_synchronised.peers").replace("u    6    8    7", "u  17m  34h  377")
    second = ntpq.parse_associations(row)[1]
    assert (second.peer.reach, second.peer.last_rx_s, second.poll_s) == (255, 1020.0, 122400.0)


@pytest.mark.parametrize("name", ["ntpsec_down.peers", "ntp_down.peers"])
def test_an_ntpq_without_its_ntpd_is_no_table(name):
    with pytest.raises(ValueError, match="no table in"):
        ntpq.parse_associations(sample(name))


def test_an_ntpd_without_servers_has_an_empty_table():
    assert ntpq.parse_associations("No association ID's returned\n") == []


# OpenNTPD; what was not recorded has the forms of its ntpd.c: a sensor, constraints, a peer whose
# name does not resolve

OPENNTPD_SYNCED = """\
2/3 peers valid, 1/1 sensors valid, constraint offset -1s, clock synced, stratum 3

peer
   wt tl st  next  poll          offset       delay      jitter
185.19.184.35 from pool 0.gentoo.pool.ntp.org
 *  1 10  2   23s   34s        41.650ms   190.744ms   227.001ms
31.14.131.188 1.gentoo.pool.ntp.org
    1 10  2    2s   31s       -15.834ms   132.072ms    92.419ms
not resolved 2.gentoo.pool.ntp.org
    1  2  -   14s   15s             ---- peer not valid ----

sensor
   wt gd st  next  poll          offset  correction
nmea0  GPS
    1  1  0    3s   15s         1.500ms     0.000ms
"""


def test_openntpds_state_and_peers_are_read():
    status = openntpd.parse_status(OPENNTPD_SYNCED)
    assert (status.synced, status.stratum, status.constraint_offset_s) == (True, 3, -1.0)
    marked, other, unresolved, sensor = status.rows
    assert (marked.name, marked.selected, marked.trust, marked.poll_s) == (
        "185.19.184.35 from pool 0.gentoo.pool.ntp.org",
        True,
        10,
        34.0,
    )
    # The server is 41.65 ms ahead of the node, which is so much behind.
    assert (marked.offset_s, marked.delay_s, marked.jitter_s) == (-0.04165, 0.190744, 0.227001)
    assert (other.selected, other.offset_s) == (False, 0.015834)
    assert (unresolved.offset_s, unresolved.stratum) == (None, None)
    assert (sensor.name, sensor.offset_s) == ("nmea0  GPS", -0.0015)


def test_an_openntpd_that_still_slews_says_by_how_much():
    status = openntpd.parse_status("4/4 peers valid, clock unsynced, clock offset is 1048.342ms\n")
    assert (status.synced, status.offset_s, status.rows) == (False, -1.048342, ())


def test_a_recorded_openntpd():
    status = openntpd.parse_status(sample("openntpd_synchronised.all"))
    assert (status.synced, status.stratum) == (True, 2)
    assert [row.name for row in status.rows if row.selected] == ["10.99.0.1"]
    assert [row.offset_s for row in status.rows][3:] == [pytest.approx(-0.699989), None, None]
    assert [row.works for row in status.rows] == [True] * 4 + [False] * 2


def test_a_peer_whose_server_has_gone_stays_valid_but_does_not_work():
    rows = openntpd.parse_status(sample("openntpd_lost.all")).rows
    assert [(row.offset_s is not None, row.works) for row in rows[:4]] == [(True, False)] * 4


def test_an_openntpd_that_has_just_started():
    status = openntpd.parse_status(sample("openntpd_starting.all"))
    assert not status.synced
    assert [(row.stratum, row.trust) for row in status.rows] == [(1, 3)] * 4 + [(None, 2)] * 2


def test_an_ntpctl_without_its_ntpd_is_refused():
    with pytest.raises(ValueError, match="neither 'clock synced'"):
        openntpd.parse_status(sample("openntpd_down.all"))


# systemd-timesyncd


def test_timesyncds_last_reply_is_read():
    timesync = timesyncd.parse_timesync(sample("timesyncd_synchronised.timesync"))
    assert (timesync.server_name, timesync.server_address, timesync.poll_interval_s) == ("10.99.0.1", "10.99.0.1", 64.0)
    message = timesync.message
    assert (message.leap, message.stratum, message.refid, message.ignored) == (0, 1, "GPS", False)
    assert (message.root_delay_s, message.root_dispersion_s, message.jitter_s) == (
        pytest.approx(0.002014),
        pytest.approx(15e-6),
        pytest.approx(2e-6),
    )
    assert message.received == "Sun 2026-11-22 12:11:32 UTC"


def test_before_its_first_reply_there_is_none():
    assert timesyncd.parse_timesync(sample("timesyncd_noreply.timesync")).message is None
    unresolved = timesyncd.parse_timesync(sample("timesyncd_unresolved.timesync"))
    assert (unresolved.server_name, unresolved.server_address) == ("ntp.unresolved.example", "")


def test_an_older_systemd_forgot_a_comma():
    text = sample("timesyncd_synchronised.timesync").replace("Ignored=no, PacketCount", "Ignored=no PacketCount")
    assert timesyncd.parse_timesync(text) == timesyncd.parse_timesync(sample("timesyncd_synchronised.timesync"))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0.0), ("34min 8s", 2048.0), ("1h 5min 20.5s", 3920.5), ("504.623ms", 0.504623), ("15us", 15e-6)],
)
def test_a_time_span_of_systemd(text, seconds):
    assert timesyncd.parse_timespan(text) == pytest.approx(seconds)


def test_a_timestamp_of_systemd():
    assert timesyncd.parse_timestamp("Sun 2026-11-22 12:11:32 UTC") == 1_795_349_492.0


def test_a_timestamp_of_another_zone_is_refused():
    with pytest.raises(ValueError, match="in UTC"):
        timesyncd.parse_timestamp("Sun 2026-11-22 07:11:32 EST")


# linuxptp


def test_ptp4ls_answers_are_read():
    (status,) = pmc.parse_management(sample("ptp_slave.time_status"), "TIME_STATUS_NP")
    assert (status["master_offset"], status["gmPresent"]) == ("-135", "true")
    assert status["gmIdentity"] == "124d26.fffe.a887cc"
    (port,) = pmc.parse_management(sample("ptp_slave.port_data_set"), "PORT_DATA_SET")
    assert port["portState"] == "SLAVE"


def test_several_ports_answer_one_after_the_other():
    text = sample("ptp_slave.port_data_set") + sample("ptp_lost.port_data_set")
    assert [port["portState"] for port in pmc.parse_management(text, "PORT_DATA_SET")] == ["SLAVE", "LISTENING"]


def test_a_pmc_without_a_response_is_refused():
    with pytest.raises(ValueError, match="no response to GET TIME_STATUS_NP"):
        pmc.parse_management(sample("ptp_down.time_status"), "TIME_STATUS_NP")


# Whatever they are given, they give a value or ValueError

PARSERS = {
    "ntpq -c rv": (ntpq.parse_system_variables, sample("ntpsec_synchronised.rv")),
    "ntpq -pn": (ntpq.parse_associations, sample("ntpsec_synchronised.peers")),
    "ntpctl": (openntpd.parse_status, OPENNTPD_SYNCED),
    "timedatectl": (timesyncd.parse_timesync, sample("timesyncd_synchronised.timesync")),
    "a time span": (timesyncd.parse_timespan, "1h 5min 20.5s"),
    "a timestamp": (timesyncd.parse_timestamp, "Sun 2026-11-22 12:11:32 UTC"),
    "pmc": (lambda text: pmc.parse_management(text, "TIME_STATUS_NP"), sample("ptp_slave.time_status")),
}


@pytest.mark.parametrize(("parse", "whole"), PARSERS.values(), ids=PARSERS)
@given(data=st.data())
def test_junk_gives_a_value_error_and_nothing_else(parse, whole, data):
    start = data.draw(st.integers(0, len(whole)), label="start")
    length = data.draw(st.integers(0, 12), label="length")
    junk = data.draw(
        st.text(st.characters(codec="utf-8"), max_size=8) | st.text("0123456789.-+=,: msx\n*"), label="junk"
    )
    with suppress(ValueError):
        parse(whole[:start] + junk + whole[start + length :])
