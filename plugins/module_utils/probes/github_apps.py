# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What GitHub answers to a JWT of the App when it is this node that sends it.

The JWT comes signed from the controller. An installation token that is minted on the way never leaves this file: it is
revoked before the attempt ends, and no text that it or the JWT might stand in is handed out unredacted.
"""

from __future__ import annotations

import base64
import functools
import json
import re
import time
from urllib.parse import quote, urljoin, urlsplit

from ..node.background import describe, gather
from ..node.https import Connection, HttpsError, certificate_validity, tls_context

USER_AGENT = "skewgate"
KEPT_HEADERS = ("date", "retry-after", "x-github-request-id", "content-type", "server", "via", "location")
GIT_ADVERTISEMENT = "application/x-git-upload-pack-advertisement"  # git's http-protocol documentation
MAX_BODY_CHARS = 2000
MAX_GIT_BYTES = 64 * 1024
# A fresh token may be unknown to some of GitHub's machines for a moment.
USE_TRIES = 3
USE_SPACING_S = 1.0
# Of a renamed repository; it may have been renamed more than once.
GIT_REDIRECTS = 3

REDACTED = "[redacted]"
SECRET_FORMS = re.compile(
    r"gh[a-z]_[\w.\-]+"
    r"|github_pat_\w+"
    r"|eyJ[\w\-]+(?:\.[\w\-]+)*"  # a JWT: base64url of {" and on
    r"|(?<![\w\-])(?:bearer|basic)\s+[\w.~+/=\-]{16,}"
    r"|authorization[\"']?\s*[:=]\s*[\"']?[^\"'\r\n,}]+",
    re.IGNORECASE,
)


def collect(apps: list, timeout_s: float) -> list:
    """The section ``github_apps``: each App in a thread of its own, its attempts in order."""
    asked = gather(
        {number: functools.partial(_ask, app, timeout_s) for number, app in enumerate(apps)},
        bound_s(apps, timeout_s) - 1,
    )
    return [{"name": app["name"], "attempts": [], **asked[number]} for number, app in enumerate(apps)]


def bound_s(apps: list, timeout_s: float) -> float:
    """How long ``collect`` lasts at most: a token must not outlive the run because nobody waited for its revocation."""
    exchanges = max(
        (
            len(app["attempts"]) * (1 + (1 + GIT_REDIRECTS) * (len(app["repositories"]) + USE_TRIES) + USE_TRIES)
            for app in apps
        ),
        default=0,
    )
    return exchanges * (2 * timeout_s + USE_SPACING_S) + 2


def _ask(app: dict, timeout_s: float) -> dict:
    secrets = [attempt["jwt"] for attempt in app["attempts"] if attempt["jwt"]]
    asked: dict = {"attempts": []}
    try:
        for attempt in app["attempts"]:
            asked["attempts"].append(_attempt(app, attempt, timeout_s, secrets))
    except Exception as error:  # noqa: BLE001 - its text may hold a secret, and must pass through redact
        asked["error"] = describe(error)
    return redact(asked, secrets)


def redact(value, secrets: list):
    """``value`` (JSON) without the secrets, and without anything that has the form of one."""
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, REDACTED)
        return SECRET_FORMS.sub(REDACTED, value)
    if isinstance(value, list):
        return [redact(item, secrets) for item in value]
    if isinstance(value, dict):
        return {key: redact(item, secrets) for key, item in value.items()}
    return value


def _attempt(app: dict, attempt: dict, timeout_s: float, secrets: list) -> dict:
    node_wall_s = time.time()
    ahead_s = node_wall_s - attempt["signed_for_s"]
    limit_s = attempt.get("only_within_s")
    sent = limit_s is None or abs(ahead_s) <= limit_s
    steps: list = []
    if sent:
        _Caller(app, timeout_s, secrets, steps).run(attempt["jwt"])
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

    def __init__(self, app: dict, timeout_s: float, secrets: list, steps: list):
        self.app = app
        self.api_url = app["api_url"].rstrip("/")
        self.git_url = app["git_url"].rstrip("/")
        self.timeout_s = timeout_s
        self.secrets = secrets
        self.steps = steps

    def run(self, jwt: str):
        """As deep as the App's ``depth`` says; ends at the first answer that leaves nothing to go on with."""
        installation = f"{self.api_url}/app/installations/{quote(self.app['installation_id'], safe='')}"
        if self.app["depth"] == "jwt":
            step, content = self._api("installation", "GET", installation, jwt)
            said = _json_object(content)
            if step["status"] == 200 and str(said.get("id")) != self.app["installation_id"]:
                step["error"] = _not_github("200, but the answer is not the installation")
                step["body"] = self._shown(content.decode("utf-8", "replace"))
            # GitHub shows a suspended installation with 200, and refuses only what is done with it.
            step["suspended"] = bool(said.get("suspended_at"))
            return
        token = self._mint(f"{installation}/access_tokens", jwt)
        if token is None:
            return
        self.secrets.append(token)
        try:
            if self.app["depth"] == "repository":
                self._reach_repositories(token)
        finally:
            revoke = functools.partial(self._api, "revoke", "DELETE", f"{self.api_url}/installation/token", token)
            self._use(USE_TRIES, revoke)

    def _mint(self, url: str, jwt: str):
        """The installation token, narrowed to what the App's settings name; None if there is none."""
        # The API wants names without their owner, who is the installation's account.
        narrowed = {
            "permissions": self.app["permissions"],
            "repositories": [repository.split("/")[-1] for repository in self.app["repositories"]],
        }
        step, content = self._api("token", "POST", url, jwt, {key: value for key, value in narrowed.items() if value})
        if step["status"] is None or not 200 <= step["status"] < 300:
            return None
        token = _json_object(content).get("token")
        if not isinstance(token, str) or not token:
            step["error"] = _not_github(f"{step['status']}, but the answer has no token")
            return None
        return token

    def _reach_repositories(self, token: str):
        """One fetch's first request for each repository; waiting for a fresh token is shared among them."""
        basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
        self.secrets.append(basic)
        headers = {"Authorization": f"Basic {basic}"}
        tries = USE_TRIES
        for repository in self.app["repositories"]:
            url = f"{self.git_url}/{quote(repository)}.git/info/refs?service=git-upload-pack"
            reach = functools.partial(self._reach, url, headers, repository)
            tries -= self._use(tries, reach) - 1

    def _reach(self, url: str, headers: dict, repository: str) -> tuple:
        """A fetch's first request, which follows a renamed repository's redirect as git does; only the last step stays."""
        step, content = self._step("repository", "GET", url, headers, repository=repository)
        for _ in range(GIT_REDIRECTS):
            moved_url = _moved_url(step)
            if not moved_url:
                break
            self.steps.pop()
            step, content = self._step("repository", "GET", moved_url, headers, repository=repository)
            step["moved_to"] = moved_url.rpartition("/info/refs")[0]
        return step, content

    def _use(self, tries: int, call) -> int:
        """Calls until a fresh token is known, and returns how many tries it took; only the last one's step stays."""
        tried = 1
        while call()[0]["status"] in (401, 404) and tried < tries:
            self.steps.pop()
            time.sleep(USE_SPACING_S)
            tried += 1
        self.steps[-1]["tries"] = tried
        return tried

    def _api(self, name: str, method: str, url: str, bearer: str, content=None) -> tuple:
        headers = {
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
            "Authorization": f"Bearer {bearer}",
        }
        if content is not None:
            headers["Content-Type"] = "application/json"
            return self._step(name, method, url, headers, content=json.dumps(content).encode())
        return self._step(name, method, url, headers)

    def _step(self, name, method, url, headers, *, content=None, repository=None) -> tuple:
        """One exchange on a connection of its own: (the step as recorded, the body of a 2xx answer, never recorded)."""
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
        self.steps.append(step)
        begun_s = time.monotonic()
        answer = b""
        try:
            connection = Connection(url, tls_context(self.app.get("ca_pem")), self.timeout_s)
            step["proxy"] = connection.proxy
            connection.connect()
            step["sent_from"], step["sent_to"] = connection.addresses
            step["node_wall_s"] = time.time()
            parts = urlsplit(url)
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            limit = MAX_GIT_BYTES if name == "repository" else 4 << 20
            reply = connection.request(method, target, {"User-Agent": USER_AGENT, **headers}, content, limit)
            connection.close()
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
                if name == "repository" and reply.headers.get("content-type") != GIT_ADVERTISEMENT:
                    step["body"] = self._shown(answer.decode("utf-8", "replace"))
            else:
                step.update(self._refusal(reply.body))
        step["duration_s"] = round(time.monotonic() - begun_s, 6)
        return step, answer

    def _kept(self, headers: dict) -> dict:
        kept = (key for key in headers if key in KEPT_HEADERS or key.startswith("x-ratelimit-"))
        return {key: self._shown(headers[key]) for key in kept}

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


def _moved_url(step: dict) -> str:
    """Where a repository's redirect leads if the credential may be sent there: to the same server alone; "" for any other.

    git follows a redirect of this request, and takes only one that ends as the request does (http.c, update_url_from_redirect).
    """
    location = step["headers"].get("location")
    if step["status"] not in (301, 302, 303, 307, 308) or not location:
        return ""
    try:
        asked, moved = urlsplit(step["url"]), urlsplit(urljoin(step["url"], location))
        if (moved.scheme, moved.hostname, moved.port or 443) != (asked.scheme, asked.hostname, asked.port or 443):
            return ""
    except ValueError:
        return ""
    if not moved.path.endswith("/info/refs") or moved.query != asked.query:
        return ""
    return f"{asked.scheme}://{asked.netloc}{moved.path}?{moved.query}"


def _not_github(message: str) -> dict:
    """The error of a success that GitHub would not have sent."""
    return {"phase": "reply", "message": message, "kind": "not_github"}


def _int(digits: str):
    """A number that is none of GitHub's stays text: before Python 3.11, to read millions of digits takes minutes."""
    return int(digits) if len(digits) < 100 else digits


def _json_object(content) -> dict:
    try:
        value = json.loads(content, parse_int=_int)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
