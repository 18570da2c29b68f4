from __future__ import annotations

from math import floor

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.interval import Interval
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.client_profiles import (
    ClientProfile,
    narrowest,
    parse_profile,
    shipped_profiles,
)
from hypothesis import assume, example, given
from hypothesis import strategies as st

PROFILES = shipped_profiles()

LIMITS = {
    "ghinstallation": (90, 30),
    "ghinstallation-v2.0.0": (60, 0),
    "argocd": (90, 30),
    "argocd-2.1": (60, 0),
    "flux": (90, 30),
    "actions-runner-controller": (480, 60),
    "actions-runner-controller-legacy": (90, 30),
    "octokit": (570, 30),
    "create-github-app-token": (570, 30),
    "terraform-provider-github": (300, 60),
    "pygithub": (300, 60),
    "githubkit": (60, 60),
    "gidgethub": (540, 60),
    "community.general.github_app_access_token": (600, 0),
    "awx-plugin-credential-github": (600, 0),
    "external-secrets-generator": (300, 10),
    "external-secrets-provider": (90, 30),
    "atlantis": (90, 30),
    "pipelines-as-code": (300, 0),
    "octo-sts": (90, 30),
    "keda": (90, 30),
    "fleet": (90, 30),
    "argocd-image-updater": (90, 30),
    "vault-plugin-secrets-github": (90, 30),
    "palantir-go-githubapp": (90, 30),
    "jenkins": (120, 120),
    "prow": (540, 0),
    "zuul": (300, 0),
    "kargo": (540, 60),
    "octocrab": (540, 60),
    "coolify": (480, 60),
    "github-docs-bash": (600, 0),
    "github-docs-python": (600, 0),
    "github-docs-powershell": (600, 0),
}
"""At what skew each client breaks, behind and ahead: from its own source, not from the claims in the .yml file."""


@pytest.mark.parametrize(("name", "limits"), LIMITS.items(), ids=LIMITS)
def test_the_limits_of_each_shipped_client(name, limits):
    assert (PROFILES[name].behind_limit_s, PROFILES[name].ahead_limit_s) == limits


def test_every_shipped_profile_has_its_limits_stated_here_and_names_its_source():
    assert PROFILES.keys() == LIMITS.keys()
    assert all(profile.source and profile.name == name for name, profile in PROFILES.items())


# A model of GitHub, from what is known of it: it refuses iat > g, exp <= g and exp > g + 600, where g is its clock when
# the JWT arrives. Whether it rounds g down to the second is not known, so both are tried.


def github_accepts(profile: ClientProfile, skew_s: float, signed_s: float, age_s: float, whole_seconds: bool) -> bool:
    node_s = floor(signed_s + skew_s)
    iat, exp = node_s + profile.iat_s, node_s + profile.exp_s
    github_s = floor(signed_s + age_s) if whole_seconds else signed_s + age_s
    return not (iat > github_s or exp <= github_s or exp > github_s + 600)


def client_works(profile: ClientProfile, skew_s: float, fraction_s: float, latency_s: float, whole: bool) -> bool:
    """Whether GitHub accepts the JWT when it is sent first and when it is sent for the last time."""
    ages_s = (latency_s, profile.reuse_s + latency_s)
    return all(github_accepts(profile, skew_s, 1000.0 + fraction_s, age_s, whole) for age_s in ages_s)


# In 64ths: sums of these are exact, so that a limit is met exactly and not by rounding.
sendings = st.tuples(
    st.integers(0, 63).map(lambda n: n / 64),  # the second's fraction at which the client signs
    st.integers(0, 64).map(lambda n: n / 64),  # latency
    st.booleans(),  # GitHub rounds its clock down
)


@st.composite
def profiles_and_skews(draw):
    profile = draw(st.sampled_from(list(PROFILES.values())))
    if draw(st.booleans()):
        return profile, draw(st.integers(-700, 700))
    edge_s = draw(st.sampled_from([-profile.behind_limit_s, profile.ahead_limit_s]))
    return profile, edge_s + draw(st.integers(-4 * 64, 4 * 64)) / 64


@given(profiles_and_skews(), sendings)
@example((PROFILES["argocd"], 31.5), (0.0, 1.0, False))
@example((PROFILES["argocd"], -90.0), (0.0, 0.0, False))
@example((PROFILES["argocd"], -88.0), (0.0, 1.0, False))
def test_a_client_passes_only_where_github_accepts_it_and_fails_only_where_github_refuses(case, sending):
    profile, skew_s = case
    outcome = profile.outcome(Interval(skew_s, skew_s))
    works = client_works(profile, skew_s, *sending)
    assert not (outcome == "pass" and not works)
    assert not (outcome == "fail" and works)


