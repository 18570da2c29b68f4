from __future__ import annotations

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import config_in_use, ntp_sources, sync_state
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks.sync_state import Key
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.finding import CommonKey
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import MissingEvidenceError
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.judge import judge_record

from tests.builders import (
    answer,
    chrony,
    ntp_sample,
    ntp_server,
    policy,
    record,
    source,
    time_services,
    tracking,
    unit,
)
from tests.findings import finding_of, unsaid
from tests.unit.plugin_utils.daemons import recorded


def judge(settings=None, skew_s=0.0, **sections):
    return finding_of(sync_state, record(skew_s, of_policy=policy(**(settings or {})), **sections))


def of_tracking(*sources, **fields):
    return judge(chrony=chrony(tracking(**fields), *sources))


CLAIM = "(Normal, stratum 3)"

JUDGED = {  # what chronyd shows, the state, the key of what is no pass, and what the reader sees
    "in sync": ({}, "pass", None, ["16 s", "0.000210 s", " 5 "]),
    "a leap second announced": ({"leap": "Insert second"}, "pass", None, ["16 s"]),
    "never synchronised": (
        {"leap": "Not synchronised", "stratum": 0, "refid": "00000000"},
        "fail",
        Key.NOT_SYNCHRONISED,
        ["(Not synchronised, stratum 0)"],
    ),
    "stratum 0 though Normal": ({"stratum": 0}, "fail", Key.NOT_SYNCHRONISED, ["(Normal, stratum 0)"]),
    "stratum 16 though Normal": (
        {"stratum": 16},
        "fail",
        Key.NOT_SYNCHRONISED,
        ["(Normal, stratum 16)", "timedatectl", "NTPSynchronized=yes"],
    ),
    "the last stratum": ({"stratum": 15}, "pass", None, ["stratum 15"]),
    "a distant stratum": ({"stratum": 10}, "pass", None, ["stratum 10"]),
    "its own clock": ({"refid": "7F7F0101"}, "fail", Key.OWN_CLOCK, [CLAIM, "7F7F0101"]),
    "all sources lost for long": ({"age_s": 8 * 64 + 1}, "fail", Key.UPDATE_TOO_OLD, [CLAIM, "513 s"]),
    "eight intervals old": ({"age_s": 8 * 64 - 1}, "pass", None, ["511 s"]),
    "updated while the evidence was taken": ({"age_s": -1.5}, "pass", None, ["chronyd"]),
    "set back since its last update": ({"age_s": -3600}, "fail", Key.UPDATE_IN_THE_FUTURE, [CLAIM, "3600 s"]),
    "seconds behind and slewed": (
        {"system_time_s": 5.0},
        "skipped",
        Key.LARGE_CORRECTION,
        [CLAIM, "5.000 s", "1.0 s"],
    ),
    "seconds ahead and slewed": ({"system_time_s": -5.0}, "skipped", Key.LARGE_CORRECTION, ["5.000 s"]),
    "a poor root distance": (
        {"root_delay_s": 1.5, "root_dispersion_s": 0.5},
        "fail",
        Key.ROOT_DISTANCE,
        [CLAIM, "1.250 s"],
    ),
    "no number": ({"root_delay_s": float("nan")}, "fail", Key.ROOT_DISTANCE, ["nan s"]),
    "at the limit": (
        {"system_time_s": 0.0, "root_delay_s": 1.5, "root_dispersion_s": 0.25},
        "pass",
        None,
        ["1.000000 s"],
    ),
}


def assert_judged(finding, state, key, shown):
    """``key`` is None if it passes; its summary names each of ``shown``."""
    assert (finding.state, finding.keys) == (state, (key,) if key else ()), finding.summary
    assert not unsaid(finding.summary, *shown)


@pytest.mark.parametrize(("fields", "state", "key", "shown"), JUDGED.values(), ids=JUDGED)
def test_the_claim_is_held_against_what_stands_beside_it(fields, state, key, shown):
    assert_judged(of_tracking(**fields), state, key, ["chronyd", *shown])


def test_only_a_distant_stratum_is_noted():
    assert "stratum" not in of_tracking(stratum=9).summary
    assert "stratum" in of_tracking(stratum=10).summary


SLEWED = tracking(system_time_s=5.0)


