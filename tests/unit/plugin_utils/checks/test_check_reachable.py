from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.no_evidence import Cause, recognised
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import reachable
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks.reachable import Key

from tests.builders import record, unreached, without_evidence
from tests.findings import finding_of, unsaid
from tests.paths import ROOT
from tests.unit.plugin_utils.boundary.test_no_evidence import PRINTED


def judge(data):
    return finding_of(reachable, data)


def test_a_node_that_showed_its_evidence_passes():
    finding = judge(record())
    assert (finding.state, finding.keys, finding.seen) == ("pass", (), {"python": "3.11.2", "euid": 0})


def test_a_node_that_was_not_checked_as_root_passes_and_says_so():
    collected = record()["evidence"]["collected"]
    finding = judge(record(collected={**collected, "euid": 1000}))
    assert (finding.state, finding.seen["euid"]) == ("pass", 1000)
    assert "not as root" in finding.summary
    assert "root" not in judge(record()).summary


def test_a_node_that_was_not_reached_is_inconclusive_and_says_why():
    finding = judge(unreached("mux_client_request_session: read from master failed"))
    assert (finding.state, finding.keys) == ("inconclusive", (Key.UNREACHABLE,))
    assert "read from master failed" in finding.summary
    assert "`ansible NODE -m ping`" in finding.remedy


def test_a_module_that_failed_is_inconclusive_and_says_why():
    finding = judge(without_evidence("MODULE FAILURE\nthe node said: boom"))
    assert (finding.state, finding.keys) == ("inconclusive", (Key.NO_EVIDENCE,))
    assert finding.summary == "the evidence could not be taken: MODULE FAILURE; the node said: boom"
    assert "Python 3.8" in finding.remedy


@pytest.mark.parametrize(
    ("record_of", "key"),
    [(unreached, Key.UNREACHABLE), (without_evidence, Key.NO_EVIDENCE)],
    ids=["unreached", "no evidence"],
)
@pytest.mark.parametrize("cause", PRINTED)
def test_a_cause_that_is_recognised_has_its_own_key_words_and_next_step(record_of: Any, key: Key, cause: Cause):
    findings = [judge(record_of(message)) for message in PRINTED[cause]]
    assert {(finding.state, finding.keys) for finding in findings} == {("inconclusive", (key, cause))}
    assert len({(finding.cause, finding.remedy) for finding in findings}) == 1
    assert findings[0].remedy != judge(record_of("what nobody knows")).remedy
    assert "`" in findings[0].remedy or "ansible_python_interpreter=" in findings[0].remedy
    for message, finding in zip(PRINTED[cause], findings, strict=True):
        assert "\n" not in finding.summary
        assert recognised(message)[1] in finding.summary
        assert message in finding.seen.values()


@pytest.mark.parametrize(
    ("message", "systems"),
    [
        ("/bin/sh: line 1: /usr/bin/python: No such file or directory", ["Flatcar", "Bottlerocket"]),
        ("ssh: connect to host 10.77.0.15 port 22: Connection refused", ["Talos", "Bottlerocket"]),
    ],
)
def test_what_a_system_without_python_answers_leads_to_its_page(message: str, systems: list[str]):
    finding = judge(without_evidence(message) if "python" in message else unreached(message))
    assert not unsaid(finding.remedy, *systems, "docs/how-to/nodes-without-python.md")
    assert (ROOT / "docs/how-to/nodes-without-python.md").exists()


def test_no_two_causes_have_the_same_next_step():
    remedies = [judge(unreached(messages[0])).remedy for messages in PRINTED.values()]
    assert len(set(remedies)) == len(remedies)


def test_what_is_not_recognised_is_shown_up_to_a_length_that_somebody_reads():
    finding = judge(without_evidence("boom " * 400))
    assert len(finding.summary) < 500
    assert finding.seen["module_error"] == "boom " * 400


def test_a_node_whose_answer_does_not_end_is_inconclusive_and_says_what_to_look_at():
    finding = judge({**without_evidence(""), "no_answer": "it did not answer within 150 s"})
    assert (finding.state, finding.keys) == ("inconclusive", (Key.NO_ANSWER,))
    assert "did not answer within 150 s" in finding.summary
    assert "gate_timeout_s" in finding.remedy


@pytest.mark.parametrize(
    "same",
    [
        [unreached(f"ssh: connect to host 10.77.0.{n} port 22: No route to host") for n in (15, 16)],
        [unreached(f"{user}: Permission denied (publickey).") for user in ("root@10.77.0.15", "ops@10.77.0.16")],
        [unreached(f"mux_client: 10.77.0.{n}: not enough entropy") for n in (15, 16)],
        [without_evidence(f"MODULE FAILURE\nthe node said: user{n} is not in the sudoers file.") for n in (1, 2)],
    ],
    ids=["an address", "a user", "not recognised", "the node's words"],
)
def test_the_same_failure_is_the_same_cause_whatever_the_nodes_address_and_user(same: list[Any]):
    found = [judge(record) for record in same]
    assert len({(finding.keys, finding.about, finding.cause, finding.remedy) for finding in found}) == 1
    assert found[0].summary != found[1].summary


def test_each_wrong_connection_setting_is_a_separate_cause():
    found = [judge(without_evidence(f"'{name}' is undefined")) for name in ("a", "b")]
    assert [finding.about for finding in found] == [("'a' is undefined",), ("'b' is undefined",)]


def test_a_node_whose_facts_name_settings_fails_and_says_which():
    finding = judge({**without_evidence(""), "settings_in_facts": ["gate_checks", "gate_github_apps"]})
    assert (finding.state, finding.keys) == ("fail", (Key.SETTINGS_IN_FACTS,))
    assert finding.about == ("gate_checks", "gate_github_apps")
    assert "gate_checks, gate_github_apps" in finding.summary
    assert "--flush-cache" in finding.remedy
