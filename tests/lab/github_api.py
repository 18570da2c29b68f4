"""A GitHub with one App: its rules, its messages, a clock of its own, and a script for what goes wrong.

    python -m tests.lab.github_api serve --listen 10.77.0.1:443 --state-dir build/lab/github

It answers as api.github.com, as a GitHub Enterprise Server (the same paths under ``/api/v3``) and as github.com's git
over HTTPS, all on one address. Tests use `running_api` in their own process, and `Control` to script either.

What each answer rests on
=========================

R: recorded from GitHub (in the test data of the project named). D: GitHub's documentation. T: told by third parties in
public threads. I: inferred, nobody was found to have written it down.

==========================================================  ===  ====================================================
answer                                                           basis
==========================================================  ===  ====================================================
401 'Issued at' claim ('iat') must be an Integer ...
  iat in the future                                          R    hub4j/github-api JWTTokenProviderTest, wiremock
  iat missing, fractional or no number                       I    what the message says
401 'Expiration time' claim ('exp') must be a numeric ...
  exp in the past, or fractional                             T    octokit/auth-app.js #146
  exp missing or no number                                   I    what the message says
401 'Expiration time' claim ('exp') is too far in ...        T    octokit/auth-app.js #698; the 10 minutes: D
401 A JSON web token could not be decoded
  wrong key                                                  R    hub4j; T: actions/create-github-app-token #153
  no Authorization, `token` for `Bearer`, no JWT at all      T
  an algorithm that is not RS256                             I    RS256 being required: D
401 Missing 'issuer' claim ('iss') in assertion              T    code-corps/code-corps-api #1129
401 'Issuer' claim ('iss') must be an Integer
  neither digits nor the client ID of an App                 T    actions/create-github-app-token #386
404 Integration not found: digits of no App                  T
404 Not Found: unknown installation                          R    PyGithub GithubIntegration replay data
403 This installation has been suspended
  asked for a token                                          T    octokit/octokit.rb #1307
  its tokens used                                            I
403 plain text, no User-Agent                                T    diegohaz/rest #213 and many; D says it is rejected
201 for a token, its fields, `metadata: read` always in it   R    PyGithub GithubIntegration replay data; D
  tokens of 36 characters after ghs_                         R    the same
  about 520 characters with dots                             T    seen since 2026; where the dots are is made up
422 The permissions requested are not granted ...            R    PyGithub testGetAccessTokenWithInvalidPermissions
422 There is at least one repository ...                     T    the whole sentence, many
422 Invalid request. (lists that are no lists, over 500)     I    the 500: D
400 Problems parsing JSON                                    D
401 Bad credentials: revoked, expired, unknown token         D    expiry after 1 hour: D
401 Requires authentication: a token's endpoint without one  T
204 for DELETE /installation/token                           D
info/refs: 401 with a Basic challenge, text bodies           T    what git prints; the wording is not stable
info/refs: 404 Repository not found. outside the token       T    WeblateOrg/weblate #12011
info/refs: 403 without `contents`                            T    its message names write even for reads
403 API rate limit exceeded, x-ratelimit-*                   D    other limits are scripted, as the test wants them
message, documentation_url                                   R
  status, a string                                           T    recordings up to 2022 are without it
Date in whole seconds, on refusals too                       R
==========================================================  ===  ====================================================

The order of the rules: form and algorithm, then iss (it names the App, whose key is needed), then the signature, then
exp, then iat. Signature before the times is inferred: answering about the times of an assertion that nobody signed would
be careless. Of the two clock rules GitHub's order is *not stable*: a client with iat -30 and exp +570 breaks both at once
when it is ahead, and was told of exp (octokit/auth-app.js #698) and of iat (Expensify/App #32069). The lab says exp; no
caller may rely on that.

The comparison is with whole seconds of the API's clock; for integer claims fractions would change nothing (iat > g and
exp <= g are the same for g and for its floor). Whether GitHub compares so is not known, hence the inconclusive second.

tests/integration/test_client_matrix.py lets PyGithub, githubkit, gidgethub and octokit get their tokens here: their own
readers take its answers, and their own windows end where these rules say.

No token, JWT or key is kept or logged: tokens are known by their SHA-256 only.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import datetime
import email.utils
import fnmatch
import hashlib
import json
import re
import secrets
import signal
import socket
import socketserver
import ssl
import string
import struct
import sys
import threading
import time
import urllib.parse
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TextIO, TypeGuard

import jwt
from jwt.api_jws import PyJWS

from .github_credentials import Credentials, ensure_credentials

APP_ID = 1001
CLIENT_ID = "Iv23liLabClientId0001"
INSTALLATION_ID = 2002
OWNER = "acme"
REPOSITORY_IDS = {"deploy-config": 3001, "charts": 3002}
GRANTED = {"contents": "read", "metadata": "read"}

JWT_LONGEST_S = 600
TOKEN_LIFETIME_S = 3600
REPOSITORIES_AT_MOST = 500
TOKEN_FORMS = ("short", "long")
IDLE_TIMEOUT_S = 30
LEVELS = {"read": 1, "write": 2, "admin": 3}

NOT_DECODED = "A JSON web token could not be decoded"
ISS_MISSING = "Missing 'issuer' claim ('iss') in assertion"
ISS_UNUSABLE = "'Issuer' claim ('iss') must be an Integer"
EXP_PAST = "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires"
EXP_TOO_FAR = "'Expiration time' claim ('exp') is too far in the future"
IAT_FUTURE = "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
UNKNOWN_APP = "Integration not found"
NOT_FOUND = "Not Found"
SUSPENDED = "This installation has been suspended"
BAD_CREDENTIALS = "Bad credentials"
NO_CREDENTIALS = "Requires authentication"
NOT_GRANTED = "The permissions requested are not granted to this installation."
NOT_INSTALLED = "There is at least one repository that does not exist or is not accessible to the parent installation."
RATE_LIMITED = f"API rate limit exceeded for installation ID {INSTALLATION_ID}."
INVALID_REQUEST = "Invalid request."
NO_USER_AGENT = (
    "\r\nRequest forbidden by administrative rules. Please make sure your request has a User-Agent header "
    "(https://docs.github.com/en/rest/overview/resources-in-the-rest-api#user-agent-required). "
    "Check https://developer.github.com for other possible causes.\r\n"
)
GIT_NO_CREDENTIALS = "Repository not found."
GIT_BAD_CREDENTIALS = "Invalid username or token. Password authentication is not supported for Git operations."
GIT_NO_CONTENTS = "Write access to repository not granted."

DOCS = "https://docs.github.com/rest"
DOCS_MINT = f"{DOCS}/apps/apps#create-an-installation-access-token-for-an-app"
DOCS_INSTALLATION = f"{DOCS}/apps/apps#get-an-installation-for-the-authenticated-app"
DOCS_RATE = f"{DOCS}/using-the-rest-api/rate-limits-for-the-rest-api"


# --- what is asked and answered -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Request:
    """One request; the path is without query and without GHES' prefix."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Message  # looked up in any case
    body: bytes


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes = b""
    content_type: str = "application/json; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str | None = None


