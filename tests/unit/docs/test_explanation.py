"""The tables of docs/explanation/ say what the code answers."""

from __future__ import annotations

import re

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.interval import Interval
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.client_profiles import profiles_of

from tests.paths import ROOT

ROWS = re.findall(
    r"^\| \[(\S+), (\S+)\] \| (pass|fail|inconclusive)\b",
    (ROOT / "docs/explanation/intervals.md").read_text(encoding="utf-8"),
    re.MULTILINE,
)


def test_the_page_of_intervals_has_its_examples() -> None:
    assert {outcome for _low, _high, outcome in ROWS} == {"pass", "fail", "inconclusive"}


@pytest.mark.parametrize(("low", "high", "outcome"), ROWS)
def test_the_examples_are_judged_as_the_page_says(low: str, high: str, outcome: str) -> None:
    [argocd] = profiles_of("argocd", {})
    assert argocd.client_outcome(Interval(float(low), float(high))) == outcome
