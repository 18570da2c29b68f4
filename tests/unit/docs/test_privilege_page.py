"""The page of what needs root names each section, and no check and no key that is not there.

tests/daemons/module_utils/probes/test_without_root_real.py holds it to what a real user sees.
"""

from __future__ import annotations

import re

from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.sections import SECTIONS
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import discover

from docs.privilege_page import ROOT_ONLY, privileges_page


def test_every_section_says_whether_it_needs_root() -> None:
    assert set(ROOT_ONLY) == set(SECTIONS)
    page = privileges_page()
    assert [section for section in SECTIONS if f"`{section}`" not in page] == []


def test_the_checks_and_keys_that_it_names_are_there() -> None:
    page = privileges_page()
    checks = discover()
    keys = {str(key) for check in checks.values() for key in getattr(check, "Key", ())}
    named = set(re.findall(r"\(`([a-z_]+)`\)", page)) - {"gate_advisory_checks"}
    assert {"cron_unread", "chronyc_needs_root"} <= named <= keys
    words = set(re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", page))
    assert {"clock_movers", "config_in_use", "sync_state"} <= words & set(checks)
