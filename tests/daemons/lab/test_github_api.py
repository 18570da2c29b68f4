"""The lab's GitHub: each of its answers by example, its clock, its script, and real git as a client."""

from __future__ import annotations

import base64
import datetime
import email.utils
import hashlib
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.lab import github_api
from tests.lab.github_api import APP_ID, CLIENT_ID, INSTALLATION_ID, Control, ControlError, RunningApi, running_api
from tests.lab.github_credentials import Credentials, ensure_credentials
from tests.paths import ROOT

MINT = f"/app/installations/{INSTALLATION_ID}/access_tokens"
INFO_REFS = "/acme/deploy-config.git/info/refs?service=git-upload-pack"


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]  # lower-case names
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    with running_api(tmp_path_factory.mktemp("github")) as api:
        yield api


@pytest.fixture
def api(running: RunningApi) -> RunningApi:
    running.control.reset()
    return running


def ask(
    api: RunningApi,
    method: str,
    path: str,
    authorization: str | None = None,
    *,
    body: object = None,
    user_agent: str | None = "test",
) -> Reply:
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
    give_up_at = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < give_up_at:
        time.sleep(0.05)
    return condition()


def bearer(api: RunningApi, key: object = None, alg: str = "RS256", **claims: object) -> str:
    """`Bearer JWT` of a client with ghinstallation's times, any claim replaced; `None` leaves it out."""
    now = int(time.time())
    all_claims = {"iat": now - 30, "exp": now + 90, "iss": CLIENT_ID, **claims}
    present = {name: value for name, value in all_claims.items() if value is not None}
    # By PyJWS: PyJWT itself refuses to sign some of the claims that GitHub has to be shown here.
    signing_key: Any = api.credentials.app_pem.read_bytes() if key is None else key
    return "Bearer " + jwt.PyJWS().encode(json.dumps(present).encode(), signing_key, algorithm=alg)


def mint(api: RunningApi, **wanted: object) -> str:
    reply = ask(api, "POST", MINT, bearer(api), body=wanted)
    assert reply.status == 201, reply.body
    return str(reply.json["token"])


def basic(token: str, username: str = "x-access-token") -> str:
    return "Basic " + base64.b64encode(f"{username}:{token}".encode()).decode()


# --- the JWT --------------------------------------------------------------------------------------------------------

Authorize = Callable[[RunningApi], str | None]
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)

JWT_REFUSALS: dict[str, tuple[Authorize, int, str]] = {
    "iat in the future": (lambda api: bearer(api, iat=int(time.time()) + 60), 401, github_api.IAT_FUTURE),
    "iat fractional": (lambda api: bearer(api, iat=time.time() - 30.5), 401, github_api.IAT_FUTURE),
    "iat missing": (lambda api: bearer(api, iat=None), 401, github_api.IAT_FUTURE),
    "exp in the past": (lambda api: bearer(api, exp=int(time.time()) - 1), 401, github_api.EXP_PAST),
    "exp fractional": (lambda api: bearer(api, exp=time.time() + 60.5), 401, github_api.EXP_PAST),
    "exp a string": (lambda api: bearer(api, exp=str(int(time.time()) + 60)), 401, github_api.EXP_PAST),
    "exp missing": (lambda api: bearer(api, exp=None), 401, github_api.EXP_PAST),
    "exp too far": (lambda api: bearer(api, exp=int(time.time()) + 660), 401, github_api.EXP_TOO_FAR),
    "both times broken": (
        lambda api: bearer(api, iat=int(time.time()) + 60, exp=int(time.time()) + 660),
        401,
        github_api.EXP_TOO_FAR,
    ),
    "wrong key": (lambda api: bearer(api, key=OTHER_KEY), 401, github_api.NOT_DECODED),
    "wrong key and expired": (lambda api: bearer(api, key=OTHER_KEY, exp=1), 401, github_api.NOT_DECODED),
    "RS512": (lambda api: bearer(api, alg="RS512"), 401, github_api.NOT_DECODED),
    "HS256": (lambda api: bearer(api, key="k" * 32, alg="HS256"), 401, github_api.NOT_DECODED),
    "alg none": (lambda api: bearer(api, key="", alg="none"), 401, github_api.NOT_DECODED),
    "no Authorization": (lambda _: None, 401, github_api.NOT_DECODED),
    "token for Bearer": (lambda api: bearer(api).replace("Bearer", "token"), 401, github_api.NOT_DECODED),
    "not a JWT": (lambda _: "Bearer abc.def.ghi", 401, github_api.NOT_DECODED),
    "an installation token": (lambda api: "Bearer " + mint(api), 401, github_api.NOT_DECODED),
    "unknown app ID": (lambda api: bearer(api, iss=4711), 404, github_api.UNKNOWN_APP),
    "unknown app ID, a string": (lambda api: bearer(api, iss="4711"), 404, github_api.UNKNOWN_APP),
    "iss a name": (lambda api: bearer(api, iss="my-app"), 401, github_api.ISS_UNUSABLE),
    "iss with a line end": (lambda api: bearer(api, iss=f"{APP_ID}\n"), 401, github_api.ISS_UNUSABLE),
    "iss true": (lambda api: bearer(api, iss=True), 401, github_api.ISS_UNUSABLE),
    "iss missing": (lambda api: bearer(api, iss=None), 401, github_api.ISS_MISSING),
}


