"""The worked example of docs/how-to/add-a-check.md is run as it stands:
one file and its test, and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils import checks
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.judge import judge_record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.settings import read_policy

from docs.make_pages import check_page
from skewgate import cli
from tests.builders import record
from tests.examples import blocks, planted


@pytest.fixture
def example(tmp_path: Path) -> Iterator[str]:
    """The name of the example, whose file is among the checks."""
    with planted(checks, "clock_source", blocks("add-a-check")["check"], tmp_path, checks.discover):
        yield "clock_source"


def judged(clocksource: str) -> dict[str, object]:
    policy = read_policy({"clients": ["argocd"], "checks": ["clock_source"]})
    of_policy = json.loads(json.dumps(policy.as_json()))
    return judge_record(record(clock={"clocksource": clocksource}, of_policy=of_policy))


def test_the_file_alone_makes_it_a_check_that_admits_and_refuses(example: str) -> None:
    assert example in checks.discover()
    assert judged("tsc")["verdict"] == "admit"
    refused = judged("jiffies")
    assert (refused["verdict"], refused["refused_because"]) == ("refuse", "failure")


def test_the_file_alone_explains_it(example: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", example]) == 0
    assert capsys.readouterr().out.startswith("Does the node's clock tick by a counter?\n")
    assert "## What to do\n\nSee why the kernel distrusts" in check_page(example, checks.discover()[example])
