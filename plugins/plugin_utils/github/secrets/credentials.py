"""What the clients' Secrets have in common: a GitHub App, its repositories, and the entries of ``gate_github_apps`` made of them.

What a client would not use a Secret for is left out; what it could not use is a problem. All problems are reported at once,
by the Secret's name, and no message quotes more of a Secret than its URL.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from ...boundary.settings import SettingsError
from ..fields import DEFAULT_API_URL, git_url_of
from .objects import Secret


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


class Entries:
    """Entries of ``gate_github_apps``: each credential once, with its repositories in order."""

    def __init__(self) -> None:
        """No entry yet."""
        self._names: dict[Credential, str] = {}
        self._repositories: dict[Credential, dict[str, str]] = {}

    def add(self, credential: Credential, secret: Secret, repositories: Iterable[str] = ()) -> None:
        """An entry for ``credential``, if there is none yet, named after the Secret; with these repositories (OWNER/NAME) too."""
        where = f" at {urlsplit(credential.git_url).netloc}" if credential.git_url else ""
        self._names.setdefault(credential, secret.label + where)
        known = self._repositories.setdefault(credential, {})
        for repository in repositories:
            known.setdefault(repository.lower(), repository)

    def add_unused(self, credentials: Mapping[Secret, Credential | None]) -> None:
        """Add those that no repository has used, at any host, so that they are checked too."""
        for secret, credential in credentials.items():
            if credential and credential not in {replace(known, git_url="") for known in self._names}:
                self.add(credential, secret)

    def settings(self, **more: Any) -> list[dict[str, Any]]:
        """The entries as the setting has them, each with ``more`` keys."""
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


def credential_of(
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


def repository_of(url: str) -> tuple[str, str] | None:
    """Where a repository is (empty for ssh, whose host need not be that of HTTPS) and its OWNER/NAME; None if it is none.

    >>> repository_of("https://github.com/acme/deploy-config.git")
    ('https://github.com', 'acme/deploy-config')
    >>> repository_of("git@github.com:acme/deploy-config.git")
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


def shown(url: object) -> str:
    """What was found in a URL's place, unless it may hold a secret."""
    text = str(url or "")
    if not text:
        return "found none"
    if len(text) > 100 or not re.fullmatch(r"[\w.:/@~+-]+", text) or re.search(r"://.*@", text):
        return "found text that is not shown, since it may hold a secret"
    return f"found {text!r}"


def raise_all(problems: Sequence[str]) -> None:
    """Raises SettingsError with each of the problems once, if there are any."""
    if problems:
        raise SettingsError(dict.fromkeys(problems))