def test_a_clock_that_is_slewed_though_makestep_promises_a_step_is_one_event_and_config_in_use_says_it():
    sections = {"chrony": chrony(SLEWED)}
    finding = judge(**sections)
    assert (finding.state, finding.keys) == ("skipped", (Key.LARGE_CORRECTION,))
    assert "config_in_use" in finding.remedy
    other = finding_of(config_in_use, record(**sections))
    assert (other.state, other.keys) == ("fail", (config_in_use.Key.MAKESTEP_USED_UP,))


@pytest.mark.parametrize(
    ("settings", "config"),
    [
        ({"advisory_checks": ["config_in_use"]}, None),
        ({"checks": ["sync_state"]}, None),
        ({}, "server 10.77.0.1 iburst\n"),
        ({}, "server 10.77.0.1 iburst\nmakestep 10 3\n"),
    ],
    ids=["advisory", "not asked", "no makestep", "below the threshold"],
)
def test_a_large_correction_refuses_by_itself_unless_config_in_use_refuses_for_it(settings, config):
    finding = judge(settings, chrony=chrony(SLEWED, config=config))
    assert (finding.state, finding.keys) == ("fail", (Key.LARGE_CORRECTION,))


def test_a_source_that_is_polled_seldom_makes_an_old_update_none():
    assert of_tracking(source(poll=10), age_s=8 * 1024 - 1).state == "pass"
    assert of_tracking(source(poll=10), age_s=8 * 1024 + 1).state == "fail"


def test_only_the_selected_sources_polling_counts():
    assert of_tracking(source(), source("10.77.0.9", "?", 0, poll=10), age_s=600).state == "fail"


def test_just_after_its_start_the_polling_interval_stands_for_the_updates():
    assert of_tracking(interval_s=0.0, age_s=7).state == "pass"


def test_the_limit_of_the_error_is_a_setting():
    assert judge({"max_clock_error_s": 0.0001}).state == "fail"
    behind = {"chrony": chrony(tracking(skew_s=-5.0, system_time_s=5.0)), "skew_s": -5.0}
    assert judge({"max_clock_error_s": 10.0}, **behind).state == "pass"


def test_a_clock_of_1980_was_never_set():
    years_s = -46 * 365.25 * 86400
    finding = judge(skew_s=years_s, chrony=chrony(tracking(skew_s=years_s)))
    assert_judged(finding, "fail", Key.CLOCK_BEFORE_2020, [CLAIM, "1980"])


def test_sources_of_1980_are_not_followed_there():
    finding = of_tracking(skew_s=-46 * 365.25 * 86400, system_time_s=-46 * 365.25 * 86400)
    assert_judged(finding, "fail", Key.SOURCES_BEFORE_2020, [CLAIM, "1980"])


def test_the_age_is_that_of_the_corrected_clock():
    """A node that is 612 s behind has its last update 612 s ahead of this clock,
    and not in its future.
    """
    finding = judge(skew_s=-612.0, chrony=chrony(tracking(skew_s=0.0, system_time_s=612.0)))
    assert finding.keys == (Key.LARGE_CORRECTION,)
    assert finding.seen["last_update_age_s"] == 16.0


# The kernel


@pytest.mark.parametrize(
    ("maxerror_us", "state", "shown"),
    [
        (7580, "pass", ["16 s"]),
        (16_000_000, "fail", ["maxerror", "16 s"]),
        (255_000, "pass", ["16 s"]),
        (300_000, "fail", ["maxerror", "600 s"]),
    ],
)
def test_the_kernels_maxerror_must_confirm_the_claim(maxerror_us, state, shown):
    finding = judge(clock={"adjtimex": {"maxerror_us": maxerror_us, "offset_us": 0}})
    assert_judged(finding, state, Key.KERNEL_CONTRADICTS if state == "fail" else None, shown)
    assert ("clock_movers" in finding.remedy) == (state == "fail")


@pytest.mark.parametrize(("last_offset_s", "state"), [(0.35, "pass"), (-0.35, "pass"), (0.1, "fail")])
def test_maxerror_has_what_chronyd_had_to_slew_away_at_its_last_update(last_offset_s, state):
    """After a boot its first update corrects a part of a second; until the next, maxerror keeps
    that.
    """
    kernel = {"adjtimex": {"maxerror_us": 363_000, "offset_us": 0}}
    finding = judge(clock=kernel, chrony=chrony(tracking(last_offset_s=last_offset_s)))
    assert finding.state == state


