from __future__ import annotations

from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import reachable
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks.reachable import Key

from tests.builders import record, unreached, without_evidence
from tests.findings import finding_of


def judge(data):
    return finding_of(reachable, data)


def test_a_node_that_showed_its_evidence_passes():
    finding = judge(record())
    assert (finding.state, finding.keys, finding.seen) == ("pass", (), {"python": "3.11.2", "euid": 0})


def test_a_node_that_was_not_reached_is_inconclusive_and_says_why():
    finding = judge(unreached("No route to host"))
    assert (finding.state, finding.keys) == ("inconclusive", (Key.UNREACHABLE,))
    assert "No route to host" in finding.summary
    assert "`ansible NODE -m ping`" in finding.remedy


def test_a_module_that_failed_is_inconclusive_and_says_why():
    finding = judge(without_evidence("/usr/bin/python3: not found"))
    assert (finding.state, finding.keys) == ("inconclusive", (Key.NO_EVIDENCE,))
    assert "/usr/bin/python3: not found" in finding.summary
    assert "Python 3.8" in finding.remedy


def test_a_node_whose_answer_does_not_end_is_inconclusive_and_says_what_to_look_at():
    finding = judge({**without_evidence(""), "no_answer": "it did not answer within 150 s"})
    assert (finding.state, finding.keys) == ("inconclusive", (Key.NO_ANSWER,))
    assert "did not answer within 150 s" in finding.summary
    assert "gate_timeout_s" in finding.remedy


def test_the_same_failure_is_the_same_cause_whatever_the_nodes_address():
    messages = [f"Failed to connect: ssh: connect to host 10.77.0.{n} port 22: No route to host" for n in (15, 16)]
    assert {judge(unreached(message)).about for message in messages} == {("No route to host",)}
    assert len({judge(unreached(message)).cause for message in messages}) == 1
    denied = judge(unreached("root@10.77.0.15: Permission denied (publickey)."))
    assert denied.about == ("Permission denied (publickey).",)
    failed = judge(without_evidence("/usr/bin/python3: not found\nsee stdout"))
    assert failed.about == ("/usr/bin/python3: not found",)
    assert "see stdout" not in failed.cause


def test_a_node_whose_facts_name_settings_fails_and_says_which():
    finding = judge({**without_evidence(""), "settings_in_facts": ["gate_checks", "gate_github_apps"]})
    assert (finding.state, finding.keys) == ("fail", (Key.SETTINGS_IN_FACTS,))
    assert finding.about == ("gate_checks", "gate_github_apps")
    assert "gate_checks, gate_github_apps" in finding.summary
    assert "--flush-cache" in finding.remedy
