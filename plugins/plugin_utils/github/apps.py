"""The GitHub Apps to check: settings, keys and signed JWTs. Keys and JWTs stay in memory."""

from __future__ import annotations

import contextlib
import functools
import math
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..boundary.libraries import RSAPrivateKey, jwt
from ..boundary.settings import ROLES
from ..boundary.values import shown
from ..clock.controller import Moment
from .answers import AnswerKey
from .client_profiles import MAX_EXP_AHEAD_S, ClientProfile, narrowest
from .fields import (
    DEFAULT_API_URL,
    git_url_of,
    read_api_url,
    read_client_id,
    read_depth,
    read_git_url,
    read_name,
    read_notes,
    read_number,
    read_owner,
    read_permissions,
    read_repositories,
    read_unusable,
    unknown_keys,
)
from .pem import load_key, read_ca

__all__ = [
    "KNOWN_KEYS",
    "TRUE_TIME_LIFE_S",
    "GithubApp",
    "WithheldError",
    "date_apis",
    "date_url",
    "git_url_of",
    "read_github_apps",
    "unusable_apps",
]

TRUE_TIME_LIFE_S = 30
"""How long a JWT of the true time is valid after the controller's time. The node can act as the App
for as long."""

UNCHECKED_AHEAD_S = 2
"""How far a JWT's ``iat`` may be after the clock of a controller that could not check its clock. A
JWT of the past is useless."""

KNOWN_KEYS = (
    "name",
    "app_id",
    "client_id",
    "installation_id",
    "owner",
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
    "notes",
    "unusable",
)


BESIDE_UNUSABLE = ("name", "unusable", "notes", "depth", "permissions", "ca_file", "ca_pem", "git_url", "repositories")
"""Fields that an unusable entry may also have, because a playbook adds them to all entries of a
filter (``combine``)."""


class WithheldError(Exception):
    """A JWT is not signed, because it would be valid for too long; the text is the reason."""

    def __init__(self, key: AnswerKey, why: str) -> None:
        """``key``: the time is too far ahead, or the controller does not know its own time."""
        super().__init__(why)
        self.key = key


