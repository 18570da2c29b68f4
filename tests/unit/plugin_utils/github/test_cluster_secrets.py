"""Secrets in the forms that the clients' own documentation shows, and what becomes of them."""

from __future__ import annotations

import base64
import doctest
import json
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.skewgate.preflight.plugins.filter.github_apps import FilterModule
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.settings import SettingsError
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github import secrets as cluster_secrets
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.apps import KNOWN_KEYS
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.secrets import arc_apps, argocd_apps, flux_apps
from hypothesis import given
from hypothesis import strategies as st

from tests.integration.argocd_secrets import secret, secret_list

KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAxFirstKeyOfTheApp\n-----END RSA PRIVATE KEY-----\n"
OTHER_KEY = KEY.replace("First", "Other")
CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
APP = {"githubAppID": "1", "githubAppInstallationID": "2", "githubAppPrivateKey": KEY}
ARC_APP = {"github_app_id": "1", "github_app_installation_id": "2", "github_app_private_key": KEY}
GHES = {"githubAppEnterpriseBaseUrl": "https://ghe.example.com/api/v3"}
ORG = "https://github.com/argoproj"


def repository(name: str, url: str, **values: str) -> dict[str, Any]:
    return secret(name, "repository", url=url, **values)


def template(name: str, url: str, **values: str) -> dict[str, Any]:
    return secret(name, "repo-creds", url=url, **values)


def reached(entries: list[dict[str, Any]]) -> dict[str, list[str]]:
    return {entry["name"]: entry["repositories"] for entry in entries}


def problems(read: Any, *given: Any) -> list[str]:
    with pytest.raises(SettingsError) as error:
        read(*given)
    assert "FirstKey" not in str(error.value)
    return error.value.problems


# Argo CD's own samples (docs/operator-manual/argocd-repositories.yaml, argocd-repo-creds.yaml and declarative-setup.md)

ARGOCD_SAMPLES = """
apiVersion: v1
kind: Secret
metadata:
  name: github-repo
  namespace: argocd
  labels:
    argocd.argoproj.io/secret-type: repository
stringData:
  type: git
  url: https://github.com/argoproj/my-private-repository
  githubAppID: 1
  githubAppInstallationID: 2
  githubAppPrivateKey: |
    -----BEGIN OPENSSH PRIVATE KEY-----
    ...
    -----END OPENSSH PRIVATE KEY-----
---
apiVersion: v1
kind: Secret
metadata:
  name: github-enterprise-repo
  namespace: argocd
  labels:
    argocd.argoproj.io/secret-type: repository
stringData:
  type: git
  url: https://ghe.example.com/argoproj/my-private-repository
  githubAppID: 1
  githubAppInstallationID: 2
  githubAppEnterpriseBaseUrl: https://ghe.example.com/api/v3
  githubAppPrivateKey: |
    -----BEGIN OPENSSH PRIVATE KEY-----
    ...
    -----END OPENSSH PRIVATE KEY-----
---
apiVersion: v1
kind: Secret
metadata:
  name: my-private-https-repo
  namespace: argocd
  labels:
    argocd.argoproj.io/secret-type: repository
stringData:
  url: https://github.com/argoproj/argocd-example-apps
  password: my-password
  username: my-username
  insecure: "true"
---
apiVersion: v1
kind: Secret
metadata:
  name: istio-helm-repo
  namespace: argocd
  labels:
    argocd.argoproj.io/secret-type: repository
stringData:
  url: https://storage.googleapis.com/istio-prerelease/daily-build/master-latest-daily/charts
  name: istio.io
  type: helm
---
apiVersion: v1
kind: Secret
metadata:
  name: private-repo
  namespace: argocd
  labels:
    argocd.argoproj.io/secret-type: repository
stringData:
  url: https://github.com/argoproj/private-repo
---
apiVersion: v1
kind: Secret
metadata:
  name: github-creds
  namespace: argocd
  creationTimestamp: 2026-03-02T10:00:00Z
  labels:
    argocd.argoproj.io/secret-type: repo-creds
stringData:
  url: https://github.com/argoproj
  type: helm
  githubAppID: 1
  githubAppInstallationID: 2
  githubAppPrivateKey: |
    -----BEGIN OPENSSH PRIVATE KEY-----
    ...
    -----END OPENSSH PRIVATE KEY-----
"""