NO_KERNEL = {"adjtimex": {"error": "no libc"}}


@pytest.mark.parametrize("daemon", [{}, recorded.TIMESYNCD, recorded.OPENNTPD])
def test_a_kernel_that_showed_nothing_confirms_nothing(daemon):
    with pytest.raises(MissingEvidenceError, match="adjtimex"):
        judge(**{**daemon, "clock": NO_KERNEL})


def test_a_claim_without_the_age_of_the_last_update_is_not_believed():
    never = recorded.NTPSEC["ntpd"]["commands"]["rv"]["stdout"].replace("reftime=", "reftime=00000000.00000000 ")
    ntpd = recorded.NTPSEC["ntpd"]
    with pytest.raises(MissingEvidenceError, match="last update"):
        judge(**{**recorded.NTPSEC, "ntpd": {**ntpd, "commands": {**ntpd["commands"], "rv": answer(never)}}})


def test_a_port_that_is_no_more_slave_when_its_master_is_silent_needs_no_age():
    assert judge(**{**recorded.PTP, "clock": NO_KERNEL}).state == "pass"


def test_an_ntpd_may_leave_the_kernels_maxerror_alone():
    unsynchronised = {"adjtimex": {"maxerror_us": 16_000_000, "offset_us": 0}}
    assert judge(**{**recorded.NTPSEC, "clock": unsynchronised}).state == "pass"
    assert judge(**{**recorded.TIMESYNCD, "clock": unsynchronised}).state == "fail"


# The references


@pytest.mark.parametrize(
    ("skew_s", "shown"),
    [(5.0, "5.000 s ahead"), (-612.0, "612.000 s behind"), (0.2, "0.200 s ahead"), (-0.2, "0.200 s behind")],
)
def test_the_daemons_own_bound_is_not_believed_against_the_references(skew_s, shown):
    finding = judge(skew_s=skew_s, chrony=chrony(tracking(skew_s=skew_s)))
    assert_judged(finding, "fail", Key.REFERENCES_CONTRADICT, ["chronyd", CLAIM, " 5 ", f"{shown} (± ", "0.000210 s"])


@pytest.mark.parametrize("skew_s", [0.12, -0.12])
def test_a_contradiction_below_the_step_threshold_is_none(skew_s):
    assert judge(skew_s=skew_s, chrony=chrony(tracking(skew_s=skew_s))).state == "pass"


def test_the_leeway_is_never_more_than_the_limit_of_the_error():
    said = {"skew_s": 0.1, "chrony": chrony(tracking(skew_s=0.1))}
    assert judge({"max_clock_error_s": 0.05}, **said).state == "fail"


def test_an_offset_that_the_daemon_admits_is_no_contradiction():
    behind = {"skew_s": -0.6, "chrony": chrony(tracking(skew_s=-0.6, system_time_s=0.6))}
    assert judge(**behind).state == "pass"
    # Said with the wrong sign it would be one.
    assert judge(skew_s=-0.6, chrony=chrony(tracking(skew_s=-0.6, system_time_s=-0.6))).state == "fail"


def test_a_clock_that_is_slewed_between_the_readings_is_no_contradiction():
    """The collection takes 2 s, in which chronyd slews up to 0.2 s."""
    slewed = [ntp_server(f"10.77.0.{n}", ntp_sample(-0.3)) for n in (1, 2, 3)]
    admitted = chrony(tracking(system_time_s=0.5))
    assert judge(skew_s=-0.5, chrony=admitted, ntp={"servers": slewed}).state == "pass"


def test_without_references_the_claim_stands_alone():
    finding = judge(ntp={"servers": []}, api_date={"apis": []})
    assert (finding.state, finding.seen["skew_s"]) == ("pass", None)
    assert " 5 " not in finding.summary


# Every daemon

