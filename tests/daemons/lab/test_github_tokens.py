"""The lab's GitHub, its installation and its tokens."""

from __future__ import annotations

import datetime
import email.utils
import re
from typing import Any

import pytest

from tests.daemons.lab.asking import INFO_REFS, MINT, ask, basic, bearer, mint
from tests.lab.github_api import (
    APP_ID,
    INSTALLATION_ID,
    RunningApi,
    answers,
)


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


@pytest.mark.parametrize("body", [b"null", b"{}", b""])
def test_a_token_may_be_asked_for_with_no_settings_at_all(api: RunningApi, body: bytes) -> None:
    reply = ask(api, "POST", MINT, bearer(api), body=body)
    assert (reply.status, reply.json["permissions"]) == (201, {"contents": "read", "metadata": "read"})


@pytest.mark.parametrize("wanted", [{"repositories": ["charts"]}, {"repository_ids": [3002]}])
def test_a_token_is_narrowed_to_the_repositories_that_were_asked_for(api: RunningApi, wanted: dict[str, Any]) -> None:
    reply = ask(api, "POST", MINT, bearer(api), body={**wanted, "permissions": {"metadata": "read"}})
    assert reply.status == 201
    assert [r["full_name"] for r in reply.json["repositories"]] == ["acme/charts"]
    assert reply.json["permissions"] == {"metadata": "read"}
    listed = ask(api, "GET", "/installation/repositories", f"Bearer {reply.json['token']}").json
    assert [r["full_name"] for r in listed["repositories"]] == ["acme/charts"]


@pytest.mark.parametrize("body", [b"null", b"", b"{}", b" null\n", b'{"repositories": null, "permissions": null}'])
def test_a_mint_that_narrows_nothing_may_say_so_in_any_form(api: RunningApi, body: bytes) -> None:
    reply = ask(api, "POST", MINT, bearer(api), body=body)
    assert reply.status == 201
    assert reply.json["permissions"] == {"contents": "read", "metadata": "read"}


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"repositories": ["secret"]}, 422, answers.NOT_INSTALLED),
        ({"repositories": ["acme/charts"]}, 422, answers.NOT_INSTALLED),
        ({"repository_ids": [1]}, 422, answers.NOT_INSTALLED),
        ({"permissions": {"contents": "write"}}, 422, answers.NOT_GRANTED),
        ({"permissions": {"issues": "read"}}, 422, answers.NOT_GRANTED),
        ({"permissions": {"contents": "all"}}, 422, answers.NOT_GRANTED),
        ({"repositories": "charts"}, 422, answers.INVALID_REQUEST),
        ({"repository_ids": [3001] * 501}, 422, answers.TOO_MANY),
        ({"repositories": ["charts", "website"]}, 422, answers.NOT_INSTALLED),
        (["charts"], 422, answers.INVALID_REQUEST),
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


def test_a_token_may_be_given_a_shorter_life(api: RunningApi) -> None:
    api.control.set_token_life(60)
    reply = ask(api, "POST", MINT, bearer(api))
    date = email.utils.parsedate_to_datetime(reply.headers["date"])
    expires_at = datetime.datetime.fromisoformat(reply.json["expires_at"])
    assert (expires_at - date).total_seconds() == pytest.approx(60, abs=1)
    token = f"Bearer {reply.json['token']}"
    assert ask(api, "GET", "/installation/repositories", token).status == 200
    api.control.set_clock_offset(60)
    assert ask(api, "GET", "/installation/repositories", token).status == 401
    api.control.reset()
    mint(api)
    api.control.set_clock_offset(60)
    assert len(api.control.tokens()["live"]) == 1


def test_a_tokens_endpoint_without_one_requires_authentication(api: RunningApi) -> None:
    reply = ask(api, "GET", "/installation/repositories")
    assert (reply.status, reply.json["message"]) == (401, "Requires authentication")


def test_the_long_form_of_a_token_works_as_the_short_one(api: RunningApi) -> None:
    api.control.set_token_form("long")
    token = mint(api)
    assert re.fullmatch(rf"ghs_{APP_ID}_eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+", token)
    assert 510 < len(token) < 530
    assert ask(api, "GET", INFO_REFS, basic(token)).status == 200
