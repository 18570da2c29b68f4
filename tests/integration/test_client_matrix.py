"""Real GitHub App clients, each with a wrong clock, get from the lab's API what
their profiles foretell.

They sign at skews on both sides of each edge of their profiles. This proves the rows of
``client_profiles.yml`` and the lab's API at once: neither was made with the other in view.
``real_clients.py`` says how they get their clocks.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.interval import Interval
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.client_profiles import (
    ClientProfile,
    shipped_profiles,
)

from tests.integration import real_clients
from tests.integration.real_clients import Drive
from tests.lab.github_api import RunningApi
from tests.lab.github_api.answers import EXP_PAST, EXP_TOO_FAR, IAT_FUTURE

drive = real_clients.drive

DRIVEN = {
    "pygithub": ["drive_pygithub.py", "token"],
    "githubkit": ["drive_githubkit.py", "token"],
    "gidgethub": ["drive_gidgethub.py", "token"],
    "octokit": ["drive_octokit.mjs", "strategy"],
    "ghinstallation": ["drive_ghinstallation", "token"],
    "awx-plugin-credential-github": ["drive_awx_plugin.py", "token"],
    "community.general.github_app_access_token": ["drive_community_general.py", "token"],
}
IN_EVERY_RUN = ("pygithub", "githubkit", "gidgethub", "octokit")
"""The others are nightly, and so is what is a second beside an edge, but of PyGithub."""

PROFILES = shipped_profiles()
GITHUBKIT = PROFILES["githubkit"]
OCTOKIT = PROFILES["octokit"]


def nightly_if(condition: bool) -> list[pytest.MarkDecorator]:
    return [pytest.mark.nightly] if condition else []


def jwt_outcome(profile: ClientProfile, skew_s: int) -> str:
    return profile.jwt_outcome(Interval(skew_s, skew_s))


def in_words(skew_s: int) -> str:
    return f"{abs(skew_s)}-s-{'ahead' if skew_s > 0 else 'behind'}" if skew_s else "in-time"


RESULT = {"pass": "gets-a-token", "fail": "is-refused", "inconclusive": "gets-what-its-claims-deserve"}
FRESH = {name: replace(PROFILES[name], reuse_s=0) for name in DRIVEN}
"""A new process has made no JWT yet: its first one is used at once."""


def skews(profile: ClientProfile) -> dict[int, bool]:
    """No skew, and both sides of both edges, as near as the prediction is certain there on a busy
    machine; a second beside each.

    Of each whether it is one of the second kind.
    """
    ahead_s, behind_s = profile.ahead_limit_s, profile.jwt_behind_limit_s
    certain = 0, ahead_s, ahead_s + 3, -(behind_s - 4), -(behind_s + 1)
    beside = ahead_s - 1, ahead_s + 1, -(behind_s - 1), -behind_s
    return {**dict.fromkeys(certain, False), **dict.fromkeys(beside, True)}


MATRIX = [
    pytest.param(
        name,
        skew_s,
        id=f"{name}-{in_words(skew_s)}-{RESULT[jwt_outcome(profile, skew_s)]}",
        marks=nightly_if(name not in IN_EVERY_RUN or (beside and name != "pygithub")),
    )
    for name, profile in FRESH.items()
    for skew_s, beside in skews(profile).items()
]


@pytest.mark.parametrize(("name", "skew_s"), MATRIX)
def test_a_client_with_a_wrong_clock_fares_as_its_profile_says(
    api: RunningApi, drive: Drive, name: str, skew_s: int
) -> None:
    profile = FRESH[name]

    with drive(DRIVEN[name], skew_s) as client:
        answer = client.attempt()

    (request,) = api.control.requests()
    # The claims are the profile's, at the skew that was meant; then nothing but GitHub's rules is
    # left to explain the rest.
    signed_at_s = request["claims"]["iat"] - profile.iat_s - skew_s
    assert request["at_s"] - 3 < signed_at_s <= request["at_s"]
    assert request["claims"]["exp"] - request["claims"]["iat"] == profile.exp_s - profile.iat_s
    assert answer["token"] in by_githubs_rules(request)
    assert len(api.control.tokens()["live"]) == answer["token"]
    if answer["token"]:
        assert answer == {"token": True, "status": 201, "message": None}
    elif name == "community.general.github_app_access_token":
        assert_refused_for_the_clock({**answer, "status": request["status"], "message": request["message"]}, skew_s)
    else:
        assert_refused_for_the_clock(answer, skew_s)
    # In the second at an edge the fraction of the second decides, and the claims above
    # say what it decided.
    assert (
        answer["token"]
        in {"pass": [True], "fail": [False], "inconclusive": [True, False]}[jwt_outcome(profile, skew_s)]
    )


def by_githubs_rules(request: dict[str, Any]) -> set[bool]:
    """Whether these claims are to be accepted when they came:
    at the time of the log, which is some milliseconds later.
    """
    iat, exp = request["claims"]["iat"], request["claims"]["exp"]
    seconds = {int(request["at_s"]), int(request["at_s"] - 0.1)}
    return {iat <= now_s < exp <= now_s + 600 for now_s in seconds}


@pytest.mark.parametrize(
    "skew_s", [-(GITHUBKIT.jwt_behind_limit_s - 4), -(GITHUBKIT.jwt_behind_limit_s + 3)], ids=in_words
)
def test_a_cached_jwt_breaks_near_the_end_of_its_reuse_though_a_new_one_would_not(
    api: RunningApi, drive: Drive, skew_s: int
) -> None:
    assert jwt_outcome(FRESH["githubkit"], skew_s) == "pass"

    with drive(DRIVEN["githubkit"], skew_s) as githubkit:
        assert githubkit.attempt()["token"]
        # 3 seconds are left for the two attempts to be made while the JWT is cached.
        githubkit.let_pass(GITHUBKIT.reuse_s - 3)
        again = githubkit.attempt()
        githubkit.let_pass(6)
        renewed = githubkit.attempt()

    first_claims, again_claims, renewed_claims = (request["claims"] for request in api.control.requests())
    assert first_claims == again_claims != renewed_claims
    if jwt_outcome(GITHUBKIT, skew_s) == "pass":
        assert again["token"]
    else:
        assert jwt_outcome(GITHUBKIT, skew_s) == "fail"
        assert_refused_for_the_clock(again, skew_s)
    assert renewed["token"]


@pytest.mark.parametrize("way", ["installation", "app"])
@pytest.mark.parametrize("skew_s", [OCTOKIT.ahead_limit_s + 3, -(OCTOKIT.jwt_behind_limit_s + 1)], ids=in_words)
def test_an_octokit_that_is_refused_for_its_clock_goes_by_the_apis_date_and_gets_a_token(
    api: RunningApi, drive: Drive, way: str, skew_s: int
) -> None:
    assert jwt_outcome(OCTOKIT, skew_s) == "fail"

    with drive(["drive_octokit.mjs", way], skew_s) as octokit:
        assert octokit.attempt()["token"]

    refused, corrected = api.control.requests()[:2]
    assert (refused["status"], corrected["status"]) == (401, 201)
    signed_at_s = corrected["claims"]["iat"] - OCTOKIT.iat_s
    assert abs(signed_at_s - corrected["at_s"]) < 3


def assert_refused_for_the_clock(answer: dict[str, Any], skew_s: int) -> None:
    assert (answer["token"], answer["status"]) == (False, 401)
    # Ahead, both rules can be broken, and which of the two GitHub names is not stable.
    assert answer["message"] in ([IAT_FUTURE, EXP_TOO_FAR] if skew_s > 0 else [EXP_PAST])