def test_argo_cds_own_samples_are_read():
    key = "-----BEGIN OPENSSH PRIVATE KEY-----\n...\n-----END OPENSSH PRIVATE KEY-----\n"
    app = {"app_id": "1", "installation_id": "2", "private_key": key}
    assert argocd_apps(ARGOCD_SAMPLES) == [
        {
            "name": "argocd/github-repo",
            **app,
            "api_url": "https://api.github.com",
            "repositories": ["argoproj/my-private-repository", "argoproj/private-repo"],
        },
        {
            "name": "argocd/github-enterprise-repo",
            **app,
            "api_url": "https://ghe.example.com/api/v3",
            "repositories": ["argoproj/my-private-repository"],
        },
    ]


LIST = secret_list(KEY, "https://api.github.lab")
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


@pytest.mark.parametrize(
    ("form", "found"),
    [
        pytest.param(None, "found nothing", id="nothing"),
        pytest.param("", "found text that holds no objects", id="no output at all"),
        pytest.param(7, "found the type int", id="a number"),
        pytest.param("error: you must be logged in", "found a mapping that is no List", id="an error message"),
        pytest.param("Forbidden", "found text that holds no objects", id="a word"),
        pytest.param("a: [", "found text that is neither JSON nor YAML", id="broken text"),
        pytest.param({"failed": True, "msg": "no"}, "found a mapping that is no List", id="a failed k8s_info"),
    ],
)
def test_what_holds_no_secrets_is_refused_and_not_taken_for_an_empty_list(form, found):
    (problem,) = problems(argocd_apps, form)
    assert problem.startswith("expected what `kubectl get secrets -o json`")
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


# Which repository has whose credentials

PREFIXES = {
    "org": (ORG, f"{ORG}/argo-cd", True),
    ".git": (f"{ORG}/argo-cd", f"{ORG}/argo-cd.git", True),
    ".git of the template": (f"{ORG}/argo-cd.git", f"{ORG}/argo-cd", True),
    "blanks": (f"  {ORG}/argo-cd ", f"{ORG}/argo-cd", True),
    "case": ("https://GitHub.com/argoproj/argo-cd", f"{ORG}/argo-cd", True),
    "another repository": (f"{ORG}/argo-cd", f"{ORG}/argo-rollouts", False),
    "text, not path": (ORG, f"{ORG}-labs/applicationset", True),
    "slash ends the owner": (f"{ORG}/", f"{ORG}-labs/applicationset", False),
    "all of https": ("https://", f"{ORG}/argo-cd", True),
    "ssh": ("git@github.com:argoproj", "git@github.com:argoproj/argo-cd.git", True),
    "forms of ssh": ("git@github.com:argoproj", "ssh://git@github.com/argoproj/argo-cd", True),
    "ssh is not https": ("git@github.com:argoproj", f"{ORG}/argo-cd", False),
    "port": ("https://git.example.com:8443/org", "https://git.example.com:8443/org/repo", True),
    "another port": ("https://git.example.com:8443/org", "https://git.example.com:9443/org/repo", False),
    "no wildcard": (f"{ORG}/*", f"{ORG}/argo-cd", False),
}


@pytest.mark.parametrize(("pattern", "url", "fits"), PREFIXES.values(), ids=PREFIXES)
def test_a_template_is_for_the_repositories_whose_url_begins_with_its_own(pattern, url, fits):
    entries = argocd_apps([template("t", pattern, **APP), repository("r", url)])
    assert any(entry["repositories"] for entry in entries) is fits
    assert all(entry["name"].startswith("argocd/t") for entry in entries)


