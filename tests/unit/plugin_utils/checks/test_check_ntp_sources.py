from __future__ import annotations

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import ntp_sources
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.policy import Policy
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import MissingEvidenceError, Record

from tests.builders import (
    chrony,
    ntp_sample,
    ntp_server,
    policy,
    record,
    silent_sample,
    source,
    time_services,
    tracking,
    unit,
)
from tests.unit.plugin_utils.daemons import recorded


def judge(**sections):
    return ntp_sources.judge(Record(record(**sections)), Policy.from_json(policy()))


def of_sources(*sources, refid="0A4D0001"):
    return judge(chrony=chrony(tracking(refid=refid), *sources))


JUDGED = {
    "one selected of three": (
        [source(), source("10.77.0.2", "+"), source("10.77.0.3", "-")],
        "pass",
        "chronyd follows 10.77.0.1, of 3 in all",
        "",
    ),
    "the selected one is not the first": (
        [source("10.77.0.9", "?", 0), source("10.77.0.2", "*")],
        "pass",
        "chronyd follows 10.77.0.2, of 2 in all; silent: 10.77.0.9",
        "",
    ),
    "a falseticker beside it": (
        [source(), source("10.77.0.2", "x")],
        "pass",
        "chronyd follows 10.77.0.1, of 2 in all; falsetickers: 10.77.0.2",
        "",
    ),
    "none configured": ([""], "fail", "chronyd has no source: none is configured", "no source configured"),
    "none answers": (
        [source("10.77.0.8", "?", 0), source("10.77.0.9", "?", 0)],
        "fail",
        "none of chronyd's sources answers (10.77.0.8, 10.77.0.9)",
        "no source answers",
    ),
    "none selected": (
        [source("10.77.0.1", "x"), source("10.77.0.2", "x")],
        "fail",
        "chronyd has selected no source (10.77.0.1: falseticker, 10.77.0.2: falseticker)",
        "no source selected",
    ),
    "the selected one fell silent": (
        [source("10.77.0.1", "*", 0), source("10.77.0.2", "+")],
        "fail",
        "the selected source 10.77.0.1 no longer answers (reach 0)",
        "the selected source is silent",
    ),
    "answered once of eight": ([source(reach=0o200)], "pass", "chronyd follows 10.77.0.1, of 1 in all", ""),
}


@pytest.mark.parametrize(("sources", "state", "summary", "cause"), JUDGED.values(), ids=JUDGED)
def test_a_source_is_to_be_selected_and_to_answer(sources, state, summary, cause):
    finding = of_sources(*sources)
    assert (finding.state, finding.summary, finding.cause) == (state, summary, cause)


@pytest.mark.parametrize(
    ("sources", "summary"),
    [
        ([""], "chronyd has no source: none is configured"),
        ([source("10.77.0.9", "?", 0)], "none of chronyd's sources answers (10.77.0.9)"),
    ],
)
def test_the_nodes_own_clock_is_no_source(sources, summary):
    finding = of_sources(*sources, refid="7F7F0101")
    assert (finding.state, finding.summary) == ("fail", f"{summary}; it follows the node's own clock (7F7F0101)")


# The same words of every daemon, from what each really printed

