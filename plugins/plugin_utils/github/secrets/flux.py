"""GitHub App credentials from the Secrets of Flux."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .credentials import Credential, Entries, SecretKeys, credential_of, raise_all, repository_of, shown
from .objects import Secret, mapping, name_of, objects_of, secrets_of

KEYS = SecretKeys("githubAppID", "githubAppInstallationID", "githubAppPrivateKey", "githubAppBaseURL")
OWNER = "githubAppInstallationOwner"
"""By which Flux looks the installation up, in place of its ID."""


def flux_apps(given: object, git_repositories: object = None) -> list[dict[str, Any]]:
    """From Flux's Secrets with GitHub App keys, whose repositories are those of the GitRepository objects that name them.

    These objects stand in either argument; the keys are those of fluxcd/pkg ``auth/githubapp``. Raises SettingsError.
    """
    problems: list[str] = []
    objects = objects_of(given) + ([] if git_repositories is None else objects_of(git_repositories))
    credentials = _credentials(objects, problems)
    by_name = {(secret.namespace, secret.name): secret for secret in credentials}
    entries = Entries()
    for item in objects:
        spec = mapping(item.get("spec"))
        if item.get("kind") != "GitRepository" or spec.get("provider") != "github":
            continue
        namespace, name = name_of(item)
        label, secret_name = f"GitRepository {namespace}/{name}", mapping(spec.get("secretRef")).get("name")
        secret = by_name.get((namespace, str(secret_name)))
        repository = repository_of(str(spec.get("url") or ""))
        if secret is None:
            problems.append(f"{label}: no Secret {namespace}/{secret_name} with a GitHub App is among those given")
        elif repository is None:
            problems.append(f"{label}: spec.url is no repository of GitHub, {shown(spec.get('url'))}")
        elif credential := credentials[secret]:
            git_url, full_name = repository
            entries.add(credential.at(git_url), secret, [full_name])
    entries.add_unused(credentials)
    raise_all(problems)
    return entries.settings()


def _credentials(objects: Iterable[Mapping[str, Any]], problems: list[str]) -> dict[Secret, Credential | None]:
    """The Secrets that are about a GitHub App, each with its credential, or None with its problems noted."""
    wanted = {KEYS.app_id, KEYS.installation_id, KEYS.private_key, KEYS.api_url, OWNER, "ca.crt", "caFile"}
    credentials: dict[Secret, Credential | None] = {}
    for secret in secrets_of(objects, (None,), wanted, problems):
        owner = OWNER in secret.values
        if not KEYS.named_in(secret.values) and not owner:
            continue
        if owner and KEYS.installation_id in secret.values:
            problems.append(f"{secret.label}: {OWNER} and {KEYS.installation_id}, of which Flux takes only one")
        ca_pem = secret.values.get("ca.crt") or secret.values.get("caFile") or ""
        credentials[secret] = credential_of(secret.label, secret.values, KEYS, problems, ca_pem=ca_pem)
    return credentials
