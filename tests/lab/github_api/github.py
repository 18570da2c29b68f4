"""GitHub: its state, its endpoints, and what each of them asks first."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

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
    app_json,
    installation_json,
    repository,
    rfc3339,
    upload_pack_advertisement,
)
from .claims import check_jwt
from .refusing import REASONS
from .state import State
from .tokens import (
    Token,
    check_scope,
    json_object,
    new_token,
    sha256,
    wanted_permissions,
    wanted_repositories,
)


class GitHub(State):
    """The rules. Every public method may be called from any thread."""

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
        value = self._next_tokens.popleft() if self._next_tokens else new_token(self._token_form)
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
        first_name = self.first_name(full_name)
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
        known = public or self.first_name(full_name) in token.repositories
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
