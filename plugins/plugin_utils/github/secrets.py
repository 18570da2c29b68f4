"""GitHub App credentials from the Secrets of a cluster's own clients: Argo CD, Flux, actions-runner-controller (ARC).

Each function takes what ``kubectl get -o json|yaml`` or ``kubernetes.core.k8s_info`` gives, and returns entries of
``gate_github_apps``. What a client would not use a Secret for is left out; what it could not use is a problem. All problems
are told at once, by the Secret's name, and no message quotes more of a Secret than its URL.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import yaml

from ..boundary.settings import SettingsError
from .apps import DEFAULT_API_URL, git_url_of

ARGOCD_TYPE = "argocd.argoproj.io/secret-type"
ARGOCD_OWN_CREDENTIALS = (
    "username",
    "password",
    "bearerToken",
    "sshPrivateKey",
    "tlsClientCertData",
    "githubAppPrivateKey",
    "useAzureWorkloadIdentity",
)
"""A repository with one of them takes nothing from a template (argo-cd ``repository_types.go``, ``HasCredentials``)."""
ARGOCD_BEFORE_APP = ("password", "bearerToken", "sshPrivateKey")
"""What Argo CD uses rather than a GitHub App where a Secret has both (``GetGitCreds`` there)."""

SOURCES = "what `kubectl get secrets -o json` (or yaml) or kubernetes.core.k8s_info gives"


@dataclass(frozen=True)
class SecretKeys:
    """What a client calls the parts of its GitHub App in a Secret."""

    app_id: str
    installation_id: str
    private_key: str
    api_url: str = ""
    app_id_is_number: bool = True

    def named_in(self, values: Mapping[str, str]) -> bool:
        """Whether the Secret is about a GitHub App, complete or not."""
        return any(key in values for key in (self.app_id, self.installation_id, self.private_key))


ARGOCD = SecretKeys("githubAppID", "githubAppInstallationID", "githubAppPrivateKey", "githubAppEnterpriseBaseUrl")
FLUX = SecretKeys("githubAppID", "githubAppInstallationID", "githubAppPrivateKey", "githubAppBaseURL")
ARC = SecretKeys(
    "github_app_id", "github_app_installation_id", "github_app_private_key", app_id_is_number=False
)  # ARC hands it to GitHub as it is, so that it may be a client ID


@dataclass(frozen=True)
class Secret:
    """A Secret's values that were asked for, decoded; empty ones count as missing, as they do for the clients."""

    namespace: str
    name: str
    argocd_type: str | None
    values: Mapping[str, str] = field(repr=False, hash=False)

    @property
    def label(self) -> str:
        """NAMESPACE/NAME."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class Credential:
    """What makes two Secrets the same to GitHub; ``git_url`` only where the repositories are not where the API's are."""

    app_id: str
    installation_id: str
    api_url: str
    key_pem: str = field(repr=False)
    ca_pem: str = field(repr=False)
    git_url: str = ""

    def at(self, git_url: str) -> Credential:
        """This credential for repositories at ``git_url``, empty where the URL does not tell."""
        return replace(self, git_url="" if git_url == git_url_of(self.api_url).lower() else git_url)


class _Entries:
    """Entries of ``gate_github_apps``: each credential once, with its repositories in order."""

    def __init__(self) -> None:
        self._names: dict[Credential, str] = {}
        self._repositories: dict[Credential, dict[str, str]] = {}

    def add(self, credential: Credential, secret: Secret, repositories: Iterable[str] = ()) -> None:
        where = f" at {urlsplit(credential.git_url).netloc}" if credential.git_url else ""
        self._names.setdefault(credential, secret.label + where)
        known = self._repositories.setdefault(credential, {})
        for repository in repositories:
            known.setdefault(repository.lower(), repository)

    def has(self, credential: Credential) -> bool:
        """Whether it is there, for repositories at any host."""
        return any(replace(known, git_url="") == credential for known in self._names)

    def settings(self, **more: Any) -> list[dict[str, Any]]:
        return [
            {
                "name": name,
                "app_id" if credential.app_id.isdigit() else "client_id": credential.app_id,
                "installation_id": credential.installation_id,
                "private_key": credential.key_pem,
                "api_url": credential.api_url,
                **({"git_url": credential.git_url} if credential.git_url else {}),
                **({"ca_pem": credential.ca_pem} if credential.ca_pem else {}),
                "repositories": list(self._repositories[credential].values()),
                **more,
            }
            for credential, name in self._names.items()
        ]