def _json(status: int, content: object) -> Answer:
    return Answer(status, json.dumps(content).encode())


def _text(status: int, text: str, headers: Mapping[str, str] | None = None) -> Answer:
    message = text.strip() if status >= 400 else None
    return Answer(status, text.encode(), "text/plain; charset=utf-8", headers or {}, message)


def _refusal(status: int, message: str, documentation_url: str = DOCS) -> Answer:
    content = {"message": message, "documentation_url": documentation_url, "status": str(status)}
    return Answer(status, json.dumps(content).encode(), message=message)


class RefusedError(Exception):
    """Ends an endpoint with the answer that it carries."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.message)
        self.answer = answer


@dataclass
class Token:
    """An installation token, without the token."""

    repositories: tuple[str, ...]  # full names
    permissions: dict[str, str]
    narrowed: bool
    expires_at_s: int
    revoked: bool = False


@dataclass
class Scripted:
    """What happens to the next `times` requests that match; what is None is left to GitHub's rules.

    `delay_s` comes before the rules are applied, as latency on the way in does.
    """

    method: str
    path: str  # shell pattern, `*` matches `/` too
    times: int = 1
    status: int | None = None
    message: str | None = None
    body: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    reset: bool = False

    def __post_init__(self) -> None:
        if (self.message is not None or self.body is not None) and self.status is None:
            raise ValueError("a scripted message or body needs the status that it comes with")

    def answer(self) -> Answer | None:
        if self.status is None:
            return None
        if self.body is not None:
            return Answer(self.status, self.body.encode(), "text/html; charset=utf-8", message=self.message)
        return _refusal(self.status, self.message or "")


@dataclass
class RateLimit:
    limit: int
    remaining: int
    window_s: float
    resets_at_s: float

    def count(self, now_s: float) -> bool:
        """Counts a request; False where none was left."""
        if now_s >= self.resets_at_s:
            self.remaining = self.limit
            self.resets_at_s = now_s + self.window_s
        if self.remaining == 0:
            return False
        self.remaining -= 1
        return True

    def headers(self) -> dict[str, str]:
        return {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(self.remaining),
            "x-ratelimit-used": str(self.limit - self.remaining),
            "x-ratelimit-reset": str(int(self.resets_at_s)),
            "x-ratelimit-resource": "core",
        }


# --- GitHub ---------------------------------------------------------------------------------------------------------


class GitHub:
    """The rules, the state and the script. Every public method may be called from any thread."""

    def __init__(self, app_public_pem: str, log_file: TextIO | None = None) -> None:
        self._app_public_pem = app_public_pem
        self._log_file = log_file
        self._lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        """As at the start: true clock, no script, nobody suspended, no token, an empty log."""
        with self._lock:
            self._clock_offset_s = 0.0
            self._scripted: list[Scripted] = []
            self._suspended_at_s: float | None = None
            self._token_form = "short"
            self._rate_limit: RateLimit | None = None
            self._tokens: dict[str, Token] = {}
            self._log: deque[dict[str, Any]] = deque(maxlen=10000)

    # the script

    def set_clock_offset(self, offset_s: float) -> None:
        """The API's clock minus the machine's, in seconds."""
        with self._lock:
            self._clock_offset_s = float(offset_s)

    def script(self, **scripted: Any) -> None:
        """Queues a `Scripted`; of several that match, the one queued first is used up first."""
        with self._lock:
            self._scripted.append(Scripted(**scripted))

    def suspend(self, suspended: bool = True) -> None:
        with self._lock:
            self._suspended_at_s = self.now_s() if suspended else None

    def set_token_form(self, form: str) -> None:
        if form not in TOKEN_FORMS:
            raise ValueError(f"token form {form!r} is not one of: {', '.join(TOKEN_FORMS)}")
        with self._lock:
            self._token_form = form

    def set_rate_limit(self, limit: int | None, remaining: int | None = None, window_s: float = 3600) -> None:
        """A primary limit over all requests, counted down from `remaining` (default: the limit); None ends it."""
        with self._lock:
            self._rate_limit = None
            if limit is not None:
                left = limit if remaining is None else remaining
                self._rate_limit = RateLimit(limit, left, window_s, self.now_s() + window_s)

    def tokens(self) -> dict[str, list[str]]:
        """SHA-256 of every token, by state: live, revoked, expired."""
        states: dict[str, list[str]] = {"live": [], "revoked": [], "expired": []}
        with self._lock:
            for digest, token in self._tokens.items():
                expired = token.expires_at_s <= self.now_s()
                states["revoked" if token.revoked else "expired" if expired else "live"].append(digest)
        return states

    def requests(self) -> list[dict[str, Any]]:
        """The log, oldest first. `status` is None where the connection was reset; `claims` are not verified."""
        with self._lock:
            return list(self._log)

    # used by the server

    def now_s(self) -> float:
        """Seconds since the epoch by the API's clock."""
        return time.time() + self._clock_offset_s

    def take_scripted(self, method: str, path: str) -> Scripted | None:
        with self._lock:
            for scripted in self._scripted:
                if scripted.method in (method, "*") and fnmatch.fnmatchcase(path, scripted.path):
                    scripted.times -= 1
                    if scripted.times <= 0:
                        self._scripted.remove(scripted)
                    return scripted
        return None

    def answer(self, request: Request) -> Answer:
        """What GitHub answers by its rules."""
        if not request.headers.get("User-Agent"):
            return _text(403, NO_USER_AGENT)
        with self._lock:
            if self._rate_limit is None:
                return self._route(request)
            answer = (
                self._route(request) if self._rate_limit.count(self.now_s()) else _refusal(403, RATE_LIMITED, DOCS_RATE)
            )
            return replace(answer, headers={**answer.headers, **self._rate_limit.headers()})

    def log(self, **entry: Any) -> None:
        entry = {"at_s": round(self.now_s(), 3), **entry}
        with self._lock:
            if "method" in entry:
                self._log.append(entry)
            if self._log_file is not None:
                print(json.dumps(entry), file=self._log_file, flush=True)

    # the endpoints

    def _route(self, request: Request) -> Answer:
        method = "GET" if request.method == "HEAD" else request.method
        for endpoint_method, pattern, endpoint in ENDPOINTS:
            match = re.fullmatch(pattern, request.path)
            if method == endpoint_method and match:
                try:
                    return endpoint(self, request, *match.groups())
                except RefusedError as refused:
                    return refused.answer
        return _refusal(404, NOT_FOUND)

    def _root(self, _request: Request) -> Answer:
        return _json(200, {"rate_limit_url": "/rate_limit", "repository_url": "/repos/{owner}/{repo}"})

    def _zen(self, _request: Request) -> Answer:
        return _text(200, "Anything added dilutes everything else.")

    def _app(self, request: Request) -> Answer:
        self._check_jwt(request)
        return _json(
            200,
            {
                "id": APP_ID,
                "client_id": CLIENT_ID,
                "slug": "lab",
                "node_id": "A_lab",
                "owner": _account(),
                "name": "Lab",
                "description": None,
                "external_url": "https://github.lab",
                "html_url": "https://github.lab/apps/lab",
                "created_at": _rfc3339(0),
                "updated_at": _rfc3339(0),
                "permissions": GRANTED,
                "events": [],
                "installations_count": 1,
            },
        )

    def _installation(self, request: Request, installation_id: str) -> Answer:
        self._check_jwt(request)
        self._check_installation(installation_id, DOCS_INSTALLATION)
        suspended_at_s = self._suspended_at_s
        return _json(
            200,
            {
                "id": INSTALLATION_ID,
                "app_id": APP_ID,
                "client_id": CLIENT_ID,
                "app_slug": "lab",
                "account": _account(),
                "target_id": 1,
                "target_type": "Organization",
                "repository_selection": "selected",
                "access_tokens_url": f"https://api.github.lab/app/installations/{INSTALLATION_ID}/access_tokens",
                "repositories_url": "https://api.github.lab/installation/repositories",
                "html_url": f"https://github.lab/organizations/{OWNER}/settings/installations/{INSTALLATION_ID}",
                "permissions": GRANTED,
                "events": [],
                "single_file_name": None,
                "created_at": _rfc3339(0),
                "updated_at": _rfc3339(0),
                "suspended_by": None if suspended_at_s is None else _account(),
                "suspended_at": None if suspended_at_s is None else _rfc3339(suspended_at_s),
            },
        )

    def _mint(self, request: Request, installation_id: str) -> Answer:
        self._check_jwt(request)
        self._check_installation(installation_id, DOCS_MINT)
        self._check_not_suspended()
        wanted = _json_object(request.body)
        repositories = _wanted_repositories(wanted)
        permissions = _wanted_permissions(wanted)
        narrowed = bool(repositories)
        value = _new_token(self._token_form)
        token = Token(
            repositories=tuple(f"{OWNER}/{name}" for name in repositories or REPOSITORY_IDS),
            permissions=permissions,
            narrowed=narrowed,
            expires_at_s=int(self.now_s()) + TOKEN_LIFETIME_S,
        )
        self._tokens[_sha256(value)] = token
        content: dict[str, Any] = {
            "token": value,
            "expires_at": _rfc3339(token.expires_at_s),
            "permissions": token.permissions,
            "repository_selection": "selected",
        }
        if narrowed:
            content["repositories"] = [_repository(full_name) for full_name in token.repositories]
        return _json(201, content)

    def _revoke(self, request: Request) -> Answer:
        self._check_token(request).revoked = True
        return Answer(204)

    def _repositories(self, request: Request) -> Answer:
        token = self._check_token(request)
        repositories = [_repository(full_name) for full_name in token.repositories]
        content = {
            "total_count": len(repositories),
            "repository_selection": "selected",
            "repositories": repositories,
        }
        return _json(200, content)

    def _info_refs(self, request: Request, full_name: str) -> Answer:
        challenge = {"WWW-Authenticate": 'Basic realm="GitHub"'}
        scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return _text(401, GIT_NO_CREDENTIALS, challenge)
        with suppress(binascii.Error, UnicodeDecodeError):
            username, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
            token = self._live_token(password)
            if token is not None and username == "x-access-token":
                return self._advertisement(request, token, full_name)
        return _text(401, GIT_BAD_CREDENTIALS, challenge)

    def _advertisement(self, request: Request, token: Token, full_name: str) -> Answer:
        self._check_not_suspended()
        if full_name.lower() not in token.repositories or request.query.get("service") != ["git-upload-pack"]:
            return _text(404, "Repository not found.")
        if "contents" not in token.permissions:
            return _text(403, GIT_NO_CONTENTS)
        return Answer(200, _upload_pack_advertisement(full_name), "application/x-git-upload-pack-advertisement")

    # what the endpoints ask first

    def _check_jwt(self, request: Request) -> None:
        """Refuses a request that is not the App's at this second of the API's clock."""
        scheme, _, assertion = request.headers.get("Authorization", "").partition(" ")
        claims = unverified_claims(assertion) if scheme.lower() == "bearer" else None
        if claims is None:
            raise RefusedError(_refusal(401, NOT_DECODED))

        iss = claims.get("iss")
        if iss is None or iss == "":
            raise RefusedError(_refusal(401, ISS_MISSING))
        if iss != CLIENT_ID:
            if not (_is_integer(iss) or (isinstance(iss, str) and re.fullmatch("[0-9]+", iss))):
                raise RefusedError(_refusal(401, ISS_UNUSABLE))
            if int(iss) != APP_ID:
                raise RefusedError(_refusal(404, UNKNOWN_APP))
        try:
            PyJWS().decode(assertion, self._app_public_pem, algorithms=["RS256"])
        except jwt.InvalidTokenError:
            raise RefusedError(_refusal(401, NOT_DECODED)) from None

        g = int(self.now_s())
        exp, iat = claims.get("exp"), claims.get("iat")
        if not _is_integer(exp) or exp <= g:
            raise RefusedError(_refusal(401, EXP_PAST))
        if exp > g + JWT_LONGEST_S:
            raise RefusedError(_refusal(401, EXP_TOO_FAR))
        if not _is_integer(iat) or iat > g:
            raise RefusedError(_refusal(401, IAT_FUTURE))

    def _check_installation(self, installation_id: str, documentation_url: str) -> None:
        if installation_id != str(INSTALLATION_ID):
            raise RefusedError(_refusal(404, NOT_FOUND, documentation_url))

    def _check_not_suspended(self) -> None:
        if self._suspended_at_s is not None:
            raise RefusedError(_refusal(403, SUSPENDED, DOCS_MINT))

    def _check_token(self, request: Request) -> Token:
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if not value:
            raise RefusedError(_refusal(401, NO_CREDENTIALS))
        token = self._live_token(value) if scheme.lower() in ("bearer", "token") else None
        if token is None:
            raise RefusedError(_refusal(401, BAD_CREDENTIALS))
        self._check_not_suspended()
        return token

    def _live_token(self, value: str) -> Token | None:
        token = self._tokens.get(_sha256(value))
        if token is None or token.revoked or token.expires_at_s <= self.now_s():
            return None
        return token