@pytest.mark.parametrize("turned", [False, True])
def test_the_template_with_the_longest_url_wins_in_either_order(turned):
    templates = [template("owner", ORG, **APP), template("one", f"{ORG}/argo-cd", **{**APP, "githubAppID": "7"})]
    rest = [repository("a", f"{ORG}/argo-cd.git"), repository("b", f"{ORG}/argo-rollouts")]
    entries = argocd_apps([*(reversed(templates) if turned else templates), *rest])
    assert reached(entries) == {"argocd/one": ["argoproj/argo-cd"], "argocd/owner": ["argoproj/argo-rollouts"]}


def test_a_longer_template_with_a_password_wins_too_and_its_repository_has_no_app():
    entries = argocd_apps(
        [
            template("owner", ORG, **APP),
            template("one", f"{ORG}/argo-cd", username="u", password="p"),
            repository("r", f"{ORG}/argo-cd"),
        ]
    )
    assert reached(entries) == {"argocd/owner": []}


def test_a_template_of_another_namespace_is_another_argo_cds():
    entries = argocd_apps(
        [secret("t", "repo-creds", "argocd-b", url=ORG, **APP), repository("r", f"{ORG}/argo-cd")],
    )
    assert reached(entries) == {"argocd-b/t": []}


def test_a_repository_may_complete_its_template():
    own_app = {"githubAppID": "7", "githubAppInstallationID": "8"}
    (with_own, of_template) = argocd_apps(
        [
            template("t", ORG, **APP),
            repository("r", f"{ORG}/argo-cd", **own_app),
            repository("s", f"{ORG}/argo-rollouts"),
        ]
    )
    assert (with_own["name"], with_own["app_id"], with_own["private_key"]) == ("argocd/r", "7", KEY)
    assert (of_template["name"], of_template["app_id"]) == ("argocd/t", "1")


LEFT_OUT = {
    "password": repository("r", f"{ORG}/a", username="u", password="p"),
    "password before App": repository("r", f"{ORG}/a", password="p", **APP),
    "ssh key": repository("r", "git@github.com:argoproj/a", sshPrivateKey=KEY),
    "public repository": repository("r", f"{ORG}/a"),
    "Helm": repository("r", "https://charts.example.net", type="helm", **APP),
    "OCI": repository("r", "oci://ghcr.io/acme/charts", type="oci", **APP),
    "cluster": secret("c", "cluster", server="https://10.0.0.1", config="{}", **APP),
    "for pushing": secret("w", "repository-write", url=f"{ORG}/a", **APP),
    "no Secret of Argo CD": secret("s", None, **APP),
    "no Secret": {
        "kind": "ConfigMap",
        "metadata": {"name": "argocd-cm"},
        "data": {"url": "https://argocd.example.net"},
    },
}


@pytest.mark.parametrize("item", LEFT_OUT.values(), ids=LEFT_OUT)
def test_what_argo_cd_uses_no_app_for_is_left_out(item):
    assert argocd_apps([item]) == []


# Each pair once


def test_the_same_pair_with_another_key_is_another_entry():
    entries = argocd_apps(
        [repository("r", f"{ORG}/a", **APP), repository("s", f"{ORG}/b", **{**APP, "githubAppPrivateKey": OTHER_KEY})]
    )
    assert [(entry["name"], entry["private_key"]) for entry in entries] == [("argocd/r", KEY), ("argocd/s", OTHER_KEY)]


