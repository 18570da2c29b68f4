"""Whatever stands in Secrets: the filters raise nothing, and what they return are settings
without a problem.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.apps import read_github_apps
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.secrets.arc import arc_apps
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.secrets.argocd import argocd_apps
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.secrets.flux import flux_apps

from tests.integration.argocd_secrets import secret
from tests.unit.plugin_utils.github.key_forms import FORMS, pem

GOOD = {
    "githubAppID": "1",
    "githubAppInstallationID": "2",
    "github_app_id": "1",
    "github_app_installation_id": "2",
    "url": "https://github.com/acme/charts",
}
KEYS = ("githubAppPrivateKey", "github_app_private_key")
NAMES = (
    *GOOD,
    *(
        "githubAppEnterpriseBaseUrl",
        "githubAppBaseURL",
        "githubAppClientID",
        "githubAppInstallationOwner",
        "type",
        "password",
    ),
    *("insecure", "insecureIgnoreHostKey", "proxy", "noProxy", "tlsClientCertData", "ca.crt", "github_token"),
)
VALUES = (
    *(
        "",
        "0",
        "-1",
        "1",
        " 1",
        "1\n",
        "x",
        "Iv23liAbC",
        "true",
        "yes",
        "acme",
        "é",
        "\0",
        "a b",
        "<X>",
        "-----BEGIN",
        "A" * 500,
    ),
    *(
        "https://github.com/acme/a",
        "https://github.com/acme",
        "git@github.com:acme/a.git",
        "https://[::1",
        "https://github.com",
    ),
    *(
        "https://ghe.example.com/api/v3",
        "https://ghe.example.com/a/b.git",
        "https://github.com/acme/..",
        "ssh://git@h/a/b",
    ),
    *("http://user:secret@proxy:99999", "http://proxy:3128"),
    # A load balancer's name is made of a hash.
    "http://a5d41402abc4b2a76b9719d911017c592-1234567890.us-east-1.elb.amazonaws.com:3128",
    "https://a5d41402abc4b2a76b9719d911017c592-1234567890.us-east-1.elb.amazonaws.com",
    "https://a5d41402abc4b2a76b9719d911017c592-1234567890.us-east-1.elb.amazonaws.com/acme/a",
    *(f"https://ghe.example.com/{'a' * length}" for length in (75, 95)),
    # What a template left, and what is no place for a repository.
    *(
        f"https://{host}/acme/a"
        for host in ("<host>", "${HOST}", "{{ h }}", "host", "1.2.3", "ex\u00e4mple.net", "[::1]")
    ),
    *("https://api.github.com/acme/a", "https://github.com/-a/b", "https://github.com/your-org-here/b"),
    *("https://github.com/-a", "https://github.com/your-org-here"),
)
TYPES = ("repository", "repo-creds", "repository-write", "repo-write-creds", None, None)


SECRETS_NAMES = (
    *(f"s{number}" for number in range(6)),
    "repo-5d41402abc4b2a76b9719d911017c592",  # of a hash
    "repo-" + "acme-" * 40,
    "repo\n\x1b[31m",  # no API server has it, a file may
)


def any_secret(rnd: random.Random, keys: list[bytes]) -> dict[str, Any]:
    values = {name: rnd.choice(VALUES).encode() for name in NAMES if rnd.random() < 0.2}
    values |= {name: value.encode() for name, value in GOOD.items() if rnd.random() < 0.7}
    values |= {name: rnd.choice(keys) for name in KEYS if rnd.random() < 0.9}
    made = secret(rnd.choice(SECRETS_NAMES), rnd.choice(TYPES))
    data = {name: base64.b64encode(value).decode() for name, value in values.items()}
    return {**made, "data": {name: value if rnd.random() > 0.02 else "*" for name, value in data.items()}}


def entries(rnd: random.Random, keys: list[bytes]) -> Iterator[list[dict[str, Any]]]:
    secrets = [any_secret(rnd, keys) for _ in range(rnd.randint(1, 4))]
    spec = {
        "provider": rnd.choice(["github", "generic"]),
        "url": rnd.choice(VALUES),
        "secretRef": {"name": rnd.choice(SECRETS_NAMES)},
    }
    repository = {
        "kind": "GitRepository",
        "metadata": {"name": rnd.choice(SECRETS_NAMES), "namespace": "argocd"},
        "spec": spec,
    }
    yield argocd_apps(secrets)
    yield flux_apps([*secrets, repository])
    yield arc_apps(secrets, rnd.choice(["https://github.com/acme", "https://ghe.example.com/a/b"]))


@pytest.mark.parametrize("seed", range(3))
def test_what_the_filters_return_is_never_a_wrong_setting(seed: int) -> None:
    rnd = random.Random(seed)
    keys = [*(form.make() for form in FORMS.values()), *[pem()] * len(FORMS)]
    found = [made for _ in range(60) for made in entries(rnd, keys)]
    assert [wrong for made in found for wrong in read_github_apps(made)[1]] == []
    unusable = [entry for made in found for entry in made if "unusable" in entry]
    assert 20 < len(unusable) < sum(map(len, found)) - 20
    assert "user:secret" not in str(found)
