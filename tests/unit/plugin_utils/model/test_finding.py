from __future__ import annotations

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.finding import CommonKey, Finding


@pytest.mark.parametrize("state", ["fail", "inconclusive", "skipped"])
@pytest.mark.parametrize("lacks", ["keys", "cause", "why", "remedy"])
def test_a_finding_that_is_no_pass_says_why_what_to_do_its_cause_and_its_keys(state, lacks):
    said = {"keys": (CommonKey.MISSING_EVIDENCE,), "cause": "broken", "why": "it matters", "remedy": "do this"}
    assert Finding(state=state, summary="it broke", **said).cause == "broken"
    with pytest.raises(ValueError, match=f"a finding that is {state} needs keys, cause, why and remedy: 'it broke'"):
        Finding(state=state, summary="it broke", **{**said, lacks: type(said[lacks])()})


def test_a_pass_may_be_silent():
    assert Finding(state="pass", summary="all well") == Finding(
        state="pass", summary="all well", why="", remedy="", seen={}
    )


def test_a_finding_takes_keywords_alone():
    with pytest.raises(TypeError):
        Finding("pass", "all well")