@pytest.mark.parametrize(
    ("changes"),
    [
        pytest.param({"githubAppPrivateKey": KEY.replace("\n", "\r\n")}, id="line ends of the key"),
        pytest.param({"githubAppPrivateKey": f"\n{KEY.strip()}"}, id="blank lines about the key"),
        pytest.param({"githubAppEnterpriseBaseUrl": "https://api.github.com/"}, id="the default API, written out"),
    ],
)
def test_what_makes_no_difference_to_github_makes_no_second_entry(changes):
    entries = argocd_apps([repository("r", f"{ORG}/a", **APP), repository("s", f"{ORG}/b", **{**APP, **changes})])
    assert reached(entries) == {"argocd/r": ["argoproj/a", "argoproj/b"]}


def test_a_repository_in_two_spellings_is_one():
    entries = argocd_apps(
        [
            repository("r", f"{ORG}/argo-cd", **APP),
            repository("s", "https://github.com/ArgoProj/Argo-CD.git", **APP),
            repository("t", "git@github.com:argoproj/argo-cd.git", **APP),
            repository("u", "https://x-access-token@www.github.com:443/argoproj/argo-cd/", **APP),
        ]
    )
    assert reached(entries) == {"argocd/r": ["argoproj/argo-cd"]}


def test_repositories_elsewhere_than_the_api_are_looked_for_where_they_are():
    entries = argocd_apps(
        [
            template("t", "https://", **APP, **GHES),
            repository("r", f"{ORG}/a"),
            repository("s", "https://ghe.example.com/o/b"),
        ]
    )
    assert [(entry["name"], entry.get("git_url"), entry["repositories"]) for entry in entries] == [
        ("argocd/t at github.com", "https://github.com", ["argoproj/a"]),
        ("argocd/t", None, ["o/b"]),
    ]


PAIRS = st.tuples(
    st.sampled_from(["1", "2"]), st.sampled_from(["3", "4"]), st.sampled_from([KEY, OTHER_KEY]), st.booleans()
)
ROWS = st.lists(st.tuples(PAIRS, st.sampled_from(["a/x", "a/y", "B/x"])), min_size=1, max_size=8)


@given(rows=ROWS, order=st.randoms(use_true_random=False), repeats=st.integers(1, 3))
def test_each_pair_is_there_once_with_all_its_repositories_whatever_the_order_and_repetition(rows, order, repeats):
    wanted: dict[tuple[str, ...], set[str]] = {}
    secrets = []
    for number, ((app, installation, key, ghes), full_name) in enumerate(rows):
        api_url = "https://ghe.example.com/api/v3" if ghes else "https://api.github.com"
        host = "ghe.example.com" if ghes else "github.com"
        wanted.setdefault((app, installation, key, api_url), set()).add(full_name)
        values = {
            "githubAppID": app,
            "githubAppInstallationID": installation,
            "githubAppPrivateKey": key,
            "githubAppEnterpriseBaseUrl": api_url if ghes else "",
        }
        url = f"https://{host}/{full_name}"
        secrets += [repository(f"r{number}-{repeat}", url, **values) for repeat in range(repeats)]
    order.shuffle(secrets)
    entries = argocd_apps(secrets)
    found = [(e["app_id"], e["installation_id"], e["private_key"], e["api_url"]) for e in entries]
    assert len(found) == len(set(found))
    assert {pair: set(entry["repositories"]) for pair, entry in zip(found, entries, strict=True)} == wanted
    assert all(len(set(entry["repositories"])) == len(entry["repositories"]) for entry in entries)
    assert len({entry["name"] for entry in entries}) == len(entries)


# Problems


def without(*keys: str) -> dict[str, str]:
    return {key: value for key, value in APP.items() if key not in keys}