DAEMONS = {
    "NTPsec": (
        recorded.NTPSEC,
        "pass",
        "ntpsec follows 10.99.0.2, of 6 in all; falsetickers: 10.99.0.4; silent: 10.99.0.9; not resolved: ntp.unresolved.",
        "",
    ),
    "ntp.org's ntpd": (recorded.NTP, "pass", "ntpd follows 10.99.0.3, of 5 in all; falsetickers: 10.99.0.4", ""),
    "OpenNTPD": (
        recorded.OPENNTPD,
        "pass",
        "openntpd follows 10.99.0.1, of 6 in all; silent: 10.99.0.9; not resolved: not resolved from pool",
        "",
    ),
    "timesyncd": (recorded.TIMESYNCD, "pass", "systemd-timesyncd follows 10.99.0.1, of 1 in all", ""),
    "PTP": (recorded.PTP, "pass", "ptp4l follows grandmaster 124d26.fffe.a887cc, of 1 in all", ""),
    "NTPsec, lost": (
        recorded.NTPSEC_LOST,
        "fail",
        "none of ntpsec's sources answers (10.99.0.1, 10.99.0.2, 10.99.0.3, 10.99.0.4, 10.99.0.9, ntp.unresolved.)",
        "no source answers",
    ),
    "ntp.org's ntpd, lost": (
        recorded.NTP_LOST,
        "fail",
        "none of ntpd's sources answers (10.99.0.1, ",
        "no source answers",
    ),
    "OpenNTPD, lost": (
        recorded.OPENNTPD_LOST,
        "fail",
        "none of openntpd's sources answers (10.99.",
        "no source answers",
    ),
    "timesyncd, lost": (
        recorded.TIMESYNCD_LOST,
        "fail",
        "none of systemd-timesyncd's sources answers (10.99.0.1)",
        "no source answers",
    ),
    "timesyncd, no reply": (
        recorded.TIMESYNCD_NO_REPLY,
        "fail",
        "none of systemd-timesyncd's sources answers (10.99.0.9)",
        "no source answers",
    ),
    "timesyncd, no name": (
        recorded.TIMESYNCD_UNRESOLVED,
        "fail",
        "no name of systemd-timesyncd's sources resolves (ntp.unresolved.example)",
        "names of sources don't resolve",
    ),
    "OpenNTPD, just started": (
        recorded.OPENNTPD_STARTING,
        "fail",
        "openntpd has selected no source (10.99.0.1: unusable, ",
        "no source selected",
    ),
    "PTP, lost": (
        recorded.PTP_LOST,
        "fail",
        "none of ptp4l's sources answers (grandmaster 124d26.fffe.a887cc)",
        "no source answers",
    ),
    "PTP, no grandmaster": (
        recorded.PTP_LISTENING,
        "fail",
        "ptp4l has no source: none is configured",
        "no source configured",
    ),
}


@pytest.mark.parametrize(("sections", "state", "summary", "cause"), DAEMONS.values(), ids=DAEMONS)
def test_every_daemon_is_asked_the_same(sections, state, summary, cause):
    finding = judge(**sections)
    assert (finding.state, finding.cause) == (state, cause)
    assert finding.summary.startswith(summary)


def test_the_remedy_speaks_of_the_daemon_at_hand():
    assert "ntpsec.service" in judge(**recorded.NTPSEC_LOST).remedy
    assert "/etc/openntpd/ntpd.conf" in judge(**recorded.OPENNTPD_LOST).remedy
    assert "timesyncd.conf.d" in judge(**recorded.TIMESYNCD_LOST).remedy
    assert "skewgate.preflight.remediate" in of_sources("").remedy


def test_a_daemon_that_cannot_be_asked_is_inconclusive_and_says_what_to_do():
    finding = judge(**recorded.BUSYBOX)
    assert (finding.state, finding.cause) == ("inconclusive", "the daemon can't be asked")
    assert finding.summary.startswith("could not tell: busybox ntpd (ntpd) has no way to ask it")
    assert "gate_advisory_checks" in finding.remedy


@pytest.mark.parametrize("units", [[], [unit("chrony.service", "inactive")]])
def test_without_a_daemon_that_runs_it_is_skipped(units):
    finding = judge(time_services=time_services(*units))
    assert (finding.state, finding.summary, finding.cause) == (
        "skipped",
        "no time daemon steers this clock, so there is no source to judge",
        "no time daemon runs",
    )


def test_a_daemon_that_leaves_the_clock_alone_is_named():
    runs = {"pid": 731, "comm": "chronyd", "cmdline": "/usr/sbin/chronyd -x"}
    finding = judge(time_services={**time_services(unit("chrony.service")), "processes": [runs]})
    assert finding.state == "skipped"
    assert "(chrony.service leaves it alone: chronyd runs with -x)" in finding.summary


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
    assert of_servers(*silent).state == "skipped"
    assert of_servers(*silent, sources=["10.77.0.9"]).state == "fail"
    assert of_servers(*silent, ntp_server("10.77.0.4", ntp_sample())).state == "fail"
    assert of_servers().state == "fail"
