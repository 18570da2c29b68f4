"""GitHub App credentials from the Secrets of Argo CD."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .credentials import Credential, Entries, SecretKeys, credential_of, raise_all, repository_of, shown
from .objects import Secret, objects_of, secrets_of

KEYS = SecretKeys("githubAppID", "githubAppInstallationID", "githubAppPrivateKey", "githubAppEnterpriseBaseUrl")

OWN_CREDENTIALS = (
    "username",
    "password",
    "bearerToken",
    "sshPrivateKey",
    "tlsClientCertData",
    "githubAppPrivateKey",
    "useAzureWorkloadIdentity",
)
"""A repository with one of them takes nothing from a template (argo-cd ``repository_types.go``, ``HasCredentials``)."""
BEFORE_APP = ("password", "bearerToken", "sshPrivateKey")
"""What Argo CD uses rather than a GitHub App where a Secret has both (``GetGitCreds`` there)."""


def argocd_apps(given: object) -> list[dict[str, Any]]:
    """From Argo CD's Secrets of the types ``repository`` and ``repo-creds``; others are left out.

    A repository without credentials has those of the ``repo-creds`` with the longest URL that its own begins with (argo-cd
    ``util/db/repository_secrets.go``). Helm and OCI repositories don't use a GitHub App. Raises SettingsError.
    """
    problems: list[str] = []
    wanted = {"url", "type", *OWN_CREDENTIALS, KEYS.app_id, KEYS.installation_id, KEYS.api_url}
    secrets = secrets_of(objects_of(given), ("repository", "repo-creds"), wanted, problems)
    entries = Entries()
    templates: dict[Secret, Credential | None] = {}
    for secret in secrets:
        if secret.argocd_type == "repo-creds":
            if "url" not in secret.values:
                problems.append(f"{secret.label}: url is missing, so that it is for no repository")
            templates[secret] = _argocd_credential(secret, secret.values, problems)
    for secret in secrets:
        if secret.argocd_type != "repository" or secret.values.get("type", "git").lower() in ("helm", "oci"):
            continue
        template = None if _any_of(OWN_CREDENTIALS, secret.values) else _template_of(secret, templates)
        inherited = template.values if template else {}
        if template and KEYS.named_in(inherited) and templates[template] is None and not _uses_other(inherited):
            continue  # the template's own problem says it
        credential = _argocd_credential(secret, {**inherited, **secret.values}, problems)
        if credential is None:
            continue
        repository = repository_of(secret.values.get("url", ""))
        if repository is None:
            problems.append(f"{secret.label}: url is no repository of GitHub, {shown(secret.values.get('url'))}")
            continue
        git_url, full_name = repository
        source = template if template and templates[template] == credential else secret
        entries.add(credential.at(git_url), source, [full_name])
    entries.add_unused(templates)
    raise_all(problems)
    return entries.settings()


def _argocd_credential(secret: Secret, values: Mapping[str, str], problems: list[str]) -> Credential | None:
    if not KEYS.named_in(values) or _uses_other(values):
        return None
    return credential_of(secret.label, values, KEYS, problems)


def _uses_other(values: Mapping[str, str]) -> bool:
    return _any_of(BEFORE_APP, values)


def _any_of(keys: Iterable[str], values: Mapping[str, str]) -> bool:
    return any(key in values for key in keys)


def _template_of(secret: Secret, templates: Iterable[Secret]) -> Secret | None:
    """The ``repo-creds`` of its namespace with the longest URL that begins the repository's; the first of equal ones."""
    url = _normalised(secret.values.get("url", ""))
    fitting = [
        template
        for template in templates
        if template.namespace == secret.namespace
        and "url" in template.values
        and url.startswith(_normalised(template.values["url"]))
    ]
    return max(fitting, key=lambda template: len(_normalised(template.values["url"])), default=None)


def _normalised(url: str) -> str:
    """As Argo CD compares URLs (argo-cd ``util/git/git.go``, ``NormalizeGitURL``).

    >>> _normalised("git@GitHub.com:acme/Charts.git"), _normalised("ssh://git@github.com/acme/charts")
    ('git@github.com/acme/charts', 'git@github.com/acme/charts')
    """
    url = url.strip().lower()
    if re.fullmatch(r"[^/:]*?@[^@]+", url):
        url = url.replace(":", "/", 1)
    return url.removesuffix(".git").removeprefix("ssh://")
