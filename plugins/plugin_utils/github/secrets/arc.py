"""GitHub App credentials from the Secrets of actions-runner-controller (ARC)."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from ..fields import DEFAULT_API_URL
from .credentials import Entries, SecretKeys, credential_of, raise_all, shown
from .objects import objects_of, secrets_of

# ARC gives the App's ID to GitHub as it is, so it may be a client ID.
KEYS = SecretKeys("github_app_id", "github_app_installation_id", "github_app_private_key", app_id_is_number=False)


def arc_apps(given: object, github_config_url: str) -> list[dict[str, Any]]:
    """From ARC's Secrets (``githubConfigSecret``) of the runner scale sets at ``github_config_url``.

    ARC's App needs no right to contents, so the entries ask for ``metadata`` only and reach for no repository by git; that of
    a repository's own runners still narrows the token. Keys and URLs: actions-runner-controller ``appconfig.go``, ``config.go``.
    Raises SettingsError.
    """
    problems: list[str] = []
    target = _arc_target(github_config_url)
    if target is None:
        found = shown(github_config_url)
        problems.append(f"github_config_url is https://HOST/OWNER or https://HOST/OWNER/REPOSITORY, {found}")
    api_url, repositories = target or (DEFAULT_API_URL, [])
    wanted = {KEYS.app_id, KEYS.installation_id, KEYS.private_key, "github_token"}
    entries = Entries()
    for secret in secrets_of(objects_of(given), (None,), wanted, problems):
        if not KEYS.named_in(secret.values):
            continue
        if "github_token" in secret.values:
            problems.append(f"{secret.label}: github_token beside a GitHub App, of which ARC takes only one")
            continue
        credential = credential_of(secret.label, secret.values, KEYS, problems, api_url=api_url)
        if credential:
            entries.add(credential, secret, repositories)
    raise_all(problems)
    return entries.settings(depth="token", permissions={"metadata": "read"})


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
