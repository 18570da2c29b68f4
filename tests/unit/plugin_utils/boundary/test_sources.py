"""Where settings come from, by Ansible's variables alone."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.sources import (
    FROM_COMMAND,
    settings_with_sources,
    source_of,
)

EXTRA = {
    "gate_checks": ["a"],
    "gate_clients": ["b"],
    FROM_COMMAND: {"gate_checks": "flag --only", "gate_limits": "flag --limits"},
}


@pytest.mark.parametrize(
    ("name", "value", "source"),
    [
        ("gate_checks", ["a"], "flag --only"),
        ("gate_clients", ["b"], "-e"),
        ("gate_limits", [], "inventory"),
        ("gate_timeout_s", 5, "default"),
        ("gate_max_skew_s", 3, "play"),
        ("gate_hosts", "x", "play"),
    ],
)
def test_the_strongest_place_that_has_a_setting_is_its_source(name: str, value: Any, source: str) -> None:
    inventory = {"gate_checks": ["c"], "gate_limits": []}
    defaults = {"gate_timeout_s": 5, "gate_max_skew_s": None}
    assert source_of(name, value, extra=EXTRA, inventory=inventory, defaults=defaults) == source


@pytest.mark.parametrize("said", [None, "text", ["list"], {"gate_checks": {"a": "mapping"}}])
def test_what_is_no_word_of_the_command_is_minus_e(said: Any) -> None:
    extra = {"gate_checks": 1, FROM_COMMAND: said}
    assert source_of("gate_checks", 1, extra=extra, inventory={}, defaults={}) == "-e"


def test_a_value_is_shown_if_all_hosts_have_it_and_no_secret_can_be_in_it() -> None:
    names = ("gate_checks", "gate_ntp_servers", "gate_github_apps", "gate_environment", "gate_client_profiles")
    one = {**dict.fromkeys(names, "inventory"), "gate_run_id": "-e", "my_own": "inventory"}
    two = {**one, "gate_ntp_servers": "-e"}
    values = {name: ["x"] for name in one}
    assert settings_with_sources([(one, values), (two, {**values, "gate_ntp_servers": ["y"]})]) == {
        "gate_checks": {"source": "inventory", "value": ["x"]},
        "gate_ntp_servers": {"source": "-e, inventory"},
        "gate_github_apps": {"source": "inventory"},
        "gate_environment": {"source": "inventory"},
        "gate_client_profiles": {"source": "inventory"},
    }
