"""The App, its installation and its repositories, and how GitHub shows them."""

from __future__ import annotations

import datetime
import hashlib
from typing import Any

APP_ID = 1001
CLIENT_ID = "Iv23liLabClientId0001"
INSTALLATION_ID = 2002
OWNER = "acme"
REPOSITORY_IDS = {"deploy-config": 3001, "charts": 3002}
PUBLIC_REPOSITORIES = ("acme/website", "upstream/tools", "upstream/charts")
"""Public, and not in the installation: any token reads them, and none can be narrowed to them."""
GRANTED = {"contents": "read", "metadata": "read"}


def rfc3339(at_s: float) -> str:
    """Seconds since the epoch as GitHub's JSON has them, in whole ones."""
    return datetime.datetime.fromtimestamp(int(at_s), datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def account(login: str = OWNER, id_: int = 1) -> dict[str, Any]:
    """An organisation; by default the one that owns all repositories here."""
    return {
        "login": login,
        "id": id_,
        "node_id": f"O_{login}",
        "type": "Organization",
        "site_admin": False,
        "url": f"https://api.github.lab/orgs/{login}",
        "html_url": f"https://github.lab/{login}",
    }


def repository(full_name: str, id_: int) -> dict[str, Any]:
    """One of the installation's by OWNER/NAME, with the fields that clients read."""
    name = full_name.partition("/")[2]
    return {
        "id": id_,
        "node_id": f"R_{name}",
        "name": name,
        "full_name": full_name,
        "private": True,
        "owner": account(),
        "default_branch": "main",
        "url": f"https://api.github.lab/repos/{full_name}",
        "html_url": f"https://github.lab/{full_name}",
        "clone_url": f"https://github.lab/{full_name}.git",
    }


def upload_pack_advertisement(full_name: str) -> bytes:
    """One branch, in version 0 (gitprotocol-http, gitprotocol-pack),
    which a client of version 2 understands too.
    """
    # The repository has no content: any object name does, as long as it stays the same.
    commit = hashlib.sha1(full_name.lower().encode(), usedforsecurity=False).hexdigest()
    capabilities = "symref=HEAD:refs/heads/main object-format=sha1 agent=git/lab"
    lines = (
        _pkt_line("# service=git-upload-pack\n"),
        b"0000",
        _pkt_line(f"{commit} HEAD\0{capabilities}\n"),
        _pkt_line(f"{commit} refs/heads/main\n"),
        b"0000",
    )
    return b"".join(lines)


def _pkt_line(text: str) -> bytes:
    return f"{len(text) + 4:04x}{text}".encode()


def app_json() -> dict[str, Any]:
    """What `GET /app` answers."""
    return {
        "id": APP_ID,
        "client_id": CLIENT_ID,
        "slug": "lab",
        "node_id": "A_lab",
        "owner": account(),
        "name": "Lab",
        "description": None,
        "external_url": "https://github.lab",
        "html_url": "https://github.lab/apps/lab",
        "created_at": rfc3339(0),
        "updated_at": rfc3339(0),
        "permissions": GRANTED,
        "events": [],
        "installations_count": 1,
    }


def installation_json(suspended_at_s: float | None, id_: int = INSTALLATION_ID, login: str = OWNER) -> dict[str, Any]:
    """What `GET /app/installations/ID` answers; None: it is not suspended."""
    owner = account(login, id_ - INSTALLATION_ID + 1)
    return {
        "id": id_,
        "app_id": APP_ID,
        "client_id": CLIENT_ID,
        "app_slug": "lab",
        "account": owner,
        "target_id": owner["id"],
        "target_type": "Organization",
        "repository_selection": "selected",
        "access_tokens_url": f"https://api.github.lab/app/installations/{id_}/access_tokens",
        "repositories_url": "https://api.github.lab/installation/repositories",
        "html_url": f"https://github.lab/organizations/{login}/settings/installations/{id_}",
        "permissions": GRANTED,
        "events": [],
        "single_file_name": None,
        "created_at": rfc3339(0),
        "updated_at": rfc3339(0),
        "suspended_by": None if suspended_at_s is None else account(),
        "suspended_at": None if suspended_at_s is None else rfc3339(suspended_at_s),
    }
