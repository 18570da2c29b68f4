"""What the tests of the clients' Secrets share: an App, its Secrets, and how results and problems are looked at."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.settings import SettingsError

from tests.integration.argocd_secrets import secret, secret_list

KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAxFirstKeyOfTheApp\n-----END RSA PRIVATE KEY-----\n"
OTHER_KEY = KEY.replace("First", "Other")
CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
APP = {"githubAppID": "1", "githubAppInstallationID": "2", "githubAppPrivateKey": KEY}
ARC_APP = {"github_app_id": "1", "github_app_installation_id": "2", "github_app_private_key": KEY}
GHES = {"githubAppEnterpriseBaseUrl": "https://ghe.example.com/api/v3"}
ORG = "https://github.com/argoproj"


def repository(name: str, url: str, **values: str) -> dict[str, Any]:
    """An Argo CD Secret for the repository at ``url``."""
    return secret(name, "repository", url=url, **values)


def template(name: str, url: str, **values: str) -> dict[str, Any]:
    """An Argo CD Secret whose credentials are for all repositories whose URL begins with ``url``."""
    return secret(name, "repo-creds", url=url, **values)


def reached(entries: list[dict[str, Any]]) -> dict[str, list[str]]:
    """The repositories (OWNER/NAME) by the name of the entry that reaches them."""
    return {entry["name"]: entry["repositories"] for entry in entries}


def problems(read: Any, *given: Any) -> list[str]:
    """What the function says is wrong with the Secrets; no key may be quoted in it."""
    with pytest.raises(SettingsError) as error:
        read(*given)
    assert "FirstKey" not in str(error.value)
    return error.value.problems


def without(*keys: str) -> dict[str, str]:
    """APP, a complete App in the words of Argo CD and Flux, except for these keys."""
    return {key: value for key, value in APP.items() if key not in keys}


LIST = secret_list(KEY, "https://api.github.lab")
