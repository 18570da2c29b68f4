"""git over HTTPS, with real git as a client."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from tests.daemons.lab.asking import INFO_REFS, ask, basic, mint
from tests.lab.github_api import (
    RunningApi,
    answers,
)


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
    assert (reply.status, reply.body.decode()) == (403, answers.GIT_NO_CONTENTS)


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