@pytest.mark.parametrize("case", JWT_REFUSALS)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/app"), ("GET", f"/app/installations/{INSTALLATION_ID}"), ("POST", MINT)]
)
def test_a_jwt_that_breaks_a_rule_gets_githubs_message(api: RunningApi, case: str, method: str, path: str) -> None:
    authorize, status, message = JWT_REFUSALS[case]
    reply = ask(api, method, path, authorize(api))
    assert (reply.status, reply.json["message"]) == (status, message)
    assert reply.json["status"] == str(status)
    assert reply.json["documentation_url"].startswith("https://docs.github.com/rest")
    assert reply.headers["content-type"] == "application/json; charset=utf-8"
    assert reply.headers["x-github-request-id"]
    assert email.utils.parsedate_to_datetime(reply.headers["date"]).timestamp() == pytest.approx(time.time(), abs=3)


@pytest.mark.parametrize("iss", [CLIENT_ID, APP_ID, str(APP_ID)])
def test_the_app_is_known_by_client_id_and_by_app_id(api: RunningApi, iss: object) -> None:
    reply = ask(api, "GET", "/app", bearer(api, iss=iss))
    assert reply.status == 200
    assert (reply.json["id"], reply.json["client_id"]) == (APP_ID, CLIENT_ID)


@pytest.mark.parametrize(
    ("iat_s", "exp_s", "message"),
    [
        (0, 600, None),
        (1, 600, github_api.IAT_FUTURE),
        (0, 601, github_api.EXP_TOO_FAR),
        (-30, 1, None),
        (-30, 0, github_api.EXP_PAST),
    ],
)
def test_the_edges_are_those_of_whole_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, iat_s: int, exp_s: int, message: str | None
) -> None:
    credentials = ensure_credentials(tmp_path)
    github = github_api.GitHub(credentials.app_public_pem.read_text())
    g = 1_800_000_000
    claims = {"iat": g + iat_s, "exp": g + exp_s, "iss": CLIENT_ID}
    assertion = jwt.encode(claims, credentials.app_pem.read_text(), algorithm="RS256")
    headers = Message()
    headers["User-Agent"] = "test"
    headers["Authorization"] = f"Bearer {assertion}"
    for fraction in (0.0, 0.999):
        monkeypatch.setattr(github, "now_s", lambda fraction=fraction: g + fraction)
        answer = github.answer(github_api.Request("GET", "/app", {}, headers, b""))
        assert answer.message == message


