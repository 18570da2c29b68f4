"""The recorded answer of the benchmark's nodes, put to the present time,
is one by which a node is admitted.
"""

from __future__ import annotations

import json

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.evidence import parse_evidence
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.text import Tokens
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.judge import judge_record

from tests import builders
from tests.benchmarks.replay.connection_plugins.replay import filled
from tests.benchmarks.replayed import answer

API = "https://127.0.0.1:8443/api/v3"
SENT = rb'{"attempts": [{\"label\": \"now\", \"jwt\": \"x\", \"signed_for_s\": 1795336530}]}'


@pytest.mark.parametrize("depth", ["jwt", "token"])
@pytest.mark.parametrize("after_ns", [0, 20_000_000, 999_000_000])
def test_it_is_admitted_at_any_time(depth: str, after_ns: int) -> None:
    now_ns = builders.TRUE_NS // builders.NS * builders.NS + after_ns
    replayed = json.loads(filled(answer(depth, API), SENT, now_ns))
    app = {**builders.app(), "api_url": API, "depth": depth, "repositories": []}
    record = {
        **builders.record(of_policy=builders.policy(github_apps=[app])),
        "evidence": parse_evidence(replayed["evidence"], Tokens()),
        "controller": {"before_ns": now_ns - 150_000_000, "after_ns": now_ns + 50_000_000},
    }
    judgement = judge_record(record)
    assert judgement["verdict"] == "admit", [f for f in judgement["findings"] if f["state"] != "pass"]
    (attempt,) = record["evidence"]["github_apps"][0]["attempts"]
    assert (attempt["label"], attempt["signed_for_s"]) == ("now", 1795336530)
