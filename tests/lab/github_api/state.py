"""The state of the lab's GitHub, and what a test lets it be."""

from __future__ import annotations

import fnmatch
import json
import threading
import time
from collections import deque
from typing import Any, TextIO

from .app import (
    OWNER,
    REPOSITORY_IDS,
)
from .refusing import REASONS, SERVERS
from .script import RateLimit, Scripted
from .tokens import (
    TOKEN_FORMS,
    TOKEN_LIFETIME_S,
    Token,
)


class State:
    """What is scripted, what was minted, and the log.

    Every public method may be called from any thread.
    """

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
            self._next_tokens: deque[str] = deque()
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
            if self.first_name(old) is None:
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

    def set_tokens(self, values: list[str]) -> None:
        """The next tokens are these, and later ones random again."""
        with self._lock:
            self._next_tokens = deque(values)

    def set_token_life(self, seconds: int) -> None:
        """How long tokens live that are minted from now on,
        in whole seconds as `expires_at` has them.
        """
        with self._lock:
            self._token_life_s = int(seconds)

    def set_rate_limit(self, limit: int | None, remaining: int | None = None, window_s: float = 3600) -> None:
        """A primary limit over all requests, counted down from `remaining` (default: the limit);
        None ends it.
        """
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
        """Installs the App at so many more organisations, org-0001 and on,
        which are listed before OWNER.
        """
        with self._lock:
            self._other_owners = [f"org-{n:04}" for n in range(1, count + 1)]

    def set_scope_limit(self, limit: int | None) -> None:
        """The most repositories times permissions of a token that is narrowed to permissions; None:
        no such limit.
        """
        with self._lock:
            self._scope_limit = limit

    def set_replication(self, seconds: float, status: int = 401) -> None:
        """Tokens minted narrowed from now on are refused with 401, 403 or 404 for so long,
        by the API's clock.
        """
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
        """The log, oldest first.

        `status` is None where the connection was reset; `claims` are not verified.
        """
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

    def log(self, **entry: Any) -> None:
        """Notes a request in memory and in the file;
        an error, which has no `method`, in the file alone.
        """
        entry = {"at_s": round(self.now_s(), 3), **entry}
        with self._lock:
            if "method" in entry:
                self._log.append(entry)
            if self._log_file is not None:
                print(json.dumps(entry), file=self._log_file, flush=True)

    def first_name(self, full_name: str) -> str | None:
        """The name that a repository of the App had before all renaming;
        None if it is none of the App's.
        """
        name = full_name.lower()
        first_names = {new.lower(): old for old, new in self._renamed.items()}
        for _ in range(len(first_names) + 1):
            if name not in first_names:
                break
            name = first_names[name]
        return name if name in {f"{OWNER}/{known}" for known in self._repository_ids} else None
