"""GitHub App credentials from the Secrets of Argo CD."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from ...boundary.values import may_be_secret
from ..fields import git_url_of
from ..key_faults import Fault
from .credentials import Credential, Entries, SecretKeys, credential_of, is_owner, repository_of, shown, with_own_names
from .faults import Faults, SecretFault
from .objects import (
    REPO_CREDS,
    REPO_WRITE_CREDS,
    REPOSITORY,
    REPOSITORY_WRITE,
    Secret,
    not_base64,
    objects_of,
    secrets_of,
)

KEYS = SecretKeys(
    "githubAppID",
    "githubAppInstallationID",
    "githubAppPrivateKey",
    api_url="githubAppEnterpriseBaseUrl",
    empty_is_wrong=True,
    looks_up=True,
)
FLAGS = ("enableOCI", "forceHttpBasicAuth", "useAzureWorkloadIdentity")
FLAGS_OF_REPOSITORIES = ("insecure", "insecureIgnoreHostKey", "enableLfs", *FLAGS)
"""Values that Argo CD reads as true or false. Anything else makes a Secret unreadable
(``secretToRepository``, ``secretToRepoCred``)."""
UNVERIFIED = ("insecure", "insecureIgnoreHostKey")
"""Either turns the check of certificates off (``IsInsecure``)."""
INHERITED = {*KEYS.all, "username", "password", "bearerToken", "sshPrivateKey", "tlsClientCertData", "proxy", "noProxy"}
"""The values that a repository takes from a template and that matter here
(``CopyCredentialsFrom``)."""
OWN_CREDENTIALS = (
    "username",
    "password",
    "bearerToken",
    "sshPrivateKey",
    "tlsClientCertData",
    "githubAppPrivateKey",
)
"""A repository with one of these takes nothing from a template (argo-cd ``repository_types.go``,
``HasCredentials``)."""
BEFORE_APP = ("password", "bearerToken", "sshPrivateKey")
"""If a Secret has one of these and a GitHub App, Argo CD uses this one (``GetGitCreds`` there)."""
WANTED = {"url", "type", *INHERITED, *OWN_CREDENTIALS, *FLAGS_OF_REPOSITORIES}

_TRUE = ("1", "t", "T", "TRUE", "true", "True")
_FALSE = ("0", "f", "F", "FALSE", "false", "False")
"""Go's ``strconv.ParseBool``."""


def argocd_apps(given: object) -> list[dict[str, Any]]:
    """From Argo CD's Secrets of the types ``repository`` and ``repo-creds``, and of those for
    pushing.

    Other Secrets are left out. A repository without credentials uses those of a template, the one
    with the longest URL with which the repository's URL begins (argo-cd
    ``util/db/repository_secrets.go``). Secrets for pushing (``repository-write``,
    ``repo-write-creds``) are separate, and their tokens must be able to write. If there is no
    installation ID, Argo CD 3.3 and later look it up by the repository's owner
    (``util/git/creds.go``), so each owner is an entry. Helm and OCI repositories don't use a GitHub
    App. Raises SettingsError.
    """
    secrets = secrets_of(objects_of(given), (REPOSITORY, REPO_CREDS, REPOSITORY_WRITE, REPO_WRITE_CREDS), WANTED)
    faults = Faults()
    reading, pushing = Entries(), Entries(permissions={"contents": "write"})
    for entries, of_repositories, of_templates in (
        (reading, REPOSITORY, REPO_CREDS),
        (pushing, REPOSITORY_WRITE, REPO_WRITE_CREDS),
    ):
        templates = {secret: _template(secret, faults) for secret in secrets if secret.argocd_type == of_templates}
        by_url = _ByUrl(templates)
        for secret in secrets:
            if secret.argocd_type == of_repositories and not _is_other(secret):
                template = None if _has_own(secret) else by_url.template_of(secret)
                _add_repository(secret, template, templates, entries, faults)
        for secret, credential in templates.items():
            if credential and not entries.is_used(credential):
                _add_unused(secret, credential, entries, faults)
    return with_own_names([*reading.settings(), *pushing.settings(), *faults.entries()])