Endpoint = Callable[..., Answer]
ENDPOINTS: tuple[tuple[str, str, Endpoint], ...] = (
    ("GET", "/", GitHub._root),
    ("GET", "/zen", GitHub._zen),
    ("GET", "/app", GitHub._app),
    ("GET", "/app/installations/([^/]+)", GitHub._installation),
    ("POST", "/app/installations/([^/]+)/access_tokens", GitHub._mint),
    ("DELETE", "/installation/token", GitHub._revoke),
    ("GET", "/installation/repositories", GitHub._repositories),
    ("GET", r"/([^/]+/[^/]+?)(?:\.git)?/info/refs", GitHub._info_refs),
)


def unverified_claims(assertion: str) -> dict[str, Any] | None:
    """The claims of what has the form of a JWT signed with RS256; None for anything else."""
    try:
        decoded = PyJWS().decode_complete(assertion, options={"verify_signature": False})
        claims = json.loads(decoded["payload"])
    except (jwt.InvalidTokenError, ValueError):
        return None
    return claims if isinstance(claims, dict) and decoded["header"]["alg"] == "RS256" else None


def _is_integer(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body or b"{}")
    except ValueError:
        raise RefusedError(_refusal(400, "Problems parsing JSON", DOCS_MINT)) from None
    if not isinstance(content, dict):
        raise RefusedError(_refusal(422, INVALID_REQUEST, DOCS_MINT))
    return content


