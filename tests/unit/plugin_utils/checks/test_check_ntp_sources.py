from __future__ import annotations

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import ntp_sources
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks.ntp_sources import Key
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.finding import CommonKey
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import MissingEvidenceError

from tests.builders import (
    answer,
    chrony,
    ntp_sample,
    ntp_server,
    record,
    silent_sample,
    source,
    time_services,
    tracking,
    unit,
)
from tests.findings import finding_of, unsaid
from tests.unit.plugin_utils.daemons import recorded


def judge(**sections):
    return finding_of(ntp_sources, record(**sections))


def of_sources(*sources, refid="0A4D0001"):
    return judge(chrony=chrony(tracking(refid=refid), *sources))


def names_by_state(finding):
    """The names of the daemon's sources, as the finding shows them, by their state."""
    return {
        state: [shown["name"] for shown in finding.seen["sources"] if shown["state"] == state]
        for state in {shown["state"] for shown in finding.seen["sources"]}
    }


JUDGED = {  # the sources, the key of the failure, if it is one, and what the reader sees of them
    "one selected of three": (
        [source(), source("10.77.0.2", "+"), source("10.77.0.3", "-")],
        None,
        ["10.77.0.1", " 3 "],
    ),
    "the selected one is not the first": (
        [source("10.77.0.9", "?", 0), source("10.77.0.2", "*")],
        None,
        ["10.77.0.2", " 2 ", "10.77.0.9"],
    ),
    "a falseticker beside it": ([source(), source("10.77.0.2", "x")], None, ["10.77.0.1", " 2 ", "10.77.0.2"]),
    "none configured": ([""], Key.NONE_CONFIGURED, ["chronyd"]),
    "none answers": (
        [source("10.77.0.8", "?", 0), source("10.77.0.9", "?", 0)],
        Key.NONE_ANSWERS,
        ["chronyd", "(10.77.0.8, 10.77.0.9)"],
    ),
    "none selected": (
        [source("10.77.0.1", "x"), source("10.77.0.2", "x")],
        Key.NONE_SELECTED,
        ["chronyd", "10.77.0.1: falseticker", "10.77.0.2: falseticker"],
    ),
    "the selected one fell silent": (
        [source("10.77.0.1", "*", 0), source("10.77.0.2", "+")],
        Key.SELECTED_IS_SILENT,
        ["10.77.0.1", "reach 0"],
    ),
    "answered once of eight": ([source(reach=0o200)], None, ["10.77.0.1", " 1 "]),
}


def assert_judged(finding, key, shown):
    """It passes if ``key`` is None, fails with it otherwise, and its summary shows each
    of ``shown``.
    """
    assert (finding.state, finding.keys) == (("fail", (key,)) if key else ("pass", ()))
    assert not unsaid(finding.summary, *shown)


@pytest.mark.parametrize(("sources", "key", "shown"), JUDGED.values(), ids=JUDGED)
def test_a_source_is_to_be_selected_and_to_answer(sources, key, shown):
    assert_judged(of_sources(*sources), key, shown)


def test_sources_of_no_use_beside_the_selected_one_are_named_apart():
    finding = of_sources(source(), source("10.77.0.2", "x"), source("10.77.0.9", "?", 0), source("10.77.0.3", "+"))
    assert finding.state == "pass"
    assert "10.77.0.3" not in finding.summary
    places = [finding.summary.index(name) for name in ("10.77.0.1", "10.77.0.2", "10.77.0.9")]
    assert places == sorted(places)
    shown = names_by_state(finding)
    assert (shown["falseticker"], shown["unreachable"]) == (["10.77.0.2"], ["10.77.0.9"])


@pytest.mark.parametrize(
    ("sources", "key"), [([""], Key.NONE_CONFIGURED), ([source("10.77.0.9", "?", 0)], Key.NONE_ANSWERS)]
)
def test_the_nodes_own_clock_is_no_source(sources, key):
    finding = of_sources(*sources, refid="7F7F0101")
    assert_judged(finding, key, ["7F7F0101"])
    assert "7F7F0101" not in of_sources(*sources).summary


# The same words of every daemon, from what each really printed

