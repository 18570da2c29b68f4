"""A large fleet stays within the rate at which GitHub lets an App mint tokens, and honours its Retry-After."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import app_settings, playbook_here
from tests.lab.github_api import RunningApi, running_api

PUBLISHED_PER_MINUTE = 80


def check_tokens(api: RunningApi, folder: Path, hosts: int) -> list[dict[str, Any]]:
    """Mint from so many hosts, all of them this machine; what node_check returned for each."""
    app = app_settings(api.credentials, api.url, depth="token")
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
    # Where the machine is too slow for 20 forks, a host that answers after the JWT's 10 s is asked a second time too.
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
