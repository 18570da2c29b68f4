"""What helps a daemon whose claim does not hold: the remedy fits the cause."""

from __future__ import annotations

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks.sync_state import Key

from tests.builders import chrony, ntp_sample, ntp_server, source, tracking
from tests.findings import unsaid
from tests.unit.plugin_utils.checks.test_check_sync_state import assert_judged, judge, of_tracking
from tests.unit.plugin_utils.checks.test_sync_state_long_polls import HOUR_S, polled_seldom
from tests.unit.plugin_utils.daemons import recorded


def of_server(sections, **reply):
    """The daemon's section, and what the server that it follows said of itself
    when the node asked it.
    """
    address = "10.77.0.1" if sections.get("chrony") else "10.99.0.1"
    return judge(**sections, ntp={"servers": [ntp_server(address, ntp_sample(**reply))]})


def timesyncd_with(root_delay, root_dispersion, jitter="2us"):
    text = recorded.sample("timesyncd_synchronised.timesync")
    text = text.replace("RootDelay=2.014ms", f"RootDelay={root_delay}")
    text = text.replace("RootDispersion=15us", f"RootDispersion={root_dispersion}").replace(
        "Jitter=2us", f"Jitter={jitter}"
    )
    return recorded.timesyncd(text)


def ntpsec_with(root_delay_ms, root_dispersion_ms):
    rv = recorded.sample("ntpsec_synchronised.rv").replace("rootdelay=2.023", f"rootdelay={root_delay_ms}")
    return recorded.ntpd(
        rv.replace("rootdisp=187.935", f"rootdisp={root_dispersion_ms}"), recorded.sample("ntpsec_synchronised.peers")
    )


DISTANT = {  # the daemon, and what is large of its root distance
    "chronyd, dispersion": ({"chrony": chrony(tracking(root_dispersion_s=2.0))}, "root dispersion", "2.000 s"),
    "chronyd, delay": ({"chrony": chrony(tracking(root_delay_s=5.0))}, "half of the root delay", "2.500 s"),
    "timesyncd, dispersion": (timesyncd_with("1ms", "2.5s"), "root dispersion", "2.500 s"),
    "timesyncd, delay": (timesyncd_with("6s", "1ms"), "half of the root delay", "3.000 s"),
    "timesyncd, jitter": (timesyncd_with("6ms", "1ms", "1.5s"), "jitter", "1.500 s"),
    "NTPsec, dispersion": (ntpsec_with(2.023, 1450.0), "root dispersion", "1.450 s"),
    "NTPsec, delay": (ntpsec_with(2800.0, 10.0), "half of the root delay", "1.400 s"),
}


@pytest.mark.parametrize(("sections", "part", "value"), DISTANT.values(), ids=DISTANT)
def test_a_root_distance_is_not_helped_by_a_step_but_by_another_source_or_limit(sections, part, value):
    finding = judge(**sections)
    followed = {"chronyd": "10.77.0.1", "systemd-timesyncd": "10.99.0.1", "ntpsec": "10.99.0.2"}[finding.seen["daemon"]]
    assert_judged(finding, "fail", Key.ROOT_DISTANCE, [f"{part} {value}", followed])
    assert not unsaid(finding.remedy, f"Most of it is {part}:", "gate_max_clock_error_s")
    assert unsaid(finding.remedy, "makestep", "ntpd -gq", "it steps the clock") == [
        "makestep",
        "ntpd -gq",
        "it steps the clock",
    ]


def test_what_the_source_says_of_itself_is_shown_beside_it():
    sections = {"chrony": chrony(tracking(root_dispersion_s=1.25))}
    assert not unsaid(of_server(sections, root_dispersion_s=1.25).remedy, "Of 10.77.0.1 itself", "dispersion 1.250 s")
    # Its own distance is small: the way to it is what is long.
    assert not unsaid(
        of_server(sections, root_dispersion_s=0.03125).remedy, "Of 10.77.0.1 itself", "dispersion 0.031 s"
    )


@pytest.mark.parametrize("fields", [{"root_dispersion_s": 1.25}, {"root_delay_s": 2.5}], ids=["dispersion", "delay"])
def test_an_error_of_the_source_and_one_of_the_way_to_it_have_other_words(fields):
    sections = {"chrony": chrony(tracking(**fields))}
    of_the_source, of_the_way = of_server(sections, **fields).remedy, of_server(sections).remedy
    assert of_the_source.partition(".")[0] != of_the_way.partition(".")[0]


def test_a_dispersion_that_grew_over_a_long_poll_is_helped_by_a_shorter_one():
    assert "maxpoll 10" in judge(**polled_seldom(16, 20 * HOUR_S, root_dispersion_s=1.5)).remedy
    assert "maxpoll" not in judge(chrony=chrony(tracking(root_dispersion_s=1.5))).remedy


def test_a_correction_that_is_within_the_limit_by_itself_is_what_a_step_ends():
    finding = judge(chrony=chrony(tracking(system_time_s=0.75, root_dispersion_s=0.5)), skew_s=-0.75)
    assert finding.keys == (Key.LARGE_CORRECTION,)
    assert "chronyc makestep" in finding.remedy


def test_a_step_leaves_what_the_daemon_does_not_know():
    config = "server 10.77.0.1 iburst\n"
    finding = judge(chrony=chrony(tracking(system_time_s=5.0, root_dispersion_s=2.0), config=config))
    assert finding.keys == (Key.LARGE_CORRECTION,)
    assert not unsaid(finding.remedy, "chronyc makestep", "2.000 s", "gate_max_clock_error_s")


def test_a_server_of_the_last_stratum_is_to_be_replaced():
    finding = of_tracking(source().replace(",2,6,", ",15,6,"), stratum=16)
    assert finding.keys == (Key.NOT_SYNCHRONISED,)
    assert "makestep" not in finding.remedy
    assert "stratum 15" in finding.why


def test_sources_of_1980_are_named():
    finding = of_tracking(skew_s=-46 * 365.25 * 86400, system_time_s=-46 * 365.25 * 86400)
    assert "10.77.0.1" in finding.remedy


def test_if_the_references_contradict_it_one_is_to_see_who_is_wrong_before_the_clock_is_stepped():
    remedy = judge(skew_s=5.0, chrony=chrony(tracking(skew_s=5.0))).remedy
    places = [remedy.index(what) for what in ("clock_skew", "10.77.0.1", "clock_movers", "chronyc makestep")]
    assert places == sorted(places)
