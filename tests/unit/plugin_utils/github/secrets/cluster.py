"""What the tests of the clients' Secrets share:
an App, its Secrets, and how results and problems are looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.settings import SettingsError
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.secrets.faults import fault_of
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.integration.argocd_secrets import secret, secret_list
from tests.unit.plugin_utils.github.key_forms import pem

KEY = pem().decode()
OTHER_KEY = pem(key=rsa.generate_private_key(65537, 1024)).decode()
CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
APP = {"githubAppID": "1", "githubAppInstallationID": "2", "githubAppPrivateKey": KEY}
ARC_APP = {"github_app_id": "1", "github_app_installation_id": "2", "github_app_private_key": KEY}
GHES = {"githubAppEnterpriseBaseUrl": "https://ghe.example.com/api/v3"}
ORG = "https://github.com/argoproj"


def repository(name: str, url: str, **values: str) -> dict[str, Any]:
    """An Argo CD Secret for the repository at ``url``."""
    return secret(name, "repository", url=url, **values)


def template(name: str, url: str, **values: str) -> dict[str, Any]:
    """An Argo CD Secret whose credentials are for all repositories whose URL begins
    with ``url``.
    """
    return secret(name, "repo-creds", url=url, **values)


def reached(entries: list[dict[str, Any]]) -> dict[str, list[str]]:
    """The repositories (OWNER/NAME) by the name of the entry that reaches them."""
    return {entry["name"]: entry["repositories"] for entry in entries if "unusable" not in entry}


def problems(read: Callable[..., list[dict[str, Any]]], *given: Any) -> list[str]:
    """What the function says is wrong with the Secrets, each with its name;
    no key may be quoted in it.
    """
    entries = [entry for entry in read(*given) if "unusable" in entry]
    assert all(entry.keys() == {"name", "unusable"} for entry in entries)
    faults = [(entry["name"], fault) for entry in entries for fault in entry["unusable"]]
    assert all(fault.keys() == {"key", "found", "remedy"} and fault_of(fault["key"]) for _, fault in faults)
    assert not [line for line in KEY.splitlines()[1:-1] if line in str(faults)]
    return [f"{name}: {fault['found']}" for name, fault in faults]


def refusals(read: Callable[..., Any], *given: Any) -> list[str]:
    """What is wrong with input that holds no Secrets to judge."""
    with pytest.raises(SettingsError) as error:
        read(*given)
    return error.value.problems


def faults(entries: list[dict[str, Any]]) -> dict[str, list[str]]:
    """The keys of the faults, by the name of the entry that is unusable."""
    return {entry["name"]: [fault["key"] for fault in entry["unusable"]] for entry in entries if "unusable" in entry}


def without(*keys: str) -> dict[str, str]:
    """APP, a complete App in the words of Argo CD and Flux, except for these keys."""
    return {key: value for key, value in APP.items() if key not in keys}


LIST = secret_list(KEY, "https://api.github.lab")