# --- the clients ------------------------------------------------------------------------------------------------------


def argocd_apps(given: object) -> list[dict[str, Any]]:
    """From Argo CD's Secrets of the types ``repository`` and ``repo-creds``; others are left out.

    A repository without credentials has those of the ``repo-creds`` with the longest URL that its own begins with (argo-cd
    ``util/db/repository_secrets.go``). Helm and OCI repositories don't use a GitHub App. Raises SettingsError.
    """
    problems: list[str] = []
    wanted = {"url", "type", *ARGOCD_OWN_CREDENTIALS, ARGOCD.app_id, ARGOCD.installation_id, ARGOCD.api_url}
    secrets = _secrets(_objects(given), ("repository", "repo-creds"), wanted, problems)
    entries = _Entries()
    templates: dict[Secret, Credential | None] = {}
    for secret in secrets:
        if secret.argocd_type == "repo-creds":
            if "url" not in secret.values:
                problems.append(f"{secret.label}: url is missing, so that it is for no repository")
            templates[secret] = _argocd_credential(secret, secret.values, problems)
    for secret in secrets:
        if secret.argocd_type != "repository" or secret.values.get("type", "git").lower() in ("helm", "oci"):
            continue
        template = None if _any_of(ARGOCD_OWN_CREDENTIALS, secret.values) else _template_of(secret, templates)
        inherited = template.values if template else {}
        if template and ARGOCD.named_in(inherited) and templates[template] is None and not _uses_other(inherited):
            continue  # the template's own problem says it
        credential = _argocd_credential(secret, {**inherited, **secret.values}, problems)
        if credential is None:
            continue
        repository = _repository_of(secret.values.get("url", ""))
        if repository is None:
            problems.append(f"{secret.label}: url is no repository of GitHub, {_shown(secret.values.get('url'))}")
            continue
        git_url, full_name = repository
        source = template if template and templates[template] == credential else secret
        entries.add(credential.at(git_url), source, [full_name])
    for template, credential in templates.items():
        if credential and not entries.has(credential):
            entries.add(credential, template)
    _raise(problems)
    return entries.settings()


def flux_apps(given: object, git_repositories: object = None) -> list[dict[str, Any]]:
    """From Flux's Secrets with GitHub App keys, whose repositories are those of the GitRepository objects that name them.

    These objects stand in either argument; the keys are those of fluxcd/pkg ``auth/githubapp``. Raises SettingsError.
    """
    problems: list[str] = []
    objects = _objects(given) + ([] if git_repositories is None else _objects(git_repositories))
    wanted = {FLUX.app_id, FLUX.installation_id, FLUX.private_key, FLUX.api_url, "githubAppInstallationOwner"}
    secrets = _secrets(objects, (None,), wanted | {"ca.crt", "caFile"}, problems)
    credentials: dict[Secret, Credential | None] = {}
    for secret in secrets:
        owner = "githubAppInstallationOwner" in secret.values
        if not FLUX.named_in(secret.values) and not owner:
            continue
        if owner and FLUX.installation_id in secret.values:
            problems.append(
                f"{secret.label}: githubAppInstallationOwner and githubAppInstallationID, of which Flux takes only one"
            )
        ca_pem = secret.values.get("ca.crt") or secret.values.get("caFile") or ""
        credentials[secret] = _credential(secret.label, secret.values, FLUX, problems, ca_pem=ca_pem)
    by_name = {(secret.namespace, secret.name): secret for secret in credentials}
    entries = _Entries()
    for item in objects:
        spec = _mapping(item.get("spec"))
        if item.get("kind") != "GitRepository" or spec.get("provider") != "github":
            continue
        namespace, name = _name_of(item)
        label, secret_name = f"GitRepository {namespace}/{name}", _mapping(spec.get("secretRef")).get("name")
        found = by_name.get((namespace, str(secret_name)))
        repository = _repository_of(str(spec.get("url") or ""))
        if found is None:
            problems.append(f"{label}: no Secret {namespace}/{secret_name} with a GitHub App is among those given")
        elif repository is None:
            problems.append(f"{label}: spec.url is no repository of GitHub, {_shown(spec.get('url'))}")
        else:
            credential = credentials[found]
            if credential is not None:
                entries.add(credential.at(repository[0]), found, [repository[1]])
    for secret, credential in credentials.items():
        if credential and not entries.has(credential):
            entries.add(credential, secret)
    _raise(problems)
    return entries.settings()