DAEMONS = {  # what it printed, the state, the key of what is no pass, and what the reader sees
    "NTPsec": (recorded.NTPSEC, "pass", None, ["ntpsec", "21 s", "0.188947 s"]),
    "ntp.org's ntpd": (recorded.NTP, "pass", None, ["ntpd", "16 s"]),
    "OpenNTPD": (recorded.OPENNTPD, "pass", None, ["openntpd", "100 s", "0.0000"]),
    "ntpd-rs": (recorded.NTPD_RS, "pass", None, ["ntpd-rs", "4 s", "0.0100"]),
    "timesyncd": (recorded.TIMESYNCD, "pass", None, ["systemd-timesyncd", "30 s", "0.0010"]),
    "PTP": (recorded.PTP, "pass", None, ["ptp4l", "0.000000 s"]),
    "NTPsec, lost": (
        recorded.NTPSEC_LOST,
        "fail",
        Key.UPDATE_TOO_OLD,
        ["ntpsec", "(leap 00, stratum 2, sync_unspec)", "112 s"],
    ),
    "ntp.org's ntpd, lost": (recorded.NTP_LOST, "fail", Key.UPDATE_TOO_OLD, ["ntpd", "106 s"]),
    "timesyncd, lost": (recorded.TIMESYNCD_LOST, "fail", Key.UPDATE_TOO_OLD, ["systemd-timesyncd", "1000 s"]),
    "OpenNTPD, lost": (recorded.OPENNTPD_LOST, "fail", Key.UPDATE_TOO_OLD, ["openntpd", "stratum 2", "3000 s"]),
    "NTPsec, just started": (
        recorded.NTPSEC_STARTING,
        "skipped",
        Key.NOT_SYNCHRONISED,
        ["ntpsec", "(leap 11, stratum 16, sync_unspec)"],
    ),
    "ntpd-rs, lost": (recorded.NTPD_RS_LOST, "fail", Key.UPDATE_TOO_OLD, ["ntpd-rs", "(leap 0, stratum 2)", "33 s"]),
    "ntpd-rs, which has fewer sources than must agree": (
        recorded.NTPD_RS_TOO_FEW,
        "skipped",
        Key.NOT_SYNCHRONISED,
        ["ntpd-rs", "(leap 3, stratum 16)"],
    ),
    "ntpd-rs, whose clock something has set": (
        recorded.ntpd_rs(recorded.sample("ntpd-rs_synchronised.status"), age_s=32_000.0),
        "fail",
        Key.KERNEL_CONTRADICTS,
        ["ntpd-rs", "16 s"],
    ),
    "ntpd-rs, without a socket": (recorded.NTPD_RS_NO_SOCKET, "skipped", Key.DAEMON_SAID_NOTHING, ["ntpd-rs"]),
    "timesyncd, no reply": (recorded.TIMESYNCD_NO_REPLY, "skipped", Key.NOT_SYNCHRONISED, ["systemd-timesyncd"]),
    "PTP, lost": (
        recorded.PTP_LOST,
        "skipped",
        Key.NOT_SYNCHRONISED,
        ["ptp4l", "(gmPresent true, portState LISTENING)"],
    ),
    "PTP, its own grandmaster": (
        recorded.ptp(
            recorded.sample("ptp_listening.time_status"),
            recorded.sample("ptp_listening.port_data_set").replace("LISTENING", "GRAND_MASTER"),
        ),
        "fail",
        Key.OWN_CLOCK,
        ["ptp4l", "(12b26b.fffe.43510e)"],
    ),
    "PTP, 37 s off, as where UTC is taken for TAI": (
        recorded.ptp(
            recorded.sample("ptp_slave.time_status").replace("-135", "37000000000"),
            recorded.sample("ptp_slave.port_data_set"),
        ),
        "fail",
        Key.LARGE_CORRECTION,
        ["ptp4l", "(gmPresent true, portState SLAVE)", "37.000 s"],
    ),
}


@pytest.mark.parametrize(("sections", "state", "key", "shown"), DAEMONS.values(), ids=DAEMONS)
def test_every_daemons_claim_is_held_against_the_same(sections, state, key, shown):
    assert_judged(judge(**sections), state, key, shown)


@pytest.mark.parametrize("daemon", ["NTPSEC", "NTP", "OPENNTPD", "NTPD_RS", "TIMESYNCD"])
def test_no_daemons_claim_is_believed_against_the_references(daemon):
    sections = getattr(recorded, daemon)
    finding = judge(skew_s=5.0, **sections)
    assert (finding.state, finding.keys) == ("fail", (Key.REFERENCES_CONTRADICT,))


