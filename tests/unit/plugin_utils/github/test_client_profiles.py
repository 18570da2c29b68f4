from __future__ import annotations

from math import floor

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.interval import Interval
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.client_profiles import (
    LIBRARIES,
    ClientProfile,
    known_clients,
    narrowest,
    parse_profile,
    profiles_of,
    shipped_groups,
    shipped_profiles,
)
from hypothesis import assume, example, given
from hypothesis import strategies as st

PROFILES = shipped_profiles()

LIMITS = {
    "ghinstallation": (90, 60, 30),
    "ghinstallation-v2.0.0": (60, 60, 0),
    "argocd": (90, None, 30),
    "argocd-2.1": (60, None, 0),
    "flux": (90, None, 30),
    "actions-runner-controller": (480, 60, 60),
    "octokit": (570, None, 30),
    "create-github-app-token": (570, None, 30),
    "terraform-provider-github": (300, None, 60),
    "pygithub": (300, 20, 60),
    "githubkit": (60, 60, 60),
    "gidgethub": (540, None, 60),
    "community.general.github_app_access_token": (600, None, 0),
    "awx-plugin-credential-github": (600, None, 0),
    "external-secrets-generator": (300, None, 10),
    "git-sync": (600, 30, 0),
    "pipelines-as-code-jwt": (300, None, 0),
    "jenkins": (120, None, 120),
    "prow": (540, 60, 0),
    "zuul": (300, 300, 0),
    "kargo": (540, 300, 60),
    "octocrab": (540, 30, 60),
    "coolify": (480, None, 60),
    "al-go": (600, None, 0),
    "al-go-before-2026-06": (600, None, 0),
    "gh-app-auth": (540, None, 60),
    "gh-app-auth-before-2026-08": (600, None, 0),
    "github-docs-bash": (600, None, 0),
    "github-docs-python": (600, None, 0),
    "github-docs-powershell": (600, None, 0),
}
"""At what skew each client breaks: behind by its JWT, behind by its installation token
(None: never), and ahead.

From its own source, not from the figures in the .yml file.
"""

KEEP_THEIR_TRANSPORT = (
    "argocd-notifications",
    "argo-events",
    "gitops-promoter",
    "actions-runner-controller-legacy",
    "external-secrets-provider",
    "atlantis",
    "keda",
    "palantir-go-githubapp",
)
GET_A_TOKEN_FOR_EACH_USE = (
    "github-token-manager",
    "octo-sts",
    "fleet",
    "vault-plugin-secrets-github",
    "pipelines-as-code-token",
)
RUN = {
    **dict.fromkeys((*KEEP_THEIR_TRANSPORT, *GET_A_TOKEN_FOR_EACH_USE), "ghinstallation"),
    **dict.fromkeys(("argocd-applicationset", "argocd-repo-server", "argocd-image-updater"), "argocd"),
    **dict.fromkeys(("arc", "gha-runner-scale-set"), "actions-runner-controller"),
    **dict.fromkeys(("backstage", "probot", "renovate"), "octokit"),
    "terraform": "terraform-provider-github",
}
"""The clients that run what another row describes."""


def limits_of(profile: ClientProfile) -> tuple[int, int | None, int]:
    return profile.jwt_behind_limit_s, profile.renew_before_s, profile.ahead_limit_s


@pytest.mark.parametrize(("name", "limits"), LIMITS.items(), ids=LIMITS)
def test_the_limits_of_each_shipped_client(name, limits):
    assert limits_of(PROFILES[name]) == limits


def test_every_shipped_profile_has_its_limits_stated_here_and_names_its_sources():
    assert PROFILES.keys() == {*LIMITS, *RUN}
    assert all(profile.source and profile.renewal_source for profile in PROFILES.values())
    assert all(profile.name == name for name, profile in PROFILES.items())


@pytest.mark.parametrize(("name", "runs"), RUN.items(), ids=RUN)
def test_a_client_that_runs_another_has_its_limits_by_its_own_name(name, runs):
    (profile,) = profiles_of(name, {})
    assert (profile.name, profile.runs) == (name, runs)
    jwt_behind_s, renewed_before_s, ahead_s = LIMITS[runs]
    expected = None if name in GET_A_TOKEN_FOR_EACH_USE else renewed_before_s
    assert limits_of(profile) == (jwt_behind_s, expected, ahead_s)


@pytest.mark.parametrize(
    ("name", "runs"),
    [
        ("external-secrets", ["external-secrets-generator", "external-secrets-provider"]),
        ("pipelines-as-code", ["pipelines-as-code-jwt", "pipelines-as-code-token"]),
        ("tekton", ["pipelines-as-code-jwt", "pipelines-as-code-token"]),
    ],
)
def test_a_client_that_signs_in_two_ways_is_held_against_both(name, runs):
    profiles = profiles_of(name, {})
    assert [(profile.name, profile.runs) for profile in profiles] == [(name, each) for each in runs]
    assert [limits_of(profile) for profile in profiles] == [limits_of(PROFILES[each]) for each in runs]


