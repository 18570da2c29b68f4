"""Argo CD's Secrets in the forms that its own documentation shows, and what becomes of them."""

from __future__ import annotations

import doctest
import textwrap

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.apps import read_github_apps
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.fields import read_notes
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.secrets import argocd, credentials
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.secrets.argocd import argocd_apps
from hypothesis import given
from hypothesis import strategies as st

from tests.integration.argocd_secrets import secret
from tests.paths import SAMPLES
from tests.unit.plugin_utils.github.key_forms import PKCS8, pem
from tests.unit.plugin_utils.github.secrets.cluster import (
    APP,
    GHES,
    KEY,
    ORG,
    OTHER_KEY,
    faults,
    problems,
    reached,
    repository,
    template,
    without,
)

DOCUMENTED = (SAMPLES / "argocd/repositories.yaml").read_text(encoding="utf-8")


def test_argo_cds_own_samples_are_read():
    sample = "    -----BEGIN OPENSSH PRIVATE KEY-----\n    ...\n    -----END OPENSSH PRIVATE KEY-----\n"
    app = {"app_id": "1", "installation_id": "2", "private_key": KEY}
    assert argocd_apps(DOCUMENTED.replace(sample, textwrap.indent(KEY, "    "))) == [
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


def test_their_key_which_is_none_is_named():
    assert faults(argocd_apps(DOCUMENTED)) == {
        "argocd/github-repo": ["key_openssh"],
        "argocd/github-enterprise-repo": ["key_openssh"],
        "argocd/github-creds": ["key_openssh"],
    }


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


BAD_SECRETS = {
    "no App ID": (repository("r", f"{ORG}/a", **without("githubAppID")), "githubAppID is missing"),
    "no key": (repository("r", f"{ORG}/a", **without("githubAppPrivateKey")), "githubAppPrivateKey is missing"),
    "empty": (repository("r", f"{ORG}/a", **{**APP, "githubAppID": ""}), "githubAppID is empty"),
    "empty installation": (
        repository("r", f"{ORG}/a", **{**APP, "githubAppInstallationID": ""}),
        "githubAppInstallationID is empty",
    ),
    "exponent": (
        repository("r", f"{ORG}/a", **{**APP, "githubAppInstallationID": "1.2345678e+07"}),
        "githubAppInstallationID: expected a number, found a point or an exponent, as Helm",
    ),
    "quotes in the value": (repository("r", f"{ORG}/a", **{**APP, "githubAppID": '"1"'}), "found quotes around it"),
    "negative": (repository("r", f"{ORG}/a", **{**APP, "githubAppID": "-1"}), "found a minus"),
    "64 bits": (repository("r", f"{ORG}/a", **{**APP, "githubAppID": str(2**63)}), "found too many digits"),
    "folded key": (
        repository("r", f"{ORG}/a", **{**APP, "githubAppPrivateKey": KEY.replace("\n", " ")}),
        "githubAppPrivateKey has blanks",
    ),
    "neither true nor false": (
        repository("r", f"{ORG}/a", **APP, insecure="yes"),
        "insecure is neither true nor false, so Argo CD can't read the Secret",
    ),
    "line end": (
        repository("r", f"{ORG}/a", **{**APP, "githubAppID": "1\n"}),
        "githubAppID: expected a number, found blanks or a line's end around it",
    ),
    "client ID": (
        repository("r", f"{ORG}/a", **{**APP, "githubAppID": "Iv23li"}),
        "githubAppID: expected a number, found other",
    ),
    "key in the ID's place": (
        repository("r", f"{ORG}/a", **{**APP, "githubAppInstallationID": KEY}),
        "githubAppInstallationID: expected a number, found other text",
    ),
    "no URL": (secret("r", "repository", **APP), "url is not a repository of GitHub, found none"),
    "an owner's URL": (repository("r", ORG, **APP), f"url is not a repository of GitHub, found '{ORG}'"),
    "without TLS": (repository("r", "http://github.com/a/b", **APP), "found 'http://github.com/a/b'"),
    "a token in the URL": (
        repository("r", "https://u:ghp_FirstKey@github.com/a", **APP),
        "found text that is not shown",
    ),
    "a key as URL": (repository("r", KEY, **APP), "found text that is not shown"),
    "an API that is no URL": (
        repository("r", f"{ORG}/a", **APP, githubAppEnterpriseBaseUrl="https://[::1"),
        "githubAppEnterpriseBaseUrl is not an API of GitHub",
    ),
    "a web page as API": (
        repository("r", f"{ORG}/a", **APP, githubAppEnterpriseBaseUrl="https://github.com"),
        "githubAppEnterpriseBaseUrl is not an API of GitHub (api_url: expected https://HOST or https://HOST/api/v3, found 'https://github.com'",
    ),
    "a template without any owner": (
        template("r", "https://github.com", **without("githubAppInstallationID")),
        "githubAppInstallationID is missing",
    ),
    "a template for nothing": (secret("r", "repo-creds", **APP), "url is missing"),
}


@pytest.mark.parametrize(("item", "message"), BAD_SECRETS.values(), ids=BAD_SECRETS)
def test_a_secret_that_argo_cd_could_not_use_is_named_with_its_fault_and_no_key(item, message):
    good = repository("good", f"{ORG}/good", **APP)
    (problem,) = problems(argocd_apps, [item, good])
    assert problem.startswith("argocd/r: ")
    assert message in problem
    assert reached(argocd_apps([item, good])) == {"argocd/good": ["argoproj/good"]}


def test_all_problems_are_reported_at_once_and_a_bad_template_is_blamed_once():
    found = problems(
        argocd_apps,
        [
            template("t", ORG, **without("githubAppID")),
            *(repository(f"of-t-{number}", f"{ORG}/{number}") for number in range(3)),
            repository("r", "https://github.com/o/a", **{**without("githubAppPrivateKey"), "githubAppID": "x"}),
        ],
    )
    assert [" ".join(problem.split()[:2]).rstrip(":") for problem in found] == [
        "argocd/t: githubAppID",
        "argocd/r: githubAppID",
        "argocd/r: githubAppPrivateKey",
    ]


# Without an installation ID, which Argo CD 3.3 looks up


LOOKED_UP = without("githubAppInstallationID")


@pytest.mark.parametrize("url", [f"{ORG}/a", "https://github.com/ArgoProj/a.git", "git@github.com:argoproj/a.git"])
def test_an_installation_is_looked_up_by_the_repositorys_owner(url):
    (entry,) = argocd_apps([repository("r", url, **LOOKED_UP)])
    assert (entry["name"], entry["owner"]) == ("argocd/r", "argoproj")
    assert "earlier versions can't use this Secret" in entry["notes"][0]
    assert "installation_id" not in entry


def test_an_installation_id_of_0_is_none():
    (entry,) = argocd_apps([repository("r", f"{ORG}/a", **APP | {"githubAppInstallationID": "0"})])
    assert entry["owner"] == "argoproj"


def test_each_owner_of_a_template_is_an_entry():
    entries = argocd_apps(
        [
            template("t", "https://github.com", **LOOKED_UP),
            repository("r", f"{ORG}/a"),
            repository("s", "https://github.com/acme/b"),
            repository("u", "https://github.com/Acme/c"),
        ]
    )
    assert [(entry["name"], entry["owner"], entry["repositories"]) for entry in entries] == [
        ("argocd/t for argoproj", "argoproj", ["argoproj/a"]),
        ("argocd/t for acme", "acme", ["acme/b", "Acme/c"]),
    ]


@pytest.mark.parametrize(
    "url", [ORG, f"{ORG}/", f"{ORG}/argo-cd", "git@github.com:argoproj", "ssh://git@github.com/argoproj/argo-cd"]
)
def test_a_template_that_nothing_uses_names_its_owner_in_its_url(url):
    (entry,) = argocd_apps([template("t", url, **LOOKED_UP)])
    assert (entry["name"], entry["owner"], entry["repositories"]) == ("argocd/t", "argoproj", [])


# For pushing


def test_what_pushes_is_an_entry_apart_that_needs_to_write():
    entries = argocd_apps(
        [
            repository("r", f"{ORG}/a", **APP),
            secret("w", "repository-write", url=f"{ORG}/a", **APP),
            secret("t", "repo-write-creds", url="https://github.com/acme", **APP, **GHES),
            secret("v", "repository-write", url="https://github.com/acme/b"),
        ]
    )
    assert [(entry["name"], entry.get("permissions"), entry["repositories"]) for entry in entries] == [
        ("argocd/r", None, ["argoproj/a"]),
        ("argocd/w", {"contents": "write"}, ["argoproj/a"]),
        ("argocd/t at github.com", {"contents": "write"}, ["acme/b"]),
    ]


# Where Argo CD goes another way


NOTES = {
    "proxy": (
        {"proxy": "http://user:secret@proxy.example.net:3128"},
        ["the proxy proxy.example.net:3128 of Secret argocd/r. "],
    ),
    "proxy but for some": (
        {"proxy": "http://p", "noProxy": "github.com"},
        ["proxy p of Secret argocd/r (except for the hosts in noProxy)"],
    ),
    "insecure": ({"insecure": "true"}, ["does not verify certificates for Secret argocd/r (insecure)"]),
    "insecure by the other key": ({"insecureIgnoreHostKey": "T"}, ["(insecureIgnoreHostKey)"]),
    "both": ({"insecure": "1", "proxy": "socks5://p:1"}, ["the proxy p:1", "(insecure)"]),
    "verified": ({"insecure": "false", "insecureIgnoreHostKey": "0"}, []),
    "client certificate": ({"tlsClientCertData": "c", "tlsClientCertKey": "k"}, ["presents the client certificate"]),
}


@pytest.mark.parametrize(("values", "said"), NOTES.values(), ids=NOTES)
def test_if_argo_cd_goes_another_way_than_the_check_the_entry_says_so(values, said):
    (entry,) = argocd_apps([repository("r", f"{ORG}/a", **APP, **values)])
    notes = entry.get("notes", [])
    assert len(notes) == len(said)
    assert all(text in note for text, note in zip(said, notes, strict=True))
    assert "user:secret" not in str(notes)
    assert notes == list(read_notes(notes))


def test_a_repository_has_its_templates_proxy_and_not_its_insecure():
    (entry,) = argocd_apps([template("t", ORG, **APP, proxy="http://p", insecure="true"), repository("r", f"{ORG}/a")])
    (note,) = entry["notes"]
    assert "proxy p of" in note


# The same credential, and the same name


def test_the_same_key_in_two_forms_is_one_credential():
    entries = argocd_apps(
        [
            repository("r", f"{ORG}/a", **APP),
            repository("s", f"{ORG}/b", **{**APP, "githubAppPrivateKey": pem(PKCS8).decode(), "githubAppID": "+01"}),
        ]
    )
    assert reached(entries) == {"argocd/r": ["argoproj/a", "argoproj/b"]}


def test_a_secret_that_is_given_twice_is_one_and_two_of_one_name_are_distinguished():
    bad = repository("bad", f"{ORG}/a", **without("githubAppPrivateKey"))
    entries = argocd_apps(
        [bad, bad, repository("r", f"{ORG}/a", **APP), repository("r", f"{ORG}/b", **APP | {"githubAppID": "7"})]
    )
    assert [entry["name"] for entry in entries] == ["argocd/r", "argocd/r (2)", "argocd/bad"]


@pytest.mark.parametrize("module", [argocd, credentials])
def test_the_docstrings_examples_hold(module):
    tested = doctest.testmod(module)
    assert tested.attempted > 0
    assert tested.failed == 0


@pytest.mark.parametrize(
    ("value", "found", "remedy"),
    [
        pytest.param("", "githubAppID is empty", "the App's ID", id="empty"),
        pytest.param("Iv23liAbCdEfGhIjKlMn", "found other text (a client ID)", "the App's ID", id="client ID"),
        pytest.param("<APP_ID>", "found other text (a placeholder)", "digits only", id="placeholder"),
    ],
)
def test_an_app_id_that_argo_cd_can_not_read_has_its_next_step(value, found, remedy):
    (entry,) = argocd_apps([repository("r", f"{ORG}/a", **{**APP, "githubAppID": value})])
    (fault,) = entry["unusable"]
    assert found in fault["found"]
    assert remedy in fault["remedy"]


@pytest.mark.parametrize("host", ["<host>", "${HOST}", "{{ host }}", "exämple.net", "api.github.com"])
def test_a_url_at_no_host_of_repositories_is_the_fault_of_its_secret_alone(host):
    items = [repository("r", f"https://{host}/acme/a", **APP), repository("good", f"{ORG}/good", **APP)]
    entries = argocd_apps(items)
    assert faults(entries) == {"argocd/r": ["secret_not_github"]}
    assert read_github_apps(entries)[1] == []


def test_an_owner_that_can_not_be_looked_up_is_the_fault_of_its_secret_alone():
    entries = argocd_apps([repository("r", "https://github.com/your-org-here/a", **LOOKED_UP)])
    assert faults(entries) == {"argocd/r": ["secret_owner_unknown"]}
    assert read_github_apps(entries)[1] == []