GRANDMASTER = "grandmaster 124d26.fffe.a887cc"
DAEMONS = {  # what it printed, its name, the key of the failure, if it is one, and what the reader sees of its sources
    "NTPsec": (recorded.NTPSEC, "ntpsec", None, ["10.99.0.2", " 6 ", "10.99.0.4", "10.99.0.9", "ntp.unresolved."]),
    "ntp.org's ntpd": (recorded.NTP, "ntpd", None, ["10.99.0.3", " 5 ", "10.99.0.4"]),
    "OpenNTPD": (recorded.OPENNTPD, "openntpd", None, ["10.99.0.1", " 6 ", "10.99.0.9"]),
    "ntpd-rs": (recorded.NTPD_RS, "ntpd-rs", None, ["10.77.0.1", "10.77.0.2", "10.77.0.3", " 3 "]),
    "timesyncd": (recorded.TIMESYNCD, "systemd-timesyncd", None, ["10.99.0.1", " 1 "]),
    "PTP": (recorded.PTP, "ptp4l", None, [GRANDMASTER, " 1 "]),
    "NTPsec, lost": (
        recorded.NTPSEC_LOST,
        "ntpsec",
        Key.NONE_ANSWERS,
        ["(10.99.0.1, 10.99.0.2, 10.99.0.3, 10.99.0.4, 10.99.0.9, ntp.unresolved.)"],
    ),
    "ntp.org's ntpd, lost": (recorded.NTP_LOST, "ntpd", Key.NONE_ANSWERS, ["(10.99.0.1, "]),
    "OpenNTPD, lost": (recorded.OPENNTPD_LOST, "openntpd", Key.NONE_ANSWERS, ["(10.99."]),
    "timesyncd, lost": (recorded.TIMESYNCD_LOST, "systemd-timesyncd", Key.NONE_ANSWERS, ["(10.99.0.1)"]),
    "timesyncd, no reply": (recorded.TIMESYNCD_NO_REPLY, "systemd-timesyncd", Key.NONE_ANSWERS, ["(10.99.0.9)"]),
    "timesyncd, no name": (
        recorded.TIMESYNCD_UNRESOLVED,
        "systemd-timesyncd",
        Key.NONE_RESOLVES,
        ["(ntp.unresolved.example)"],
    ),
    "OpenNTPD, just started": (
        recorded.OPENNTPD_STARTING,
        "openntpd",
        Key.NONE_SELECTED,
        ["(10.99.0.1: unusable, "],
    ),
    "ntpd-rs, lost": (
        recorded.NTPD_RS_LOST,
        "ntpd-rs",
        Key.NONE_ANSWERS,
        ["(10.77.0.4, 10.77.0.2, 10.77.0.3)"],
    ),
    "ntpd-rs, whose servers never answered": (recorded.NTPD_RS_SILENT, "ntpd-rs", Key.NONE_ANSWERS, ["10.77.0.7"]),
    "ntpd-rs, no name": (recorded.NTPD_RS_UNRESOLVED, "ntpd-rs", Key.NONE_RESOLVES, ["(a.example, b.example)"]),
    "ntpd-rs, just started": (recorded.NTPD_RS_STARTING, "ntpd-rs", Key.NONE_SELECTED, ["(10.77.0.1: candidate"]),
    "ntpd-rs, which has fewer sources than must agree": (
        recorded.NTPD_RS_TOO_FEW,
        "ntpd-rs",
        Key.NONE_SELECTED,
        ["2 of 2 agree", "needs 3", "minimum-agreeing-sources"],
    ),
    "ntpd-rs, whose sources disagree": (
        recorded.NTPD_RS_DISAGREEING,
        "ntpd-rs",
        Key.NONE_SELECTED,
        ["2 of 4 agree", "minimum-agreeing-sources"],
    ),
    "PTP, lost": (recorded.PTP_LOST, "ptp4l", Key.NONE_ANSWERS, [f"({GRANDMASTER})"]),
    "PTP, no grandmaster": (recorded.PTP_LISTENING, "ptp4l", Key.NONE_CONFIGURED, ["ptp4l"]),
}


@pytest.mark.parametrize(("sections", "daemon", "key", "shown"), DAEMONS.values(), ids=DAEMONS)
def test_every_daemon_is_asked_the_same(sections, daemon, key, shown):
    finding = judge(**sections)
    assert_judged(finding, key, [daemon, *shown])
    assert finding.seen["daemon"] == daemon


@pytest.mark.parametrize(
    ("sections", "falsetickers", "silent"),
    [
        pytest.param(recorded.NTPSEC, ["10.99.0.4"], ["10.99.0.9"], id="NTPsec"),
        pytest.param(recorded.NTP, ["10.99.0.4"], ["10.99.0.9"], id="ntp.org's ntpd"),
        pytest.param(recorded.OPENNTPD, [], ["10.99.0.9"], id="OpenNTPD"),
        pytest.param(recorded.NTPD_RS_FALSETICKER, ["10.77.0.4"], [], id="ntpd-rs"),
    ],
)
def test_falsetickers_and_silent_sources_of_every_daemon_are_distinguished(sections, falsetickers, silent):
    shown = names_by_state(judge(**sections))
    assert (shown.get("falseticker", []), shown.get("unreachable", [])) == (falsetickers, silent)