@given(profiles_and_skews(), st.integers(0, 640), st.integers(0, 640), sendings)
def test_what_is_said_of_an_interval_holds_for_every_skew_in_it(case, wide, at, sending):
    profile, low = case
    assume(at <= wide)
    outcome = profile.outcome(Interval(low, low + wide / 64))
    works = client_works(profile, low + at / 64, *sending)
    assert not (outcome == "pass" and not works)
    assert not (outcome == "fail" and works)


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [
        pytest.param(0, 0, "pass", id="no skew passes"),
        pytest.param(30, 30, "pass", id="ahead by the limit passes"),
        pytest.param(30, 30.001, "inconclusive", id="ahead just over the limit depends on the fraction"),
        pytest.param(32, 32, "inconclusive", id="ahead two seconds over may still arrive a second late"),
        pytest.param(32.001, 32.001, "fail", id="ahead by more than that fails"),
        pytest.param(29, 33, "inconclusive", id="an interval across the limit ahead is inconclusive"),
        pytest.param(-88, -88, "pass", id="behind with two seconds left passes"),
        pytest.param(-88.001, -88, "inconclusive", id="behind with less left depends on latency"),
        pytest.param(-90, -89.999, "inconclusive", id="an interval across the limit behind is inconclusive"),
        pytest.param(-95, -90, "fail", id="behind by the limit fails"),
        pytest.param(-100, 100, "inconclusive", id="knowing nothing is inconclusive"),
    ],
)
def test_argo_cd_at_its_edges(low, high, outcome):
    assert PROFILES["argocd"].outcome(Interval(low, high)) == outcome


def test_reuse_of_a_jwt_takes_from_what_a_clock_behind_has_left():
    once = ClientProfile("once", -60, 540)
    cached = ClientProfile("cached", -60, 540, reuse_s=480)
    assert (once.outcome(Interval(-100, -100)), cached.outcome(Interval(-100, -100))) == ("pass", "fail")
    assert once.ahead_limit_s == cached.ahead_limit_s == 60


@pytest.mark.parametrize(
    ("row", "message"),
    [
        pytest.param({"iat_s": 0, "exp_s": 60, "exp": 1}, "unknown key 'exp'; known: iat_s", id="unknown key"),
        pytest.param({"iat_s": 0}, "iat_s and exp_s are needed", id="exp_s missing"),
        pytest.param({"exp_s": 60}, "iat_s and exp_s are needed", id="iat_s missing"),
        pytest.param({"iat_s": "soon", "exp_s": 60}, "in whole seconds", id="no number"),
        pytest.param({"iat_s": None, "exp_s": 60}, "in whole seconds", id="null"),
        pytest.param({"iat_s": -30, "exp_s": 90.5}, "in whole seconds", id="fraction of a second"),
        pytest.param({"iat_s": 1, "exp_s": 60}, "found iat_s 1,", id="iat in the future"),
        pytest.param({"iat_s": 0, "exp_s": 0}, "exp_s 0,", id="exp at once"),
        pytest.param({"iat_s": 0, "exp_s": 601}, "exp_s <= 600", id="exp beyond GitHub's limit"),
        pytest.param({"iat_s": 0, "exp_s": 60, "reuse_s": 60}, "reuse_s < exp_s", id="reused until it expires"),
        pytest.param({"iat_s": 0, "exp_s": 60, "reuse_s": -1}, "0 <= reuse_s", id="negative reuse"),
        pytest.param(None, "expected iat_s and exp_s, found None", id="nothing"),
        pytest.param([-30, 90], "expected iat_s and exp_s, found", id="a list"),
    ],
)
def test_a_profile_that_is_wrong_is_refused_with_its_name_and_fault(row, message):
    with pytest.raises(ValueError, match="client profile mine: ") as error:
        parse_profile("mine", row)
    assert message in str(error.value)


def test_a_users_profile_is_read_with_its_defaults():
    assert parse_profile("mine", {"iat_s": "-30", "exp_s": 600}) == ClientProfile("mine", -30, 600)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param(["argocd", "actions-runner-controller"], "argocd", id="ahead decides"),
        pytest.param(["terraform-provider-github", "githubkit"], "githubkit", id="of equals the one with less behind"),
        pytest.param(["github-docs-python", "zuul", "argocd"], "zuul", id="no leeway ahead and less behind"),
        pytest.param(["flux", "argocd"], "argocd", id="of the same the first by name, whatever their order"),
        pytest.param(["jenkins"], "jenkins", id="one"),
    ],
)
def test_the_narrowest_profile_is_the_one_that_the_smallest_skew_breaks(names, expected):
    assert narrowest(PROFILES[name] for name in names).name == expected


TAKE_AN_APP_ID_ONLY = {
    "ghinstallation",
    "ghinstallation-v2.0.0",
    "argocd",
    "argocd-2.1",
    "flux",
    "actions-runner-controller-legacy",
    "external-secrets-provider",
    "atlantis",
    "pipelines-as-code",
    "octo-sts",
    "keda",
    "fleet",
    "argocd-image-updater",
    "vault-plugin-secrets-github",
    "palantir-go-githubapp",
    "octocrab",
    "coolify",
}
"""By their sources: the App's ID is an integer there."""


def test_the_clients_that_sign_with_the_apps_id_are_those_that_take_no_other():
    assert {name for name, profile in PROFILES.items() if profile.iss == "app_id"} == TAKE_AN_APP_ID_ONLY


def test_a_profile_of_ones_own_may_say_which_id_it_signs_with():
    assert parse_profile("mine", {"iat_s": 0, "exp_s": 60, "iss": "app_id"}).iss == "app_id"
    assert parse_profile("mine", {"iat_s": 0, "exp_s": 60}).iss == "client_id"
    with pytest.raises(ValueError, match="iss is one of client_id, app_id, found 'name'"):
        parse_profile("mine", {"iat_s": 0, "exp_s": 60, "iss": "name"})