def _wanted_repositories(wanted: dict[str, Any]) -> list[str]:
    """Names without the owner, as `repositories` has them; empty: the token is not narrowed."""
    names, ids = wanted.get("repositories") or [], wanted.get("repository_ids") or []
    if not isinstance(names, list) or not isinstance(ids, list) or len(names) + len(ids) > REPOSITORIES_AT_MOST:
        raise RefusedError(_refusal(422, INVALID_REQUEST, DOCS_MINT))
    name_of = {repository_id: name for name, repository_id in REPOSITORY_IDS.items()}
    found = [str(name).lower() for name in names] + [name_of.get(id_, "") if _is_integer(id_) else "" for id_ in ids]
    if not set(found) <= set(REPOSITORY_IDS):
        raise RefusedError(_refusal(422, NOT_INSTALLED, DOCS_MINT))
    return sorted(set(found))


def _wanted_permissions(wanted: dict[str, Any]) -> dict[str, str]:
    permissions = wanted.get("permissions") or GRANTED
    if not isinstance(permissions, dict):
        raise RefusedError(_refusal(422, INVALID_REQUEST, DOCS_MINT))
    for name, level in permissions.items():
        if LEVELS.get(str(level), 99) > LEVELS.get(GRANTED.get(name, ""), 0):
            raise RefusedError(_refusal(422, NOT_GRANTED, DOCS_MINT))
    return {**permissions, "metadata": "read"}