def test_the_remedy_speaks_of_the_daemon_at_hand():
    assert "ntpsec.service" in judge(**recorded.NTPSEC_LOST).remedy
    assert "/etc/openntpd/ntpd.conf" in judge(**recorded.OPENNTPD_LOST).remedy
    assert "timesyncd.conf.d" in judge(**recorded.TIMESYNCD_LOST).remedy
    assert "/etc/ntpd-rs/ntp.toml" in judge(**recorded.NTPD_RS_LOST).remedy
    assert "skewgate.preflight.remediate" in of_sources("").remedy


def test_a_daemon_that_cannot_be_asked_is_inconclusive_and_says_what_to_do():
    finding = judge(**recorded.BUSYBOX)
    assert (finding.state, finding.keys) == ("inconclusive", (CommonKey.CANNOT_BE_ASKED,))
    assert "busybox ntpd (ntpd)" in finding.summary
    assert "gate_advisory_checks" in finding.remedy


def test_an_ntpd_rs_without_a_socket_cannot_be_asked_and_the_setting_is_named():
    finding = judge(**recorded.NTPD_RS_NO_SOCKET)
    assert (finding.state, finding.keys) == ("inconclusive", (CommonKey.CANNOT_BE_ASKED,))
    assert "/var/run/ntpd-rs/observe" in finding.summary
    for words in ("observation-path", "[observability]", "/etc/ntpd-rs/ntp.toml", "restart ntpd-rs.service"):
        assert words in finding.remedy


@pytest.mark.parametrize("units", [[], [unit("chrony.service", "inactive")]])
def test_without_a_daemon_that_runs_it_is_skipped(units):
    finding = judge(time_services=time_services(*units))
    assert (finding.state, finding.keys) == ("skipped", (CommonKey.NO_DAEMON,))
    assert "time_service" in finding.remedy
    assert "chrony.service" not in finding.summary


def test_a_daemon_that_leaves_the_clock_alone_is_named():
    runs = {"pid": 731, "comm": "chronyd", "argv": ["/usr/sbin/chronyd", "-x"]}
    finding = judge(time_services=time_services(unit("chrony.service"), processes=[runs]))
    assert (finding.state, finding.keys) == ("skipped", (CommonKey.NO_DAEMON,))
    assert not unsaid(finding.summary, "chrony.service", "chronyd", "-x")


def test_a_chronyc_that_does_not_answer_is_missing_evidence():
    silent = {"rc": 1, "stdout": "506 Cannot talk to daemon\n", "stderr": ""}
    with pytest.raises(MissingEvidenceError, match="506 Cannot talk to daemon"):
        judge(chrony=chrony(sources=silent))


def test_a_finding_shows_each_source():
    seen = of_sources(source(), source("10.77.0.9", "?", 0)).seen
    assert (seen["daemon"], seen["unit"], seen["refid"]) == ("chronyd", "chrony.service", "0A4D0001")
    assert seen["sources"] == [
        {"name": "10.77.0.1", "state": "selected", "stratum": 2, "reach": "377", "offset_s": pytest.approx(-0.000009)},
        {"name": "10.77.0.9", "state": "unreachable", "stratum": 2, "reach": "0", "offset_s": None},
    ]


# Sources that answer and are of no use


def answering(sections, name="10.99.0.9", *, asked_as=None, others=(), **reply):
    """The daemon's section, and what the node itself got from the server of this address
    when it asked.
    """
    asked = ntp_server(asked_as or name, ntp_sample(**reply), address=name)
    return judge(**sections, ntp={"servers": [asked, *others]})


WINDOWS = {"root_delay_s": 0.03125, "root_dispersion_s": 10.0}
LOSSY = {"root_delay_s": 12.5, "root_dispersion_s": 0.25}
UNSYNCHRONISED = {"leap": 3, "stratum": 0, "refid": bytes(4)}
GOOD = ntp_server("10.77.0.1", ntp_sample())