@dataclass(frozen=True)
class GithubApp:
    """One credential and what it must reach. Its ``repr`` and dicts never have the key.

    Either ``installation_id`` or ``owner`` is empty. The node looks up an owner's installation.
    """

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
    owner: str = ""
    notes: tuple[str, ...] = ()

    @classmethod
    def from_settings(
        cls, row: Mapping[str, Any], position: int, profiles: Sequence[ClientProfile] = (), *, prefix: str = ROLES
    ) -> GithubApp:
        """Read one entry of ``github_apps``, with its key; raises ValueError with all of its
        problems.

        ``profiles`` are those of the clients that use the App. The strictest client's JWT is sent,
        with its issuer.
        """
        entry = _Entry(row if isinstance(row, Mapping) else {})
        name = entry.read(lambda: read_name(entry.row.get("name"), "")) or f"github_apps[{position}]"
        if isinstance(row, Mapping):
            app = cls._read(name, entry, profiles)
        else:
            entry.problems.append(f"expected a mapping, found a {type(row).__name__}")
        if entry.problems:
            raise ValueError(f"{prefix}github_apps, {name}: {'; '.join(entry.safe_problems())}") from None
        return app

    @classmethod
    def _read(cls, name: str, entry: _Entry, profiles: Sequence[ClientProfile]) -> GithubApp:
        row, read = entry.row, entry.read
        entry.problems += unknown_keys(row, KNOWN_KEYS)
        repositories = read(lambda: read_repositories(row.get("repositories"))) or ()
        api_url = read(lambda: read_api_url(row.get("api_url"))) or DEFAULT_API_URL
        installation_id, owner = _read_installation(entry)
        loaded: Any = read(lambda: load_key(row))
        notes = read(lambda: read_notes(row.get("notes"))) or ()
        return cls(
            name=name,
            issuer=_read_issuer(entry, profiles),
            installation_id=installation_id,
            owner=owner,
            api_url=api_url,
            git_url=read(lambda: read_git_url(row.get("git_url"), api_url)) or "",
            repositories=repositories,
            permissions=read(lambda: read_permissions(row.get("permissions"))) or {},
            depth=read(lambda: read_depth(row.get("depth"), repositories)) or "",
            ca_pem=read(lambda: read_ca(row)),
            key=loaded and loaded.key,
            notes=(*notes, loaded.note) if loaded and loaded.note else notes,
        )

    def public(self) -> dict[str, Any]:
        """What may be stored beside the evidence."""
        return {
            "name": self.name,
            "issuer": self.issuer,
            **self._installation(),
            "api_url": self.api_url,
            "git_url": self.git_url,
            "repositories": list(self.repositories),
            "permissions": dict(self.permissions),
            "depth": self.depth,
            **({"notes": list(self.notes)} if self.notes else {}),
        }

    def _installation(self) -> dict[str, str]:
        """The installation's ID or owner."""
        return {"owner": self.owner} if self.owner else {"installation_id": self.installation_id}

    def sign(self, profile: ClientProfile, now_s: float, moment: Moment, life_s: int | None = None) -> str:
        """A JWT as ``profile``'s client makes it when its clock shows ``now_s`` (Unix seconds).

        ``life_s`` shortens it. ``moment`` is the controller's time. A JWT that would be valid for
        too long after it raises WithheldError. RS256 is deterministic and the clock has whole
        seconds, so ``jti`` makes the JWTs of many nodes different.
        """
        if not math.isfinite(now_s):
            raise WithheldError(AnswerKey.TOO_FAR_AHEAD, f"the node's clock shows {now_s}, which is not a valid time")
        second = math.floor(now_s)
        exp_s = profile.exp_s if life_s is None else min(profile.exp_s, life_s)
        claims = {"iss": self.issuer, "iat": second + profile.iat_s, "exp": second + exp_s, "jti": uuid.uuid4().hex}
        _refuse_late(claims, moment, MAX_EXP_AHEAD_S if life_s is None else min(MAX_EXP_AHEAD_S, life_s))
        return jwt.encode(claims, self.key, algorithm="RS256")

    def request(self, attempts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """This App's entry of the module's parameter ``github_apps``."""
        return {
            "name": self.name,
            "api_url": self.api_url,
            "git_url": self.git_url,
            "ca_pem": self.ca_pem,
            **self._installation(),
            "depth": self.depth,
            "repositories": list(self.repositories),
            "permissions": dict(self.permissions),
            "attempts": [dict(attempt) for attempt in attempts],
        }


def read_github_apps(
    rows: Any, profiles: Sequence[ClientProfile] = (), *, prefix: str = ROLES
) -> tuple[list[GithubApp], list[str]]:
    """Read all entries; returns the good ones, and the problems of each bad one.

    ``profiles`` are those of the clients that use the Apps. For ``unusable_apps`` only problems are
    returned.
    """
    apps: list[GithubApp] = []
    names: list[str] = []
    problems: list[str] = []
    if not isinstance(rows, list | tuple):
        return [], [f"{prefix}github_apps: expected a list of mappings, found {shown(rows)}"]
    for position, row in enumerate(rows):
        try:
            if _is_unusable(row):
                names.append(_read_unusable(row, position, prefix)["name"])
            else:
                apps.append(GithubApp.from_settings(row, position, profiles, prefix=prefix))
                names.append(apps[-1].name)
        except ValueError as error:
            problems.append(str(error))
    problems += [
        f"{prefix}github_apps: the name {name!r} is used twice" for name, times in Counter(names).items() if times > 1
    ]
    return apps, problems


def unusable_apps(rows: Any) -> list[dict[str, Any]]:
    """The entries that no client could use, from the filters for the clients' Secrets.

    Wrong entries are left out. An entry is the same in settings and in a stored policy: ``name``,
    and ``unusable``, a list of ``key``, ``found`` and ``remedy``.
    """
    found = []
    for position, row in enumerate(rows if isinstance(rows, list | tuple) else ()):
        if _is_unusable(row):
            with contextlib.suppress(ValueError):
                found.append(_read_unusable(row, position, ROLES))
    return found


def _is_unusable(row: Any) -> bool:
    return isinstance(row, Mapping) and "unusable" in row


def _read_unusable(row: Mapping[str, Any], position: int, prefix: str) -> dict[str, Any]:
    entry = _Entry(row)
    name = entry.read(lambda: read_name(row.get("name"), "")) or f"github_apps[{position}]"
    faults = entry.read(lambda: read_unusable(row["unusable"]))
    others = [key for key in row if key not in BESIDE_UNUSABLE]
    if others:
        entry.problems.append(
            f"the entry has unusable and also {', '.join(shown(key) for key in others)}. An entry with unusable has no "
            "credential, and only the filters for the clients' Secrets write it"
        )
    if entry.problems:
        raise ValueError(f"{prefix}github_apps, {name}: {'; '.join(entry.safe_problems())}") from None
    return {"name": name, "unusable": faults}


def date_apis(apps: Iterable[GithubApp]) -> list[dict[str, Any]]:
    """Each API of these Apps once, in the form for the request of its ``Date``.

    The request does not count against GitHub's 60 requests an hour for one address (its
    documentation, "Rate limits").
    """
    cas = {app.api_url: app.ca_pem for app in apps}
    return [{"url": date_url(url), "ca_pem": ca_pem} for url, ca_pem in cas.items()]


def date_url(api_url: str) -> str:
    """The URL that is requested for an API's ``Date``."""
    return f"{api_url}/rate_limit"


def _refuse_late(claims: Mapping[str, Any], moment: Moment, most_s: int) -> None:
    """Raise WithheldError for an ``exp`` more than ``most_s`` after the controller's time.

    If that time is not known, the controller's clock is used instead. Then ``iat`` may be at most
    UNCHECKED_AHEAD_S after it.
    """
    exp_after_s, iat_after_s = claims["exp"] - moment.now_s, claims["iat"] - moment.own_s
    late = (
        f"its exp would be {exp_after_s:.0f} s after the controller's time; no JWT is signed for more than {most_s} s"
    )
    if moment.skew_s is not None:
        if not exp_after_s <= most_s:
            raise WithheldError(AnswerKey.TOO_FAR_AHEAD, late)
        return
    if not iat_after_s <= UNCHECKED_AHEAD_S:
        late = (
            f"its iat would be {iat_after_s:.0f} s after the controller's clock, which the controller could not check; no JWT "
            f"is signed for more than {UNCHECKED_AHEAD_S} s"
        )
    elif exp_after_s <= most_s:
        return
    raise WithheldError(AnswerKey.CONTROLLER_TIME_UNKNOWN, late)


class _Entry:
    """One entry of ``github_apps`` while it is read, and its problems."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        self.row = row
        self.problems: list[str] = []

    def read(self, reader: Callable[[], Any]) -> Any:
        """The reader's result, or None with its problem noted."""
        try:
            return reader()
        except ValueError as error:
            self.problems.append(str(error))
            return None

    def safe_problems(self) -> list[str]:
        """The problems, without the passphrase and the lines of the key."""
        given = (str(self.row.get(field) or "") for field in ("private_key_passphrase", "private_key"))
        secrets = [line.strip() for text in given for line in text.splitlines() if len(line.strip()) >= 6]
        return [
            functools.reduce(lambda said, secret: said.replace(secret, "(not shown)"), secrets, problem)
            for problem in self.problems
        ]


def _read_installation(entry: _Entry) -> tuple[str, str]:
    """The installation's ID, or its owner if it has to be looked up; both empty with a problem
    noted.
    """
    row = entry.row
    given = [key for key in ("installation_id", "owner") if row.get(key) not in (None, "")]
    if len(given) != 1:
        found = "both are set" if given else "neither is set"
        entry.problems.append(
            f"expected either installation_id or owner (the organisation or user whose installation is looked up); {found}"
        )
        return "", ""
    if given == ["owner"]:
        return "", entry.read(lambda: read_owner(row["owner"])) or ""
    return entry.read(lambda: read_number("installation_id", row["installation_id"])) or "", ""


def _read_issuer(entry: _Entry, profiles: Sequence[ClientProfile]) -> str:
    """The ``iss`` of the App's JWTs: what the strictest of these clients sends; empty with a
    problem noted.
    """
    row, read = entry.row, entry.read
    given = [key for key in ("app_id", "client_id") if row.get(key) not in (None, "")]
    app_id = read(lambda: read_number("app_id", row["app_id"])) if "app_id" in given else None
    client_id = read(lambda: read_client_id(row["client_id"])) if "client_id" in given else None
    need_app_id = list(dict.fromkeys(profile.name for profile in profiles if profile.iss == "app_id"))
    if not given:
        entry.problems.append("app_id or client_id is needed (the App's settings page shows both)")
    elif need_app_id and "app_id" not in given:
        entry.problems.append(
            f"app_id is needed, but only client_id is set. {', '.join(need_app_id)} can sign with the App's ID "
            "only (the App's settings page shows both)"
        )
    prefers_app_id = bool(profiles) and narrowest(profiles).iss == "app_id"
    return str((app_id if prefers_app_id else client_id) or app_id or client_id or "")
