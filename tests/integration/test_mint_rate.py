"""Minting from real runs of Ansible: within GitHub's rate, honouring its Retry-After,
and narrowed as far as GitHub does it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.findings import unsaid
from tests.integration.conftest import app_settings, playbook_here
from tests.lab.github_api import RunningApi, running_api

PUBLISHED_PER_MINUTE = 80


def check_tokens(api: RunningApi, folder: Path, hosts: int, **changed: Any) -> list[dict[str, Any]]:
    """Mint from so many hosts, all of them this machine; what node_check returned for each."""
    app = {**app_settings(api.credentials, api.url, depth="token"), **changed}
    settings = {
        "checks": ["github_app_token"],
        "clients": ["argocd"],
        "ntp_servers": ["127.0.0.1"],
        "github_apps": [app],
        "timeout_s": 20,
    }
    tasks = [
        {"skewgate.preflight.node_check": settings, "register": "node"},
        {
            "ansible.builtin.copy": {
                "dest": f"{folder}/{{{{ inventory_hostname }}}}.json",
                "content": "{{ node.judgement | to_json }}",
            },
            "delegate_to": "localhost",
        },
    ]
    play = {"hosts": "all", "gather_facts": False, "tasks": tasks}
    (folder / "play.json").write_text(json.dumps([play]))
    variables = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    names = {f"host{n}": None for n in range(hosts)}
    (folder / "hosts.json").write_text(json.dumps({"all": {"vars": variables, "hosts": names}}))
    done = playbook_here(folder, "-i", folder / "hosts.json", folder / "play.json", "--forks", "20", timeout_s=900)
    assert done.returncode == 0, done.stdout[-3000:]
    return [json.loads(path.read_text()) for path in sorted(folder.glob("host*[0-9].json"))]


def mints(api: RunningApi) -> list[float]:
    return [r["at_s"] for r in api.control.requests() if r["path"].endswith("/access_tokens")]


@pytest.mark.slow
def test_200_hosts_mint_within_the_published_rate_and_none_fails(tmp_path: Path) -> None:
    with running_api(tmp_path / "github") as api:
        reports = check_tokens(api, tmp_path, 200)
        begun = mints(api)
        live = api.control.tokens()["live"]
    # Where the machine is too slow for 20 forks, a host that answers after the JWT's 10 s is
    # asked a second time too.
    assert 200 <= len(begun) < 240
    assert max(sum(start <= t < start + 60 for t in begun) for start in begun) <= PUBLISHED_PER_MINUTE
    assert [report["verdict"] for report in reports] == ["admit"] * 200
    assert live == []


def test_a_node_that_meets_the_rate_limit_waits_as_long_as_github_asks_and_tries_once_more(tmp_path: Path) -> None:
    with running_api(tmp_path / "github") as api:
        api.control.script(
            "POST",
            "/app/installations/*/access_tokens",
            status=403,
            message="You have exceeded a secondary rate limit.",
            headers={"Retry-After": "6"},
        )
        (report,) = check_tokens(api, tmp_path, 1)
        first, second = mints(api)
    assert second - first >= 6
    assert report["verdict"] == "admit"


def of_owner(**changed: Any) -> dict[str, Any]:
    return {"installation_id": None, "owner": "Acme", "git_url": None, "depth": "repository", **changed}


def token_finding(report: dict[str, Any]) -> dict[str, Any]:
    (finding,) = (found for found in report["findings"] if found["check"] == "github_app_token")
    return finding


def test_an_app_of_an_owner_whose_token_is_slow_and_can_not_be_narrowed_is_admitted(tmp_path: Path) -> None:
    """A public repository outside the installation, no installation ID,
    and a token that is known after two seconds.
    """
    repositories = ["acme/deploy-config", "upstream/tools"]
    with running_api(tmp_path / "github") as api:
        api.control.set_replication(2, 403)
        (report,) = check_tokens(api, tmp_path, 1, **of_owner(repositories=repositories))
        tokens = api.control.tokens()
    assert report["verdict"] == "admit"
    (app,) = token_finding(report)["seen"]["apps"]
    steps = {step["step"]: step for step in app["node_clock"]["steps"]}
    assert steps["installations"]["installation_id"] == "2002"
    assert steps["token"]["narrowed"] == ["permissions"]
    assert (steps["repository"]["tries"], steps["repository"]["waited_s"]) == (2, 3)
    assert not unsaid(token_finding(report)["summary"], "'422 There is at least one repository", " 3 s")
    assert (len(tokens["live"]), len(tokens["revoked"])) == (0, 1)


@pytest.mark.nightly
def test_repositories_that_stay_out_of_reach_are_all_named_after_kargos_waits(tmp_path: Path) -> None:
    repositories = ["acme/deploy-config", "acme/secret", "other/secret"]
    with running_api(tmp_path / "github") as api:
        (report,) = check_tokens(api, tmp_path, 1, **of_owner(repositories=repositories))
        live = api.control.tokens()["live"]
    finding = token_finding(report)
    assert (report["verdict"], finding["keys"]) == ("refuse", ["not_the_clock", "unreadable_repository"])
    assert not unsaid(finding["summary"], " acme/secret, other/secret;", " 4 times ", " 43 s")
    assert live == []


@pytest.mark.nightly
def test_an_owner_without_an_installation_is_refused_with_those_who_have_one(tmp_path: Path) -> None:
    with running_api(tmp_path / "github") as api:
        (report,) = check_tokens(api, tmp_path, 1, **of_owner(owner="nobody", depth="jwt"))
    finding = token_finding(report)
    assert (report["verdict"], finding["keys"]) == ("refuse", ["not_the_clock", "no_installation_of_owner"])
    assert " acme." in finding["remedy"]
