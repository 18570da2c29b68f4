from __future__ import annotations

import json
from typing import Any

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


def test_a_users_profile_wins_over_the_shipped_one():
    (profile,) = policy(client_profiles={"argocd": {"iat_s": -5, "exp_s": 60}}).profiles
    assert (profile.ahead_limit_s, profile.behind_limit_s) == (5, 60)


def test_a_users_limit_wins_over_the_shipped_one():
    limit = policy(limit_profiles={"etcd": {"behind_s": 3, "ahead_s": 1}}).all_limits["etcd"]
    assert (limit.skew_s.low, limit.skew_s.high) == (-3, 1)


def test_jwts_are_signed_as_the_client_that_breaks_first():
    assert policy(clients=("jenkins", "argocd", "pygithub")).signing_profile.name == "argocd"
