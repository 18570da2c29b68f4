from __future__ import annotations

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.attempts import (
    agreement_s,
    attempt_for_now,
    attempts_for_both_clocks,
    last_attempt,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.client_profiles import ClientProfile

ARGOCD = ClientProfile("argocd", -30, 90)


class App:
    """A GithubApp whose JWT shows how it was signed."""

    def sign(self, profile: ClientProfile, now_s: float, life_s: int | None = None) -> str:
        return f"{profile.name} at {now_s} for {life_s}"


@pytest.mark.parametrize(
    ("profile", "expected_s"),
    [
        pytest.param(ClientProfile("generous", -60, 540), 10, id="no more than ten seconds"),
        pytest.param(ClientProfile("strict", 0, 600), 2, id="no less than two, which the way there takes"),
        pytest.param(ClientProfile("between", -15, 90), 5, id="a third of what the client can be ahead"),
    ],
)
def test_the_clocks_agree_within_a_part_of_the_clients_budget(profile, expected_s):
    assert agreement_s(profile) == expected_s
    assert attempt_for_now(App(), profile, 1000.0)["only_within_s"] == expected_s


def test_the_counterfactual_has_one_for_either_clock_and_the_true_times_is_short_lived():
    assert attempts_for_both_clocks(App(), ARGOCD, 1000.75, 1612.25) == [
        {"label": "node_clock", "signed_for_s": 1000, "only_within_s": None, "jwt": "argocd at 1000.75 for None"},
        {"label": "true_time", "signed_for_s": 1612, "only_within_s": None, "jwt": "argocd at 1612.25 for 30"},
    ]


def test_without_a_true_time_the_counterfactual_is_the_nodes_clock_alone():
    assert [each["label"] for each in attempts_for_both_clocks(App(), ARGOCD, 1000.0, None)] == ["node_clock"]


def test_the_last_attempt_decides_and_none_counts_as_one_that_was_not_sent():
    assert last_attempt({"attempts": [{"label": "now"}, {"label": "node_clock"}]}) == {"label": "node_clock"}
    assert not last_attempt({"attempts": []}).get("sent")