def _is_other(secret: Secret) -> bool:
    return secret.values.get("type", "git").lower() in ("helm", "oci")


def _template(secret: Secret, faults: Faults) -> Credential | None:
    credential = _argocd_credential(secret, secret.values, faults, FLAGS)
    if _has_app(secret, secret.values) and "url" not in secret.values:
        remedy = "Add url, the beginning of the URLs of its repositories."
        faults.note(secret.label, Fault(SecretFault.NO_URL, "url is missing, so no repository uses the Secret", remedy))
        return None
    return credential


def _has_own(secret: Secret) -> bool:
    return _any_of(OWN_CREDENTIALS, secret.values) or _is_true(secret.values.get("useAzureWorkloadIdentity"))


def _add_repository(
    secret: Secret,
    template: Secret | None,
    templates: Mapping[Secret, Credential | None],
    entries: Entries,
    faults: Faults,
) -> None:
    inherited = {key: value for key, value in (template.values if template else {}).items() if key in INHERITED}
    if template and KEYS.named_in(inherited) and templates[template] is None and not _uses_other(inherited):
        return  # the template has the fault
    values = {**inherited, **secret.values}
    credential = _argocd_credential(secret, values, faults, FLAGS_OF_REPOSITORIES)
    if credential is None:
        return
    repository = repository_of(secret.values.get("url", ""))
    if repository is None:
        found = f"url is not a repository of GitHub, {shown(secret.values.get('url'))}"
        remedy = "Write url as https://HOST/OWNER/NAME, or remove the GitHub App from the Secret."
        faults.note(secret.label, Fault(SecretFault.NOT_GITHUB, found, remedy))
        return
    owner = repository[1].partition("/")[0]
    if not credential.installation_id and not is_owner(owner):
        found = (
            f"{KEYS.installation_id} is missing, and Argo CD can't look it up, because {owner!r} in url is not an owner"
        )
        remedy = f"Correct url, or add {KEYS.installation_id}."
        faults.note(secret.label, Fault(SecretFault.OWNER_UNKNOWN, found, remedy))
        return
    source = template if template and templates[template] == credential else secret
    notes = [*_notes(secret.label, values), *_needs_lookup(source.label, credential)]
    entries.add(credential, source, repository, notes)


def _add_unused(secret: Secret, credential: Credential, entries: Entries, faults: Faults) -> None:
    """Add a template that no known repository uses; it is checked too.

    Its URL may show its owner.
    """
    owner = _owner_in(secret.values["url"])
    if not credential.installation_id and not is_owner(owner):
        found = f"{KEYS.installation_id} is missing, and nothing here shows by which owner Argo CD looks it up"
        remedy = f"Pass the Secrets of its repositories too, or add {KEYS.installation_id}."
        faults.note(secret.label, Fault(SecretFault.OWNER_UNKNOWN, found, remedy))
        return
    notes = [*_notes(secret.label, secret.values), *_needs_lookup(secret.label, credential)]
    entries.add(credential.at(git_url_of(credential.api_url).lower(), owner), secret, notes=notes)


def _owner_in(url: str) -> str:
    """The first part of a URL's path, in lower case, as Argo CD compares it; empty if there is
    none.
    """
    match = re.fullmatch(
        r"(?:https?://[^/]+/|(?:ssh://)?[^/@]+@[^/:]+(?::[0-9]+)?[:/])([\w-]+)(?:/.*)?", url.strip(), re.ASCII
    )
    return match[1].lower() if match else ""


def _argocd_credential(
    secret: Secret, values: Mapping[str, str], faults: Faults, flags: Iterable[str]
) -> Credential | None:
    if not _has_app(secret, values):
        return None
    if wrong := [*not_base64(secret, WANTED), *_wrong_flags(secret, flags)]:
        faults.note(secret.label, *wrong)
        return None
    return credential_of(secret, values, KEYS, faults)


