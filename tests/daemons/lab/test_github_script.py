"""What a test can script on the lab's GitHub, and what it is shown of the requests."""

from __future__ import annotations

import hashlib
import json
import threading
import time

import pytest

from tests.daemons.lab.asking import INFO_REFS, MINT, Reply, ask, basic, bearer, mint
from tests.lab.github_api import (
    ControlError,
    RunningApi,
    answers,
)


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
    assert slow[0].json["message"] == answers.EXP_PAST


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
    assert (second.status, second.json["message"]) == (403, answers.RATE_LIMITED)
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
        ({"do": "stop"}, "'stop'.*reset, set_clock_offset"),
        ({"do": "set_token_form", "form": "huge"}, "'huge'.*short, long"),
        ({"do": "script", "method": "GET", "path": "/", "colour": "red"}, "colour"),
        ({"do": "script", "method": "GET", "path": "/", "message": "no"}, "status"),
    ],
)
def test_a_command_that_makes_no_sense_is_refused_with_the_choices(
    api: RunningApi, command: dict[str, object], complaint: str
) -> None:
    with pytest.raises(ControlError, match=complaint):
        api.control._do(str(command.pop("do")), **command)


def test_the_control_socket_is_its_owners_alone(api: RunningApi) -> None:
    assert api.control.socket_path.stat().st_mode & 0o777 == 0o600
