from __future__ import annotations

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import ntp_sources
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks.ntp_sources import Key
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.finding import CommonKey
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import MissingEvidenceError

from tests.builders import chrony, ntp_sample, ntp_server, record, silent_sample, source, time_services, tracking, unit
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
    """It passes if ``key`` is None, fails with it otherwise, and its summary shows each of ``shown``."""
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
    ],
)
def test_falsetickers_and_silent_sources_of_every_daemon_are_told_apart(sections, falsetickers, silent):
    shown = names_by_state(judge(**sections))
    assert (shown.get("falseticker", []), shown.get("unreachable", [])) == (falsetickers, silent)


def test_the_remedy_speaks_of_the_daemon_at_hand():
    assert "ntpsec.service" in judge(**recorded.NTPSEC_LOST).remedy
    assert "/etc/openntpd/ntpd.conf" in judge(**recorded.OPENNTPD_LOST).remedy
    assert "timesyncd.conf.d" in judge(**recorded.TIMESYNCD_LOST).remedy
    assert "skewgate.preflight.remediate" in of_sources("").remedy


def test_a_daemon_that_cannot_be_asked_is_inconclusive_and_says_what_to_do():
    finding = judge(**recorded.BUSYBOX)
    assert (finding.state, finding.keys) == ("inconclusive", (CommonKey.CANNOT_BE_ASKED,))
    assert "busybox ntpd (ntpd)" in finding.summary
    assert "gate_advisory_checks" in finding.remedy


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


def of_servers(*servers, sources=("10.77.0.1", "10.77.0.2")):
    return judge(chrony=chrony(None, *[source(name, "?", 0) for name in sources]), ntp={"servers": list(servers)})


def test_servers_that_answer_nobody_on_the_node_are_told_by_ntp_servers():
    silent = [ntp_server(name, silent_sample()) for name in ("10.77.0.1", "10.77.0.2", "10.77.0.3")]
    skipped = of_servers(*silent)
    assert (skipped.state, skipped.keys) == ("skipped", (Key.NONE_ANSWERS,))
    assert "ntp_servers" in skipped.remedy
    assert of_servers(*silent, sources=["10.77.0.9"]).state == "fail"
    assert of_servers(*silent, ntp_server("10.77.0.4", ntp_sample())).state == "fail"
    assert of_servers().state == "fail"