BAD_SECRETS = {
    "no App ID": (repository("r", f"{ORG}/a", **without("githubAppID")), "githubAppID is missing"),
    "no key": (repository("r", f"{ORG}/a", **without("githubAppPrivateKey")), "githubAppPrivateKey is missing"),
    "no installation": (
        repository("r", f"{ORG}/a", **without("githubAppInstallationID")),
        "githubAppInstallationID is missing; it has to stand in the Secret",
    ),
    "empty": (repository("r", f"{ORG}/a", **{**APP, "githubAppID": ""}), "githubAppID is missing"),
    "line end": (
        repository("r", f"{ORG}/a", **{**APP, "githubAppID": "1\n"}),
        "githubAppID is a number, found blanks or a line's end around it",
    ),
    "client ID": (
        repository("r", f"{ORG}/a", **{**APP, "githubAppID": "Iv23li"}),
        "githubAppID is a number, found other",
    ),
    "key in the ID's place": (
        repository("r", f"{ORG}/a", **{**APP, "githubAppInstallationID": KEY}),
        "githubAppInstallationID is a number, found other text",
    ),
    "no URL": (secret("r", "repository", **APP), "url is no repository of GitHub, found none"),
    "an owner's URL": (repository("r", ORG, **APP), f"url is no repository of GitHub, found '{ORG}'"),
    "without TLS": (repository("r", "http://github.com/a/b", **APP), "found 'http://github.com/a/b'"),
    "a token in the URL": (
        repository("r", "https://u:ghp_FirstKey@github.com/a", **APP),
        "found text that is not shown",
    ),
    "a key as URL": (repository("r", KEY, **APP), "found text that is not shown"),
    "an API that is no URL": (
        repository("r", f"{ORG}/a", **APP, githubAppEnterpriseBaseUrl="https://[::1"),
        "githubAppEnterpriseBaseUrl is no URL",
    ),
    "a template for nothing": (secret("r", "repo-creds", **APP), "url is missing, so that it is for no repository"),
}


@pytest.mark.parametrize(("item", "message"), BAD_SECRETS.values(), ids=BAD_SECRETS)
def test_a_secret_that_argo_cd_could_not_use_is_named_with_its_fault_and_no_key(item, message):
    (problem,) = problems(argocd_apps, [item])
    assert problem.startswith("argocd/r: ")
    assert message in problem


@pytest.mark.parametrize("broken", ["not base64!", "ENC[AES256_GCM,data:xyz]", base64.b64encode(b"\xff\xfe").decode()])
def test_data_that_is_not_the_base64_of_text_is_named_and_not_repeated(broken):
    item = repository("r", f"{ORG}/a", **APP)
    item["data"]["githubAppPrivateKey"] = broken
    assert problems(argocd_apps, [item]) == ["argocd/r: data.githubAppPrivateKey is not the base64 of text"]


def test_all_problems_are_told_at_once_and_a_bad_template_is_blamed_once():
    found = problems(
        argocd_apps,
        [
            template("t", ORG, **without("githubAppID")),
            *(repository(f"of-t-{number}", f"{ORG}/{number}") for number in range(3)),
            repository("r", "https://github.com/o/a", **without("githubAppPrivateKey", "githubAppInstallationID")),
        ],
    )
    assert [problem.split(" is missing")[0] for problem in found] == [
        "argocd/t: githubAppID",
        "argocd/r: githubAppPrivateKey",
        "argocd/r: githubAppInstallationID",
    ]


def test_other_values_of_a_secret_may_be_anything():
    item = repository("r", f"{ORG}/a", **APP)
    item["data"]["picture"] = "not base64!"
    assert reached(argocd_apps([item])) == {"argocd/r": ["argoproj/a"]}


# Flux


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


BAD_FLUX = {
    "owner alone": (
        [flux_secret(**without("githubAppInstallationID"), githubAppInstallationOwner="acme")],
        "flux-system/github-sa: githubAppInstallationID is missing; it has to stand in the Secret, even for a client",
    ),
    "owner and ID": (
        [flux_secret(**APP, githubAppInstallationOwner="acme")],
        "flux-system/github-sa: githubAppInstallationOwner and githubAppInstallationID, of which Flux takes only one",
    ),
    "Secret not given": (
        [git_repository("g", "https://github.com/a/b")],
        "GitRepository flux-system/g: no Secret flux-system/github-sa with a GitHub App is among those given",
    ),
    "Secret not named": (
        [git_repository("g", "https://github.com/a/b", None)],
        "GitRepository flux-system/g: no Secret flux-system/None with a GitHub App",
    ),
    "no repository": (
        [flux_secret(**APP), git_repository("g", "https://github.com/a")],
        "GitRepository flux-system/g: spec.url is no repository of GitHub, found 'https://github.com/a'",
    ),
}


