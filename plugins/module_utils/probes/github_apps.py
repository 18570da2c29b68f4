# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""GitHub's answers to a JWT of the App that this node sends.

The controller signs the JWT. An installation token that is minted never leaves this file. It is
revoked before the attempt ends. Any text that might contain it or the JWT is redacted before it is
returned.
"""

from __future__ import annotations

import base64
import functools
import json
import time
from collections import deque
from contextlib import suppress
from urllib.parse import quote, urlsplit

from ..node.background import describe, gather, start
from ..node.git_answer import said_instead
from ..node.https import Connection, HttpsError, certificate_validity, tls_context
from ..node.installation_token import FreshToken, Patience, lacking_of, longest_wait_s, repositories_of, ways_to_narrow
from ..node.redaction import redact
from ..node.redirects import moved_url

USER_AGENT = "skewgate"
KEPT_HEADERS = ("date", "retry-after", "x-github-request-id", "content-type", "server", "via", "location")
MAX_BODY_CHARS = 2000
MAX_GIT_BYTES = 64 * 1024
# Of a renamed repository; it may have been renamed more than once.
GIT_REDIRECTS = 3
PAGE_SIZE = 100  # GitHub's largest
MAX_PAGES = 20
MAX_OWNERS = 30

CONNECTIONS = 8
REPOSITORY_S = 0.25
"""How long a repository may take on average, if there are many."""
MAX_REPOSITORY_STEPS = 20
"""After so many, what was answered alike is one step."""


def collect(apps: list, timeout_s: float) -> list:
    """The section ``github_apps``: each App in a separate thread, with its attempts in order."""
    asked = gather(
        {number: functools.partial(_ask, app, timeout_s) for number, app in enumerate(apps)},
        bound_s(apps, timeout_s) - 1,
    )
    return [{"name": app["name"], "attempts": [], **asked[number]} for number, app in enumerate(apps)]


def bound_s(apps: list, timeout_s: float) -> float:
    """How long ``collect`` lasts at most: a token must not outlive the run because nobody waited
    for its revocation.
    """
    # After the last moment at which an exchange may begin: that exchange, made anew on another
    # connection, and the revocation.
    busy_s = max((len(app["attempts"]) * (_limit_s(app, timeout_s) + 5 * timeout_s) for app in apps), default=0)
    return busy_s + longest_wait_s() + 2


def _limit_s(app: dict, timeout_s: float) -> float:
    """After how many seconds of work an attempt begins no more exchange; waiting for a fresh token
    is not counted.
    """
    return (12 if app.get("owner") else 8) * timeout_s + REPOSITORY_S * len(app["repositories"])


def _ask(app: dict, timeout_s: float) -> dict:
    secrets = [attempt["jwt"] for attempt in app["attempts"] if attempt["jwt"]]
    patience = Patience()
    asked: dict = {"attempts": []}
    try:
        for attempt in app["attempts"]:
            asked["attempts"].append(_attempt(app, attempt, timeout_s, secrets, patience))
    except Exception as error:  # noqa: BLE001 - its text may hold a secret, and must pass through redact
        asked["error"] = describe(error)
    return redact(asked, secrets)


def _attempt(app: dict, attempt: dict, timeout_s: float, secrets: list, patience: Patience) -> dict:
    node_wall_s = time.time()
    ahead_s = node_wall_s - attempt["signed_for_s"]
    limit_s = attempt.get("only_within_s")
    sent = limit_s is None or abs(ahead_s) <= limit_s
    steps: list = []
    if sent:
        _Caller(app, timeout_s, secrets, steps, patience).run(attempt["jwt"])
    return {
        "label": attempt["label"],
        "signed_for_s": attempt["signed_for_s"],
        "node_wall_s": node_wall_s,
        "sent": sent,
        "not_sent_because": None
        if sent
        else f"the node's clock is {ahead_s:+.3f} s from the time that the JWT was signed for, more than {limit_s:g} s",
        "steps": steps,
    }


class _Caller:
    """The steps of one attempt, appended to ``steps`` as they are done."""

    def __init__(self, app: dict, timeout_s: float, secrets: list, steps: list, patience: Patience):
        self.app = app
        self.api_url = app["api_url"].rstrip("/")
        self.git_url = app["git_url"].rstrip("/")
        self.timeout_s = timeout_s
        self.secrets = secrets
        self.steps = steps
        self.patience = patience
        self.waited_s = 0.0
        self.given_up = False
        self.ends_mono_s = time.monotonic() + _limit_s(app, timeout_s)

    def run(self, jwt: str):
        """As deep as the App's ``depth`` says; ends at the first answer that leaves nothing to go
        on with.
        """
        number = self.app.get("installation_id") or self._look_up(jwt)
        if number is None:
            return
        installation = f"{self.api_url}/app/installations/{quote(number, safe='')}"
        if self.app["depth"] == "jwt":
            step, content = self._api("installation", "GET", installation, jwt)
            said = _json_object(content)
            if step["status"] == 200 and str(said.get("id")) != number:
                step["error"] = _not_github("200, but the answer is not the installation")
                step["body"] = self._shown(content.decode("utf-8", "replace"))
            # GitHub shows a suspended installation with 200, and refuses only what is done with it.
            step["suspended"] = bool(said.get("suspended_at"))
            return
        token, granted = self._mint(installation, jwt)
        if token is None:
            return
        self.secrets.append(token)
        minted = self.steps[-1]
        fresh = FreshToken(self.patience, bool(minted["narrowed"]))
        # GitHub itself shows at the mint which repositories are granted. It was asked for names
        # without owners.
        asked = {repository.lower() for repository in self.app["repositories"]}
        unproved = self.app["depth"] == "repository" or not asked <= granted
        try:
            if unproved and not minted.get("lacking"):
                self._reach_repositories(token, fresh)
        finally:
            self._revoke(token, fresh)

    def _look_up(self, jwt: str):
        """The ID of the owner's installation, in the list of all that the App has; None if it is
        not there.
        """
        owners: list = []
        for page in range(1, MAX_PAGES + 1):
            url = f"{self.api_url}/app/installations?per_page={PAGE_SIZE}&page={page}"
            step, content = self._api("installations", "GET", url, jwt)
            if step["status"] != 200:
                return None
            rows = _json(content)
            if not isinstance(rows, list):
                step["error"] = _not_github("200, but the answer is not a list of installations")
                step["body"] = self._shown(content.decode("utf-8", "replace"))
                return None
            for owner, number in filter(None, map(_owner_and_id, rows)):
                if owner.lower() == self.app["owner"].lower():
                    step["installation_id"] = number
                    return number
                owners.append(owner)
            if len(rows) < PAGE_SIZE:
                break
        else:
            step["cut_off"] = True
        step["owners"] = owners[:MAX_OWNERS]
        step["owners_in_all"] = len(owners)
        return None

    def _mint(self, installation: str, jwt: str) -> tuple:
        """An installation token, narrowed as far as GitHub does it, and the repositories that it
        shows; None if there is none.

        One and the same status refuses what is not granted and what is too much to narrow a token
        to, and a client that does not narrow its tokens meets neither. So each refusal narrows
        less, unless a permission is not granted.
        """
        lacking = None
        for narrowed in ways_to_narrow(self.app):
            step, content = self._api("token", "POST", f"{installation}/access_tokens", jwt, narrowed)
            step["narrowed"] = sorted(narrowed)
            if step["status"] != 422:
                break
            if lacking is None:
                _, shown = self._api("granted", "GET", installation, jwt)
                lacking = lacking_of(self.app, _json_object(shown).get("permissions"))
            if lacking:
                step["lacking"] = lacking
                return None, set()
        if step["status"] is None or not 200 <= step["status"] < 300:
            return None, set()
        said = _json_object(content)
        token = said.get("token")
        if not isinstance(token, str) or not token:
            step["error"] = _not_github(f"{step['status']}, but the answer has no token")
            return None, set()
        if missing := lacking_of(self.app, said.get("permissions")):
            step["lacking"] = missing
        step["expires_at"] = self._shown(said.get("expires_at"))
        return token, repositories_of(said)

    def _reach_repositories(self, token: str, fresh: FreshToken):
        """One fetch's first request for each repository; waiting for a fresh token is shared among
        them.
        """
        basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
        self.secrets.append(basic)
        headers = {"Authorization": f"Basic {basic}", "Git-Protocol": "version=2"}
        reached: dict = dict.fromkeys(self.app["repositories"])
        left = list(reached)
        for tried in fresh.tries():
            self.waited_s = fresh.waited_s
            found = self._reach_each(left, headers)
            for repository, step in found.items():
                reached[repository] = {**step, **tried}
            left = [repository for repository, step in found.items() if fresh.may_be_unknown(step)]
            if not left:
                break
        self._keep(reached.values())

    def _reach_each(self, repositories: list, headers: dict) -> dict:
        """Each repository's step, by its name; several at a time, each on a connection that is used
        for more than one.
        """
        left, found = deque(repositories), {}

        def work():
            idle: list = []
            while left:
                if _nobody_answers(list(found.values())):
                    self.given_up = True
                with suppress(IndexError):  # another one took the last
                    repository = left.popleft()
                    found[repository] = self._reach(repository, headers, idle)
            for connection in idle:
                connection.close()

        workers = [start(work) for _ in range(min(CONNECTIONS, len(repositories)))]
        for worker in workers:
            worker.result()  # raises what it raised
        return {repository: found[repository] for repository in repositories}

    def _reach(self, repository: str, headers: dict, idle: list) -> dict:
        """The step of a fetch's first request, which follows a renamed repository's redirect as git
        does.
        """
        url = f"{self.git_url}/{quote(repository)}.git/info/refs?service=git-upload-pack"
        step, _ = self._exchange("repository", "GET", url, headers, repository=repository, idle=idle)
        for _ in range(GIT_REDIRECTS):
            new_url = moved_url(step)
            if not new_url:
                break
            step, _ = self._exchange("repository", "GET", new_url, headers, repository=repository, idle=idle)
            step["moved_to"] = new_url.rpartition("/info/refs")[0]
        return step

    def _keep(self, steps):
        """Record the repositories' steps; what was answered as another one was, only by its name if
        there are many.
        """
        alike: dict = {}
        for number, step in enumerate(steps):
            error = step["error"] or {}
            seen = (step["status"], step["headers"].get("content-type"), bool(step["body"]), step.get("moved_to"))
            answer = (*seen, step["tries"], error.get("phase"))
            if number < MAX_REPOSITORY_STEPS or answer not in alike:
                self.steps.append(step)
                alike[answer] = step
            else:
                alike[answer].setdefault("also", []).append(step["repository"])

    def _revoke(self, token: str, fresh: FreshToken):
        for tried in fresh.tries():
            if tried["waited_s"]:
                self.steps.pop()
            step, _ = self._api("revoke", "DELETE", f"{self.api_url}/installation/token", token)
            step.update(tried)
            self.waited_s = fresh.waited_s
            if self._is_over() or not (fresh.may_be_unknown(step) or fresh.is_put_off(step)):
                break

    def _is_over(self) -> bool:
        return time.monotonic() > self.ends_mono_s + self.waited_s

    def _api(self, name: str, method: str, url: str, bearer: str, content=None) -> tuple:
        headers = {
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
            "Authorization": f"Bearer {bearer}",
        }
        if content is not None:
            headers["Content-Type"] = "application/json"
            return self._step(name, method, url, headers, json.dumps(content).encode())
        return self._step(name, method, url, headers)

    def _step(self, name, method, url, headers, content=None) -> tuple:
        """One exchange, recorded: (its step, the body of a 2xx answer, which is never recorded)."""
        step, answer = self._exchange(name, method, url, headers, content=content)
        self.steps.append(step)
        return step, answer

    def _exchange(self, name, method, url, headers, *, content=None, repository=None, idle=None) -> tuple:
        """One exchange: (its step, the body of a 2xx answer).

        ``idle`` holds the connection to use, and gets it back.
        """
        step = {
            "step": name,
            "method": method,
            "url": url,
            "status": None,
            "message": None,
            "documentation_url": None,
            "headers": {},
            "body": None,
            "node_wall_s": time.time(),
            "duration_s": 0.0,
            "repository": repository,
            "proxy": None,
            "sent_from": None,
            "sent_to": None,
            "error": None,
        }
        begun_s = time.monotonic()
        answer = b""
        try:
            parts = urlsplit(url)
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            limit = MAX_GIT_BYTES if name == "repository" else 4 << 20
            request = (method, target, {"User-Agent": USER_AGENT, **headers}, content, limit)
            reply = self._request(url, step, request, idle)
        except HttpsError as error:
            step["error"] = error.as_json()
            # Whether the clock or the certificate is wrong takes the certificate's times.
            if error.kind == "certificate_time":
                step["error"]["certificate"] = certificate_validity(url, self.app.get("ca_pem"), self.timeout_s)
        else:
            step["status"] = reply.status
            step["headers"] = self._kept(reply.headers)
            if 200 <= reply.status < 300:
                answer = reply.body
                if name == "repository":
                    step["body"] = self._shown(said_instead(reply.headers.get("content-type"), answer))
            else:
                step.update(self._refusal(reply.body))
        step["duration_s"] = round(time.monotonic() - begun_s, 6)
        return step, answer

    def _kept(self, headers: dict) -> dict:
        kept = (key for key in headers if key in KEPT_HEADERS or key.startswith("x-ratelimit-"))
        return {key: self._shown(headers[key]) for key in kept}

    def _request(self, url: str, step: dict, request: tuple, idle):
        """The reply on an idle connection, or on a new one if there is none or the server has
        closed it.
        """
        # A token that was minted is revoked, however late it is; but then once only.
        if (self.given_up or self._is_over()) and step["step"] != "revoke":
            raise HttpsError("time", "not asked: what came before took too long, or had no answer at all")
        used = idle.pop() if idle else None
        connection = used or Connection(url, tls_context(self.app.get("ca_pem")), self.timeout_s)
        step["proxy"] = connection.proxy
        try:
            connection.connect()
            step["sent_from"], step["sent_to"] = connection.addresses
            step["node_wall_s"] = time.time()
            reply = connection.request(*request)
        except HttpsError:
            connection.close()
            if used is None:
                raise
            return self._request(url, step, request, idle)
        if idle is None:
            connection.close()
        else:
            idle.append(connection)
        return reply

    def _refusal(self, body: bytes) -> dict:
        said = _json_object(body)
        return {
            "message": self._shown(said.get("message")),
            "documentation_url": self._shown(said.get("documentation_url")),
            "body": self._shown(body.decode("utf-8", "replace")),
        }

    def _shown(self, text):
        # Redacted before it is cut: half a token no longer has a token's form.
        return redact(text, self.secrets)[:MAX_BODY_CHARS] if isinstance(text, str) else None


def _nobody_answers(steps: list) -> bool:
    """Whether so many had no answer that the others will have none either."""
    return len(steps) >= 2 * CONNECTIONS and not any(step["status"] for step in steps)


def _owner_and_id(row):
    """Of an installation in the list: whose account it is at, and its ID; None if that can't be
    read.
    """
    account = row.get("account") if isinstance(row, dict) else None
    owner = account.get("login") if isinstance(account, dict) else None
    return (owner, str(row["id"])) if isinstance(owner, str) and isinstance(row.get("id"), int) else None


def _not_github(message: str) -> dict:
    """The error of a success that GitHub would not have sent."""
    return {"phase": "reply", "message": message, "kind": "not_github"}


def _int(digits: str):
    """A number that is none of GitHub's stays text: before Python 3.11, to read millions of digits
    takes minutes.
    """
    return int(digits) if len(digits) < 100 else digits


def _json(content):
    """What stands in JSON; None if it is none."""
    try:
        return json.loads(content, parse_int=_int)
    except (ValueError, RecursionError):
        return None


def _json_object(content) -> dict:
    value = _json(content)
    return value if isinstance(value, dict) else {}
