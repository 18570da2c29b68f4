from __future__ import annotations

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.finding import Finding


@pytest.mark.parametrize("state", ["fail", "inconclusive", "skipped"])
@pytest.mark.parametrize("lacks", ["why", "remedy", "cause"])
def test_a_finding_that_is_no_pass_says_why_what_to_do_and_its_cause(state, lacks):
    words = {"why": "it matters", "remedy": "do this", "cause": "broken"}
    assert Finding(state, "it broke", **words).cause == "broken"
    with pytest.raises(ValueError, match=f"a finding that is {state} says why, what to do, and its cause: 'it broke'"):
        Finding(state, "it broke", **{**words, lacks: ""})


def test_a_pass_may_be_silent():
    assert Finding("pass", "all well") == Finding("pass", "all well", "", "", {})