def test_the_clock_offset_moves_the_rules_and_the_date(api: RunningApi) -> None:
    api.control.set_clock_offset(612)
    reply = ask(api, "GET", "/app", bearer(api))
    assert reply.json["message"] == github_api.EXP_PAST
    date = email.utils.parsedate_to_datetime(reply.headers["date"])
    assert date.timestamp() == pytest.approx(time.time() + 612, abs=3)

    api.control.set_clock_offset(-45)
    assert ask(api, "GET", "/app", bearer(api)).json["message"] == github_api.IAT_FUTURE
    assert ask(api, "GET", "/app", bearer(api, iat=int(time.time()) - 60)).status == 200


# --- installations and tokens ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/app/installations/1"), ("POST", "/app/installations/1/access_tokens")]
)
def test_an_unknown_installation_is_not_found(api: RunningApi, method: str, path: str) -> None:
    reply = ask(api, method, path, bearer(api))
    assert (reply.status, reply.json["message"]) == (404, "Not Found")


def test_an_installation_shows_what_it_was_granted(api: RunningApi) -> None:
    reply = ask(api, "GET", f"/app/installations/{INSTALLATION_ID}", bearer(api))
    assert reply.status == 200
    assert reply.json["permissions"] == {"contents": "read", "metadata": "read"}
    assert reply.json["suspended_at"] is None


def test_a_suspended_installation_mints_nothing_and_its_tokens_stop(api: RunningApi) -> None:
    token = mint(api)
    api.control.suspend()
    for reply in (
        ask(api, "POST", MINT, bearer(api)),
        ask(api, "GET", "/installation/repositories", f"Bearer {token}"),
    ):
        assert (reply.status, reply.json["message"]) == (403, "This installation has been suspended")
    assert ask(api, "GET", f"/app/installations/{INSTALLATION_ID}", bearer(api)).json["suspended_at"] is not None
    api.control.suspend(False)
    assert ask(api, "GET", "/installation/repositories", f"Bearer {token}").status == 200


def test_a_token_has_all_that_was_granted_for_an_hour(api: RunningApi) -> None:
    reply = ask(api, "POST", MINT, bearer(api))
    assert reply.status == 201
    assert len(reply.json["token"]) == 40
    assert reply.json["token"].startswith("ghs_")
    assert reply.json["permissions"] == {"contents": "read", "metadata": "read"}
    assert "repositories" not in reply.json
    date = email.utils.parsedate_to_datetime(reply.headers["date"])
    expires_at = datetime.datetime.fromisoformat(reply.json["expires_at"])
    assert (expires_at - date).total_seconds() == pytest.approx(3600, abs=1)
    repositories = ask(api, "GET", "/installation/repositories", f"token {reply.json['token']}").json
    assert [r["full_name"] for r in repositories["repositories"]] == ["acme/deploy-config", "acme/charts"]


@pytest.mark.parametrize("wanted", [{"repositories": ["charts"]}, {"repository_ids": [3002]}])
def test_a_token_is_narrowed_to_the_repositories_that_were_asked_for(api: RunningApi, wanted: dict[str, Any]) -> None:
    reply = ask(api, "POST", MINT, bearer(api), body={**wanted, "permissions": {"metadata": "read"}})
    assert reply.status == 201
    assert [r["full_name"] for r in reply.json["repositories"]] == ["acme/charts"]
    assert reply.json["permissions"] == {"metadata": "read"}
    listed = ask(api, "GET", "/installation/repositories", f"Bearer {reply.json['token']}").json
    assert [r["full_name"] for r in listed["repositories"]] == ["acme/charts"]


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"repositories": ["secret"]}, 422, github_api.NOT_INSTALLED),
        ({"repositories": ["acme/charts"]}, 422, github_api.NOT_INSTALLED),
        ({"repository_ids": [1]}, 422, github_api.NOT_INSTALLED),
        ({"permissions": {"contents": "write"}}, 422, github_api.NOT_GRANTED),
        ({"permissions": {"issues": "read"}}, 422, github_api.NOT_GRANTED),
        ({"permissions": {"contents": "all"}}, 422, github_api.NOT_GRANTED),
        ({"repositories": "charts"}, 422, github_api.INVALID_REQUEST),
        ({"repository_ids": [3001] * 501}, 422, github_api.INVALID_REQUEST),
        (["charts"], 422, github_api.INVALID_REQUEST),
        (b"{", 400, "Problems parsing JSON"),
    ],
)
def test_what_was_not_granted_is_refused(api: RunningApi, body: object, status: int, message: str) -> None:
    reply = ask(api, "POST", MINT, bearer(api), body=body)
    assert (reply.status, reply.json["message"]) == (status, message)
    assert api.control.tokens()["live"] == []


