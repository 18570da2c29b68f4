from __future__ import annotations

from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import reachable
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.policy import Policy
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import Record

from tests.builders import policy, record, unreached


def judge(data):
    return reachable.judge(Record(data), Policy.from_json(policy()))


def test_a_node_that_showed_its_evidence_passes():
    finding = judge(record())
    assert (finding.state, finding.seen) == ("pass", {"python": "3.11.2", "euid": 0})


def test_a_node_that_was_not_reached_is_inconclusive_and_says_why():
    finding = judge(unreached("No route to host"))
    assert (finding.state, finding.summary) == ("inconclusive", "the node could not be reached: No route to host")


def test_a_module_that_failed_is_inconclusive_and_says_why():
    finding = judge({**record(), "evidence": {}, "module_error": "/usr/bin/python3: not found"})
    assert finding.state == "inconclusive"
    assert finding.summary == "the evidence could not be taken: /usr/bin/python3: not found"
    assert "Python 3.8 or later" in finding.remedy


def test_the_same_failure_is_the_same_cause_whatever_the_nodes_address():
    messages = [f"Failed to connect: ssh: connect to host 10.77.0.{n} port 22: No route to host" for n in (15, 16)]
    assert {judge(unreached(message)).cause for message in messages} == {"unreachable: No route to host"}
    assert judge(unreached("root@10.77.0.15: Permission denied (publickey).")).cause.endswith("denied (publickey).")
    failed = {**record(), "evidence": {}, "module_error": "/usr/bin/python3: not found\nsee stdout"}
    assert judge(failed).cause == "no evidence: /usr/bin/python3: not found"