def _new_token(form: str) -> str:
    if form == "short":
        return "ghs_" + _characters(36)
    return "ghs_" + ".".join(_characters(length) for length in (96, 334, 84))


def _characters(count: int) -> str:
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(count))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _rfc3339(at_s: float) -> str:
    return datetime.datetime.fromtimestamp(int(at_s), datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _account() -> dict[str, Any]:
    return {
        "login": OWNER,
        "id": 1,
        "node_id": "O_acme",
        "type": "Organization",
        "site_admin": False,
        "url": f"https://api.github.lab/orgs/{OWNER}",
        "html_url": f"https://github.lab/{OWNER}",
    }


def _repository(full_name: str) -> dict[str, Any]:
    name = full_name.partition("/")[2]
    return {
        "id": REPOSITORY_IDS[name],
        "node_id": f"R_{name}",
        "name": name,
        "full_name": full_name,
        "private": True,
        "owner": _account(),
        "default_branch": "main",
        "url": f"https://api.github.lab/repos/{full_name}",
        "html_url": f"https://github.lab/{full_name}",
        "clone_url": f"https://github.lab/{full_name}.git",
    }


def _upload_pack_advertisement(full_name: str) -> bytes:
    """One branch, in version 0 (gitprotocol-http, gitprotocol-pack), which a client of version 2 understands too."""
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


# --- HTTPS ----------------------------------------------------------------------------------------------------------


class _Handler(BaseHTTPRequestHandler):
    server: _HttpsServer
    protocol_version = "HTTP/1.1"
    # One segment an answer: unbuffered, headers and body would wait for each other's acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        github = self.server.github
        url = urllib.parse.urlsplit(self.path)
        request = Request(
            method=self.command,
            path=re.sub("^/api/v3(?=/|$)", "", url.path) or "/",
            query=urllib.parse.parse_qs(url.query),
            headers=self.headers,
            body=self.rfile.read(int(self.headers.get("Content-Length", 0))),
        )
        scripted = github.take_scripted(request.method, request.path)
        if scripted is not None:
            self.server.stopping.wait(scripted.delay_s)
            if scripted.reset:
                self._log(request, None)
                self._reset_connection()
                return
        answer = (scripted.answer() if scripted is not None else None) or github.answer(request)
        if scripted is not None:
            answer = replace(answer, headers={**answer.headers, **scripted.headers})
        self._log(request, answer)
        self._send(answer)

    do_HEAD = do_POST = do_DELETE = do_PUT = do_PATCH = do_GET  # noqa: N815

    def _send(self, answer: Answer) -> None:
        headers = {"x-github-request-id": _request_id()}
        if answer.status != 204:
            headers |= {"content-type": answer.content_type, "content-length": str(len(answer.body))}
        headers |= {name.lower(): value for name, value in answer.headers.items()}
        self.send_response_only(answer.status)
        for name, value in {"server": "github.com", "date": self.date_time_string(), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def _reset_connection(self) -> None:
        """Lets the close that follows send RST instead of FIN (socket(7), SO_LINGER with no time)."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def _log(self, request: Request, answer: Answer | None) -> None:
        claims = unverified_claims(request.headers.get("Authorization", "").partition(" ")[2]) or {}
        self.server.github.log(
            method=request.method,
            path=request.path,
            status=None if answer is None else answer.status,
            message=None if answer is None else answer.message,
            node=self.client_address[0],
            claims=_claims_for_the_log(claims),
        )

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The header `Date`, by the API's clock."""
        return email.utils.formatdate(self.server.github.now_s() if timestamp is None else timestamp, usegmt=True)

    def log_message(self, *_args: object) -> None:
        """Says nothing: the base class would write the whole request line, the query too."""


class _HttpsServer(ThreadingHTTPServer):
    daemon_threads = False  # closing waits for every connection's thread
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], github: GitHub, credentials: Credentials) -> None:
        self.github = github
        self.stopping = threading.Event()
        self._connections: set[socket.socket] = set()
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(credentials.server_pem, credentials.server_key_pem)
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # HTTPServer's own asks the resolver for the host's name, and the lab has no resolver to answer.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def finish_request(self, request: Any, client_address: Any) -> None:
        # In the connection's own thread: a client that stops amid the handshake delays nobody else.
        request.settimeout(IDLE_TIMEOUT_S)
        with self._tls.wrap_socket(request, server_side=True, do_handshake_on_connect=False) as connection:
            self._connections.add(connection)
            try:
                if not self.stopping.is_set():
                    connection.do_handshake()
                    super().finish_request(connection, client_address)
            finally:
                self._connections.discard(connection)

    def server_close(self) -> None:
        self.stopping.set()
        for connection in list(self._connections):
            with suppress(OSError):
                # Not SSLSocket's own shutdown: the thread that reads from it still needs its TLS state.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        # The type alone: the text of an exception can hold what a client sent.
        error = sys.exc_info()[1]
        self.github.log(node=client_address[0], error=getattr(error, "reason", None) or type(error).__name__)


