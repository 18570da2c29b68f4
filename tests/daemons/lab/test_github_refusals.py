"""What the lab's GitHub answers besides its rules for Apps:
refusals of another kind, other servers, renamed repositories.
"""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from tests.daemons.lab.asking import INFO_REFS, MINT, ask, basic, bearer, mint
from tests.lab.github_api import APP_ID, REASONS, ControlError, RunningApi, answers


@pytest.mark.parametrize("reason", REASONS)
def test_each_reason_refuses_the_mint_or_what_a_token_reads_and_ends(api: RunningApi, reason: str) -> None:
    token, expected = mint(api), REASONS[reason]
    api.control.refuse(reason)
    reply = ask(api, "GET", "/installation/repositories", f"Bearer {token}")
    assert (reply.status, reply.json["message"]) == (expected.status, expected.message)
    minted = ask(api, "POST", MINT, bearer(api))
    assert (minted.status, minted.json.get("message")) == (
        (expected.status, expected.message) if expected.at_mint else (201, None)
    )
    fetched = ask(api, "GET", INFO_REFS, basic(token))
    if expected.at_git is None:
        assert fetched.status == 200
    else:
        assert (fetched.status, fetched.headers["content-type"]) == (403, "text/plain; charset=utf-8")
        assert fetched.body.decode() == expected.at_git.format(address="127.0.0.1")
    api.control.refuse(None)
    assert ask(api, "POST", MINT, bearer(api)).status == 201


def test_what_is_no_reason_no_server_and_no_repository_is_refused_with_the_choices(api: RunningApi) -> None:
    with pytest.raises(ControlError, match=r"'rain'.*ip_allow_list"):
        api.control.refuse("rain")
    with pytest.raises(ControlError, match=r"'gitlab'.*github\.com, ghes"):
        api.control.set_server("gitlab")
    with pytest.raises(ControlError, match="'acme/none'"):
        api.control.rename("acme/none", "acme/some")


def test_a_ghes_answers_its_api_under_its_path_alone(api: RunningApi) -> None:
    api.control.set_server("ghes")
    page = ask(api, "GET", "/app", bearer(api))
    assert (page.status, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    posted = ask(api, "POST", MINT, bearer(api))
    assert (posted.status, posted.body.decode()) == (403, answers.COOKIES)
    reply = ask(api, "POST", f"/api/v3{MINT}", bearer(api))
    assert reply.status == 201
    assert ask(api, "GET", INFO_REFS, basic(reply.json["token"])).status == 200


def test_an_old_ghes_takes_the_app_id_alone(api: RunningApi) -> None:
    api.control.set_server("old_ghes")
    reply = ask(api, "POST", f"/api/v3{MINT}", bearer(api))
    assert (reply.status, reply.json["message"]) == (401, answers.ISS_UNUSABLE)
    assert ask(api, "POST", f"/api/v3{MINT}", bearer(api, iss=str(APP_ID))).status == 201


def test_a_renamed_repository_redirects_at_the_api_and_at_git_and_has_its_new_name(api: RunningApi) -> None:
    token = mint(api)
    api.control.rename("acme/deploy-config", "acme/config")
    reply = ask(api, "GET", "/api/v3/repos/acme/deploy-config", f"Bearer {token}")
    assert (reply.status, reply.json["message"]) == (301, "Moved Permanently")
    assert reply.headers["location"] == reply.json["url"] == f"{api.url}/api/v3/repos/acme/config"
    assert ask(api, "GET", "/repos/acme/config", f"Bearer {token}").status == 200
    fetched = ask(api, "GET", INFO_REFS, basic(token))
    assert fetched.status == 301
    assert fetched.headers["location"] == f"{api.url}/acme/config.git/info/refs?service=git-upload-pack"
    assert ask(api, "GET", "/acme/config.git/info/refs?service=git-upload-pack", basic(token)).status == 200


def test_a_repository_that_the_token_lacks_shows_no_new_name(api: RunningApi) -> None:
    token = mint(api, repositories=["charts"])
    api.control.rename("acme/deploy-config", "acme/config")
    assert ask(api, "GET", "/repos/acme/deploy-config", f"Bearer {token}").status == 404
    assert ask(api, "GET", INFO_REFS, basic(token)).status == 404


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_real_git_follows_a_renamed_repository(api: RunningApi) -> None:
    token = mint(api)
    api.control.rename("acme/deploy-config", "acme/config")
    api.control.rename("acme/config", "acme/settings")
    environment = {
        "PATH": os.environ["PATH"],
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_SYSTEM": "/dev/null",
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": "http.sslCAInfo",
        "GIT_CONFIG_VALUE_0": str(api.credentials.ca_pem),
        "GIT_CONFIG_KEY_1": "http.extraHeader",
        "GIT_CONFIG_VALUE_1": f"Authorization: {basic(token)}",
    }
    listed = subprocess.run(
        ["git", "ls-remote", f"{api.url}/acme/deploy-config.git"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert "refs/heads/main" in listed.stdout, listed.stderr
    assert "redirecting to" in listed.stderr
