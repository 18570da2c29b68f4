"""The GitHub Apps to check: their settings, their keys, and the JWTs signed with them. Keys and JWTs stay in memory."""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ..boundary.settings import read_file
from .client_profiles import ClientProfile

DEPTHS = ("jwt", "token", "repository")
DEFAULT_API_URL = "https://api.github.com"
TRUE_TIME_LIFE_S = 30
"""How long a JWT of the true time lives from its signing: it is an App's power on the node for as long."""

KNOWN_KEYS = (
    "name",
    "app_id",
    "client_id",
    "installation_id",
    "private_key",
    "private_key_file",
    "private_key_passphrase",
    "api_url",
    "git_url",
    "ca_file",
    "ca_pem",
    "repositories",
    "permissions",
    "depth",
)


@dataclass(frozen=True)
class GithubApp:
    """One credential and what it must reach. The key is left out of ``repr`` and of every dict made from this."""

    name: str
    issuer: str
    installation_id: str
    api_url: str
    git_url: str
    repositories: tuple[str, ...]
    permissions: Mapping[str, str]
    depth: str
    ca_pem: str | None = field(repr=False)
    key: RSAPrivateKey = field(repr=False)

    @classmethod
    def from_settings(cls, row: Mapping[str, Any], position: int) -> GithubApp:
        """Read one entry of ``gate_github_apps``, with its key; raises ValueError that names the entry and the fault."""
        name = f"github_apps[{position}]"
        try:
            if not isinstance(row, Mapping):
                raise ValueError(f"expected a mapping, found a {type(row).__name__}")
            name = str(row.get("name") or name)
            return cls._read(name, row)
        except ValueError as error:
            raise ValueError(f"gate_github_apps, {name}: {error}") from None

    @classmethod
    def _read(cls, name: str, row: Mapping[str, Any]) -> GithubApp:
        unknown = sorted(set(row) - set(KNOWN_KEYS))
        if unknown:
            raise ValueError(f"unknown key {unknown[0]!r}; known: {', '.join(KNOWN_KEYS)}")
        issuer = str(row.get("client_id") or row.get("app_id") or "")
        if not issuer:
            raise ValueError("app_id or client_id is needed (the App's settings page shows both)")
        installation_id = str(row.get("installation_id") or "")
        if not installation_id.isdigit():
            raise ValueError(f"installation_id is a number, found {installation_id!r}")
        api_url = str(row.get("api_url") or DEFAULT_API_URL).rstrip("/")
        parts = urlsplit(api_url)
        if parts.username or parts.password:
            raise ValueError("api_url has a user or a password in it; the App's JWT is all that the API is given")
        if parts.scheme != "https" or not parts.hostname or parts.query:
            raise ValueError(f"api_url is https://HOST or https://HOST/api/v3, found {api_url!r}")
        repositories = tuple(row.get("repositories") or ())
        for repository in repositories:
            if not re.fullmatch(r"[\w.-]+/[\w.-]+", str(repository)):
                raise ValueError(f"repositories are OWNER/NAME, found {repository!r}")
        depth = str(row.get("depth") or ("repository" if repositories else "token"))
        if depth not in DEPTHS:
            raise ValueError(f"depth is one of {', '.join(DEPTHS)}, found {depth!r}")
        if depth == "repository" and not repositories:
            raise ValueError("depth repository needs repositories, a list of OWNER/NAME")
        return cls(
            name=name,
            issuer=issuer,
            installation_id=installation_id,
            api_url=api_url,
            git_url=str(row.get("git_url") or git_url_of(api_url)).rstrip("/"),
            repositories=tuple(str(r) for r in repositories),
            permissions={str(k): str(v) for k, v in (row.get("permissions") or {"contents": "read"}).items()},
            depth=depth,
            ca_pem=_read_ca(row),
            key=_load_key(row),
        )

    def public(self) -> dict[str, Any]:
        """What may be stored beside the evidence."""
        return {
            "name": self.name,
            "issuer": self.issuer,
            "installation_id": self.installation_id,
            "api_url": self.api_url,
            "repositories": list(self.repositories),
            "depth": self.depth,
        }

    def sign(self, profile: ClientProfile, now_s: float, life_s: int | None = None) -> str:
        """A JWT as ``profile``'s client makes it when its clock shows ``now_s`` (Unix seconds); ``life_s`` shortens it.

        RS256 is deterministic and the clock has whole seconds: ``jti`` keeps many nodes from sending the very same JWT.
        """
        second = math.floor(now_s)
        exp_s = profile.exp_s if life_s is None else min(profile.exp_s, life_s)
        claims = {"iss": self.issuer, "iat": second + profile.iat_s, "exp": second + exp_s, "jti": uuid.uuid4().hex}
        return jwt.encode(claims, self.key, algorithm="RS256")

    def request(self, attempts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """This App's entry of the module's parameter ``github_apps``."""
        return {
            "name": self.name,
            "api_url": self.api_url,
            "git_url": self.git_url,
            "ca_pem": self.ca_pem,
            "installation_id": self.installation_id,
            "depth": self.depth,
            "repositories": list(self.repositories),
            "permissions": dict(self.permissions),
            "attempts": [dict(attempt) for attempt in attempts],
        }


def read_github_apps(rows: Sequence[Mapping[str, Any]]) -> tuple[list[GithubApp], list[str]]:
    """Read all entries; returns the good ones and, for each bad one, what is wrong with it."""
    apps: list[GithubApp] = []
    problems: list[str] = []
    for position, row in enumerate(rows):
        try:
            apps.append(GithubApp.from_settings(row, position))
        except ValueError as error:
            problems.append(str(error))
    names = [app.name for app in apps]
    problems += [
        f"gate_github_apps: the name {name!r} is used twice" for name in {n for n in names if names.count(n) > 1}
    ]
    return apps, problems


def git_url_of(api_url: str) -> str:
    """Where an API's repositories are: api.HOST is HOST's (github.com, ghe.com); HOST/api/v3 is HOST's own (GHES)."""
    parts = urlsplit(api_url)
    return f"https://{parts.netloc if parts.path.strip('/') else parts.netloc.removeprefix('api.')}"


def _load_key(row: Mapping[str, Any]) -> RSAPrivateKey:
    """The App's RSA key from ``private_key_file`` or ``private_key``. No message carries any of its text."""
    if bool(row.get("private_key_file")) == bool(row.get("private_key")):
        raise ValueError("exactly one of private_key_file and private_key is needed")
    if row.get("private_key_file"):
        pem, where = (
            read_file(row["private_key_file"], "private_key_file"),
            f"private_key_file {row['private_key_file']}",
        )
    else:
        pem, where = str(row["private_key"]).encode(), "private_key"
    if b"PUBLIC KEY-----" in pem:
        raise ValueError(
            f"{where} is a public key; the App's private key is needed (PEM, as GitHub gives it for download)"
        )
    passphrase = str(row["private_key_passphrase"]).encode() if row.get("private_key_passphrase") else None
    try:
        key = load_pem_private_key(pem, passphrase)
    except TypeError:
        expected = (
            "is encrypted: private_key_passphrase is needed"
            if passphrase is None
            else "is not encrypted, but a passphrase is given"
        )
        raise ValueError(f"{where} {expected}") from None
    except Exception:  # noqa: BLE001 - the library's messages may quote what it read
        hint = (
            "the passphrase is wrong, or it is truncated"
            if passphrase
            else "expected an unbroken PEM, PKCS#1 or PKCS#8"
        )
        raise ValueError(f"{where} can't be read as a private key ({hint})") from None
    if not isinstance(key, RSAPrivateKey):
        raise ValueError(f"{where} is not an RSA key; GitHub Apps sign with RS256")
    return key


def _read_ca(row: Mapping[str, Any]) -> str | None:
    """The CA's certificates from ``ca_file`` or ``ca_pem``; None where the node's own store is to be used."""
    path, text = row.get("ca_file"), row.get("ca_pem")
    if path and text:
        raise ValueError("at most one of ca_file and ca_pem may be given")
    if not path and not text:
        return None
    where = f"ca_file {path}" if path else "ca_pem"
    try:
        pem = read_file(path, "ca_file").decode("ascii") if path else str(text)
    except UnicodeDecodeError:
        pem = ""
    if not pem.isascii() or "CERTIFICATE-----" not in pem:
        raise ValueError(f"{where} is not PEM; expected certificates in ASCII, without other text")
    return pem