def _claims_for_the_log(claims: dict[str, Any]) -> dict[str, Any]:
    """iat and exp if they are numbers, a jti of reasonable length: nothing that could hold a secret by mistake."""
    logged = {name: claims[name] for name in ("iat", "exp") if isinstance(claims.get(name), int | float)}
    if isinstance(claims.get("jti"), str):
        logged["jti"] = claims["jti"][:64]
    return logged


def _request_id() -> str:
    return ":".join(secrets.token_hex(length).upper() for length in (2, 2, 4, 4, 4))


# --- control --------------------------------------------------------------------------------------------------------

COMMANDS: dict[str, Callable[..., Any]] = {
    "reset": GitHub.reset,
    "set_clock_offset": GitHub.set_clock_offset,
    "script": GitHub.script,
    "suspend": GitHub.suspend,
    "set_token_form": GitHub.set_token_form,
    "set_rate_limit": GitHub.set_rate_limit,
    "tokens": GitHub.tokens,
    "requests": GitHub.requests,
}


class _ControlHandler(socketserver.StreamRequestHandler):
    """A line of JSON each way: `{"do": COMMAND, ...its arguments}`, `{"result": ...}` or `{"error": text}`."""

    server: _ControlServer

    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(json.dumps(self._reply(line)).encode() + b"\n")

    def _reply(self, line: bytes) -> dict[str, Any]:
        try:
            arguments = json.loads(line)
            command = arguments.pop("do")
            if command not in COMMANDS:
                raise ValueError(f"unknown command {command!r}, expected one of: {', '.join(COMMANDS)}")
            return {"result": COMMANDS[command](self.server.github, **arguments)}
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            return {"error": f"{type(error).__name__}: {error}"}


