"""Installation tokens: what a request for one may ask for, and what is kept of it."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .answers import DOCS_MINT, INVALID_REQUEST, NOT_GRANTED, NOT_INSTALLED, TOO_MANY, RefusedError, refusal
from .app import APP_ID, GRANTED
from .claims import is_integer

TOKEN_LIFETIME_S = 3600
REPOSITORIES_AT_MOST = 500
TOKEN_FORMS = ("short", "long")
LEVELS = {"read": 1, "write": 2, "admin": 3}


@dataclass
class Token:
    """An installation token, without the token."""

    repositories: tuple[str, ...]  # full names
    permissions: dict[str, str]
    narrowed: bool
    expires_at_s: int
    revoked: bool = False
    known_from_s: float = 0.0
    """Before this time of the API's clock its use is refused with `unknown_status`:
    it is not replicated yet.
    """
    unknown_status: int = 401


def json_object(body: bytes) -> dict[str, Any]:
    """The request's settings, none for `null`, which ghinstallation sends;
    RefusedError for what is no JSON object.
    """
    try:
        content = json.loads(body or b"{}")
    except ValueError:
        raise RefusedError(refusal(400, "Problems parsing JSON", DOCS_MINT)) from None
    if content is None:  # ghinstallation's body, if it narrows nothing
        return {}
    if not isinstance(content, dict):
        raise RefusedError(refusal(422, INVALID_REQUEST, DOCS_MINT))
    return content


def wanted_repositories(wanted: dict[str, Any], repository_ids: Mapping[str, int]) -> list[str]:
    """Names without the owner, as `repositories` has them; empty:
    the token is not narrowed to some.
    """
    names, ids = wanted.get("repositories") or [], wanted.get("repository_ids") or []
    if not isinstance(names, list) or not isinstance(ids, list):
        raise RefusedError(refusal(422, INVALID_REQUEST, DOCS_MINT))
    if len(names) + len(ids) > REPOSITORIES_AT_MOST:
        raise RefusedError(refusal(422, TOO_MANY, DOCS_MINT))
    name_of = {repository_id: name for name, repository_id in repository_ids.items()}
    found = [str(name).lower() for name in names] + [name_of.get(id_, "") if is_integer(id_) else "" for id_ in ids]
    if not set(found) <= set(repository_ids):
        raise RefusedError(refusal(422, NOT_INSTALLED, DOCS_MINT))
    return sorted(set(found))


def wanted_permissions(wanted: dict[str, Any]) -> dict[str, str]:
    """The permissions of the token; RefusedError for more than was granted to the installation."""
    permissions = wanted.get("permissions") or GRANTED
    if not isinstance(permissions, dict):
        raise RefusedError(refusal(422, INVALID_REQUEST, DOCS_MINT))
    for name, level in permissions.items():
        if LEVELS.get(str(level), 99) > LEVELS.get(GRANTED.get(name, ""), 0):
            raise RefusedError(refusal(422, NOT_GRANTED, DOCS_MINT))
    return {**permissions, "metadata": "read"}


def check_scope(named: int, installed: int, permissions: int, limit: int | None) -> None:
    """RefusedError where a token narrowed to permissions is
    of more repositories times permissions than the limit.
    """
    if limit is not None and permissions and (named or installed) * permissions > limit:
        raise RefusedError(refusal(422, TOO_MANY, DOCS_MINT))


def new_token(form: str) -> str:
    """A random value in one of TOKEN_FORMS."""
    if form == "short":
        return "ghs_" + _characters(36)
    return f"ghs_{APP_ID}_{_stateless()}"


def _stateless() -> str:
    """A JWT by its form, of a length that makes the whole token about 520 characters."""
    header = {"alg": "ES256", "kid": _characters(16), "typ": "JWT"}
    claims = {"iss": "github", "jti": _characters(241)}
    parts = (*(json.dumps(part, separators=(",", ":")).encode() for part in (header, claims)), secrets.token_bytes(64))
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def _characters(count: int) -> str:
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(count))


def sha256(text: str) -> str:
    """The hex digest by which a token is known here."""
    return hashlib.sha256(text.encode()).hexdigest()
