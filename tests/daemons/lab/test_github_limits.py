"""The lab's GitHub: limits of narrowed tokens, public repositories, replication,
and the list of installations.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.daemons.lab.asking import INFO_REFS, MINT, ask, basic, bearer, mint
from tests.lab.github_api import INSTALLATION_ID, PUBLIC_REPOSITORIES, RunningApi, answers

MANY = [f"repo-{number:04}" for number in range(1, 502)]


def info_refs(repository: str) -> str:
    return f"/{repository}.git/info/refs?service=git-upload-pack"


def test_a_token_can_be_narrowed_to_500_repositories(api: RunningApi) -> None:
    api.control.set_repositories(501)
    assert mint(api, repositories=MANY[:500])
    reply = ask(api, "POST", MINT, bearer(api), body={"repositories": MANY})
    assert (reply.status, reply.json["message"]) == (422, answers.TOO_MANY)


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        pytest.param(
            {"repositories": MANY[:60], "permissions": {"contents": "read", "metadata": "read"}}, 422, id="both"
        ),
        pytest.param({"permissions": {"contents": "read"}}, 422, id="permissions of a large installation"),
        pytest.param({"repositories": MANY[:60], "permissions": {"contents": "read"}}, 201, id="fewer permissions"),
        pytest.param({"repositories": MANY[:200]}, 201, id="repositories alone"),
        pytest.param({}, 201, id="not narrowed"),
    ],
)
def test_many_repositories_and_permissions_together_are_refused(
    api: RunningApi, wanted: dict[str, Any], status: int
) -> None:
    api.control.set_repositories(200)
    api.control.set_scope_limit(100)
    assert ask(api, "POST", MINT, bearer(api), body=wanted).status == status


@pytest.mark.parametrize("repository", PUBLIC_REPOSITORIES)
def test_any_token_reads_a_public_repository_outside_the_installation(api: RunningApi, repository: str) -> None:
    for token in (mint(api), mint(api, repositories=["charts"]), mint(api, permissions={"metadata": "read"})):
        assert ask(api, "GET", info_refs(repository), basic(token)).status == 200


@pytest.mark.parametrize(
    ("status", "said"), [(401, answers.BAD_CREDENTIALS), (403, answers.NOT_ACCESSIBLE), (404, answers.NOT_FOUND)]
)
def test_a_narrowed_token_is_not_known_until_it_is_replicated(api: RunningApi, status: int, said: str) -> None:
    api.control.set_replication(5, status)
    token = mint(api, permissions={"contents": "read"})
    assert ask(api, "GET", INFO_REFS, basic(token)).status == status
    refused = ask(api, "DELETE", "/installation/token", f"Bearer {token}")
    assert (refused.status, refused.json["message"]) == (status, said)
    assert ask(api, "GET", INFO_REFS, basic(mint(api))).status == 200
    api.control.set_clock_offset(5)
    assert ask(api, "GET", INFO_REFS, basic(token)).status == 200
    assert ask(api, "DELETE", "/installation/token", f"Bearer {token}").status == 204


def test_the_installations_are_listed_in_pages(api: RunningApi) -> None:
    api.control.set_other_owners(150)
    first = ask(api, "GET", "/app/installations?per_page=100", bearer(api))
    second = ask(api, "GET", "/app/installations?per_page=100&page=2", bearer(api))
    assert [len(page.json) for page in (first, second)] == [100, 51]
    assert 'page=2>; rel="next"' in first.headers["link"]
    assert "link" not in second.headers
    last = second.json[-1]
    assert (last["id"], last["account"]["login"]) == (INSTALLATION_ID, "acme")
    ids = [row["id"] for row in (*first.json, *second.json)]
    assert len(set(ids)) == 151


@pytest.mark.parametrize("kind", ["orgs", "users"])
def test_an_installation_is_found_by_its_owner_in_any_case(api: RunningApi, kind: str) -> None:
    assert ask(api, "GET", f"/{kind}/ACME/installation", bearer(api)).json["id"] == INSTALLATION_ID
    assert ask(api, "GET", f"/{kind}/other/installation", bearer(api)).status == 404


def test_the_list_of_installations_needs_the_apps_jwt(api: RunningApi) -> None:
    assert ask(api, "GET", "/app/installations", bearer(api, exp=1)).status == 401
    assert ask(api, "GET", "/app/installations", f"Bearer {mint(api)}").status == 401
