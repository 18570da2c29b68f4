"""Flux's Secrets and GitRepository objects, as its documentation shows them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.apps import read_github_apps
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.client_profiles import shipped_profiles
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.secrets.flux import flux_apps

from tests.integration.argocd_secrets import secret, secret_list
from tests.unit.plugin_utils.github.secrets.cluster import (
    APP,
    CA,
    KEY,
    problems,
    reached,
    without,
)


def git_repository(name: str, url: str, secret_name: str | None = "github-sa", **spec: Any) -> dict[str, Any]:
    reference = {"secretRef": {"name": secret_name}} if secret_name else {}
    return {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": {"name": name, "namespace": "flux-system"},
        "spec": {"interval": "5m0s", "provider": "github", "url": url, **reference, **spec},
    }


def flux_secret(name: str = "github-sa", **values: str) -> dict[str, Any]:
    return secret(name, None, "flux-system", **values)


FLUX_LIST = [
    flux_secret(**APP),
    flux_secret("sops-age", **{"age.agekey": "AGE-SECRET-KEY-1"}),
    git_repository("flux-system", "https://github.com/example/fleet"),
    git_repository("podinfo", "https://github.com/example/podinfo.git"),
    git_repository("public", "https://github.com/stefanprodan/podinfo", None, provider="generic"),
]


@pytest.mark.parametrize(
    "given",
    [
        pytest.param([{"kind": "List", "items": FLUX_LIST}], id="in one list"),
        pytest.param([FLUX_LIST[:2], {"resources": FLUX_LIST[2:]}], id="in two"),
    ],
)
def test_fluxs_secret_has_the_repositories_that_name_it(given):
    assert flux_apps(*given) == [
        {
            "name": "flux-system/github-sa",
            "app_id": "1",
            "installation_id": "2",
            "private_key": KEY,
            "api_url": "https://api.github.com",
            "repositories": ["example/fleet", "example/podinfo"],
        }
    ]


@pytest.mark.parametrize("key", ["ca.crt", "caFile"])
def test_fluxs_secret_brings_its_api_and_ca(key):
    values = {**APP, "githubAppBaseURL": "https://ghe.example.com/api/v3", key: CA}
    (entry,) = flux_apps([flux_secret(**values), git_repository("g", "https://ghe.example.com/o/fleet")])
    assert (entry["api_url"], entry["ca_pem"], entry["repositories"]) == (
        "https://ghe.example.com/api/v3",
        CA,
        ["o/fleet"],
    )


def test_fluxs_secret_that_no_repository_names_is_still_checked():
    assert reached(flux_apps([flux_secret(**APP)])) == {"flux-system/github-sa": []}


def test_argo_cds_secrets_are_not_fluxs():
    assert flux_apps(secret_list(KEY, "https://api.github.lab")) == []


def test_fluxs_owner_is_in_the_place_of_the_installation_id():
    values = {**without("githubAppInstallationID"), "githubAppInstallationOwner": "Acme"}
    (entry,) = flux_apps([flux_secret(**values), git_repository("g", "https://github.com/acme/fleet")])
    assert (entry["name"], entry["owner"], entry["repositories"]) == ("flux-system/github-sa", "Acme", ["acme/fleet"])
    assert "installation_id" not in entry


def test_an_installation_id_that_flux_can_not_read_is_none_if_there_is_an_owner():
    (entry,) = flux_apps([flux_secret(**APP | {"githubAppInstallationID": "x"}, githubAppInstallationOwner="acme")])
    assert entry["owner"] == "acme"


@pytest.mark.parametrize("with_app_id", [False, True])
def test_flux_may_have_a_client_id(with_app_id):
    values = APP if with_app_id else without("githubAppID")
    (entry,) = flux_apps([flux_secret(**values, githubAppClientID="Iv23liAbC")])
    assert (entry["client_id"], entry.get("app_id")) == ("Iv23liAbC", "1" if with_app_id else None)


@pytest.mark.parametrize("with_app_id", [False, True])
def test_flux_signs_with_the_client_id_if_there_is_one(with_app_id):
    values = APP if with_app_id else without("githubAppID")
    entries = flux_apps([flux_secret(**values, githubAppClientID="Iv23liAbC")])
    apps, wrong = read_github_apps(entries, [shipped_profiles()["flux"]])
    assert ([app.issuer for app in apps], wrong) == (["Iv23liAbC"], [])


def test_a_proxy_of_flux_is_noted():
    given = [flux_secret(**APP), git_repository("g", "https://github.com/a/b", proxySecretRef={"name": "proxy"})]
    (entry,) = flux_apps(given)
    assert "the proxy of GitRepository flux-system/g (proxySecretRef)" in entry["notes"][0]


BAD_FLUX = {
    "neither owner nor ID": (
        [flux_secret(**without("githubAppInstallationID"))],
        "flux-system/github-sa: githubAppInstallationID (or githubAppInstallationOwner) is missing",
    ),
    "an owner's URL": (
        [flux_secret(**without("githubAppInstallationID"), githubAppInstallationOwner="https://github.com/acme")],
        "flux-system/github-sa: githubAppInstallationOwner is not the name of an organisation or a user, found",
    ),
    "no App": (
        [flux_secret(**without("githubAppID"))],
        "flux-system/github-sa: githubAppID (or githubAppClientID) is missing",
    ),
    "a CA that is none": (
        [flux_secret(**APP, **{"ca.crt": "x"})],
        "flux-system/github-sa: the CA can't be used (ca_pem is not PEM",
    ),
    "another provider": (
        [flux_secret(**APP), git_repository("g", "https://github.com/a/b", provider="generic")],
        "GitRepository flux-system/g: spec.provider is not github, although Secret flux-system/github-sa has a GitHub App",
    ),
    "owner and ID": (
        [flux_secret(**APP, githubAppInstallationOwner="acme")],
        "flux-system/github-sa: githubAppInstallationOwner and githubAppInstallationID are both set",
    ),
    "Secret not given": (
        [git_repository("g", "https://github.com/a/b")],
        "GitRepository flux-system/g: the given Secrets do not include flux-system/github-sa",
    ),
    "Secret not named": (
        [git_repository("g", "https://github.com/a/b", None)],
        "GitRepository flux-system/g: spec.secretRef is missing",
    ),
    "no repository": (
        [flux_secret(**APP), git_repository("g", "https://github.com/a")],
        "GitRepository flux-system/g: spec.url is not a repository of GitHub, found 'https://github.com/a'",
    ),
}


@pytest.mark.parametrize(("given", "message"), BAD_FLUX.values(), ids=BAD_FLUX)
def test_what_flux_could_not_use_is_named(given, message):
    (problem,) = problems(flux_apps, given)
    assert problem.startswith(message)