def test_a_revoked_token_is_bad_credentials_everywhere(api: RunningApi) -> None:
    token = mint(api)
    assert ask(api, "DELETE", "/installation/token", f"Bearer {token}").status == 204
    for method, path in (("GET", "/installation/repositories"), ("DELETE", "/installation/token")):
        reply = ask(api, method, path, f"Bearer {token}")
        assert (reply.status, reply.json["message"]) == (401, "Bad credentials")
    assert ask(api, "GET", INFO_REFS, basic(token)).status == 401


def test_a_token_expires_by_the_clock_of_the_api(api: RunningApi) -> None:
    token = mint(api)
    api.control.set_clock_offset(3590)
    assert ask(api, "GET", "/installation/repositories", f"Bearer {token}").status == 200
    api.control.set_clock_offset(3600)
    reply = ask(api, "GET", "/installation/repositories", f"Bearer {token}")
    assert (reply.status, reply.json["message"]) == (401, "Bad credentials")
    assert len(api.control.tokens()["expired"]) == 1


def test_a_tokens_endpoint_without_one_requires_authentication(api: RunningApi) -> None:
    reply = ask(api, "GET", "/installation/repositories")
    assert (reply.status, reply.json["message"]) == (401, "Requires authentication")


def test_the_long_form_of_a_token_works_as_the_short_one(api: RunningApi) -> None:
    api.control.set_token_form("long")
    token = mint(api)
    assert token.startswith("ghs_")
    assert len(token) == 520
    assert token.count(".") == 2
    assert ask(api, "GET", INFO_REFS, basic(token)).status == 200


# --- the rest of the API --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/zen", "/api/v3", "/api/v3/", "/api/v3/zen"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_some_paths_need_no_credentials(api: RunningApi, method: str, path: str) -> None:
    reply = ask(api, method, path)
    assert reply.status == 200
    assert (reply.body == b"") == (method == "HEAD")
    assert reply.headers["date"].endswith(" GMT")


def test_an_enterprise_server_answers_under_its_prefix(api: RunningApi) -> None:
    reply = ask(api, "POST", "/api/v3" + MINT, bearer(api))
    assert reply.status == 201
    assert ask(api, "GET", "/api/v3/installation/repositories", f"Bearer {reply.json['token']}").status == 200


def test_no_user_agent_is_refused_in_plain_text(api: RunningApi) -> None:
    reply = ask(api, "GET", "/app", bearer(api), user_agent=None)
    assert reply.status == 403
    assert reply.headers["content-type"].startswith("text/plain")
    assert b"make sure your request has a User-Agent header" in reply.body


@pytest.mark.parametrize(("method", "path"), [("GET", "/nothing"), ("PUT", "/app"), ("GET", MINT)])
def test_what_is_not_there_is_not_found(api: RunningApi, method: str, path: str) -> None:
    reply = ask(api, method, path, bearer(api))
    assert (reply.status, reply.json["message"]) == (404, "Not Found")


# --- git over HTTPS -------------------------------------------------------------------------------------------------


