"""Words may be improved at any time: with noise for every word of every finding, verdicts,
groups and plans are the same.
"""

from __future__ import annotations

import json
import random
import string
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.finding import Finding
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import Record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.remediation.plan import make_plan
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.judge import judge_record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.report import group_nodes

from tests.paths import SAMPLES
from tests.unit.plugin_utils.remediation.scenarios import REFUSED, SCENARIOS, settings

WORDS = ("cause", "summary", "why", "remedy")
RECORDS: dict[str, dict[str, Any]] = {
    **{path.stem: json.loads(path.read_text()) for path in sorted(SAMPLES.glob("*.json"))},
    **{name: data for name, (data, _changes) in SCENARIOS.items()},
    **{f"refused: {name}": data for name, (data, _why) in REFUSED.items()},
}


@pytest.fixture
def noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every Finding gets other words as it is made,
    so no check can go by the words of another one either.
    """
    check = Finding.__post_init__
    letters = random.Random(9)

    def scrambled(self: Finding) -> None:
        check(self)
        for word in WORDS:
            if getattr(self, word):
                object.__setattr__(self, word, "".join(letters.choices(string.ascii_letters + " :;,", k=40)) + "x")

    monkeypatch.setattr(Finding, "__post_init__", scrambled)


def decided(data: dict[str, Any]) -> tuple[Any, Any]:
    """A node's judgement and its plan, without what is only words."""
    judgement = judge_record(data)
    findings = [{key: f[key] for key in f if key not in (*WORDS, "seen")} for f in judgement["findings"]]
    plan = make_plan(Record(data), judgement, settings()).as_json()
    plan["refusal"], plan["warnings"] = bool(plan["refusal"]), len(plan["warnings"])
    return {**judgement, "findings": findings}, plan


BEFORE = {name: decided(data) for name, data in RECORDS.items()}
GROUPS = [
    (group["nodes"], group["example"])
    for group in group_nodes({name: judge_record(data) for name, data in RECORDS.items()})
]


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.usefixtures("noise")
def test_verdicts_states_keys_and_plans_do_not_depend_on_words(name: str) -> None:
    assert decided(RECORDS[name]) == BEFORE[name]


@pytest.mark.usefixtures("noise")
def test_groups_do_not_depend_on_words() -> None:
    nodes = {name: judge_record(data) for name, data in RECORDS.items()}
    assert [(group["nodes"], group["example"]) for group in group_nodes(nodes)] == GROUPS


def test_the_records_are_of_every_kind() -> None:
    """Admitted and refused, planned and refused to plan: else the tests above would show little."""
    verdicts = {judgement["verdict"] for judgement, _plan in BEFORE.values()}
    plans = {(bool(plan["changes"]), plan["refusal"]) for _judgement, plan in BEFORE.values()}
    keys = {key for judgement, _plan in BEFORE.values() for f in judgement["findings"] for key in f["keys"]}
    assert verdicts == {"admit", "refuse"}
    assert {(True, False), (False, True)} <= plans
    assert len(keys) >= 20
