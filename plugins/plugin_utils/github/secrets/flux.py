"""GitHub App credentials from the Secrets of Flux."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..key_faults import Fault
from .credentials import Credential, Entries, SecretKeys, credential_of, repository_of, shown, with_own_names
from .faults import Faults, SecretFault
from .objects import Secret, label_of, mapping, name_of, not_base64, objects_of, secrets_of

KEYS = SecretKeys(
    "githubAppID",
    "githubAppInstallationID",
    "githubAppPrivateKey",
    api_url="githubAppBaseURL",
    client_id="githubAppClientID",
    owner="githubAppInstallationOwner",
    wrong_is_missing=True,
)
"""Source: fluxcd/pkg ``auth/githubapp/client.go``. Flux signs with the client ID if there is one,
and looks up an owner's installation."""
WANTED = {*KEYS.all, "ca.crt", "caFile"}


def flux_apps(given: object, git_repositories: object = None) -> list[dict[str, Any]]:
    """From Flux's Secrets with GitHub App keys, and the GitRepository objects that name these
    Secrets.

    The objects are in either argument. The keys are those of fluxcd/pkg ``auth/githubapp``. Raises
    SettingsError.
    """
    objects = objects_of(given) + ([] if git_repositories is None else objects_of(git_repositories))
    faults = Faults()
    credentials = _credentials(objects, faults)
    by_name = {(secret.namespace, secret.name): secret for secret in credentials}
    entries = Entries()
    for item in objects:
        if item.get("kind") != "GitRepository":
            continue
        spec = mapping(item.get("spec"))
        namespace, name = name_of(item)
        label, secret_name = f"GitRepository {label_of(namespace, name)}", mapping(spec.get("secretRef")).get("name")
        secret = by_name.get((namespace, str(secret_name)))
        if spec.get("provider") != "github":
            if secret is not None:
                faults.note(label, _wrong_provider(secret))
            continue
        repository = repository_of(str(spec.get("url") or ""))
        if secret is None:
            faults.note(label, _not_given(namespace, secret_name))
        elif repository is None:
            found = f"spec.url is not a repository of GitHub, {shown(spec.get('url'))}"
            faults.note(label, Fault(SecretFault.NOT_GITHUB, found, "Write spec.url as https://github.com/OWNER/NAME."))
        elif credential := credentials[secret]:
            entries.add(credential, secret, repository, _notes(label, spec))
    for secret, credential in credentials.items():
        if credential and not entries.is_used(credential):
            entries.add(credential, secret)
    return with_own_names([*entries.settings(), *faults.entries()])


def _credentials(objects: Iterable[Mapping[str, Any]], faults: Faults) -> dict[Secret, Credential | None]:
    """The Secrets that are about a GitHub App, each with its credential, or None with its faults
    noted.
    """
    credentials: dict[Secret, Credential | None] = {}
    for secret in secrets_of(objects, (None,), WANTED):
        if not KEYS.named_in({**secret.values, **dict.fromkeys(secret.undecoded, "")}):
            continue
        credentials[secret] = None
        if wrong := not_base64(secret, WANTED):
            faults.note(secret.label, *wrong)
            continue
        ca_pem = secret.values.get("ca.crt") or secret.values.get("caFile") or ""
        credentials[secret] = credential_of(secret, secret.values, KEYS, faults, ca_pem=ca_pem)
    return credentials


def _not_given(namespace: str, secret_name: object) -> Fault:
    if not secret_name:
        remedy = (
            "Add spec.secretRef with the name of the Secret that has the GitHub App, or set spec.provider to generic."
        )
        return Fault(SecretFault.NOT_GIVEN, "spec.secretRef is missing, but spec.provider github needs it", remedy)
    found = f"the given Secrets do not include {label_of(namespace, str(secret_name))} with a GitHub App"
    remedy = "Pass the Secrets of its namespace too (`kubectl get secrets,gitrepositories`), or create the Secret."
    return Fault(SecretFault.NOT_GIVEN, found, remedy)


def _wrong_provider(secret: Secret) -> Fault:
    found = f"spec.provider is not github, although Secret {secret.label} has a GitHub App, and Flux refuses that"
    return Fault(SecretFault.WRONG_PROVIDER, found, "Set spec.provider to github (Flux 2.5 and later).")


def _notes(label: str, spec: Mapping[str, Any]) -> list[str]:
    """Notes if Flux connects in another way than the check."""
    if not mapping(spec.get("proxySecretRef")).get("name"):
        return []
    return [
        f"Flux uses the proxy of {label} (proxySecretRef). The check connects as the node does, or as set in "
        "gate_environment (HTTPS_PROXY)"
    ]
