"""GitHub App credentials from the Secrets of actions-runner-controller (ARC)."""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ...boundary.settings import SettingsError
from ...boundary.values import shown as value_shown
from ..fields import read_api_url
from ..key_faults import Fault
from .credentials import Entries, SecretKeys, credential_of, shown, with_own_names
from .faults import Faults, SecretFault
from .objects import not_base64, objects_of, secrets_of

# ARC passes the App's ID to GitHub unchanged, so it may be a client ID.
KEYS = SecretKeys("github_app_id", "github_app_installation_id", "github_app_private_key", app_id_is_number=False)
TOKEN = "github_token"  # noqa: S105 - the key's name
WANTED = {*KEYS.all, TOKEN}


class Target(NamedTuple):
    """The runners' target: the API that ARC asks, the repository if they belong to one, and
    notes.
    """

    api_url: str
    repository: tuple[str, str] | None
    notes: tuple[str, ...] = ()


def arc_apps(given: object, github_config_url: object) -> list[dict[str, Any]]:
    """From ARC's Secrets (``githubConfigSecret``) of the runner scale sets at
    ``github_config_url``.

    ARC's App needs no right to contents. So the entries ask only for ``metadata``, and reach no
    repository by git. If the runners belong to a repository, it still narrows the token. Keys and
    URLs: actions-runner-controller ``appconfig.go``, ``config.go``. Raises SettingsError.
    """
    target = _arc_target(github_config_url)
    faults = Faults()
    entries = Entries(depth="token", permissions={"metadata": "read"})
    for secret in secrets_of(objects_of(given), (None,), WANTED):
        values = {**secret.values, **dict.fromkeys(secret.undecoded, "")}
        complete = all(key in values for key in KEYS.all)
        if not KEYS.named_in(values) or (TOKEN in values and not complete):  # ARC uses the token then
            continue
        if wrong := not_base64(secret, WANTED):
            faults.note(secret.label, *wrong)
        elif TOKEN in values:
            found = f"{TOKEN} and a GitHub App are both set, but ARC accepts only one of them"
            faults.note(
                secret.label, Fault(SecretFault.TWO_CREDENTIALS, found, f"Remove {TOKEN}, or the GitHub App's keys.")
            )
        elif credential := credential_of(secret, secret.values, KEYS, faults, api_url=target.api_url):
            entries.add(credential, secret, target.repository, target.notes)
    return with_own_names([*entries.settings(), *faults.entries()])


def _arc_target(url: object) -> Target:
    """The target of a URL, by ARC's ``ParseGitHubConfigFromURL``, which removes slashes at its
    ends.

    Raises SettingsError if no App can be used there: an enterprise accepts none. The address of an
    organisation's page, https://github.com/orgs/NAME, means the organisation. ARC reads it as a
    repository, so there is a note about it.

    >>> _arc_target("https://github.com/acme")[:2], _arc_target("https://ghes.example.net/acme/shop")[:2]
    (('https://api.github.com', None), ('https://ghes.example.net/api/v3', ('https://ghes.example.net', 'acme/shop')))
    """  # noqa: W505 - an example or a table
    expected = "github_config_url: expected https://HOST/OWNER or https://HOST/OWNER/REPOSITORY"
    if not isinstance(url, str):
        raise SettingsError([f"{expected}, found {value_shown(url)}"])
    try:
        parts = urlsplit(url.strip().strip("/"))
        host = parts.netloc.lower()
    except ValueError:
        raise SettingsError([f"{expected}, {shown(url)}"]) from None
    path = parts.path.strip("/")
    if re.match("enterprises(/|$)", path, re.IGNORECASE):
        raise SettingsError([f"{expected}, {shown(url)}: GitHub accepts no App for the runners of an enterprise"])
    if (
        parts.scheme != "https"
        or not host
        or "@" in host
        or not re.fullmatch(r"[\w.-]+(/[\w.-]+){0,2}", path, re.ASCII)
    ):
        raise SettingsError([f"{expected}, {shown(url)}"])
    notes: tuple[str, ...] = ()
    page = re.fullmatch("orgs/([^/]+)", path, re.IGNORECASE)
    if page:
        path = page[1]
        notes = (
            f"ARC reads githubConfigUrl https://{host}/orgs/{path} as a repository and registers no runner. Write https://{host}/{path}",
        )
    if path.count("/") > 1 or path == "api/v3":
        raise SettingsError([f"{expected}, {shown(url)}"])
    if path.endswith(".git"):
        raise SettingsError([f"{expected}, {shown(url)}: leave out .git"])
    host = host.removeprefix("www.") if host == "www.github.com" else host
    hosted = host == "github.com" or host.endswith(".ghe.com")
    try:
        api_url = read_api_url(f"https://api.{host}" if hosted else f"https://{host}/api/v3")
    except ValueError:  # the host is that of an API, or missing
        raise SettingsError([f"{expected}, {shown(url)}: use the browser's address of the organisation"]) from None
    return Target(api_url, (f"https://{host}", path) if "/" in path else None, notes)
