"""The common parts of the clients' Secrets: GitHub Apps, repositories, and entries of
``gate_github_apps``.

Secrets that a client would not use for a GitHub App are left out. A Secret that the client could
not use becomes an entry with its faults, and does not stop the others. No text quotes more of a
Secret than its URLs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from ...boundary.values import is_placeholder, may_be_secret
from ...boundary.values import shown as value_shown
from ..fields import (
    DEFAULT_API_URL,
    git_url_of,
    read_api_url,
    read_client_id,
    read_git_url,
    read_owner,
    read_repositories,
)
from ..go_pem import GoRefusesError, read_key
from ..key_faults import Fault, KeyFault, faults_of
from ..pem import read_ca
from .faults import Faults, SecretFault
from .objects import Secret, shortened

_INT64 = 2**63
_LONGEST_HOST = 40
_OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


@dataclass(frozen=True)
class SecretKeys:
    """A client's names for the parts of its GitHub App in a Secret, and how it reads them.

    ``app_id_is_number``: otherwise the App ID is sent to GitHub unchanged. ``empty_is_wrong``: an
    empty number makes the Secret unreadable; otherwise it counts as missing. ``wrong_is_missing``:
    text instead of a number counts as missing. ``looks_up``: the installation ID may be left out.
    """

    app_id: str
    installation_id: str
    private_key: str
    api_url: str = ""
    client_id: str = ""
    owner: str = ""
    app_id_is_number: bool = True
    empty_is_wrong: bool = False
    wrong_is_missing: bool = False
    looks_up: bool = False

    @property
    def all(self) -> set[str]:
        """All these keys."""
        named = (self.app_id, self.installation_id, self.private_key, self.api_url, self.client_id, self.owner)
        return {key for key in named if key}

    def named_in(self, values: Mapping[str, str]) -> bool:
        """Whether the Secret is about a GitHub App, complete or not."""
        return any(key in values for key in self.all - {self.api_url})


@dataclass(frozen=True)
class Credential:
    """The values that make two Secrets the same for GitHub.

    ``installation_id`` is empty if the client looks it up by ``owner``. ``git_url`` is set only if
    the repositories are not at the API's usual place.
    """

    app_id: str
    client_id: str
    installation_id: str
    owner: str
    api_url: str
    key_pem: str = field(repr=False)
    ca_pem: str = field(repr=False)
    git_url: str = ""

    def at(self, git_url: str, owner: str) -> Credential:
        """This credential for repositories of ``owner`` at ``git_url`` (empty if not known)."""
        return replace(
            self,
            git_url="" if git_url == git_url_of(self.api_url).lower() else git_url,
            owner=self.owner if self.installation_id or self.owner else owner.lower(),
        )


class Entries:
    """Entries of ``gate_github_apps``: each credential once, with its repositories in order."""

    def __init__(self, **more: Any) -> None:
        """Has no entry yet; each will also have the keys of ``more``."""
        self._more = more
        self._names: dict[Credential, str] = {}
        self._repositories: dict[Credential, dict[str, str]] = {}
        self._notes: dict[Credential, dict[str, None]] = {}
        self._used: set[Credential] = set()

    def add(
        self, credential: Credential, secret: Secret, url: tuple[str, str] | None = None, notes: Iterable[str] = ()
    ) -> None:
        """Add an entry for ``credential``, named after the Secret, and the repository at
        ``url``.
        """
        git_url, full_name = url or ("", "")
        owner = full_name.partition("/")[0]
        self._used.add(credential)
        used = credential.at(git_url, owner) if url else credential
        name = secret.label + (f" at {_host_shown(used.git_url)}" if used.git_url else "")
        if used.owner and not credential.owner and secret.is_template:
            name += f" for {used.owner}"
        self._names.setdefault(used, name)
        self._repositories.setdefault(used, {}).update({full_name.lower(): full_name} if full_name else {})
        self._notes.setdefault(used, {}).update(dict.fromkeys(notes))

    def is_used(self, credential: Credential) -> bool:
        """Whether there is an entry for this credential, at any host."""
        return credential in self._used

    def settings(self) -> list[dict[str, Any]]:
        """The entries as the setting has them."""
        return [
            {
                "name": name,
                **({"app_id": credential.app_id} if credential.app_id else {}),
                **({"client_id": credential.client_id} if credential.client_id else {}),
                **({"installation_id": credential.installation_id} if credential.installation_id else {}),
                **({"owner": credential.owner} if credential.owner else {}),
                "private_key": credential.key_pem,
                "api_url": credential.api_url,
                **({"git_url": credential.git_url} if credential.git_url else {}),
                **({"ca_pem": credential.ca_pem} if credential.ca_pem else {}),
                "repositories": list(self._repositories[credential].values()),
                **self._more,
                **({"notes": list(self._notes[credential])} if self._notes[credential] else {}),
            }
            for credential, name in self._names.items()
        ]


def _host_shown(git_url: str) -> str:
    """A host for a name in a report; a load balancer's name is long and made of a hash."""
    host = urlsplit(git_url).netloc
    return shortened(host) if len(host) > _LONGEST_HOST or may_be_secret(host) else host