def arc_apps(given: object, github_config_url: str) -> list[dict[str, Any]]:
    """From ARC's Secrets (``githubConfigSecret``) of the runner scale sets at ``github_config_url``.

    ARC's App needs no right to contents, so the entries ask for ``metadata`` only and reach for no repository by git; that of
    a repository's own runners still narrows the token. Keys and URLs: actions-runner-controller ``appconfig.go``, ``config.go``.
    Raises SettingsError.
    """
    problems: list[str] = []
    target = _arc_target(github_config_url)
    if target is None:
        found = _shown(github_config_url)
        problems.append(f"github_config_url is https://HOST/OWNER or https://HOST/OWNER/REPOSITORY, {found}")
    api_url, repositories = target or (DEFAULT_API_URL, [])
    wanted = {ARC.app_id, ARC.installation_id, ARC.private_key, "github_token"}
    entries = _Entries()
    for secret in _secrets(_objects(given), (None,), wanted, problems):
        if not ARC.named_in(secret.values):
            continue
        if "github_token" in secret.values:
            problems.append(f"{secret.label}: github_token beside a GitHub App, of which ARC takes only one")
            continue
        credential = _credential(secret.label, secret.values, ARC, problems, api_url=api_url)
        if credential:
            entries.add(credential, secret, repositories)
    _raise(problems)
    return entries.settings(depth="token", permissions={"metadata": "read"})


# --- Kubernetes objects -----------------------------------------------------------------------------------------------


def _objects(given: object) -> list[Mapping[str, Any]]:
    """All objects, flat: of a List, of a result's ``resources``, of lists of these, of their text (YAML or JSON)."""
    if isinstance(given, str):
        return _objects(_documents(given))
    if isinstance(given, Mapping):
        for key in ("resources", "items"):
            if isinstance(given.get(key), list):
                return _objects(given[key])
        if isinstance(given.get("metadata"), Mapping):
            return [given]
        raise SettingsError([f"expected {SOURCES}; found a mapping that is no List and has no metadata"])
    if isinstance(given, list):
        return [item for element in given if element is not None for item in _objects(element)]
    raise SettingsError(
        [f"expected {SOURCES}; found {'nothing' if given is None else f'the type {type(given).__name__}'}"]
    )


def _documents(text: str) -> list[Any]:
    try:
        return [json.loads(text)]
    except ValueError:
        pass
    try:
        documents = list(yaml.safe_load_all(text))
    except yaml.YAMLError:  # its message quotes the text
        raise SettingsError([f"expected {SOURCES}; found text that is neither JSON nor YAML"]) from None
    if not any(documents) or any(isinstance(document, str) for document in documents):
        raise SettingsError([f"expected {SOURCES}; found text that holds no objects"])
    return documents


def _secrets(
    objects: Iterable[Mapping[str, Any]], argocd_types: Sequence[str | None], wanted: set[str], problems: list[str]
) -> list[Secret]:
    """The Secrets of these types (``None``: not Argo CD's), with those of their values that are ``wanted``."""
    secrets = []
    for item in objects:
        if item.get("kind", "Secret") != "Secret":
            continue
        argocd_type = _mapping(item["metadata"].get("labels")).get(ARGOCD_TYPE)
        if argocd_type not in argocd_types:
            continue
        namespace, name = _name_of(item)
        # The API server lets stringData win, too.
        plain = _mapping(item.get("stringData"))
        values = {key: str(plain[key]) for key in plain if key in wanted and plain[key] is not None}
        undecoded = []
        for key, encoded in _mapping(item.get("data")).items():
            if key in wanted and key not in values:
                try:
                    values[key] = base64.b64decode("".join(str(encoded or "").split()), validate=True).decode()
                except ValueError:
                    undecoded.append(f"{namespace}/{name}: data.{key} is not the base64 of text")
        problems += undecoded
        if not undecoded:
            secrets.append(Secret(namespace, name, argocd_type, {key: value for key, value in values.items() if value}))
    return secrets


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _name_of(item: Mapping[str, Any]) -> tuple[str, str]:
    metadata = item["metadata"]
    return str(metadata.get("namespace") or "default"), str(metadata.get("name") or "(no name)")


# --- credentials ------------------------------------------------------------------------------------------------------


def _argocd_credential(secret: Secret, values: Mapping[str, str], problems: list[str]) -> Credential | None:
    if not ARGOCD.named_in(values) or _uses_other(values):
        return None
    return _credential(secret.label, values, ARGOCD, problems)


