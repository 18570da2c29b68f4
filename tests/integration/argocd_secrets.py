"""Argo CD's Secrets as a cluster that uses the lab's GitHub App has them."""

from __future__ import annotations

import base64
from typing import Any

from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.apps import git_url_of

NAMESPACE = "argocd"
APP_ID, INSTALLATION_ID = "1001", "2002"
REPOSITORIES = ["acme/deploy-config", "acme/charts"]


def secret_list(app_pem: str, api_url: str) -> dict[str, Any]:
    """What ``kubectl get secrets -o json`` prints: one App, in three Secrets, for two repositories;
    and what uses no App.

    >>> [item["metadata"]["name"] for item in secret_list("", "https://api.github.lab")["items"]][:3]
    ['repo-deploy-config', 'creds-acme', 'repo-charts']
    """
    git_url = git_url_of(api_url)
    app = {
        "githubAppID": APP_ID,
        "githubAppInstallationID": INSTALLATION_ID,
        "githubAppPrivateKey": app_pem,
        "githubAppEnterpriseBaseUrl": api_url,
    }
    deploy_config = f"{git_url}/acme/deploy-config"
    items = [
        secret("repo-deploy-config", "repository", type="git", url=f"{deploy_config}.git", **app),
        secret("creds-acme", "repo-creds", type="git", url=f"{git_url}/acme", **app),
        secret("repo-charts", "repository", type="git", url=f"{git_url}/acme/charts"),
        secret("repo-deploy-config-of-team", "repository", url=deploy_config, project="team", **app),
        secret("repo-other-forge", "repository", url="https://git.example.net/acme/x", username="u", password="p"),
        secret("repo-helm", "repository", type="helm", name="charts", url="https://charts.example.net"),
    ]
    return {"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": items}


def secret(name: str, secret_type: str | None, namespace: str = NAMESPACE, /, **values: str) -> dict[str, Any]:
    """A Secret as the API server gives it; ``secret_type`` is Argo CD's, None for none."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"argocd.argoproj.io/secret-type": secret_type} if secret_type else {},
        },
        "type": "Opaque",
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in values.items()},
    }
