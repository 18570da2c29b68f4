from __future__ import annotations

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import ntp_sources
from ansible_collections.skewgate.preflight.plugins.plugin_utils.policy import Policy
from ansible_collections.skewgate.preflight.plugins.plugin_utils.record import MissingEvidenceError, Record

from tests.unit.plugin_utils.builders import chrony, policy, record, source, time_services, tracking, unit


def judge(**sections):
    return ntp_sources.judge(Record(record(**sections)), Policy.from_json(policy()))


def of_sources(*sources, refid="0A4D0001"):
    return judge(chrony=chrony(tracking(refid=refid), *sources))


JUDGED = {
    "one selected of three": (
        [source(), source("10.77.0.2", "+"), source("10.77.0.3", "-")],
        "pass",
        "chronyd follows 10.77.0.1, one of 3",
    ),
    "the selected one is not the first": (
        [source("10.77.0.9", "?", 0), source("10.77.0.2", "*")],
        "pass",
        "chronyd follows 10.77.0.2, one of 2",
    ),
    "a falseticker beside it": (
        [source(), source("10.77.0.2", "x")],
        "pass",
        "chronyd follows 10.77.0.1, one of 2; falsetickers: 10.77.0.2",
    ),
    "none configured": ([""], "fail", "chronyd has no source: no server, pool, peer or refclock in use"),
    "none answers": (
        [source("10.77.0.8", "?", 0), source("10.77.0.9", "?", 0)],
        "fail",
        "none of chronyd's sources answers (10.77.0.8, 10.77.0.9)",
    ),
    "none selected": (
        [source("10.77.0.1", "x"), source("10.77.0.2", "x")],
        "fail",
        "chronyd has selected no source (10.77.0.1 x, 10.77.0.2 x)",
    ),
    "the selected one fell silent": (
        [source("10.77.0.1", "*", 0), source("10.77.0.2", "+")],
        "fail",
        "the selected source 10.77.0.1 no longer answers (reach 0)",
    ),
    "answered once of eight": ([source(reach=0o200)], "pass", "chronyd follows 10.77.0.1"),
}


@pytest.mark.parametrize(("sources", "state", "summary"), JUDGED.values(), ids=JUDGED)
def test_a_source_is_to_be_selected_and_to_answer(sources, state, summary):
    finding = of_sources(*sources)
    assert finding.state == state
    assert summary == finding.summary or finding.summary.startswith(summary)


@pytest.mark.parametrize("sources", [[""], [source("10.77.0.9", "?", 0)], [source()]])
def test_the_nodes_own_clock_is_no_source(sources):
    finding = of_sources(*sources, refid="7F7F0101")
    assert (finding.state, finding.summary) == ("fail", "chronyd follows its own clock (`local`)")
    assert "Take `local` out" in finding.remedy


def test_another_daemons_sources_are_not_known():
    finding = judge(time_services=time_services(unit("ntpsec.service")))
    assert finding.state == "inconclusive"
    assert finding.summary == "ntpsec.service runs here, and only chrony's sources can be judged"


@pytest.mark.parametrize("units", [[], [unit("chrony.service", "inactive")]])
def test_without_a_daemon_that_runs_it_is_skipped(units):
    finding = judge(time_services=time_services(*units))
    assert (finding.state, finding.summary) == ("skipped", "no time daemon runs, so chrony's sources can't be judged")


def test_a_chronyc_that_does_not_answer_is_missing_evidence():
    silent = {"rc": 1, "stdout": "506 Cannot talk to daemon\n", "stderr": ""}
    with pytest.raises(MissingEvidenceError, match="506 Cannot talk to daemon"):
        judge(chrony=chrony(sources=silent))


def test_a_finding_shows_each_source():
    assert of_sources(source(), source("10.77.0.9", "?", 0)).seen == {
        "sources": [
            {"name": "10.77.0.1", "mode": "^", "state": "*", "stratum": 2, "reach": "377"},
            {"name": "10.77.0.9", "mode": "^", "state": "?", "stratum": 2, "reach": "0"},
        ],
        "refid": "0A4D0001",
    }