def _uses_other(values: Mapping[str, str]) -> bool:
    return _any_of(ARGOCD_BEFORE_APP, values)


def _any_of(keys: Iterable[str], values: Mapping[str, str]) -> bool:
    return any(key in values for key in keys)


def _credential(
    label: str, values: Mapping[str, str], keys: SecretKeys, problems: list[str], *, api_url: str = "", ca_pem: str = ""
) -> Credential | None:
    """The App in ``values``, or None with its problems noted."""
    own = [f"{label}: {key} is missing" for key in (keys.app_id, keys.private_key) if key not in values]
    if keys.installation_id not in values:
        own.append(
            f"{label}: {keys.installation_id} is missing; it has to stand in the Secret, even for a client that can look it up "
            "by the repository's owner (GitHub shows it in the address of the installation's settings)"
        )
    for key in (keys.app_id, keys.installation_id) if keys.app_id_is_number else (keys.installation_id,):
        value = values.get(key, "0")
        if not re.fullmatch(r"[0-9]+", value):
            found = "blanks or a line's end around it" if re.fullmatch(r"\s*[0-9]+\s*", value) else "other text"
            own.append(f"{label}: {key} is a number, found {found}: the client can't read it")
    api_url = (api_url or values.get(keys.api_url) or DEFAULT_API_URL).rstrip("/")
    try:
        git_url_of(api_url)
    except ValueError:
        own.append(f"{label}: {keys.api_url} is no URL")
    problems += own
    if own:
        return None
    return Credential(
        app_id=values[keys.app_id],
        installation_id=values[keys.installation_id],
        api_url=api_url,
        key_pem=_same_lines(values[keys.private_key]),
        ca_pem=_same_lines(ca_pem) if ca_pem else "",
    )


def _same_lines(pem: str) -> str:
    """The PEM with no blanks at its lines' ends, so that the same key has the same text."""
    return "\n".join(line.strip() for line in pem.strip().splitlines()) + "\n"


# --- URLs -------------------------------------------------------------------------------------------------------------


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


def _repository_of(url: str) -> tuple[str, str] | None:
    """Where a repository is (empty for ssh, whose host need not be that of HTTPS) and its OWNER/NAME; None if it is none.

    >>> _repository_of("https://github.com/acme/deploy-config.git")
    ('https://github.com', 'acme/deploy-config')
    >>> _repository_of("git@github.com:acme/deploy-config.git")
    ('', 'acme/deploy-config')
    """
    url = url.strip()
    if match := re.fullmatch(r"[^/:@]+@[^/:]+:(.*)", url):
        git_url, path = "", match[1]
    else:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            return None
        if parts.scheme not in ("https", "ssh") or not host:
            return None
        port_part = f":{port}" if port and port != 443 else ""
        host = "github.com" if host == "www.github.com" else host
        git_url, path = (f"https://{host}{port_part}" if parts.scheme == "https" else ""), parts.path
    full_name = path.strip("/").removesuffix(".git")
    return (git_url, full_name) if re.fullmatch(r"[\w.-]+/[\w.-]+", full_name) else None


def _arc_target(url: str) -> tuple[str, list[str]] | None:
    """The API that ARC asks, and the repository if the runners are one's own; an enterprise takes no GitHub App.

    >>> _arc_target("https://github.com/acme"), _arc_target("https://ghes.example.net/acme/shop")
    (('https://api.github.com', []), ('https://ghes.example.net/api/v3', ['acme/shop']))
    """
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return None
    path = parts.path.strip("/")
    host = parts.netloc.lower().removeprefix("www.")
    if parts.scheme != "https" or "@" in host or not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", path):
        return None
    if path.lower().startswith("enterprises/"):
        return None
    hosted = host == "github.com" or host.endswith(".ghe.com")
    return (f"https://api.{host}" if hosted else f"https://{host}/api/v3"), [path] if "/" in path else []


def _shown(url: object) -> str:
    """What was found in a URL's place, unless it may hold a secret."""
    text = str(url or "")
    if not text:
        return "found none"
    if len(text) > 100 or not re.fullmatch(r"[\w.:/@~+-]+", text) or re.search(r"://.*@", text):
        return "found text that is not shown, since it may hold a secret"
    return f"found {text!r}"


def _raise(problems: Sequence[str]) -> None:
    if problems:
        raise SettingsError(dict.fromkeys(problems))