def test_the_remedy_speaks_of_the_daemon_at_hand():
    kernel = {"adjtimex": {"maxerror_us": 16_000_000, "offset_us": 0}}
    assert not unsaid(judge(clock=kernel).remedy, "chronyd", "`systemctl restart chrony.service`")
    ends = chrony(config="server 10.77.0.1\nnoclientlog\nratelimit interval 3\n")
    not_yet = judge(clock=kernel, chrony=ends).remedy
    assert not unsaid(not_yet, "/etc/chrony/chrony.conf:3 ", "ratelimit", "noclientlog")
    assert "restart" not in not_yet.partition("Do not restart")[0]
    slewed = chrony(tracking(system_time_s=5.0), config="server 10.77.0.1 iburst\n")
    assert "chronyc makestep" in judge(chrony=slewed).remedy
    assert "`local`" in of_tracking(refid="7F7F0101").remedy
    assert "ntpd -gq" in judge(skew_s=5.0, **recorded.NTPSEC).remedy
    assert "systemctl restart systemd-timesyncd.service" in judge(skew_s=5.0, **recorded.TIMESYNCD).remedy


def test_a_daemon_that_has_just_chosen_a_source_is_given_some_minutes():
    finding = of_tracking(leap="Not synchronised", stratum=0, refid="00000000")
    assert (finding.state, finding.keys) == ("fail", (Key.NOT_SYNCHRONISED,))
    at_once = of_tracking(age_s=-3600).remedy
    assert finding.remedy.endswith(at_once)
    assert finding.remedy != at_once


@pytest.mark.parametrize(
    "sections",
    [
        {"chrony": chrony(tracking(leap="Not synchronised", stratum=0, refid="00000000"), source(state="?", reach=0))},
        recorded.NTPSEC_STARTING,
        recorded.TIMESYNCD_NO_REPLY,
        recorded.PTP_LOST,
    ],
)
def test_what_follows_from_its_sources_is_reported_once(sections):
    skipped, by_sources = judge(**sections), finding_of(ntp_sources, record(**sections))
    assert (skipped.state, skipped.keys, by_sources.state) == ("skipped", (Key.NOT_SYNCHRONISED,), "fail")
    assert "ntp_sources" in skipped.remedy


MUTE = {"chrony": chrony(tracking={"rc": 1, "stdout": "506 Cannot talk to daemon\n", "stderr": ""})}


@pytest.mark.parametrize(
    ("sections", "key", "about"),
    [
        pytest.param(recorded.BUSYBOX, CommonKey.CANNOT_BE_ASKED, [], id="no way to ask it"),
        pytest.param(MUTE, CommonKey.MISSING_EVIDENCE, ["chrony"], id="no answer"),
    ],
)
def test_a_daemon_that_does_not_answer_is_reported_once(sections, key, about):
    said = judge_record(record(of_policy=policy(checks=["ntp_sources", "sync_state"]), **sections))["findings"]
    assert [(f["state"], f["keys"], f["about"]) for f in said if f["check"] != "reachable"] == [
        ("inconclusive", [key], about),
        ("skipped", [Key.DAEMON_SAID_NOTHING], about),
    ]
    assert "ntp_sources" in said[2]["remedy"]


# No daemon


def test_without_a_daemon_timedatectls_yes_is_named_as_what_it_is():
    clock = {"adjtimex": {"maxerror_us": 3_600_000, "offset_us": 0}}
    finding = judge(clock=clock, time_services=time_services(unit("chrony.service", "failed")))
    assert_judged(finding, "skipped", CommonKey.NO_DAEMON, ["timedatectl", "NTPSynchronized=yes", "2.0 h"])
    assert finding.seen["kernel"] == clock["adjtimex"]


def test_without_a_daemon_and_without_a_claim_it_is_skipped():
    unsynchronised = {"adjtimex": {"maxerror_us": 16_000_000, "offset_us": 0}}
    finding = judge(time_services=time_services(), clock=unsynchronised)
    assert (finding.state, finding.keys) == ("skipped", (CommonKey.NO_DAEMON,))
    assert "timedatectl" not in finding.summary


def test_a_finding_shows_the_figures():
    seen = of_tracking().seen
    assert (seen["daemon"], seen["claim"], seen["stratum"]) == ("chronyd", "Normal, stratum 3", 3)
    assert (seen["offset_s"], seen["max_error_s"]) == (-0.00001, 0.0002)
    assert (seen["last_update_age_s"], seen["stale_after_s"]) == (16.0, 512.0)
    assert seen["kernel"]["maxerror_us"] == 7580
    assert seen["skew_s"]["low"] < 0 < seen["skew_s"]["high"]
