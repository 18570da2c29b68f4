from __future__ import annotations

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.finding import Finding


@pytest.mark.parametrize("state", ["fail", "inconclusive", "skipped"])
@pytest.mark.parametrize(("why", "remedy"), [("", ""), ("it matters", ""), ("", "do this")])
def test_a_finding_that_is_no_pass_says_why_and_what_to_do(state, why, remedy):
    with pytest.raises(ValueError, match=f"a finding that is {state} says why and what to do: 'it broke'"):
        Finding(state, "it broke", why, remedy)


def test_a_pass_may_be_silent():
    assert Finding("pass", "all well") == Finding("pass", "all well", "", "", {})
