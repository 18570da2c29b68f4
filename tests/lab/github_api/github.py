"""GitHub: its state, its endpoints, and what each of them asks first."""

from __future__ import annotations

import base64
import binascii
import fnmatch
import json
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, TextIO

from .answers import (
    BAD_CREDENTIALS,
    COOKIES,
    DOCS_INSTALLATION,
    DOCS_INSTALLATIONS,
    DOCS_MINT,
    DOCS_RATE,
    GIT_BAD_CREDENTIALS,
    GIT_NO_CONTENTS,
    GIT_NO_CREDENTIALS,
    GIT_NOT_FOUND,
    MOVED,
    NO_CREDENTIALS,
    NO_USER_AGENT,
    NOT_ACCESSIBLE,
    NOT_FOUND,
    RATE_LIMITED,
    SUSPENDED,
    WEB_PAGE,
    Answer,
    RefusedError,
    Request,
    json_answer,
    refusal,
    text_answer,
)
from .app import (
    INSTALLATION_ID,
    OWNER,
    PUBLIC_REPOSITORIES,
    REPOSITORY_IDS,
    app_json,
    installation_json,
    repository,
    rfc3339,
    upload_pack_advertisement,
)
from .claims import check_jwt
from .refusing import REASONS, SERVERS
from .script import RateLimit, Scripted
from .tokens import (
    TOKEN_FORMS,
    TOKEN_LIFETIME_S,
    Token,
    check_scope,
    json_object,
    new_token,
    sha256,
    wanted_permissions,
    wanted_repositories,
)


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
            self._reason: str | None = None
            self._server = "github.com"
            self._renamed: dict[str, str] = {}
            self._token_form = "short"
            self._token_life_s = TOKEN_LIFETIME_S
            self._rate_limit: RateLimit | None = None
            self._repository_ids = dict(REPOSITORY_IDS)
            self._other_owners: list[str] = []
            self._scope_limit: int | None = None
            self._replication: tuple[float, int] = (0.0, 401)
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
        """Suspends the installation from now on, or ends that."""
        with self._lock:
            self._suspended_at_s = self.now_s() if suspended else None

    def refuse(self, reason: str | None) -> None:
        """Refuses everything for one of REASONS from now on; None ends that."""
        if reason is not None and reason not in REASONS:
            raise ValueError(f"reason {reason!r} is not one of: {', '.join(REASONS)}")
        with self._lock:
            self._reason = reason

    def rename(self, old: str, new: str) -> None:
        """Names a repository anew; the old name redirects to the new one."""
        with self._lock:
            if self._first_name(old) is None:
                raise ValueError(f"{old!r} is no repository of the App")
            self._renamed.pop(new.lower(), None)
            self._renamed[old.lower()] = new

    def set_server(self, server: str) -> None:
        """Answers from now on as one of SERVERS."""
        if server not in SERVERS:
            raise ValueError(f"server {server!r} is not one of: {', '.join(SERVERS)}")
        with self._lock:
            self._server = server

    def set_token_form(self, form: str) -> None:
        """What tokens look like from now on: one of TOKEN_FORMS."""
        if form not in TOKEN_FORMS:
            raise ValueError(f"token form {form!r} is not one of: {', '.join(TOKEN_FORMS)}")
        with self._lock:
            self._token_form = form

    def set_token_life(self, seconds: int) -> None:
        """How long tokens live that are minted from now on, in whole seconds as `expires_at` has them."""
        with self._lock:
            self._token_life_s = int(seconds)

    def set_rate_limit(self, limit: int | None, remaining: int | None = None, window_s: float = 3600) -> None:
        """A primary limit over all requests, counted down from `remaining` (default: the limit); None ends it."""
        with self._lock:
            self._rate_limit = None
            if limit is not None:
                left = limit if remaining is None else remaining
                self._rate_limit = RateLimit(limit, left, window_s, self.now_s() + window_s)

    def set_repositories(self, more: int) -> None:
        """Installs the App on so many more repositories: OWNER/repo-0001 and on."""
        with self._lock:
            self._repository_ids = {**REPOSITORY_IDS, **{f"repo-{n:04}": 10_000 + n for n in range(1, more + 1)}}

    def set_other_owners(self, count: int) -> None:
        """Installs the App at so many more organisations, org-0001 and on, which are listed before OWNER."""
        with self._lock:
            self._other_owners = [f"org-{n:04}" for n in range(1, count + 1)]

    def set_scope_limit(self, limit: int | None) -> None:
        """The most repositories times permissions of a token that is narrowed to permissions; None: no such limit."""
        with self._lock:
            self._scope_limit = limit

    def set_replication(self, seconds: float, status: int = 401) -> None:
        """Tokens minted narrowed from now on are refused with 401, 403 or 404 for so long, by the API's clock."""
        if status not in (401, 403, 404):
            raise ValueError(f"a token that is not replicated is refused with 401, 403 or 404, not with {status}")
        with self._lock:
            self._replication = (float(seconds), status)

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
        """What is scripted for this request, used up by it."""
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
            return text_answer(403, NO_USER_AGENT)
        with self._lock:
            if self._rate_limit is None:
                return self._route(request)
            answer = (
                self._route(request) if self._rate_limit.count(self.now_s()) else refusal(403, RATE_LIMITED, DOCS_RATE)
            )
            return replace(answer, headers={**answer.headers, **self._rate_limit.headers()})

    def log(self, **entry: Any) -> None:
        """Notes a request in memory and in the file; an error, which has no `method`, in the file alone."""
        entry = {"at_s": round(self.now_s(), 3), **entry}
        with self._lock:
            if "method" in entry:
                self._log.append(entry)
            if self._log_file is not None:
                print(json.dumps(entry), file=self._log_file, flush=True)

    # the endpoints

    def _route(self, request: Request) -> Answer:
        method = "GET" if request.method == "HEAD" else request.method
        if self._server != "github.com" and not request.of_ghes and not request.path.endswith("/info/refs"):
            return self._web_page(method)
        for endpoint_method, pattern, endpoint in ENDPOINTS:
            match = re.fullmatch(pattern, request.path)
            if method == endpoint_method and match:
                try:
                    return endpoint(self, request, *match.groups())
                except RefusedError as refused:
                    return refused.answer
        return refusal(404, NOT_FOUND)

    def _web_page(self, method: str) -> Answer:
        """What a GitHub's web server says to whom asks it for the API."""
        if method != "GET":
            return text_answer(403, COOKIES)
        return Answer(404, WEB_PAGE.encode(), "text/html; charset=utf-8", message="a web page")

    def _root(self, _request: Request) -> Answer:
        return json_answer(200, {"rate_limit_url": "/rate_limit", "repository_url": "/repos/{owner}/{repo}"})

    def _zen(self, _request: Request) -> Answer:
        return text_answer(200, "Anything added dilutes everything else.")

    def _app(self, request: Request) -> Answer:
        self._check_jwt(request)
        return json_answer(200, app_json())

    def _installation(self, request: Request, installation_id: str) -> Answer:
        self._check_jwt(request)
        self._check_installation(installation_id, DOCS_INSTALLATION)
        return json_answer(200, installation_json(self._suspended_at_s))

    def _installations(self, request: Request) -> Answer:
        check_jwt(request.headers.get("Authorization", ""), self._app_public_pem, self.now_s())
        rows = [
            installation_json(None, INSTALLATION_ID + number, login)
            for number, login in enumerate(self._other_owners, start=1)
        ]
        rows.append(installation_json(self._suspended_at_s))
        size = min(100, max(1, _number(request, "per_page", 30)))
        page = max(1, _number(request, "page", 1))
        answer = json_answer(200, rows[(page - 1) * size : page * size])
        if page * size >= len(rows):
            return answer
        following = f"https://api.github.lab/app/installations?per_page={size}&page={page + 1}"
        return replace(answer, headers={"link": f'<{following}>; rel="next"'})

    def _installation_of(self, request: Request, owner: str) -> Answer:
        check_jwt(request.headers.get("Authorization", ""), self._app_public_pem, self.now_s())
        if owner.lower() != OWNER:
            return refusal(404, NOT_FOUND, DOCS_INSTALLATIONS)
        return json_answer(200, installation_json(self._suspended_at_s))

    def _mint(self, request: Request, installation_id: str) -> Answer:
        self._check_jwt(request)
        self._check_installation(installation_id, DOCS_MINT)
        self._check_not_suspended()
        wanted = json_object(request.body)
        repositories = wanted_repositories(wanted, self._repository_ids)
        permissions = wanted_permissions(wanted)
        asked_for = len(wanted.get("permissions") or {})
        check_scope(len(repositories), len(self._repository_ids), asked_for, self._scope_limit)
        narrowed = bool(repositories)
        unknown_s, unknown_status = self._replication if narrowed or asked_for else (0.0, 401)
        value = new_token(self._token_form)
        token = Token(
            repositories=tuple(f"{OWNER}/{name}" for name in repositories or self._repository_ids),
            permissions=permissions,
            narrowed=narrowed,
            expires_at_s=int(self.now_s()) + self._token_life_s,
            known_from_s=self.now_s() + unknown_s,
            unknown_status=unknown_status,
        )
        self._tokens[sha256(value)] = token
        content: dict[str, Any] = {
            "token": value,
            "expires_at": rfc3339(token.expires_at_s),
            "permissions": token.permissions,
            "repository_selection": "selected",
        }
        if narrowed:
            content["repositories"] = [self._repository_json(full_name) for full_name in token.repositories]
        return json_answer(201, content)

    def _revoke(self, request: Request) -> Answer:
        self._check_token(request).revoked = True
        return Answer(204)

    def _repositories(self, request: Request) -> Answer:
        token = self._check_token(request)
        repositories = [self._repository_json(full_name) for full_name in token.repositories]
        content = {
            "total_count": len(repositories),
            "repository_selection": "selected",
            "repositories": repositories,
        }
        return json_answer(200, content)

    def _repository(self, request: Request, full_name: str) -> Answer:
        token = self._check_token(request)
        first_name = self._first_name(full_name)
        if first_name is None or first_name not in token.repositories:
            return refusal(404, NOT_FOUND)
        new_name = self._renamed.get(full_name.lower())
        if new_name is None:
            return json_answer(200, self._repository_json(first_name))
        host = request.headers.get("Host", "")
        prefix = "/api/v3" if request.of_ghes else ""
        url = f"https://{host}{prefix}/repos/{new_name}"
        moved = refusal(301, MOVED)
        content = {**json.loads(moved.body), "url": url}
        return replace(moved, body=json.dumps(content).encode(), headers={"Location": url})

    def _first_name(self, full_name: str) -> str | None:
        """The name that a repository of the App had before all renaming; None if it is none of the App's."""
        name = full_name.lower()
        first_names = {new.lower(): old for old, new in self._renamed.items()}
        for _ in range(len(first_names) + 1):
            if name not in first_names:
                break
            name = first_names[name]
        return name if name in {f"{OWNER}/{known}" for known in self._repository_ids} else None

    def _repository_json(self, full_name: str) -> dict[str, Any]:
        return repository(full_name, self._repository_ids[full_name.partition("/")[2]])

    def _info_refs(self, request: Request, full_name: str) -> Answer:
        challenge = {"WWW-Authenticate": 'Basic realm="GitHub"'}
        scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return text_answer(401, GIT_NO_CREDENTIALS, challenge)
        with suppress(binascii.Error, UnicodeDecodeError):
            username, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
            token = self._live_token(password)
            if token is not None and username == "x-access-token":
                return self._advertisement(request, token, full_name)
        return text_answer(401, GIT_BAD_CREDENTIALS, challenge)

    def _advertisement(self, request: Request, token: Token, full_name: str) -> Answer:
        if self.now_s() < token.known_from_s:
            texts = {401: GIT_BAD_CREDENTIALS, 403: GIT_NO_CONTENTS, 404: GIT_NOT_FOUND}
            return text_answer(token.unknown_status, texts[token.unknown_status])
        self._check_not_suspended()
        reason = REASONS.get(self._reason or "")
        if reason is not None and reason.at_git is not None:
            return text_answer(403, reason.at_git.format(address=request.address))
        public = full_name.lower() in PUBLIC_REPOSITORIES
        known = public or self._first_name(full_name) in token.repositories
        if not known or request.query.get("service") != ["git-upload-pack"]:
            return text_answer(404, GIT_NOT_FOUND)
        if full_name.lower() in self._renamed:
            new_name, host = self._renamed[full_name.lower()], request.headers.get("Host", "")
            location = f"https://{host}/{new_name}.git/info/refs?service=git-upload-pack"
            return Answer(301, content_type="text/html", headers={"Location": location}, message=MOVED)
        if "contents" not in token.permissions and not public:
            return text_answer(403, GIT_NO_CONTENTS)
        return Answer(200, upload_pack_advertisement(full_name), "application/x-git-upload-pack-advertisement")

    # what the endpoints ask first

    def _check_jwt(self, request: Request) -> None:
        reason = REASONS.get(self._reason or "")
        if reason is not None and reason.at_mint:
            raise RefusedError(refusal(reason.status, reason.message, DOCS_MINT))
        check_jwt(
            request.headers.get("Authorization", ""),
            self._app_public_pem,
            self.now_s(),
            takes_client_id=self._server != "old_ghes",
        )

    def _check_installation(self, installation_id: str, documentation_url: str) -> None:
        if installation_id != str(INSTALLATION_ID):
            raise RefusedError(refusal(404, NOT_FOUND, documentation_url))

    def _check_not_suspended(self) -> None:
        if self._suspended_at_s is not None:
            raise RefusedError(refusal(403, SUSPENDED, DOCS_MINT))

    def _check_token(self, request: Request) -> Token:
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if not value:
            raise RefusedError(refusal(401, NO_CREDENTIALS))
        token = self._live_token(value) if scheme.lower() in ("bearer", "token") else None
        if token is None:
            raise RefusedError(refusal(401, BAD_CREDENTIALS))
        if self.now_s() < token.known_from_s:
            texts = {401: BAD_CREDENTIALS, 403: NOT_ACCESSIBLE, 404: NOT_FOUND}
            raise RefusedError(refusal(token.unknown_status, texts[token.unknown_status]))
        self._check_not_suspended()
        reason = REASONS.get(self._reason or "")
        if reason is not None and (reason.at_mint or request.method != "DELETE"):
            raise RefusedError(refusal(reason.status, reason.message))
        return token

    def _live_token(self, value: str) -> Token | None:
        token = self._tokens.get(sha256(value))
        if token is None or token.revoked or token.expires_at_s <= self.now_s():
            return None
        return token


def _number(request: Request, name: str, default: int) -> int:
    """A number of the query; what is none is ignored."""
    found = (request.query.get(name) or [""])[0]
    return int(found) if found.isdecimal() else default


Endpoint = Callable[..., Answer]


ENDPOINTS: tuple[tuple[str, str, Endpoint], ...] = (
    ("GET", "/", GitHub._root),
    ("GET", "/zen", GitHub._zen),
    ("GET", "/app", GitHub._app),
    ("GET", "/app/installations", GitHub._installations),
    ("GET", "/app/installations/([^/]+)", GitHub._installation),
    ("GET", "/(?:orgs|users)/([^/]+)/installation", GitHub._installation_of),
    ("POST", "/app/installations/([^/]+)/access_tokens", GitHub._mint),
    ("DELETE", "/installation/token", GitHub._revoke),
    ("GET", "/installation/repositories", GitHub._repositories),
    ("GET", "/repos/([^/]+/[^/]+)", GitHub._repository),
    ("GET", r"/([^/]+/[^/]+?)(?:\.git)?/info/refs", GitHub._info_refs),
)
