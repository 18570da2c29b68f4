"""The forms in which Secrets are had, and what becomes of their values;
by Argo CD's, which have all of them.
"""

from __future__ import annotations

import base64
import doctest
import json

import pytest
import yaml
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.apps import read_github_apps
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.secrets import objects
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.secrets.argocd import argocd_apps

from tests.unit.plugin_utils.github.secrets.cluster import (
    APP,
    KEY,
    LIST,
    ORG,
    faults,
    problems,
    reached,
    refusals,
    repository,
)

FORMS = {
    "kubectl -o json, parsed": LIST,
    "kubectl -o json, text": json.dumps(LIST),
    "kubectl -o yaml, text": yaml.safe_dump(LIST),
    "manifests, text": yaml.safe_dump_all(LIST["items"]),
    "k8s_info's result": {"changed": False, "failed": False, "resources": LIST["items"]},
    "its resources": LIST["items"],
    "several lists": [{"items": LIST["items"][:2]}, None, {"items": LIST["items"][2:]}],
    "several results' text": [json.dumps({"items": LIST["items"][:2]}), json.dumps({"items": LIST["items"][2:]})],
    "items without a kind": [{k: v for k, v in item.items() if k != "kind"} for item in LIST["items"]],
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_form_in_which_secrets_are_had_is_read(form):
    assert argocd_apps(form) == [
        {
            "name": "argocd/repo-deploy-config",
            "app_id": "1001",
            "installation_id": "2002",
            "private_key": KEY,
            "api_url": "https://api.github.lab",
            "repositories": ["acme/deploy-config", "acme/charts"],
        }
    ]


DOUBLED = "- &a [{metadata: {name: x}}]\n" + "".join(
    f"- &a{'a' * n} [*a{'a' * (n - 1)}, *a{'a' * (n - 1)}]\n" for n in range(1, 40)
)
"""YAML of 40 lines that means a list of a million million items."""


@pytest.mark.parametrize(
    ("form", "found"),
    [
        pytest.param(None, "found nothing", id="nothing"),
        pytest.param("", "found text that holds no objects", id="no output at all"),
        pytest.param(7, "found the type int", id="a number"),
        pytest.param("error: you must be logged in", "found a mapping that is no List", id="an error message"),
        pytest.param("Forbidden", "found text that holds no objects", id="a word"),
        pytest.param("a: [", "found text that is neither JSON nor YAML", id="broken text"),
        pytest.param("a: 2026-13-45", "found text that is neither JSON nor YAML", id="a month that there is not"),
        pytest.param("a: !!int x", "found text that is neither JSON nor YAML", id="a number that is none"),
        pytest.param("!!bool x", "found text that is neither JSON nor YAML", id="neither true nor false"),
        pytest.param("!!timestamp x", "found text that is neither JSON nor YAML", id="no time"),
        pytest.param(f"a: {'9' * 5000}", "found text that is neither JSON nor YAML", id="thousands of digits"),
        pytest.param("[" * 3000, "found text that is nested too deep", id="a deep beginning"),
        pytest.param("[" * 3000 + "]" * 3000, "found text that is nested too deep", id="deep JSON"),
        pytest.param("- " * 3000 + "a", "found text that is nested too deep", id="deep YAML"),
        pytest.param("[" * 700 + "]" * 700, "found text that is nested too deep", id="lists in lists"),
        pytest.param("&a [*a]", "found text with an alias", id="a list that holds itself"),
        pytest.param(DOUBLED, "found text with an alias", id="a list that is doubled again and again"),
        pytest.param({"failed": True, "msg": "no"}, "found a mapping that is no List", id="a failed k8s_info"),
    ],
)
def test_what_holds_no_secrets_is_refused_and_not_taken_for_an_empty_list(form, found):
    (problem,) = refusals(argocd_apps, form)
    assert problem.startswith("expected the output of `kubectl get secrets -o json`")
    assert found in problem


def test_a_cluster_without_secrets_has_no_apps():
    assert argocd_apps({"kind": "List", "items": []}) == []


def test_string_data_wins_over_data_as_in_the_api_server():
    manifest = repository("r", f"{ORG}/a", **APP)
    manifest["stringData"] = {"githubAppID": 7}
    assert argocd_apps([manifest])[0]["app_id"] == "7"


def test_wrapped_base64_is_read_as_the_api_server_does():
    manifest = repository("r", f"{ORG}/a", **APP)
    text = manifest["data"]["githubAppPrivateKey"]
    manifest["data"]["githubAppPrivateKey"] = f"{text[:40]}\n{text[40:]}\n"
    assert argocd_apps([manifest])[0]["private_key"] == KEY


@pytest.mark.parametrize("broken", ["not base64!", "ENC[AES256_GCM,data:xyz]"])
def test_data_that_is_not_the_base64_of_text_is_named_and_not_repeated(broken):
    item = repository("r", f"{ORG}/a", **APP)
    item["data"]["githubAppPrivateKey"] = broken
    assert problems(argocd_apps, [item]) == ["argocd/r: data.githubAppPrivateKey is not the base64 of text"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(KEY.encode("utf-16"), {"argocd/r": ["key_utf16"]}, id="UTF-16"),
        pytest.param(b"cl\xe9\n" + KEY.encode(), {}, id="a comment in Latin 1, over which Go passes"),
    ],
)
def test_a_key_is_judged_by_its_bytes(value, expected):
    item = repository("r", f"{ORG}/a", **APP)
    item["data"]["githubAppPrivateKey"] = base64.b64encode(value).decode()
    assert faults(argocd_apps([item])) == expected


def test_what_is_not_base64_matters_only_in_a_secret_with_an_app():
    item = repository("r", f"{ORG}/a", username="u", password="p")
    item["data"]["proxy"] = "not base64!"
    assert argocd_apps([item]) == []


def test_other_values_of_a_secret_may_be_anything():
    item = repository("r", f"{ORG}/a", **APP)
    item["data"]["picture"] = "not base64!"
    assert reached(argocd_apps([item])) == {"argocd/r": ["argoproj/a"]}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        pytest.param("repo-5d41402abc4b2a76b9719d911017c592", "argocd/repo-5d4...17c592", id="made of a hash"),
        pytest.param("r" * 200, "argocd/rrrrrrrr...rrrrrr", id="long"),
        pytest.param("repo\n\x1b[31mx", "a Secret whose name is not shown", id="no name of Kubernetes"),
    ],
)
def test_a_secret_is_judged_whatever_its_name_is(name, shown):
    for values in (APP, {**APP, "githubAppID": "x"}):
        entries = argocd_apps([repository(name, f"{ORG}/a", **values)])
        assert [entry["name"] for entry in entries] == [shown]
        assert read_github_apps(entries)[1] == []


def test_the_docstrings_examples_hold():
    tested = doctest.testmod(objects)
    assert tested.attempted > 0
    assert tested.failed == 0
