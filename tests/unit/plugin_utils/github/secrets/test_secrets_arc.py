"""The Secrets and URLs of actions-runner-controller."""

from __future__ import annotations

import doctest

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.secrets import arc
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.secrets.arc import arc_apps

from tests.integration.argocd_secrets import secret
from tests.unit.plugin_utils.github.secrets.cluster import (
    ARC_APP,
    KEY,
    faults,
    problems,
    refusals,
)


@pytest.mark.parametrize(
    ("url", "api_url", "repositories"),
    [
        pytest.param("https://github.com/acme", "https://api.github.com", [], id="organisation"),
        pytest.param("https://github.com/acme/shop", "https://api.github.com", ["acme/shop"], id="repository"),
        pytest.param("https://www.github.com/acme/", "https://api.github.com", [], id="www"),
        pytest.param("https://GitHub.com/acme//", "https://api.github.com", [], id="slashes and capitals"),
        pytest.param("https://acme.ghe.com/team", "https://api.acme.ghe.com", [], id="ghe.com"),
        pytest.param("https://ghe.example.com/acme", "https://ghe.example.com/api/v3", [], id="GHES"),
        pytest.param("https://ghe.example.com:8443/a/b", "https://ghe.example.com:8443/api/v3", ["a/b"], id="port"),
    ],
)
def test_arcs_api_follows_from_its_url(url, api_url, repositories):
    (entry,) = arc_apps([secret("arc", None, "arc-runners", **ARC_APP), secret("pat", None, github_token="t")], url)
    assert entry == {
        "name": "arc-runners/arc",
        "app_id": "1",
        "installation_id": "2",
        "private_key": KEY,
        "api_url": api_url,
        "repositories": repositories,
        "depth": "token",
        "permissions": {"metadata": "read"},
    }


def test_arcs_app_id_may_be_a_client_id():
    (entry,) = arc_apps([secret("arc", None, **{**ARC_APP, "github_app_id": "Iv23liX"})], "https://github.com/acme")
    assert entry["client_id"] == "Iv23liX"
    assert "app_id" not in entry


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("https://github.com/enterprises/acme", id="enterprise, where no App is taken"),
        pytest.param("https://github.com/Enterprises/acme/", id="enterprise in other letters"),
        pytest.param("https://github.com/acme/shop/settings", id="three parts"),
        pytest.param("https://github.com", id="no owner"),
        pytest.param("http://ghe.example.com/acme", id="no TLS"),
        pytest.param("github.com/acme", id="no URL"),
        pytest.param("https://[::1", id="broken"),
        pytest.param("", id="none"),
        pytest.param(None, id="null"),
        pytest.param(["https://github.com/acme"], id="a list"),
        pytest.param("https://api.github.com/acme", id="the API of github.com"),
        pytest.param("https://api.acme.ghe.com/acme", id="the API of ghe.com"),
        pytest.param("https://ghe.example.com/api/v3", id="the API of GHES"),
        pytest.param("https://ghe.example.com:0/acme", id="no port"),
        pytest.param("https://github.com/acme/shop.git", id="what git clones"),
    ],
)
def test_arcs_url_that_is_no_place_for_an_app_is_refused(url):
    (problem,) = refusals(arc_apps, [secret("arc", None, **ARC_APP)], url)
    assert problem.startswith("github_config_url: expected https://HOST/OWNER or https://HOST/OWNER/REPOSITORY, found ")


def test_arcs_secret_with_a_token_and_an_app_is_named_since_arc_takes_neither():
    (problem,) = problems(arc_apps, [secret("arc", None, **ARC_APP, github_token="t")], "https://github.com/acme")
    assert problem.startswith("argocd/arc: github_token ")


@pytest.mark.parametrize(
    "url", ["https://github.com/orgs/acme", "https://github.com/orgs/acme/", "https://ghe.example.com/orgs/acme"]
)
def test_the_address_of_an_organisations_page_means_the_organisation_and_is_noted(url):
    (entry,) = arc_apps([secret("arc", None, **ARC_APP)], url)
    assert entry["repositories"] == []
    (note,) = entry["notes"]
    assert "githubConfigUrl https://" in note
    assert note.endswith(f" {url.replace('/orgs', '').rstrip('/')}")


BAD_ARC = {
    "no installation": ({"github_app_installation_id": ""}, ["secret_value_missing"]),
    "installation of letters": ({"github_app_installation_id": "abc"}, ["secret_not_a_number"]),
    "blanks around the App's ID": ({"github_app_id": " 1"}, ["secret_not_an_app_id"]),
    "an ID that ARC sends as it is, with a zero": ({"github_app_id": "01"}, ["secret_not_an_app_id"]),
    "an ID that ARC sends as it is, with a sign": ({"github_app_id": "+1"}, ["secret_not_an_app_id"]),
    "the App's ID 0": ({"github_app_id": "0"}, ["secret_not_an_app_id"]),
    "folded key": ({"github_app_private_key": KEY.replace("\n", " ")}, ["key_folded"]),
}


@pytest.mark.parametrize(("changes", "expected"), BAD_ARC.values(), ids=BAD_ARC)
def test_what_arc_could_not_use_is_an_entry_that_says_so(changes, expected):
    found = arc_apps(
        [secret("arc", None, **{**ARC_APP, **changes}), secret("good", None, **ARC_APP)], "https://github.com/acme"
    )
    assert faults(found) == {"argocd/arc": expected}
    assert [entry["name"] for entry in found] == ["argocd/good", "argocd/arc"]


def test_a_token_beside_half_an_app_is_what_arc_uses():
    assert arc_apps([secret("arc", None, github_app_id="1", github_token="t")], "https://github.com/acme") == []


def test_the_docstrings_examples_hold():
    tested = doctest.testmod(arc)
    assert tested.attempted > 0
    assert tested.failed == 0