@pytest.mark.parametrize(("given", "message"), BAD_FLUX.values(), ids=BAD_FLUX)
def test_what_flux_could_not_use_is_named(given, message):
    (problem,) = problems(flux_apps, given)
    assert problem.startswith(message)


# actions-runner-controller


@pytest.mark.parametrize(
    ("url", "api_url", "repositories"),
    [
        pytest.param("https://github.com/acme", "https://api.github.com", [], id="organisation"),
        pytest.param("https://github.com/acme/shop", "https://api.github.com", ["acme/shop"], id="repository"),
        pytest.param("https://www.github.com/acme/", "https://api.github.com", [], id="www"),
        pytest.param("https://acme.ghe.com/team", "https://api.acme.ghe.com", [], id="ghe.com"),
        pytest.param("https://ghe.example.com/acme", "https://ghe.example.com/api/v3", [], id="GHES"),
        pytest.param("https://ghe.example.com:8443/a/b", "https://ghe.example.com:8443/api/v3", ["a/b"], id="port"),
    ],
)
def test_arcs_url_tells_its_api(url, api_url, repositories):
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
        pytest.param("https://github.com", id="no owner"),
        pytest.param("http://ghe.example.com/acme", id="no TLS"),
        pytest.param("github.com/acme", id="no URL"),
        pytest.param("https://[::1", id="broken"),
        pytest.param("", id="none"),
    ],
)
def test_arcs_url_that_is_no_place_for_an_app_is_refused(url):
    (problem,) = problems(arc_apps, [secret("arc", None, **ARC_APP)], url)
    assert problem.startswith("github_config_url is https://HOST/OWNER or https://HOST/OWNER/REPOSITORY, found ")


def test_arcs_secret_with_a_token_and_an_app_is_named_since_arc_takes_neither():
    (problem,) = problems(arc_apps, [secret("arc", None, **ARC_APP, github_token="t")], "https://github.com/acme")
    assert problem == "argocd/arc: github_token beside a GitHub App, of which ARC takes only one"


# The filters

FILTERS = FilterModule().filters()


def test_the_filters_entries_are_settings_that_node_check_knows():
    entries = [
        *FILTERS["argocd_github_apps"](LIST),
        *FILTERS["flux_github_apps"]([flux_secret(**APP, **{"ca.crt": CA})], git_repositories=[]),
        *FILTERS["arc_github_apps"]([secret("arc", None, **ARC_APP)], github_config_url="https://github.com/acme"),
    ]
    assert len(entries) == 3
    assert {key for entry in entries for key in entry} <= set(KNOWN_KEYS)


def test_times_in_parsed_yaml_do_no_harm():
    assert FILTERS["argocd_github_apps"](list(yaml.safe_load_all(ARGOCD_SAMPLES))) == argocd_apps(ARGOCD_SAMPLES)


def test_a_filter_tells_all_problems_and_keeps_no_trace_of_what_it_read():
    items = [repository(name, f"{ORG}/{name}", **without("githubAppID")) for name in ("r", "s")]
    with pytest.raises(AnsibleFilterError) as error:
        FILTERS["argocd_github_apps"](items)
    assert "argocd/r: githubAppID is missing; argocd/s: githubAppID is missing" in str(error.value)
    assert error.value.__suppress_context__
    assert "FirstKey" not in str(error.value)


def test_the_docstrings_examples_hold():
    tested = doctest.testmod(cluster_secrets)
    assert tested.attempted > 0
    assert tested.failed == 0
