"""Sections are taken apart from each other, and the documentation names all options."""

from __future__ import annotations

import time

import pytest
import yaml
from ansible_collections.skewgate.preflight.plugins.modules import node_evidence


def test_lists_that_are_empty_ask_nobody():
    defaults = {name: option.get("default") for name, option in node_evidence.ARGUMENTS.items()}
    evidence = node_evidence.collect({**defaults, "sections": ["ntp", "api_date", "github_apps"]})
    assert (evidence["ntp"], evidence["api_date"], evidence["github_apps"]) == ({"servers": []}, {"apis": []}, [])


def test_a_section_that_fails_is_recorded_and_the_others_are_taken(monkeypatch: pytest.MonkeyPatch):
    def fail() -> dict:
        raise LookupError("no clock at all")

    monkeypatch.setattr(node_evidence.clock, "collect", fail)
    evidence = node_evidence.collect(
        {"sections": ["clock", "join_state"], "timeout_s": 1, "ntp_samples": 1, "github_apps": []}
    )
    assert evidence["clock"] == {"error": "LookupError: no clock at all"}
    assert evidence["join_state"]["paths"]


def test_a_section_that_hangs_is_left_behind(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(node_evidence.join_state, "collect", lambda: time.sleep(30))
    begun_s = time.monotonic()
    evidence = node_evidence.collect(
        {"sections": ["join_state", "clock"], "timeout_s": 0.2, "ntp_samples": 1, "github_apps": []}
    )
    assert time.monotonic() - begun_s < 10
    assert evidence["join_state"] == {"error": "TimeoutError: it did not end within its bound"}
    assert "adjtimex" in evidence["clock"]


def test_the_documentation_names_every_option():
    documented = yaml.safe_load(node_evidence.DOCUMENTATION)["options"]
    assert set(documented) == set(node_evidence.ARGUMENTS)
    assert documented["sections"]["choices"] == documented["sections"]["default"] == node_evidence.SECTIONS
    apps = documented["github_apps"]["suboptions"]
    assert set(apps) == set(node_evidence.APP_OPTIONS)
    assert set(apps["attempts"]["suboptions"]) == set(node_evidence.APP_OPTIONS["attempts"]["options"])
    for name, option in node_evidence.ARGUMENTS.items():
        assert documented[name].get("default") == option.get("default"), name
    yaml.safe_load(node_evidence.EXAMPLES)
