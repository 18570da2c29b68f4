"""How these tests ask the lab's GitHub API, as a client of the App does."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import time
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from tests.lab.github_api import (
    CLIENT_ID,
    INSTALLATION_ID,
    RunningApi,
)

MINT = f"/app/installations/{INSTALLATION_ID}/access_tokens"
INFO_REFS = "/acme/deploy-config.git/info/refs?service=git-upload-pack"


@dataclass(frozen=True)
class Reply:
    """One answer as it came: `headers` by lower-case name."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


def ask(
    api: RunningApi,
    method: str,
    path: str,
    authorization: str | None = None,
    *,
    body: object = None,
    user_agent: str | None = "test",
) -> Reply:
    """The answer to one request, over a new connection that trusts the lab's CA alone."""
    url = urllib.parse.urlsplit(api.url)
    context = ssl.create_default_context(cafile=str(api.credentials.ca_pem))
    connection = http.client.HTTPSConnection(url.hostname or "", url.port, context=context, timeout=10)
    headers = {"Authorization": authorization, "User-Agent": user_agent}
    try:
        connection.request(
            method,
            path,
            body=body if isinstance(body, bytes) else None if body is None else json.dumps(body),
            headers={name: value for name, value in headers.items() if value is not None},
        )
        answer = connection.getresponse()
        return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def wait_until(condition: Callable[[], bool], timeout_s: float = 5.0) -> bool:
    """Whether the condition came true in time."""
    give_up_at = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < give_up_at:
        time.sleep(0.05)
    return condition()


def bearer(api: RunningApi, key: object = None, alg: str = "RS256", **claims: object) -> str:
    """`Bearer JWT` of a client with ghinstallation's times, any claim replaced;
    `None` leaves it out.
    """
    now = int(time.time())
    all_claims = {"iat": now - 30, "exp": now + 90, "iss": CLIENT_ID, **claims}
    present = {name: value for name, value in all_claims.items() if value is not None}
    # By PyJWS: PyJWT itself refuses to sign some of the claims that GitHub has to be shown here.
    signing_key: Any = api.credentials.app_pem.read_bytes() if key is None else key
    return "Bearer " + jwt.PyJWS().encode(json.dumps(present).encode(), signing_key, algorithm=alg)


def mint(api: RunningApi, **wanted: object) -> str:
    """A new installation token, narrowed as `wanted` says."""
    reply = ask(api, "POST", MINT, bearer(api), body=wanted)
    assert reply.status == 201, reply.body
    return str(reply.json["token"])


def basic(token: str, username: str = "x-access-token") -> str:
    """The header with which git sends a token."""
    return "Basic " + base64.b64encode(f"{username}:{token}".encode()).decode()