def test_a_repository_of_the_token_advertises_its_branch(api: RunningApi) -> None:
    reply = ask(api, "GET", INFO_REFS, basic(mint(api, repositories=["deploy-config"])))
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/x-git-upload-pack-advertisement"
    assert reply.body.startswith(b"001e# service=git-upload-pack\n0000")
    assert reply.body.endswith(b" refs/heads/main\n0000")


def test_git_without_credentials_is_asked_for_them(api: RunningApi) -> None:
    reply = ask(api, "GET", INFO_REFS)
    assert reply.status == 401
    assert reply.headers["www-authenticate"] == 'Basic realm="GitHub"'


def test_git_with_credentials_that_are_none_is_refused(api: RunningApi) -> None:
    token = mint(api)
    for authorization in (basic("ghs_wrong"), basic(token, username="git"), "Basic ?", f"Bearer {token}"):
        assert ask(api, "GET", INFO_REFS, authorization).status == 401


@pytest.mark.parametrize("repository", ["acme/charts", "acme/secret", "other/deploy-config"])
def test_a_repository_outside_the_token_is_not_found(api: RunningApi, repository: str) -> None:
    token = mint(api, repositories=["deploy-config"])
    reply = ask(api, "GET", f"/{repository}.git/info/refs?service=git-upload-pack", basic(token))
    assert (reply.status, reply.body) == (404, b"Repository not found.")


def test_a_token_without_contents_reads_no_repository(api: RunningApi) -> None:
    reply = ask(api, "GET", INFO_REFS, basic(mint(api, permissions={"metadata": "read"})))
    assert (reply.status, reply.body.decode()) == (403, github_api.GIT_NO_CONTENTS)


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
@pytest.mark.parametrize("protocol", ["0", "2"])
def test_real_git_lists_the_branch_and_is_refused_once_the_token_is_revoked(api: RunningApi, protocol: str) -> None:
    token = mint(api, repositories=["deploy-config"], permissions={"contents": "read"})
    environment = {
        "PATH": os.environ["PATH"],
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_SYSTEM": "/dev/null",
        "GIT_CONFIG_COUNT": "3",
        "GIT_CONFIG_KEY_0": "http.sslCAInfo",
        "GIT_CONFIG_VALUE_0": str(api.credentials.ca_pem),
        "GIT_CONFIG_KEY_1": "http.extraHeader",
        "GIT_CONFIG_VALUE_1": f"Authorization: {basic(token)}",
        "GIT_CONFIG_KEY_2": "protocol.version",
        "GIT_CONFIG_VALUE_2": protocol,
    }
    command = ["git", "ls-remote", "--symref", f"{api.url}/acme/deploy-config.git"]
    listed = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=True)
    head, *refs = listed.stdout.splitlines()
    assert head == "ref: refs/heads/main\tHEAD"
    assert [ref.split("\t")[1] for ref in refs] == ["HEAD", "refs/heads/main"]

    ask(api, "DELETE", "/installation/token", f"Bearer {token}")
    refused = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert refused.returncode != 0
    assert "Authentication failed" in refused.stderr or "could not read Username" in refused.stderr


# --- the script -----------------------------------------------------------------------------------------------------


def test_a_scripted_answer_is_given_as_often_as_said_and_then_githubs_own(api: RunningApi) -> None:
    headers = {"Retry-After": "7", "X-RateLimit-Remaining": "0"}
    api.control.script("POST", "/app/installations/*", times=2, status=429, message="Slow down", headers=headers)
    assert ask(api, "GET", "/app", bearer(api)).status == 200
    for _ in range(2):
        reply = ask(api, "POST", MINT, bearer(api))
        assert (reply.status, reply.json["message"], reply.json["status"]) == (429, "Slow down", "429")
        assert (reply.headers["retry-after"], reply.headers["x-ratelimit-remaining"]) == ("7", "0")
    assert ask(api, "POST", MINT, bearer(api)).status == 201


