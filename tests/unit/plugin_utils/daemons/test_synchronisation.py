from __future__ import annotations

from contextlib import suppress

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import ntp_sources, sync_state
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons.common.asking import (
    steering_daemon,
    synchronisation,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons.common.daemon import CannotBeAskedError
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import MissingEvidenceError, Record
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import CHRONY_UNIT, answer, chrony, record, source, time_services, tracking, unit
from tests.findings import finding_of
from tests.unit.plugin_utils.daemons import recorded


def of(**sections):
    return synchronisation(Record(record(**sections)))


ALL = {
    "chrony": ({}, "chronyd"),
    "NTPsec": (recorded.NTPSEC, "ntpsec"),
    "ntp.org's ntpd": (recorded.NTP, "ntpd"),
    "OpenNTPD": (recorded.OPENNTPD, "openntpd"),
    "ntpd-rs": (recorded.NTPD_RS, "ntpd-rs"),
    "timesyncd": (recorded.TIMESYNCD, "systemd-timesyncd"),
    "PTP": (recorded.PTP, "ptp4l"),
    "ClockBound": (recorded.CLOCKBOUND, "clockbound"),
}


@pytest.mark.parametrize(("sections", "daemon"), ALL.values(), ids=ALL)
def test_every_daemon_that_follows_a_source_says_so_in_one_form(sections, daemon):
    sync = of(**sections)
    assert (sync.daemon, sync.claims, sync.own_clock) == (daemon, True, False)
    assert [peer for peer in sync.peers if peer.selected and peer.answers]
    assert sync.offset_s == pytest.approx(0, abs=0.001)
    for advice in (sync.advice.servers, sync.advice.step):
        assert advice
        assert "{" not in advice


@pytest.mark.parametrize(
    ("sections", "age_s", "stale_after_s", "max_error_s"),
    [
        pytest.param({}, 16.0, 512.0, 0.0002, id="chrony"),
        pytest.param(recorded.NTPSEC, 21.32, 64.0, 0.18895, id="NTPsec"),
        pytest.param(recorded.OPENNTPD, 100.0, 8 * 8 * 34.0, 0.0000565, id="OpenNTPD"),
        pytest.param(recorded.NTPD_RS, 4.0, 16.0, 0.01002, id="ntpd-rs"),
        pytest.param(recorded.TIMESYNCD, 30.0, 512.0, 0.001024, id="timesyncd"),
        pytest.param(recorded.CLOCKBOUND, 1.0, 60.0, 0.00046, id="ClockBound"),
    ],
)
def test_how_old_the_last_update_is_and_how_sure_the_daemon(sections, age_s, stale_after_s, max_error_s):
    sync = of(**sections)
    assert sync.last_update_age_s == pytest.approx(age_s, abs=0.01)
    assert sync.stale_after_s == stale_after_s
    assert sync.max_error_s == pytest.approx(max_error_s, rel=0.01)


# Signs: each daemon learns that the clock is 0.25 s behind, in its own way


@pytest.mark.parametrize(
    "sections",
    [
        pytest.param({"chrony": chrony(tracking(system_time_s=0.25))}, id="chrony: slow of NTP time"),
        pytest.param(
            recorded.ntpd(
                recorded.sample("ntpsec_synchronised.rv").replace("offset=-0.000879", "offset=250.0"),
                recorded.sample("ntpsec_synchronised.peers"),
            ),
            id="ntpd: server minus node, in milliseconds",
        ),
        pytest.param(
            recorded.openntpd("4/4 peers valid, clock unsynced, clock offset is 250.000ms\n"),
            id="OpenNTPD: what adjtime still has to add",
        ),
        pytest.param(
            recorded.timesyncd(recorded.sample("timesyncd_synchronised.timesync"), offset_us=250_000),
            id="timesyncd: what the kernel still has to add",
        ),
        pytest.param(recorded.clockbound(offset_us=250_000), id="ClockBound: what the kernel still has to add"),
        pytest.param(
            recorded.ptp(
                recorded.sample("ptp_slave.time_status").replace("-135", "-250000000"),
                recorded.sample("ptp_slave.port_data_set"),
            ),
            id="ptp4l: node minus master, in nanoseconds",
        ),
    ],
)
def test_a_clock_that_is_behind_has_a_negative_offset(sections):
    assert of(**sections).offset_s == pytest.approx(-0.25)


# chrony


def test_chronys_marks_are_states():
    rows = [source("a", "*"), source("b", "+"), source("c", "-"), source("d", "x"), source("e", "~"), source("f", "?")]
    sync = of(chrony=chrony(tracking(), *rows, source("g", "?", 0)))
    assert [peer.state for peer in sync.peers] == [
        "selected",
        "candidate",
        "candidate",
        "falseticker",
        "unusable",
        "unusable",
        "unreachable",
    ]


@pytest.mark.parametrize("poll", [9999, -9999])
def test_a_poll_interval_that_chrony_does_not_have_is_taken_for_the_nearest(poll):
    sync = of(chrony=chrony(tracking(), source(poll=poll)))
    nearest = of(chrony=chrony(tracking(), source(poll=24 if poll > 0 else -7)))
    assert sync.stale_after_s == nearest.stale_after_s


def unresolved(name):
    return f"^,?,{name},0,6,0,4294967295,0.000000000,0.000000000,0.000000000\n"


@pytest.mark.parametrize(
    ("sources", "all_sources", "names"),
    [
        pytest.param([source()], [unresolved("ntp.invalid"), source("ntp1.example")], ["ntp.invalid"], id="one"),
        pytest.param([source()], [source()], [], id="none"),
        pytest.param(
            [source(), unresolved("10.77.0.9")],
            [source(), unresolved("dead.example"), unresolved("ntp.invalid")],
            ["one of dead.example, ntp.invalid"],
            id="beside one that is resolved and silent",
        ),
    ],
)
def test_chronys_names_that_do_not_resolve_are_found(sources, all_sources, names):
    commands = {"sources_all": answer("".join(all_sources))}
    sync = of(chrony=chrony(tracking(), *sources, **commands))
    assert [peer.name for peer in sync.peers if peer.state == "unresolved"] == names


@pytest.mark.parametrize(
    ("addresses", "names", "all_names", "unresolved_names"),
    [
        pytest.param(["10.0.0.1"] * 2, ["pool"] * 2, ["pool"] * 8, [], id="a pool with fewer addresses than room"),
        pytest.param(["10.0.0.1"], ["a"], ["a", "a"], [], id="a name that stands twice and has one address"),
        pytest.param(["10.0.0.1"], ["a"], ["a", *["pool"] * 8], ["pool"], id="a pool that does not resolve, once"),
        pytest.param(
            ["10.0.0.1"] * 2,
            ["dead", "pool"],
            ["dead", "gone", *["pool"] * 8],
            ["gone"],
            id="beside one that is silent",
        ),
    ],
)
def test_a_pool_is_resolved_as_soon_as_it_has_one_address(addresses, names, all_names, unresolved_names):
    commands = {
        "sources_named": answer("".join(source(name) for name in names)),
        "sources_all": answer("".join(unresolved(name) for name in all_names)),
    }
    sync = of(chrony=chrony(tracking(), *map(source, addresses), **commands))
    assert [peer.name for peer in sync.peers if peer.state == "unresolved"] == unresolved_names


# ntpd


@pytest.mark.parametrize("refid", ["LOCL", "LOCAL(0)", "127.127.1.0", "127.0.0.1", ".LOCL."])
def test_ntpds_own_clock_is_known_by_its_reference(refid):
    rv = recorded.sample("ntp_synchronised.rv").replace("refid=10.99.0.3", f"refid={refid}")
    row = "*127.127.1.0     .LOCL.          10 l    5   64  377    0.000   +0.000   0.000\n"
    sync = of(**recorded.ntpd(rv, recorded.sample("ntp_lost.peers") + row, "ntp.service"))
    assert (sync.own_clock, sync.claims) == (True, True)
    assert "127.127.1.0" not in [peer.name for peer in sync.peers]


@pytest.mark.parametrize(("unit", "state"), [("ntpsec.service", "unresolved"), ("ntp.service", "unreachable")])
def test_a_pool_that_gave_no_server_does_not_resolve_or_with_ntp_org_does_not_answer(unit, state):
    lines = recorded.sample("ntpsec_starting.peers").splitlines(keepends=True)
    sync = of(**recorded.ntpd(recorded.sample("ntpsec_starting.rv"), "".join([*lines[:2], lines[-1]]), unit))
    assert [(peer.name, peer.state) for peer in sync.peers] == [("pool.unresolved", state)]


# OpenNTPD and timesyncd


def test_an_openntpd_that_marks_no_peer_follows_them_all():
    text = recorded.sample("openntpd_synchronised.all").replace(" *  1 10", "    1 10")
    states = [peer.state for peer in of(**recorded.openntpd(text)).peers]
    assert states == ["selected"] * 4 + ["unreachable", "unresolved"]


def test_if_the_kernel_shows_nothing_timesyncds_own_timestamp_does():
    sync = of(**{**recorded.TIMESYNCD, "clock": {"adjtimex": {"error": "no libc"}}})
    assert sync.last_update_age_s == pytest.approx(30.25)


def test_a_timesyncd_without_configuration_has_no_source():
    text = (
        recorded.sample("timesyncd_noreply.timesync").replace("=10.99.0.9", "=").replace(" ntp.unresolved.example", "")
    )
    assert [peer.name for peer in of(**recorded.timesyncd(text)).peers] == [
        "0.debian.pool.ntp.org",
        "1.debian.pool.ntp.org",
    ]
    nothing = "\n".join(line for line in text.splitlines() if not line.startswith("Fallback"))
    assert of(**recorded.timesyncd(nothing)).peers == ()


# Which daemon is asked


def test_busyboxs_ntpd_cannot_be_asked():
    with pytest.raises(CannotBeAskedError, match=r"busybox ntpd \(ntpd\) cannot be asked"):
        of(**recorded.BUSYBOX)


def test_a_daemon_of_which_nothing_is_known_cannot_be_asked_either():
    with pytest.raises(CannotBeAskedError, match=r"htpdate \(htpdate.service\) is none that can be asked"):
        of(time_services=time_services(unit("htpdate.service")))


def test_of_two_daemons_chrony_is_asked():
    both = time_services(unit("systemd-timesyncd.service"), CHRONY_UNIT)
    assert of(time_services=both).unit == "chrony.service"


def test_a_daemon_that_leaves_the_clock_alone_is_not_asked():
    services = time_services(CHRONY_UNIT, processes=[{"pid": 731, "comm": "chronyd", "argv": ["chronyd", "-x"]}])
    assert steering_daemon(Record(record(time_services=services))) is None


def test_a_daemon_without_a_unit_is_asked_too():
    by_hand = time_services(processes=[{"pid": 4000, "comm": "chronyd", "argv": ["/usr/sbin/chronyd"]}])
    assert of(time_services=by_hand).unit.startswith("chronyd (pid 4000, ")


@pytest.mark.parametrize(("child", "daemon"), [("chronyd", "chronyd"), ("ntpd", "ntpd")])
def test_timemasters_child_is_asked(child, daemon):
    services = {
        **time_services(unit("timemaster.service")),
        "processes": [{"pid": 5000, "comm": child, "argv": [child]}],
    }
    sync = of(**{**recorded.NTPSEC, "chrony": chrony(), "time_services": services})
    assert (sync.daemon, sync.unit) == (daemon, "timemaster.service")


def test_an_openntpd_that_is_called_ntpd_is_asked_as_one():
    gentoo = {**recorded.OPENNTPD, "time_services": time_services(unit("ntpd"), manager="openrc")}
    sync = of(**gentoo, ntpd={"present": False, "config": {}, "commands": {}})
    assert (sync.daemon, sync.unit) == ("openntpd", "ntpd")


# What is missing is missing evidence


@pytest.mark.parametrize(
    ("sections", "reason"),
    [
        pytest.param({"time_services": time_services()}, "no time daemon steers", id="no daemon"),
        pytest.param(
            {"chrony": chrony(sources={"rc": 1, "stdout": "506 Cannot talk to daemon\n", "stderr": ""})},
            "506 Cannot talk to daemon",
            id="chronyc without its chronyd",
        ),
        pytest.param({"chrony": chrony("junk")}, "answer of chrony.service can't be read", id="junk"),
        pytest.param(
            recorded.ntpd(recorded.sample("ntpsec_synchronised.rv"), recorded.sample("ntpsec_down.peers")),
            "probably ntpd is not running",
            id="ntpq without its ntpd",
        ),
        pytest.param({**recorded.NTPSEC, "ntpd": None}, "no section 'ntpd'", id="a section that was not taken"),
        pytest.param(
            {**recorded.OPENNTPD, "openntpd": {"commands": {"all": {"error": "ntpctl is not installed"}}}},
            "ntpctl is not installed",
            id="a tool that is missing",
        ),
    ],
)
def test_what_did_not_answer_is_missing_evidence(sections, reason):
    with pytest.raises(MissingEvidenceError, match=reason):
        of(**sections)


EVERY = {name: sections for name, sections in vars(recorded).items() if name.isupper() and isinstance(sections, dict)}


@pytest.mark.parametrize("skew_s", [0.0, 5.0, -612.0])
@pytest.mark.parametrize("sections", EVERY.values(), ids=EVERY)
def test_every_finding_that_is_no_pass_has_keys_why_and_remedy(sections, skew_s):
    taken = record(skew_s, **sections)
    for check in (ntp_sources, sync_state):
        finding = finding_of(check, taken)
        assert finding.seen or finding.state != "fail"
        assert finding.state == "pass" or all((finding.keys, finding.why, finding.remedy)), finding


ANSWERS = [
    (section, command, answer["stdout"], sections)
    for sections in EVERY.values()
    for section in ("ntpd", "openntpd", "ntpd_rs", "timesyncd", "ptp")
    for command, answer in (sections.get(section) or {"commands": {}})["commands"].items()
]


@given(data=st.data())
def test_a_garbled_answer_is_judged_or_is_missing_evidence(data):
    section, command, text, sections = data.draw(st.sampled_from(ANSWERS), label="answer")
    start = data.draw(st.integers(0, len(text)), label="start")
    junk = data.draw(st.text("0123456789.-+=,: msx\n*", max_size=8), label="junk")
    garbled = text[:start] + junk + text[start + data.draw(st.integers(0, 12), label="length") :]
    commands = {**sections[section]["commands"], command: answer(garbled)}
    taken = record(**{**sections, section: {**sections[section], "commands": commands}})
    for check in (ntp_sources, sync_state):
        with suppress(MissingEvidenceError):
            assert finding_of(check, taken).summary
