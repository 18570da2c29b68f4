"""The edges of the API's clock: whole seconds decide, whatever their fraction."""

from __future__ import annotations

from email.message import Message

import jwt
import pytest

from tests.lab.github_api import (
    CLIENT_ID,
    answers,
)
from tests.lab.github_api.answers import Request
from tests.lab.github_api.github import GitHub
from tests.lab.github_credentials import Credentials, ensure_credentials


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    return ensure_credentials(tmp_path_factory.mktemp("github"))


@pytest.mark.parametrize(
    ("iat_s", "exp_s", "message"),
    [
        (0, 600, None),
        (1, 600, answers.IAT_FUTURE),
        (0, 601, answers.EXP_TOO_FAR),
        (-30, 1, None),
        (-30, 0, answers.EXP_PAST),
    ],
)
def test_the_edges_are_those_of_whole_seconds(
    credentials: Credentials, monkeypatch: pytest.MonkeyPatch, iat_s: int, exp_s: int, message: str | None
) -> None:
    github = GitHub(credentials.app_public_pem.read_text())
    g = 1_800_000_000
    claims = {"iat": g + iat_s, "exp": g + exp_s, "iss": CLIENT_ID}
    assertion = jwt.encode(claims, credentials.app_pem.read_text(), algorithm="RS256")
    headers = Message()
    headers["User-Agent"] = "test"
    headers["Authorization"] = f"Bearer {assertion}"
    for fraction in (0.0, 0.999):
        monkeypatch.setattr(github, "now_s", lambda fraction=fraction: g + fraction)
        answer = github.answer(Request("GET", "/app", {}, headers, b""))
        assert answer.message == message