def _has_app(secret: Secret, values: Mapping[str, str]) -> bool:
    """Whether Argo CD would use a GitHub App with these values, if they were right."""
    named = KEYS.named_in({**values, **dict.fromkeys(secret.undecoded, "")}) or secret.empty & (
        KEYS.all - {KEYS.api_url}
    )
    return bool(named) and not _uses_other(values)


def _wrong_flags(secret: Secret, flags: Iterable[str]) -> Iterator[Fault]:
    for flag in flags:
        value = "" if flag in secret.empty else secret.values.get(flag)
        if value is not None and value not in (*_TRUE, *_FALSE):
            found = f"{flag} is neither true nor false, so Argo CD can't read the Secret"
            yield Fault(
                SecretFault.NOT_A_FLAG, found, f'Write {flag} as "true" or "false", without blanks, or leave it out.'
            )


def _notes(label: str, values: Mapping[str, str]) -> Iterator[str]:
    """Notes if Argo CD connects in another way than the check."""
    if proxy := values.get("proxy"):
        try:
            parts = urlsplit(proxy.strip())
            host = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname or "")
        except ValueError:
            host = ""
        named = f" {host}" if re.fullmatch(r"[\w.:-]+", host, re.ASCII) and not may_be_secret(host) else ""
        but = " (except for the hosts in noProxy)" if values.get("noProxy") else ""
        yield (
            f"Argo CD uses the proxy{named} of Secret {label}{but}. The check connects as the node does, or as set in "
            "gate_environment (HTTPS_PROXY)"
        )
    if flags := [flag for flag in UNVERIFIED if _is_true(values.get(flag))]:
        yield (
            f"Argo CD does not verify certificates for Secret {label} ({', '.join(flags)}). The check always does (ca_file names "
            "a private CA)"
        )
    if values.get("tlsClientCertData"):
        yield f"Argo CD presents the client certificate of Secret {label}; the check presents none"


def _needs_lookup(label: str, credential: Credential) -> Iterator[str]:
    """A note about the version of Argo CD, which the check can't see."""
    if not credential.installation_id:
        yield (
            f"Secret {label} has no {KEYS.installation_id}. Argo CD looks up the installation from 3.3 on, as the check does; "
            "earlier versions can't use this Secret"
        )


def _is_true(value: str | None) -> bool:
    return value in _TRUE


def _uses_other(values: Mapping[str, str]) -> bool:
    return _any_of(BEFORE_APP, values)


def _any_of(keys: Iterable[str], values: Mapping[str, str]) -> bool:
    return any(key in values for key in keys)


class _ByUrl:
    """Templates by their namespace and URL, so a repository is not compared with each of them."""

    def __init__(self, templates: Iterable[Secret]) -> None:
        self._templates: dict[tuple[str, str], Secret] = {}
        for template in templates:
            if "url" in template.values:
                self._templates.setdefault((template.namespace, _normalised(template.values["url"])), template)
        self._lengths = sorted({len(url) for _namespace, url in self._templates}, reverse=True)

    def template_of(self, secret: Secret) -> Secret | None:
        """The template in the namespace with the longest URL with which the repository's begins."""
        url = _normalised(secret.values.get("url", ""))
        beginnings = ((secret.namespace, url[:length]) for length in self._lengths if length <= len(url))
        return next((self._templates[each] for each in beginnings if each in self._templates), None)


def _normalised(url: str) -> str:
    """As Argo CD compares URLs (argo-cd ``util/git/git.go``, ``NormalizeGitURL``).

    >>> _normalised("git@GitHub.com:acme/Charts.git"), _normalised("ssh://git@github.com/acme/charts")
    ('git@github.com/acme/charts', 'git@github.com/acme/charts')
    """
    url = url.strip().lower()
    if re.fullmatch(r"[^/:]*?@[^@]+", url):
        url = url.replace(":", "/", 1)
    return url.removesuffix(".git").removeprefix("ssh://")
