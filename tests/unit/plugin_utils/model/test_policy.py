from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.policy import Policy

from tests.builders import CHECKS, app


def policy(**changes: Any) -> Policy:
    given = {"checks": CHECKS, "advisory_checks": (), "clients": ("argocd",), "github_apps": (app(),)}
    return Policy(**{**given, **changes})


def test_a_policy_comes_back_from_json_as_it_was():
    whole = policy(
        checks=("clock_skew", "time_service"),
        advisory_checks=("time_service",),
        client_profiles={"mine": {"iat_s": -5, "exp_s": 60}},
        max_skew_s=0.5,
        limits=("etcd", "mine"),
        limit_profiles={"mine": {"behind_s": 3, "ahead_s": 1}},
        cluster_ca={"file": "ca.crt", "not_before_s": 1.0, "not_after_s": 2.0},
        accepted_rules=("CHR302",),
    )
    again = Policy.from_json(json.loads(json.dumps(whole.as_json())))
    assert again == whole
    assert (again.catalogue, again.all_limits) == (whole.catalogue, whole.all_limits)


def test_evidence_of_before_there_were_limits_is_judged_without_any():
    stored = policy().as_json()
    for key in ("limits", "limit_profiles", "cluster_ca"):
        del stored[key]
    assert Policy.from_json(stored) == policy()


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("checks", "clock_skew", "policy.checks: expected a list, found 'clock_skew'"),
        ("advisory_checks", [None], "policy.advisory_checks[0]: expected a text, found nothing"),
        ("clients", None, "policy.clients: expected a list, found nothing"),
        ("client_profiles", {"mine": 1}, "policy.client_profiles: expected an object of objects"),
        ("github_apps", [{}], "policy.github_apps[0].name: expected a text"),
        ("max_clock_error_s", 0, "policy.max_clock_error_s: expected a number above 0, found 0"),
        ("max_skew_s", True, "policy.max_skew_s: expected a number above 0, found True"),
        ("limits", {"etcd": 1}, "policy.limits: expected a list, found an object"),
        ("cluster_ca", {"file": "ca.crt"}, "policy.cluster_ca.not_before_s: expected a number"),
        ("max_drift", 1, "this version does not know 'max_drift'"),
    ],
)
def test_a_policy_of_another_form_is_refused_with_the_place(key: str, value: Any, text: str):
    with pytest.raises(ValueError, match=text.replace("[0]", r"\[0\]")):
        Policy.from_json({**policy().as_json(), key: value})


def test_a_limit_that_was_taken_away_from_a_policy_is_missed():
    stored = policy().as_json()
    del stored["max_skew_s"]
    with pytest.raises(ValueError, match="max_skew_s"):
        Policy.from_json(stored)


def test_a_users_profile_wins_over_the_shipped_one():
    (profile,) = policy(client_profiles={"argocd": {"iat_s": -5, "exp_s": 60}}).profiles
    assert (profile.ahead_limit_s, profile.behind_limit_s) == (5, 60)


def test_a_name_that_stands_for_two_profiles_is_both():
    named = policy(clients=("tekton", "argocd"))
    assert [(profile.name, profile.runs) for profile in named.profiles] == [
        ("tekton", "pipelines-as-code-jwt"),
        ("tekton", "pipelines-as-code-token"),
        ("argocd", ""),
    ]
    assert (named.signing_profile.name, named.signing_profile.exp_s) == ("tekton", 300)


def test_a_users_limit_wins_over_the_shipped_one():
    limit = policy(limit_profiles={"etcd": {"behind_s": 3, "ahead_s": 1}}).all_limits["etcd"]
    assert (limit.skew_s.low, limit.skew_s.high) == (-3, 1)


def test_jwts_are_signed_as_the_client_that_breaks_first():
    assert policy(clients=("jenkins", "argocd", "pygithub")).signing_profile.name == "argocd"
