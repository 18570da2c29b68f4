"""SECURITY.md names tests that are there, and the figures of the code."""

from __future__ import annotations

import re

from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.apps import TRUE_TIME_LIFE_S, UNCHECKED_AHEAD_S
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.client_profiles import (
    MAX_EXP_AHEAD_S,
    TOKEN_LIFE_S,
    profiles_of,
)

from tests.paths import ROOT

PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
ROWS = [line.split("|")[1:-1] for line in PAGE.splitlines() if line.startswith("| ") and "---" not in line]


def test_each_test_that_it_names_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    defined = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert len(named) > 15
    assert named <= defined


def test_each_thing_that_somebody_cannot_do_is_shown_by_a_test() -> None:
    """The tables of what somebody cannot do have two columns, the one of lifetimes has three."""
    claims = [row for row in ROWS if len(row) == 2 and row[1].strip() != "shown by"]
    assert len(claims) > 12
    assert [claim.strip() for claim, shown in claims if "`test_" not in shown] == []


def test_the_lifetimes_are_those_of_the_code() -> None:
    [argocd] = profiles_of("argocd", {})
    assert f"{argocd.exp_s} s for Argo CD" in PAGE
    assert f"{MAX_EXP_AHEAD_S} s after the controller's time" in PAGE
    assert f"| a JWT of the true time | {TRUE_TIME_LIFE_S} s |" in PAGE
    assert f"at most {UNCHECKED_AHEAD_S} s after its clock" in PAGE
    assert TOKEN_LIFE_S == 3600
    assert "an hour if it cannot be revoked" in PAGE