def test_scripts_are_used_up_in_their_order(api: RunningApi) -> None:
    api.control.script("*", "/zen", status=500, message="first")
    api.control.script("*", "/zen", status=502, body="<h1>Unicorn</h1>")
    assert ask(api, "GET", "/zen").json["message"] == "first"
    second = ask(api, "GET", "/zen")
    assert (second.status, second.body, second.headers["content-type"]) == (
        502,
        b"<h1>Unicorn</h1>",
        "text/html; charset=utf-8",
    )
    assert ask(api, "GET", "/zen").status == 200


def test_a_delay_comes_before_the_rules_and_holds_up_nobody_else(api: RunningApi) -> None:
    api.control.script("GET", "/app", delay_s=1.5)
    slow: list[Reply] = []
    expiring = bearer(api, exp=int(time.time()) + 1)
    started = time.monotonic()
    thread = threading.Thread(target=lambda: slow.append(ask(api, "GET", "/app", expiring)))
    thread.start()
    time.sleep(0.2)
    assert ask(api, "GET", "/zen").status == 200
    assert not slow
    thread.join()
    assert time.monotonic() - started >= 1.5
    assert slow[0].json["message"] == github_api.EXP_PAST


def test_a_scripted_reset_resets_the_connection(api: RunningApi) -> None:
    api.control.script("GET", "/zen", reset=True)
    with pytest.raises(ConnectionResetError):
        ask(api, "GET", "/zen")
    assert api.control.requests()[-1]["status"] is None
    assert ask(api, "GET", "/zen").status == 200


def test_a_rate_limit_counts_down_and_refuses_until_its_window_ends(api: RunningApi) -> None:
    api.control.set_rate_limit(5000, remaining=1, window_s=60)
    first, second = ask(api, "GET", "/zen"), ask(api, "GET", "/zen")
    assert (first.status, first.headers["x-ratelimit-remaining"]) == (200, "0")
    assert (second.status, second.json["message"]) == (403, github_api.RATE_LIMITED)
    assert int(second.headers["x-ratelimit-reset"]) == pytest.approx(time.time() + 60, abs=3)
    api.control.set_clock_offset(61)
    third = ask(api, "GET", "/zen")
    assert (third.status, third.headers["x-ratelimit-remaining"]) == (200, "4999")


def test_tokens_are_known_by_state_and_hash_alone(api: RunningApi) -> None:
    kept, revoked = mint(api), mint(api)
    ask(api, "DELETE", "/installation/token", f"Bearer {revoked}")
    digests = [hashlib.sha256(token.encode()).hexdigest() for token in (kept, revoked)]
    assert api.control.tokens() == {"live": digests[:1], "revoked": digests[1:], "expired": []}


def test_the_log_says_who_asked_what_with_which_claims_and_no_secret(api: RunningApi) -> None:
    iat = int(time.time()) - 30
    authorization = bearer(api, iat=iat, exp=iat + 120, jti="node1-1")
    token = ask(api, "POST", MINT, authorization).json["token"]
    ask(api, "GET", INFO_REFS + "&token=" + token, basic(token))
    minted, fetched = api.control.requests()
    assert minted["claims"] == {"iat": iat, "exp": iat + 120, "jti": "node1-1"}
    assert (minted["method"], minted["path"], minted["status"], minted["node"]) == ("POST", MINT, 201, "127.0.0.1")
    assert (fetched["path"], fetched["claims"]) == ("/acme/deploy-config.git/info/refs", {})
    log = (api.credentials.directory / "api.log").read_text()
    assert "node1-1" in log
    for secret in (token, authorization.split(".")[2], basic(token).split()[1]):
        assert secret not in log + json.dumps(api.control.requests())


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ({"do": "stop"}, "unknown command 'stop', expected one of: reset, set_clock_offset"),
        ({"do": "set_token_form", "form": "huge"}, "'huge' is not one of: short, long"),
        ({"do": "script", "method": "GET", "path": "/", "colour": "red"}, "colour"),
        ({"do": "script", "method": "GET", "path": "/", "message": "no"}, "needs the status"),
    ],
)
def test_a_command_that_makes_no_sense_is_refused_with_the_choices(
    api: RunningApi, command: dict[str, object], complaint: str
) -> None:
    with pytest.raises(ControlError, match=complaint):
        api.control._do(str(command.pop("do")), **command)