def test_every_name_stands_for_a_profile_that_is_there():
    assert all(profiles_of(name, {}) for name in known_clients())
    assert set(LIBRARIES) <= PROFILES.keys()
    assert set(known_clients()) == {*PROFILES, *shipped_groups()}


@pytest.mark.parametrize("name", ["argocd", "backstage", "external-secrets", "mine"])
def test_a_users_own_profile_wins_whatever_is_shipped_by_its_name(name):
    assert profiles_of(name, {name: {"iat_s": -5, "exp_s": 60}}) == [ClientProfile(name, -5, 60)]


# A model of GitHub, from what is known of it: it refuses iat > g, exp <= g and exp > g + 600,
# where g is its clock when the JWT arrives. Whether it rounds g down to the second is not
# known, so both are tried.


def github_accepts(profile: ClientProfile, skew_s: float, signed_s: float, age_s: float, whole_seconds: bool) -> bool:
    node_s = floor(signed_s + skew_s)
    iat, exp = node_s + profile.iat_s, node_s + profile.exp_s
    github_s = floor(signed_s + age_s) if whole_seconds else signed_s + age_s
    return not (iat > github_s or exp <= github_s or exp > github_s + 600)


def client_works(profile: ClientProfile, skew_s: float, fraction_s: float, latency_s: float, whole: bool) -> bool:
    """Whether GitHub accepts the JWT when it is sent first and when it is sent
    for the last time.
    """
    ages_s = (latency_s, profile.reuse_s + latency_s)
    return all(github_accepts(profile, skew_s, 1000.0 + fraction_s, age_s, whole) for age_s in ages_s)


# In 64ths: sums of these are exact, so a limit is met exactly and not by rounding.
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
    edge_s = draw(st.sampled_from([-profile.jwt_behind_limit_s, profile.ahead_limit_s]))
    return profile, edge_s + draw(st.integers(-4 * 64, 4 * 64)) / 64


@given(profiles_and_skews(), sendings)
@example((PROFILES["argocd"], 31.5), (0.0, 1.0, False))
@example((PROFILES["argocd"], -90.0), (0.0, 0.0, False))
@example((PROFILES["argocd"], -88.0), (0.0, 1.0, False))
def test_a_client_passes_only_if_github_accepts_it_and_fails_only_if_github_refuses(case, sending):
    profile, skew_s = case
    outcome = profile.jwt_outcome(Interval(skew_s, skew_s))
    works = client_works(profile, skew_s, *sending)
    assert not (outcome == "pass" and not works)
    assert not (outcome == "fail" and works)


@given(profiles_and_skews(), st.integers(0, 640), st.integers(0, 640), sendings)
def test_what_is_said_of_an_interval_holds_for_every_skew_in_it(case, wide, at, sending):
    profile, low = case
    assume(at <= wide)
    outcome = profile.jwt_outcome(Interval(low, low + wide / 64))
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
    assert PROFILES["argocd"].jwt_outcome(Interval(low, high)) == outcome


def test_reuse_of_a_jwt_takes_from_what_a_clock_behind_has_left():
    once = ClientProfile("once", -60, 540)
    cached = ClientProfile("cached", -60, 540, reuse_s=480)
    assert (once.jwt_outcome(Interval(-100, -100)), cached.jwt_outcome(Interval(-100, -100))) == ("pass", "fail")
    assert once.ahead_limit_s == cached.ahead_limit_s == 60


# A client that renews its installation token by its own clock: it uses the old one up to
# renew_before_s before expires_at.
# GitHub drops it at expires_at, within the second before it, or within the second after it.


def token_works(profile: ClientProfile, skew_s: float, latency_s: float, dropped_s: float) -> bool:
    """Whether GitHub takes the old token in its last use,
    at true times that count from ``expires_at``.
    """
    if profile.renew_before_s is None:
        return True
    last_used_s = -profile.renew_before_s - skew_s
    return last_used_s + latency_s < dropped_s


# GitHub is ahead of expires_at by less than a second, or behind by less than one.
droppings = st.integers(-63, 63).map(lambda n: n / 64)
MARGINS = [profile for profile in PROFILES.values() if profile.renew_before_s]


@given(
    st.sampled_from(MARGINS).flatmap(
        lambda p: st.tuples(st.just(p), st.integers(-5 * 64, 5 * 64).map(lambda n: n / 64 - (p.renew_before_s or 0)))
    ),
    st.integers(0, 320),
    st.integers(0, 320),
    st.integers(0, 64).map(lambda n: n / 64),
    droppings,
)
@example((PROFILES["pygithub"], -18.0), 0, 0, 1.0, -63 / 64)
@example((PROFILES["pygithub"], -21.0), 0, 0, 0.0, 63 / 64)
def test_what_is_said_of_an_installation_token_holds_for_every_skew_in_the_interval(
    case, wide, at, latency_s, dropped_s
):
    profile, low = case
    assume(at <= wide)
    outcome = profile.token_outcome(Interval(low, low + wide / 64))
    works = token_works(profile, low + at / 64, latency_s, dropped_s)
    assert not (outcome == "pass" and not works)
    assert not (outcome == "fail" and works)


