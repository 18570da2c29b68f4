"""What the lab's GitHub answers beside the App's endpoints."""

from __future__ import annotations

import pytest

from tests.daemons.lab.asking import MINT, ask, bearer
from tests.lab.github_api import (
    RunningApi,
)


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
