"""Which servers chronyd itself is to try with NTS, and what its answers change."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.evidence import parse_evidence
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import nts_servers
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.nts import UNANSWERED
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.nts import NtsState as Key
from ansible_collections.skewgate.preflight.plugins.plugin_utils.collection import (
    NoEvidenceError,
    nts_tried,
    with_nts_tried,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.judge import judge_record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.nts_clients import to_try

from tests.builders import chrony, policy, record
from tests.findings import finding_of, unsaid
from tests.unit.plugin_utils.checks.test_check_nts_servers import EXAMPLES, NOW_S, YEAR_S, exchanged, nts
from tests.unit.plugin_utils.remediation.test_servers_with_nts import GETS_TIME, TIMES_OUT

CONFIG = "server a.example iburst nts\nserver b.example iburst nts\nmakestep 1 3\n"


def node(*servers: dict[str, Any], config: str = CONFIG, skew_s: float = 0.0, **sections: Any) -> dict[str, Any]:
    of_checks = policy(checks=["nts_servers"])
    return record(skew_s, of_policy=of_checks, nts={"servers": list(servers)}, chrony=chrony(config=config), **sections)


def tries(*servers: dict[str, Any], **more: Any) -> dict[str, Any]:
    data = node(*servers, **more)
    return to_try(data, judge_record(data))


@pytest.mark.parametrize("key", EXAMPLES)
def test_only_servers_that_answered_no_request_with_nts_are_tried(key):
    expected = {"a.example:4460:0": ["server a.example iburst nts maxsamples 1"]} if key in UNANSWERED else {}
    assert tries(EXAMPLES[key]) == expected


def test_a_node_that_passes_is_not_asked_once_more():
    silent = EXAMPLES[Key.NTP_BLOCKED]
    assert tries(silent, nts("b.example")) == {}
    assert tries(silent, config=f"{CONFIG}refclock PHC /dev/ptp0\n") == {}
    assert to_try(node(silent), judge_record({**node(silent), "policy": policy(checks=["clock_skew"])})) == {}


def test_what_was_tried_is_not_tried_again():
    assert tries(EXAMPLES[Key.NTP_BLOCKED], nts_client={"tried": {"a.example:4460:0": TIMES_OUT}}) == {}


def test_what_is_only_a_candidate_is_for_the_remediation():
    candidate = exchanged("plain", name="c.example", configured=False)
    assert [*tries(exchanged("plain"), candidate)] == ["a.example:4460:0"]


def test_it_is_tried_as_chronyd_is_configured():
    config = "server a.example iburst nts ntsport 4461 certset 2\nntstrustedcerts 2 ca.pem\nuser ntp\nlocal\n"
    times = {"not_before_s": NOW_S - 600, "not_after_s": NOW_S + YEAR_S}
    early = {"certificate_time_error": "not yet valid", "certificate": times}
    server = exchanged("plain", port=4461, certset="2", **early)
    assert tries(server, config=config, skew_s=-612.0) == {
        "a.example:4461:2": [
            "server a.example iburst nts ntsport 4461 certset 2 maxsamples 1",
            "ntstrustedcerts 2 /ca.pem",
            "user ntp",
            # Its clock is another finding.
            "nocerttimecheck 1",
        ]
    }


def judged(answer: dict[str, Any]) -> Any:
    return finding_of(nts_servers, node(EXAMPLES[Key.NOT_ANSWERED], nts_client={"tried": {"a.example:4460:0": answer}}))


def test_a_server_that_chronyd_gets_the_time_from_passes_and_the_finding_says_so():
    finding = judged(GETS_TIME)
    assert (finding.state, finding.seen["problems"]) == ("pass", {})
    assert not unsaid(finding.summary, "1 of 1", "chronyd -Q gets authenticated time of a.example", "no reply")


def test_if_chronyd_gets_none_either_the_finding_has_what_it_said():
    finding = judged(TIMES_OUT)
    assert (finding.state, finding.keys) == ("fail", (Key.NOT_ANSWERED,))
    assert "chronyd -Q: Timeout reached" in finding.summary


# The call.

CLIENTS = {"a.example:4460:0": ["server a.example iburst nts maxsamples 1"]}


@pytest.mark.parametrize("shown", [{"other": GETS_TIME}, {"a.example:4460:0": GETS_TIME, "other": GETS_TIME}])
def test_one_call_takes_this_section_alone_and_an_answer_for_each_name(shown):
    calls = []

    def call(arguments: dict[str, Any]) -> dict[str, Any]:
        calls.append(arguments)
        return {"evidence": {"nts_client": {"tried": shown}}}

    without = {"error": "the node showed no answer of chronyd"}
    assert nts_tried(CLIENTS, call) == {"a.example:4460:0": shown.get("a.example:4460:0", without)}
    assert calls == [{"sections": ["nts_client"], "nts_clients": CLIENTS}]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"evidence": {"nts_client": {"error": "it did not end"}}}, "it did not end"),
        ({"evidence": {"nts_client": {"malformed": "expected a mapping"}}}, "expected a mapping"),
        ({"evidence": {}}, "the node showed no answer of chronyd"),
        ({"msg": "no Python"}, "no Python"),
    ],
    ids=["the section failed", "malformed", "no section", "no evidence"],
)
def test_without_what_chronyd_answered_nothing_was_tried(answer, why):
    with pytest.raises(NoEvidenceError, match=why):
        nts_tried(CLIENTS, lambda _arguments: answer)


def test_more_than_chronyd_says_is_not_kept_beside_the_evidence():
    long = {"rc": 0, "stdout": "", "stderr": "x" * 30_000}
    many = {str(number): GETS_TIME for number in range(17)}
    for tried in ({"a": long}, {"a": {"error": "x" * 30_000}}, many):
        assert "malformed" in parse_evidence({"nts_client": {"tried": tried}})["nts_client"]
    assert parse_evidence({"nts_client": {"tried": {"a": GETS_TIME}}})["nts_client"] == {"tried": {"a": GETS_TIME}}


def test_earlier_answers_stay():
    data = node(EXAMPLES[Key.NTP_BLOCKED], nts_client={"tried": {"b.example:4460:0": TIMES_OUT}})
    made = with_nts_tried(data, {"a.example:4460:0": GETS_TIME})
    assert made["evidence"]["nts_client"]["tried"] == {"a.example:4460:0": GETS_TIME, "b.example:4460:0": TIMES_OUT}