@pytest.mark.parametrize(
    ("name", "skew_s", "jwt", "token", "client"),
    [
        pytest.param("pygithub", 0, "pass", "pass", "pass", id="no skew"),
        pytest.param("pygithub", -18, "pass", "pass", "pass", id="two seconds before the margin"),
        pytest.param("pygithub", -18.01, "pass", "inconclusive", "inconclusive", id="a request may arrive late"),
        pytest.param("pygithub", -20.99, "pass", "inconclusive", "inconclusive", id="within a second over the margin"),
        pytest.param("pygithub", -21, "pass", "fail", "fail", id="one second over the margin"),
        pytest.param("pygithub", -301, "fail", "fail", "fail", id="both"),
        pytest.param("pygithub", 61, "inconclusive", "pass", "inconclusive", id="ahead by the JWT alone"),
        pytest.param("argocd", -88, "pass", "pass", "pass", id="its clock has no say"),
        pytest.param("ghinstallation", -75, "pass", "fail", "fail", id="one long-lived transport"),
        pytest.param("prow", -100, "pass", "fail", "fail", id="prow"),
        pytest.param("kargo", -299, "pass", "inconclusive", "inconclusive", id="five minutes"),
    ],
)
def test_a_client_works_if_its_jwts_and_its_installation_tokens_do(name, skew_s, jwt, token, client):
    profile, skew = PROFILES[name], Interval(skew_s, skew_s)
    assert (profile.jwt_outcome(skew), profile.token_outcome(skew), profile.client_outcome(skew)) == (
        jwt,
        token,
        client,
    )


@pytest.mark.parametrize(
    ("profile", "limit_s", "by"),
    [
        pytest.param(ClientProfile("p", -30, 90), 90, "jwt", id="no margin"),
        pytest.param(ClientProfile("p", -30, 90, renew_before_s=60), 60, "installation_token", id="a smaller margin"),
        pytest.param(ClientProfile("p", -30, 90, renew_before_s=90), 90, "jwt", id="the same"),
        pytest.param(ClientProfile("p", -60, 540, 480), 60, "reused_jwt", id="a JWT that is sent again"),
        pytest.param(ClientProfile("p", -60, 540, 480, renew_before_s=300), 60, "reused_jwt", id="a larger margin"),
        pytest.param(
            ClientProfile("p", -60, 540, 480, renew_before_s=20), 20, "installation_token", id="both, smaller"
        ),
    ],
)
def test_the_smaller_budget_behind_is_the_clients(profile, limit_s, by):
    assert (profile.behind_limit_s, profile.behind_by) == (limit_s, by)


def test_jwts_are_signed_as_the_client_whose_jwt_breaks_first_whatever_its_installation_tokens_do():
    assert narrowest([PROFILES["pygithub"], PROFILES["argocd"]]).name == "argocd"


@pytest.mark.parametrize("margin", [2, 0, -60, 3600, 30.5, "soon", [60], True])
def test_a_margin_that_no_clock_keeps_or_that_is_none_is_refused(margin):
    with pytest.raises(ValueError, match=r"client profile mine: renew_before_s: .* from 3 to 3599 ") as error:
        parse_profile("mine", {"iat_s": 0, "exp_s": 60, "renew_before_s": margin})
    assert "Leave it out" in str(error.value)


@pytest.mark.parametrize(("given_s", "read_s"), [(3, 3), ("60", 60), (None, None)])
def test_a_margin_is_read(given_s, read_s):
    assert parse_profile("mine", {"iat_s": 0, "exp_s": 60, "renew_before_s": given_s}).renew_before_s == read_s


@pytest.mark.parametrize(
    ("row", "message"),
    [
        pytest.param({"iat_s": 0, "exp_s": 60, "exp": 1}, "unknown key 'exp'; known keys: iat_s", id="unknown key"),
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
    "pipelines-as-code-jwt",
    "octocrab",
    "coolify",
    "gh-app-auth",
    "gh-app-auth-before-2026-08",
}
"""By their sources: the App's ID is an integer there."""


def test_the_clients_that_sign_with_the_apps_id_are_those_that_take_no_other():
    app_id_only = {name for name, profile in PROFILES.items() if profile.iss == "app_id"}
    assert app_id_only == {name for name in PROFILES if RUN.get(name, name) in TAKE_AN_APP_ID_ONLY}


def test_a_profile_of_ones_own_may_say_which_id_it_signs_with():
    assert parse_profile("mine", {"iat_s": 0, "exp_s": 60, "iss": "app_id"}).iss == "app_id"
    assert parse_profile("mine", {"iat_s": 0, "exp_s": 60}).iss == "client_id"
    with pytest.raises(ValueError, match="iss: expected client_id or app_id, found 'name'"):
        parse_profile("mine", {"iat_s": 0, "exp_s": 60, "iss": "name"})