class _ControlServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def __init__(self, path: Path, github: GitHub) -> None:
        self.github = github
        path.unlink(missing_ok=True)  # left by a server that was killed
        super().__init__(str(path), _ControlHandler)
        path.chmod(0o600)


class ControlError(Exception):
    """What the server had against a command."""


class Control:
    """Scripts a running API through the control socket in its state folder."""

    def __init__(self, state_dir: Path) -> None:
        self.socket_path = Path(state_dir) / "control.sock"

    def wait_until_ready(self, timeout_s: float = 10.0) -> None:
        """Returns when the API answers; TimeoutError when it does not in time."""
        give_up_at = time.monotonic() + timeout_s
        while True:
            try:
                self.tokens()
            except OSError as error:
                if time.monotonic() > give_up_at:
                    raise TimeoutError(f"no GitHub API answers at {self.socket_path}: {error}") from error
                time.sleep(0.05)
            else:
                return

    def reset(self) -> None:
        """All back to the start, tokens and log forgotten."""
        self._do("reset")

    def set_clock_offset(self, offset_s: float) -> None:
        """The API's clock minus the machine's, in seconds; positive: the API is ahead."""
        self._do("set_clock_offset", offset_s=offset_s)

    def script(
        self,
        method: str,
        path: str,
        *,
        times: int = 1,
        status: int | None = None,
        message: str | None = None,
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
        delay_s: float = 0.0,
        reset: bool = False,
    ) -> None:
        """The next `times` requests of `method` (`*`: any) for `path` (shell pattern, without `/api/v3`).

        With a status they get it, with `message` in GitHub's JSON or `body` as it is; without, GitHub's own answer.
        Either comes after `delay_s` and with `headers` added. `reset` resets the connection instead.
        """
        scripted = {"status": status, "message": message, "body": body, "headers": dict(headers or {})}
        self._do("script", method=method, path=path, times=times, delay_s=delay_s, reset=reset, **scripted)

    def suspend(self, suspended: bool = True) -> None:
        """Suspends the installation, or ends that."""
        self._do("suspend", suspended=suspended)

    def set_token_form(self, form: str) -> None:
        """`short` (ghs_ and 36 characters) or `long` (about 520, with dots)."""
        self._do("set_token_form", form=form)

    def set_rate_limit(self, limit: int | None, remaining: int | None = None, window_s: float = 3600) -> None:
        """A primary limit over all requests; None ends it."""
        self._do("set_rate_limit", limit=limit, remaining=remaining, window_s=window_s)

    def tokens(self) -> dict[str, list[str]]:
        """SHA-256 (hex) of each token minted, under `live`, `revoked` and `expired`."""
        result: dict[str, list[str]] = self._do("tokens")
        return result

    def requests(self) -> list[dict[str, Any]]:
        """Each request so far: at_s (API's clock), method, path, status, message, node, claims.

        `claims` are iat, exp and jti, not verified; `status` is None where the connection was reset.
        """
        result: list[dict[str, Any]] = self._do("requests")
        return result

    def _do(self, command: str, **arguments: object) -> Any:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(str(self.socket_path))
            with connection.makefile("rwb") as stream:
                stream.write(json.dumps({"do": command, **arguments}).encode() + b"\n")
                stream.flush()
                line = stream.readline()
        if not line:
            raise ConnectionError(f"the GitHub API at {self.socket_path} ended before it replied")
        reply = json.loads(line)
        if "error" in reply:
            raise ControlError(reply["error"])
        return reply["result"]


