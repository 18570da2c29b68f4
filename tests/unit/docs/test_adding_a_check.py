"""The worked example of docs/adding-a-check.md is run as it stands: one file and its test, and nothing else."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils import checks
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.judge import judge_record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.settings import read_policy

from docs.make_pages import page
from skewgate import cli
from tests.builders import record
from tests.paths import ROOT

TEXT = (ROOT / "docs/adding-a-check.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"^```python (check|test)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL))


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The example's file among the checks, in a folder of its own."""
    (tmp_path / "clock_source.py").write_text(BLOCKS["check"])
    monkeypatch.setattr(checks, "__path__", [*checks.__path__, str(tmp_path)])
    checks.discover.cache_clear()
    yield "clock_source"
    checks.discover.cache_clear()
    sys.modules.pop(f"{checks.__name__}.clock_source", None)
    vars(checks).pop("clock_source", None)


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
    assert "## What to do\n\nSee why the kernel distrusts" in page(example, checks.discover()[example])
