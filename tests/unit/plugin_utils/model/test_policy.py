from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.policy import Policy, SettingsError

from tests.builders import CHECKS, app


def read(**settings: Any) -> Policy:
    return Policy.from_settings({"clients": ["argocd"], **settings}, CHECKS, [app()])


def test_defaults_are_all_checks_required_and_a_second_of_error():
    policy = read()
    assert policy.checks == CHECKS
    assert (policy.advisory_checks, policy.max_clock_error_s, policy.max_skew_s) == ((), 1.0, None)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        pytest.param(
            {"checks": ["clock"]}, f"gate_checks: no check is called 'clock'; known: {', '.join(CHECKS)}", id="no check"
        ),
        pytest.param({"advisory_checks": ["ntp"]}, "gate_advisory_checks: no check is called 'ntp'", id="no advisory"),
        pytest.param(
            {"checks": ["clock_skew"], "advisory_checks": ["clock_skew"]}, "could ever refuse", id="all advisory"
        ),
        pytest.param({"checks": ["reachable"]}, "gate_checks: name a check beside reachable", id="reachable alone"),
        pytest.param(
            {"checks": ["reachable", "clock_skew"], "advisory_checks": ["clock_skew"]},
            "could ever refuse",
            id="all but reachable advisory",
        ),
        pytest.param({"clients": []}, "gate_clients: name the GitHub App clients", id="no client"),
        pytest.param({"clients": ["argo"]}, "gate_clients: no client profile is called 'argo'; known: ", id="typo"),
        pytest.param(
            {"client_profiles": {"mine": {"iat_s": 5, "exp_s": 60}}},
            "gate_client_profiles: client profile mine",
            id="iat",
        ),
        pytest.param({"client_profiles": {"mine": None}}, "gate_client_profiles: client profile mine", id="no profile"),
        pytest.param(
            {"max_clock_error_s": 0},
            "gate_max_clock_error_s: expected a number of seconds above 0, found 0",
            id="no error",
        ),
        pytest.param(
            {"max_clock_error_s": ".5s"}, "gate_max_clock_error_s: expected a number of seconds above 0", id="text"
        ),
        pytest.param(
            {"max_clock_error_s": float("nan")}, "gate_max_clock_error_s: expected a number of seconds", id="nan"
        ),
        pytest.param(
            {"accepted_rules": ["CHR1"]}, "gate_accepted_rules: no rule has the ID 'CHR1'; known: CHR001, ", id="ID"
        ),
        pytest.param(
            {"max_skew_s": -1}, "gate_max_skew_s: expected a number of seconds above 0, found -1", id="negative"
        ),
        pytest.param(
            {"max_skew_s": "much"}, "gate_max_skew_s: expected a number of seconds above 0, found 'much'", id="word"
        ),
        pytest.param({"max_clock_error_s": "inf"}, "gate_max_clock_error_s: expected a number", id="no limit"),
        pytest.param(
            {"max_skew_s": float("nan")}, "gate_max_skew_s: expected a number of seconds above 0", id="nan skew"
        ),
        pytest.param(
            {"limits": ["etc"]}, "gate_limits: no limit is called 'etc'; known: ceph, cockroachdb", id="limit"
        ),
        pytest.param({"limit_profiles": {"mine": {}}}, "gate_limit_profiles: limit mine: expected", id="own limit"),
    ],
)
def test_a_wrong_setting_is_told_with_what_was_expected(settings, problem):
    with pytest.raises(SettingsError) as error:
        read(**settings)
    assert [line for line in error.value.problems if problem in line], error.value.problems


def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(SettingsError) as error:
        read(checks=["clock"], clients=["argo"], max_skew_s=0, max_clock_error_s=0)
    assert [line.split(":")[0] for line in error.value.problems] == [
        "gate_checks",
        "gate_clients",
        "gate_max_clock_error_s",
        "gate_max_skew_s",
    ]
    assert str(error.value) == "; ".join(error.value.problems)


@pytest.mark.parametrize(
    "unset", [{"max_skew_s": None}, {"max_skew_s": ""}, {"max_clock_error_s": None}, {"checks": []}]
)
def test_what_is_left_empty_is_the_default(unset):
    assert read(**unset) == read()


def test_a_policy_comes_back_from_json_as_it_was():
    policy = read(
        checks=["clock_skew", "time_service"],
        advisory_checks=["time_service"],
        client_profiles={"mine": {"iat_s": -5, "exp_s": 60}},
        max_skew_s=0.5,
        limits=["etcd", "mine"],
        limit_profiles={"mine": {"behind_s": 3, "ahead_s": 1}},
    )
    again = Policy.from_json(json.loads(json.dumps(policy.as_json())))
    assert again.as_json() == policy.as_json()
    assert (again.checks, again.advisory_checks, again.max_skew_s) == (
        ("clock_skew", "time_service"),
        ("time_service",),
        0.5,
    )
    assert again.catalogue == policy.catalogue
    assert (again.limits, again.all_limits) == (("etcd", "mine"), policy.all_limits)


def test_evidence_of_before_there_were_limits_is_judged_without_any():
    stored = read().as_json()
    for key in ("limits", "limit_profiles", "cluster_ca"):
        del stored[key]
    assert Policy.from_json(stored) == read()


def test_the_cas_times_are_kept_beside_the_evidence():
    ca = {"file": "ca.crt", "not_before_s": 1.0, "not_after_s": 2.0}
    policy = Policy.from_settings({"clients": ["argocd"]}, CHECKS, cluster_ca=ca)
    assert Policy.from_json(json.loads(json.dumps(policy.as_json()))).cluster_ca == ca


def test_a_users_profile_wins_over_the_shipped_one():
    policy = read(client_profiles={"argocd": {"iat_s": -5, "exp_s": 60}})
    assert (policy.profiles[0].ahead_limit_s, policy.profiles[0].behind_limit_s) == (5, 60)


def test_jwts_are_signed_as_the_client_that_breaks_first():
    assert read(clients=["jenkins", "argocd", "pygithub"]).signing_profile.name == "argocd"