@pytest.mark.parametrize(
    ("reply", "shown"),
    [
        (WINDOWS, ["10.016 s", "root dispersion 10.000 s"]),
        (LOSSY, ["6.500 s", "root delay 12.500 s"]),
    ],
    ids=["a Windows server", "a lossy link"],
)
@pytest.mark.parametrize(
    "sections",
    [
        recorded.TIMESYNCD_DISCARDING,
        recorded.TIMESYNCD_NO_REPLY,
        recorded.timesyncd(recorded.sample("timesyncd_lost.timesync").replace("10.99.0.1", "10.99.0.9"), age_s=1000.0),
    ],
    ids=["from the beginning", "silent to it", "no more"],
)
@pytest.mark.parametrize("others", [[], [GOOD]], ids=["alone", "beside a good server of gate_ntp_servers"])
def test_timesyncd_discards_replies_with_too_large_a_root_distance(sections, reply, shown, others):
    finding = answering(sections, others=others, **reply)
    assert_judged(finding, Key.ROOT_DISTANCE, ["systemd-timesyncd", "10.99.0.9", *shown, "5 s", "RootDistanceMaxSec"])
    assert not unsaid(finding.remedy, "RootDistanceMaxSec", "gate_max_clock_error_s", "NTP=")


def test_the_limit_is_the_one_that_timesyncd_runs_with():
    raised = recorded.sample("timesyncd_noreply.timesync").replace("RootDistanceMaxUSec=5s", "RootDistanceMaxUSec=30s")
    assert answering(recorded.timesyncd(raised), **WINDOWS).keys == (Key.NONE_ANSWERS,)
    lowered = raised.replace("RootDistanceMaxUSec=30s", "RootDistanceMaxUSec=500ms")
    assert_judged(
        answering(recorded.timesyncd(lowered), root_dispersion_s=0.75), Key.ROOT_DISTANCE, ["0.750 s", "0.5 s"]
    )


@pytest.mark.parametrize(
    ("lines", "limit_s"),
    [("", 5), ("[Time]\nRootDistanceMaxSec=8\n", 8), ("RootDistanceMaxSec=1\nRootDistanceMaxSec = 1min 2s\n", 62)],
)
def test_if_timesyncd_does_not_show_its_limit_its_files_do(lines, limit_s):
    lines_shown = recorded.sample("timesyncd_noreply.timesync").splitlines()
    sections = recorded.timesyncd("\n".join(line for line in lines_shown if "RootDistance" not in line))
    sections["timesyncd"]["config"] = {"files": [{"path": "/etc/systemd/timesyncd.conf", "text": lines}]}
    assert answering(sections, root_dispersion_s=limit_s + 0.5).keys == (Key.ROOT_DISTANCE,)
    assert answering(sections, root_dispersion_s=limit_s - 0.5).keys == (Key.NONE_ANSWERS,)


def test_a_server_that_timesyncd_has_by_name_is_known_by_its_address():
    text = recorded.sample("timesyncd_noreply.timesync").replace("ServerName=10.99.0.9", "ServerName=dc1.corp.example")
    finding = answering(recorded.timesyncd(text), asked_as="time.corp.example", **WINDOWS)
    assert_judged(finding, Key.ROOT_DISTANCE, ["dc1.corp.example (10.99.0.9)", "10.016 s"])
    assert answering(recorded.timesyncd(text), "10.99.0.8", **WINDOWS).keys == (Key.NONE_ANSWERS,)


def test_timesyncd_tries_its_servers_in_turn_and_shows_one():
    """The Windows server's turn is over, and the silent one's has begun."""
    text = recorded.sample("timesyncd_discarding.timesync").replace(
        "SystemNTPServers=10.99.0.9", "SystemNTPServers=10.99.0.8 10.99.0.9"
    )
    other = recorded.timesyncd(text.replace("=10.99.0.9\n", "=10.99.0.8\n"))
    assert_judged(answering(other, **WINDOWS), Key.ROOT_DISTANCE, ["10.99.0.8, 10.99.0.9: ", "10.016 s"])


DISCARDS = {  # a daemon whose source 10.99.0.9 is of no use to it
    "timesyncd": recorded.TIMESYNCD_NO_REPLY,
    "chronyd": {"chrony": chrony(tracking(leap="Not synchronised", stratum=0), source("10.99.0.9", "?", 0))},
    "NTPsec": recorded.NTPSEC_LOST,
    "ntp.org's ntpd": recorded.NTP_LOST,
    "OpenNTPD": recorded.OPENNTPD_LOST,
}


@pytest.mark.parametrize("sections", DISCARDS.values(), ids=DISCARDS)
def test_a_server_that_is_not_synchronised_itself_does_answer(sections):
    finding = answering(sections, others=[GOOD], **UNSYNCHRONISED)
    assert_judged(finding, Key.NOT_SYNCHRONISED, ["10.99.0.9: ", "leap 3", "stratum 0"])
    assert finding.state == "fail"


