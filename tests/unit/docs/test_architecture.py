"""What docs/explanation/architecture.md says of the layers, and of one finding,
is what the code does.
"""

from __future__ import annotations

import json
import re
import textwrap
import tomllib
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.judge import judge_record

from tests.builders import time_services, unit
from tests.paths import ROOT
from tests.unit.plugin_utils.remediation.scenarios import measured, plan

PAGE = (ROOT / "docs/explanation/architecture.md").read_text(encoding="utf-8")
WORDS = {"cause", "summary", "why", "remedy", "what"}
"""What people read, which may change at any time."""


def block(name: str) -> str:
    """The block that is called so; it may stand in a list, and is indented then."""
    (text,) = re.findall(rf"^ *```[a-z]+ {name}\n(.*?)^ *```$", PAGE, re.MULTILINE | re.DOTALL)
    return textwrap.dedent(text)


def without_words(value: Any) -> Any:
    if isinstance(value, list):
        return [without_words(each) for each in value]
    if isinstance(value, dict):
        return {key: without_words(each) for key, each in value.items() if key not in WORDS}
    return value


@pytest.fixture
def node() -> dict[str, Any]:
    """A node whose chrony runs and is not enabled."""
    return measured(time_services=time_services(unit("chrony.service", "active", "disabled")))


def test_the_layers_are_those_that_make_lint_holds() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (rooms,) = (contract for contract in contracts if contract["id"] == "rooms")
    assert block("layers").splitlines() == rooms["layers"]


def test_the_finding_is_what_the_check_answers(node: dict[str, Any]) -> None:
    judgement = judge_record(node)
    (finding,) = (each for each in judgement["findings"] if each["check"] == "next_boot")
    assert without_words(finding) | {"seen": {}} == without_words(json.loads(block("finding"))) | {"seen": {}}
    assert (judgement["verdict"], judgement["refused_because"]) == ("refuse", "failure")


def test_the_plan_is_what_remediation_makes_of_it(node: dict[str, Any]) -> None:
    made = json.loads(json.dumps(plan(node).as_json()))
    shown = json.loads(block("plan"))
    assert without_words(made["changes"]) == without_words(shown["changes"])
    assert {key: made["node"][key] for key in shown["node"]} == shown["node"]


@pytest.mark.parametrize(("name", "file"), [("key", "checks/next_boot.py"), ("change", "remediation/plan.py")])
def test_the_code_that_is_shown_is_there(name: str, file: str) -> None:
    source = (ROOT / "plugins/plugin_utils" / file).read_text(encoding="utf-8")
    assert [line for line in block(name).splitlines() if line.strip() not in source] == []