def with_own_names(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The entries with unique names, because Secrets of two clusters may have the same name."""
    used: dict[str, int] = {}
    for entry in entries:
        number = used[entry["name"]] = used.get(entry["name"], 0) + 1
        if number > 1:
            entry["name"] += f" ({number})"
    return entries


def credential_of(
    secret: Secret, values: Mapping[str, str], keys: SecretKeys, faults: Faults, *, api_url: str = "", ca_pem: str = ""
) -> Credential | None:
    """The App in ``values``, or None with its faults noted."""
    reader = _Reader(values, keys, secret.empty)
    credential = reader.read(api_url=api_url, ca_pem=ca_pem)
    faults.note(secret.label, *reader.faults)
    return None if reader.faults else credential


class _Reader:
    """One Secret's values while they are read, and their faults."""

    def __init__(self, values: Mapping[str, str], keys: SecretKeys, empty: frozenset[str]) -> None:
        self.values = values
        self.keys = keys
        self.empty = empty
        self.faults: list[Fault] = []

    def read(self, *, api_url: str, ca_pem: str) -> Credential:
        keys = self.keys
        app_id, client_id = self._ids()
        return Credential(
            app_id=app_id,
            client_id=client_id,
            key_pem=self._key(),
            installation_id=self._installation(),
            owner=self._owner(),
            api_url=self._api_url(api_url or self.values.get(keys.api_url) or DEFAULT_API_URL),
            ca_pem=self._ca(ca_pem),
        )

    def _ids(self) -> tuple[str, str]:
        keys, values = self.keys, self.values
        client_id = values.get(keys.client_id, "")
        if not keys.app_id_is_number and keys.app_id in values and not re.fullmatch("[1-9][0-9]*", values[keys.app_id]):
            client_id = values[keys.app_id]
        if client_id:
            try:
                read_client_id(client_id)
            except ValueError as error:
                of, why = (
                    (keys.client_id, str(error)) if keys.client_id in values else (keys.app_id, _expected_id(client_id))
                )
                self._fault(SecretFault.NOT_AN_APP_ID, f"{of} is not an ID of a GitHub App ({why})", _APP_ID)
            if not keys.app_id_is_number or keys.app_id not in values:
                return "", client_id
        app_id = self._number(keys.app_id, enough=bool(client_id))
        if not app_id and not client_id and not self.faults:
            also = f" (or {keys.client_id})" if keys.client_id else ""
            self._fault(SecretFault.MISSING, f"{keys.app_id}{also} is missing", _APP_ID)
        return app_id, client_id

    def _key(self) -> str:
        key = self.keys.private_key
        if key not in self.values:
            self._fault(SecretFault.MISSING, f"{key} is missing", f"Add {key}, the App's private key (PEM).")
            return ""
        pem = self.values[key].encode(errors="surrogateescape")
        try:
            return read_key(pem).pem()
        except GoRefusesError:
            self.faults += [replace(fault, found=f"{key} {fault.found}") for fault in faults_of(pem)]
        except ValueError as error:
            remedy = "Use a key that GitHub generated: RSA with two primes."
            self._fault(KeyFault.NOT_LOADED, f"{key} can't be tried: {error}", remedy)
        return ""

    def _installation(self) -> str:
        keys = self.keys
        before = len(self.faults)
        owner = self.values.get(keys.owner, "")
        number = self._number(keys.installation_id, enough=bool(owner))
        if number and owner:
            found = f"{keys.owner} and {keys.installation_id} are both set, but the client accepts only one"
            self._fault(SecretFault.TWO_INSTALLATIONS, found, f"Remove {keys.owner} or {keys.installation_id}.")
        elif not number and not owner and not keys.looks_up and len(self.faults) == before:
            also = f" (or {keys.owner})" if keys.owner else ""
            remedy = _INSTALLATION.format(keys.installation_id)
            self._fault(SecretFault.MISSING, f"{keys.installation_id}{also} is missing", remedy)
        return number

    def _owner(self) -> str:
        owner = self.values.get(self.keys.owner, "")
        if owner and (not _OWNER.fullmatch(owner) or is_placeholder(owner)):
            found = f"{self.keys.owner} is not the name of an organisation or a user, {shown(owner)}"
            remedy = "Write only the name, as in https://github.com/NAME, without blanks."
            self._fault(SecretFault.NOT_AN_OWNER, found, remedy)
            return ""
        return owner

    def _number(self, key: str, *, enough: bool) -> str:
        """A whole number as Go's ParseInt reads it, without sign and zeros; empty if it counts as
        missing.

        ``enough``: the client does not need this number.
        """
        if key in self.empty and self.keys.empty_is_wrong:
            remedy = _APP_ID if key == self.keys.app_id else f"Remove {key}, or write its number."
            self._fault(SecretFault.EMPTY, f"{key} is empty, which the client can't read", remedy)
        if key not in self.values:
            return ""
        number = _go_number(self.values[key])
        if number is None and enough and self.keys.wrong_is_missing:
            return ""
        if number is None or number < 0:
            what = _other_than_digits(self.values[key])
            remedy = _APP_ID if what == _CLIENT_ID else f"Write {key} with digits only, in YAML in quotes."
            found = f"{key}: expected a number, found {what}, which the client can't read"
            self._fault(SecretFault.NOT_A_NUMBER, found, remedy)
        return str(number) if number and number > 0 else ""

    def _api_url(self, given: str) -> str:
        try:
            return read_api_url(given.removesuffix("/"))
        except ValueError as error:
            of = self.keys.api_url
            self._fault(SecretFault.NOT_AN_API, f"{of} is not an API of GitHub ({error})", _API_URL.format(of))
            return ""

    def _ca(self, given: str) -> str:
        if not given:
            return ""
        try:
            return "\n".join(line.strip() for line in (read_ca({"ca_pem": given}) or "").strip().splitlines()) + "\n"
        except ValueError as error:
            remedy = "Put only PEM certificates into the Secret's ca.crt."
            self._fault(SecretFault.NOT_A_CA, f"the CA can't be used ({error})", remedy)
            return ""

    def _fault(self, key: SecretFault | KeyFault, found: str, remedy: str) -> None:
        self.faults.append(Fault(key, found, remedy))


_CLIENT_ID = "other text (a client ID)"
_APP_ID = "Write the App's ID (GitHub, the App's settings, About)."
_INSTALLATION = "Add {}: GitHub shows it at the end of the address of the installation's settings."
_API_URL = (
    "Correct {}: write https://HOST/api/v3 for GitHub Enterprise Server, https://api.NAME.ghe.com for GHE.com; remove it for "
    "github.com."
)


def _go_number(text: str) -> int | None:
    """The result of Go's ``strconv.ParseInt(text, 10, 64)``; None if that is an error."""
    if not re.fullmatch(r"[+-]?[0-9]{1,40}", text, re.ASCII):
        return None
    number = int(text)
    return number if -_INT64 <= number < _INT64 else None


def _expected_id(text: str) -> str:
    """What was expected and found, for a client that sends the App's ID unchanged."""
    return (
        "expected the App's ID in digits alone, without 0 or a sign before it, or a client ID like Iv23liAbCdEfGhIjKlMn, found "
        f"{value_shown(text)}"
    )


def _other_than_digits(text: str) -> str:
    stripped = text.strip()
    if stripped != text and re.fullmatch(r"[0-9]+", stripped):
        return "blanks or a line's end around it"
    if re.fullmatch(r"[\"'][0-9]+[\"']", stripped):
        return "quotes around it"
    if re.fullmatch(r"[0-9.]+e\+?[0-9]+|[0-9]+\.[0-9]+", stripped, re.IGNORECASE):
        return "a point or an exponent, as Helm and YAML write large numbers that are not in quotes"
    if re.fullmatch(r"[0-9]+", stripped):
        return "too many digits"
    if re.fullmatch(r"-[0-9]+", stripped):
        return "a minus sign before it"
    if re.fullmatch(r"Iv[0-9][0-9A-Za-z.]*", stripped):
        return _CLIENT_ID
    return "other text (a placeholder)" if is_placeholder(stripped) else "other text"


def repository_of(url: str) -> tuple[str, str] | None:
    """A repository's place and its OWNER/NAME; None if the URL is not one.

    The place is empty for ssh, because the host of HTTPS may be another one.

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
        host = f"[{host}]" if ":" in host else host
        host = "github.com" if host == "www.github.com" else host
        git_url, path = (f"https://{host}{port_part}" if parts.scheme == "https" else ""), parts.path
    full_name = path.strip("/").removesuffix(".git")
    try:
        read_repositories([full_name])
        read_git_url(git_url, DEFAULT_API_URL)
    except ValueError:
        return None
    return git_url, full_name


def is_owner(name: str) -> bool:
    """Whether an installation can be looked up by this name."""
    try:
        read_owner(name)
    except ValueError:
        return False
    return True


def shown(url: object) -> str:
    """The text that was found instead of a URL, unless it may hold a secret."""
    text = str(url or "")
    if not text:
        return "found none"
    if not re.fullmatch(r"[\w.:/@~+-]+", text) or may_be_secret(text):
        return "found text that is not shown, since it may hold a secret"
    return f"found {text!r}"