def test_an_unsynchronised_server_that_ntp_servers_names_as_well_is_one_event():
    finding = answering(recorded.TIMESYNCD_NO_REPLY, **UNSYNCHRONISED)
    assert (finding.state, finding.keys) == ("skipped", (Key.NOT_SYNCHRONISED,))


@pytest.mark.parametrize("name", ["chronyd", "NTPsec", "ntp.org's ntpd"])
def test_other_daemons_have_limits_of_the_root_distance_too(name):
    finding = answering(DISCARDS[name], **{**WINDOWS, "root_dispersion_s": 20.0})
    setting, limit = ("maxdistance", "3 s") if name == "chronyd" else ("tos maxdist", "1.5 s")
    assert_judged(finding, Key.ROOT_DISTANCE, ["10.99.0.9: ", "20.016 s", limit, setting])
    assert setting in finding.remedy


def test_openntpd_has_no_limit():
    assert answering(recorded.OPENNTPD_LOST, **WINDOWS).keys == (Key.NONE_ANSWERS,)


def test_ntpd_rejects_a_source_that_answers_it():
    peers = recorded.sample("ntpsec_starting.peers").splitlines(keepends=True)
    row = " 10.99.0.9       192.0.2.1         2 u    6    8  377   0.1812   0.0153   0.0101\n"
    sections = recorded.ntpd(recorded.sample("ntpsec_starting.rv"), "".join([*peers[:2], row]))
    assert_judged(answering(sections, **WINDOWS), Key.ROOT_DISTANCE, ["10.99.0.9: ", "10.016 s", "1.5 s"])
    config = {"files": [{"path": "/etc/ntpsec/ntp.conf", "text": "tos minclock 3 maxdist 16\n"}]}
    sections["ntpd"]["config"] = config
    assert_judged(answering(sections, **WINDOWS), Key.NONE_SELECTED, ["10.99.0.9: unusable"])


# chronyd shows root why it does not use a source


def selected(*states, reach=0o377, config=None):
    """Sources 10.99.0.1 and on, with these states of `selectdata`, as chronyd 4.3 shows them."""
    names = [f"10.99.0.{number + 1}" for number, _state in enumerate(states)]
    rows = [source(name, "~" if state == "~" else "?", reach) for name, state in zip(names, states, strict=True)]
    data = "".join(
        f"{state},{name},N,-,-,-,-,-,-,-,-,-,-,0,1.0,-10.000058174,10.000070572,Normal\n"
        for name, state in zip(names, states, strict=True)
    )
    said = tracking(leap="Not synchronised", stratum=0, refid="00000000")
    return judge(chrony=chrony(said, *rows, config=config, selectdata=answer(data)), ntp={"servers": [GOOD]})


def test_chronyd_says_that_the_root_distance_is_too_large():
    assert_judged(selected("d"), Key.ROOT_DISTANCE, ["10.99.0.1: ", "10.000 s", "3 s", "maxdistance"])
    raised = "server 10.99.0.1\nmaxdistance 7.5\n"
    assert_judged(selected("d", config=raised), Key.ROOT_DISTANCE, ["10.000 s", "7.5 s"])


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ("~", "maxjitter"),
        ("W", "minsources"),
        ("N", "noselect"),
        ("T", "trust"),
        ("P", "prefer"),
        ("O", "local orphan"),
    ],
)
def test_chronyds_other_reasons_are_given_as_well(state, why):
    assert_judged(selected("d", state), Key.NONE_SELECTED, ["10.99.0.1: unusable, ", "10.000 s", why])


def test_the_state_of_a_silent_source_is_no_reason():
    """chronyd 4.3 calls it unsynchronised (`s`) before its first reply."""
    assert_judged(selected("s", "s", reach=0), Key.NONE_ANSWERS, ["(10.99.0.1, 10.99.0.2)"])


def of_servers(*servers, sources=("10.77.0.1", "10.77.0.2")):
    return judge(chrony=chrony(None, *[source(name, "?", 0) for name in sources]), ntp={"servers": list(servers)})


def test_servers_that_answer_nobody_on_the_node_are_reported_by_ntp_servers():
    silent = [ntp_server(name, silent_sample()) for name in ("10.77.0.1", "10.77.0.2", "10.77.0.3")]
    skipped = of_servers(*silent)
    assert (skipped.state, skipped.keys) == ("skipped", (Key.NONE_ANSWERS,))
    assert "ntp_servers" in skipped.remedy
    assert of_servers(*silent, sources=["10.77.0.9"]).state == "fail"
    assert of_servers(*silent, ntp_server("10.77.0.4", ntp_sample())).state == "fail"
    assert of_servers().state == "fail"
