"""What `skewgate init` left to be filled in is found wherever it stands."""

from __future__ import annotations

from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.placeholders import to_fill_in


def test_words_to_fill_in_are_found_in_names_of_hosts_and_in_settings_at_any_depth() -> None:
    settings = {
        "gate_ntp_servers": ["a", "FILL_IN_NTP_SERVER"],
        "gate_github_apps": [
            {"app_id": 1, "private_key_file": "~/FILL_IN_KEY.pem", "repositories": ["FILL_IN_A/FILL_IN_B"]}
        ],
        "gate_clients": ["UNFILL_IN_X", "fill_in_y", None],
    }
    assert to_fill_in(["good", "FILL_IN_NODE_1", "FILL_IN_NODE_1"], settings) == [
        f"{where}: {word} is still to be filled in"
        for where, word in (
            ("the inventory", "FILL_IN_NODE_1"),
            ("gate_ntp_servers", "FILL_IN_NTP_SERVER"),
            ("gate_github_apps", "FILL_IN_KEY"),
            ("gate_github_apps", "FILL_IN_A"),
            ("gate_github_apps", "FILL_IN_B"),
        )
    ]


def test_without_any_there_is_no_problem() -> None:
    assert to_fill_in(["a"], {"gate_checks": []}) == []
