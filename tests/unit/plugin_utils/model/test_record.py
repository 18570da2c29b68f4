from __future__ import annotations

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import MissingEvidenceError, Record

from tests.builders import chrony, record, tracking, unreached


def test_a_section_is_handed_out_as_it_was_taken():
    data = record()
    assert Record(data).section("clock") is data["evidence"]["clock"]


def test_an_empty_section_is_no_missing_one():
    assert Record(record(github_apps=[])).section("github_apps") == []


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(record(clock=None), "the evidence has no section 'clock'", id="not taken"),
        pytest.param(
            record(clock={"error": "OSError: no such device"}),
            "taking 'clock' failed on the node: OSError: no such device",
            id="failed",
        ),
        pytest.param(unreached(), "the evidence has no section 'clock'", id="unreachable"),
        pytest.param({**record(), "evidence": None}, "the evidence has no section 'clock'", id="no evidence"),
    ],
)
def test_a_section_that_is_not_there_is_missing_evidence(data, message):
    with pytest.raises(MissingEvidenceError, match=message):
        Record(data).section("clock")


def test_what_chronyc_printed_is_handed_out():
    assert Record(record(chrony=chrony(tracking(stratum=9)))).chronyc("tracking") == tracking(stratum=9)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        pytest.param({"error": "chronyc is not installed"}, "chronyc is not installed", id="not installed"),
        pytest.param({"rc": 1, "stdout": "506 Cannot talk to daemon\n", "stderr": ""}, "506 Cannot talk", id="506"),
        pytest.param({"rc": 1, "stdout": "x", "stderr": "Could not open\n"}, "Could not open$", id="standard error"),
        pytest.param({"rc": 3, "stdout": "", "stderr": ""}, "rc 3", id="without a word"),
        pytest.param(None, "not asked", id="not asked"),
    ],
)
def test_a_chronyc_that_did_not_answer_is_missing_evidence(answer, message):
    with pytest.raises(MissingEvidenceError, match=f"chronyc tracking did not answer: {message}"):
        Record(record(chrony=chrony(tracking=answer))).chronyc("tracking")


def test_the_skew_is_that_of_the_references_and_the_controller():
    estimate = Record(record(45.0)).skew
    assert estimate.skew_s.middle == pytest.approx(45, abs=0.001)
    assert Record({**record(), "controller": None}).skew.references[-1].name.startswith("date ")