def test_the_control_socket_is_its_owners_alone(api: RunningApi) -> None:
    assert api.control.socket_path.stat().st_mode & 0o777 == 0o600


# --- the server -----------------------------------------------------------------------------------------------------


def test_a_client_that_stops_amid_the_handshake_holds_up_nobody(api: RunningApi) -> None:
    url = urllib.parse.urlsplit(api.url)
    with socket.create_connection((url.hostname, url.port)) as stuck:
        stuck.sendall(b"\x16\x03\x01")
        assert ask(api, "GET", "/zen").status == 200


def test_a_client_that_does_not_know_the_ca_is_seen_in_the_log(api: RunningApi) -> None:
    url = urllib.parse.urlsplit(api.url)
    connection = http.client.HTTPSConnection(
        url.hostname or "", url.port, context=ssl.create_default_context(), timeout=10
    )
    with pytest.raises(ssl.SSLCertVerificationError):
        connection.request("GET", "/zen")
    connection.close()
    log = api.credentials.directory / "api.log"
    assert wait_until(lambda: "UNKNOWN_CA" in log.read_text())


def ask_in_background(api: RunningApi, method: str, path: str) -> threading.Thread:
    """A request that nobody waits for the answer of, and that may get none."""

    def run() -> None:
        with suppress(OSError, http.client.HTTPException):
            ask(api, method, path)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_the_end_of_the_block_ends_every_connection_and_thread(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    with running_api(tmp_path) as api:
        url = urllib.parse.urlsplit(api.url)
        context = ssl.create_default_context(cafile=str(api.credentials.ca_pem))
        idle = http.client.HTTPSConnection(url.hostname or "", url.port, context=context, timeout=10)
        idle.request("GET", "/zen", headers={"User-Agent": "test"})
        assert idle.getresponse().read()
        stuck = socket.create_connection((url.hostname, url.port))
        api.control.script("GET", "/app", delay_s=60)
        slow = ask_in_background(api, "GET", "/app")
        time.sleep(0.2)
    slow.join(5)
    assert wait_until(lambda: set(threading.enumerate()) <= before)
    with pytest.raises(ConnectionRefusedError):
        ask(api, "GET", "/zen")
    assert not api.control.socket_path.exists()
    idle.close()
    stuck.close()


def test_a_socket_left_by_a_killed_server_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(tmp_path / "control.sock"))
    with running_api(tmp_path) as api:
        assert api.control.requests() == []


def serve(state_dir: Path, listen: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.lab.github_api", "serve", "--listen", listen, "--state-dir", str(state_dir)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_command_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    state_dir = tmp_path / "github"
    with serve(state_dir, "127.0.0.1:0") as process:
        control = Control(state_dir)
        control.wait_until_ready()
        assert process.stdout is not None
        url = process.stdout.readline().split()[1].rstrip(",")
        api = RunningApi(url, Credentials(state_dir), control)
        token = mint(api)
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=10)
    assert process.returncode == 0
    assert errors == ""
    assert token not in output + (state_dir / "api.log").read_text()


def test_an_address_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with serve(tmp_path, listen) as process:
            _, errors = process.communicate(timeout=10)
    assert process.returncode == 1
    assert errors.startswith(f"cannot serve on {listen}")
    assert "Address already in use" in errors


def test_waiting_for_an_api_that_is_not_there_ends(tmp_path: Path) -> None:
    with pytest.raises(TimeoutError, match=r"control\.sock"):
        Control(tmp_path).wait_until_ready(timeout_s=0.1)