# --- running --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RunningApi:
    """`url` is the API's and the git host's alike."""

    url: str
    credentials: Credentials
    control: Control


@contextmanager
def running_api(state_dir: Path, listen: tuple[str, int] = ("127.0.0.1", 0)) -> Iterator[RunningApi]:
    """Serves until the block ends; credentials that are missing in the folder are made, the log is its `api.log`."""
    credentials = ensure_credentials(state_dir)
    control = Control(state_dir)
    with (state_dir / "api.log").open("a") as log_file:
        github = GitHub(credentials.app_public_pem.read_text(), log_file)
        with _HttpsServer(listen, github, credentials) as https, _ControlServer(control.socket_path, github) as script:
            for server in (https, script):
                threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
            try:
                yield RunningApi(f"https://{listen[0]}:{https.server_port}", credentials, control)
            finally:
                control.socket_path.unlink(missing_ok=True)
                https.shutdown()
                script.shutdown()


def _host_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, as 10.77.0.1:443 is")
    return host, int(port)


def main(arguments: list[str] | None = None) -> int:
    """Serves until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.lab.github_api", description=(__doc__ or "").partition("\n")[0]
    )
    serve = parser.add_subparsers(required=True, metavar="serve").add_parser("serve", help="serve until SIGTERM")
    serve.add_argument("--listen", type=_host_and_port, required=True, metavar="HOST:PORT")
    serve.add_argument("--state-dir", type=Path, required=True, metavar="DIR", help="credentials, log, control.sock")
    options = parser.parse_args(arguments)

    stop = threading.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, lambda *_: stop.set())
    try:
        with running_api(options.state_dir, options.listen) as api:
            print(f"serving {api.url}, scripted through {api.control.socket_path}", flush=True)
            stop.wait()
    except OSError as error:
        host, port = options.listen
        print(f"cannot serve on {host}:{port} with {options.state_dir}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
