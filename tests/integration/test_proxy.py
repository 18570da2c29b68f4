"""Nodes that reach GitHub through a proxy:
the role's `gate_environment`, on this machine as the only node.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.connect_proxy import running_proxy
from tests.integration.conftest import app_settings, playbook_here
from tests.lab.github_api import RunningApi, running_api

PASSWORD = "s3same-of-the-proxy"


def check(api: RunningApi, folder: Path, environment: dict[str, str]) -> tuple[dict[str, Any], str]:
    """The token's finding, and all that the run wrote and printed."""
    app = app_settings(api.credentials, api.url, git_url=api.url, repositories=["acme/deploy-config"])
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "ansible_become": False,
        "gate_ntp_servers": ["127.0.0.1"],
        "gate_checks": ["github_app_token"],
        "gate_github_apps": [app],
        "gate_report_dir": str(folder / "report"),
        "gate_environment": environment,
    }
    (folder / "hosts.json").write_text(json.dumps({"all": {"vars": variables, "hosts": {"node": None}}}))
    done = playbook_here(folder, "-i", folder / "hosts.json", "skewgate.preflight.check", timeout_s=120)
    written = [path.read_text() for path in sorted((folder / "report").glob("*.json"))]
    assert len(written) == 2, done.stdout[-3000:]
    report = json.loads((folder / "report/report.json").read_text())
    (finding,) = [f for f in report["nodes"]["node"]["findings"] if f["check"] == "github_app_token"]
    return finding, "\n".join([done.stdout, *written])


def proxied(port: int, **more: str) -> dict[str, str]:
    return {"HTTPS_PROXY": f"http://gate:{PASSWORD}@127.0.0.1:{port}", **more}


def test_the_token_check_goes_through_the_proxy_that_the_nodes_are_given(tmp_path: Path) -> None:
    with running_api(tmp_path / "github") as api, running_proxy() as proxy:
        finding, output = check(api, tmp_path, proxied(proxy.port))
        assert finding["state"] == "pass"
        # Token, repository, revocation, and the Date.
        through_proxy = [f"CONNECT {api.url.removeprefix('https://')}"] * 4
        assert [line.rpartition(" ")[0] for line in proxy.lines] == through_proxy
        assert {request["method"] for request in api.control.requests()} == {"DELETE", "GET", "HEAD", "POST"}
    assert PASSWORD not in output


def test_no_proxy_takes_the_api_out_of_it(tmp_path: Path) -> None:
    with running_api(tmp_path / "github") as api, running_proxy(refusal=b"403 Forbidden") as proxy:
        finding, _output = check(api, tmp_path, proxied(proxy.port, NO_PROXY="127.0.0.1"))
        assert finding["state"] == "pass"
        assert proxy.asked == []


@pytest.mark.parametrize("refusal", [b"403 Forbidden", b"407 Proxy Authentication Required", None])
def test_a_proxy_that_does_not_let_the_node_through_is_named_and_its_password_is_not(
    tmp_path: Path, refusal: bytes | None
) -> None:
    with running_api(tmp_path / "github") as api:
        with running_proxy(refusal=refusal) as proxy:
            if refusal is None:
                proxy.shutdown()
                proxy.server_close()
            finding, output = check(api, tmp_path, proxied(proxy.port))
        # The controller asks for its own clock's sake, once, and has no need of the nodes' proxy.
        assert [request["method"] for request in api.control.requests()] == ["HEAD"]
    assert (finding["state"], finding["keys"]) == ("inconclusive", ["not_judged", "proxy"])
    says = f"Tunnel connection failed: {refusal.decode()}" if refusal else "Connection refused"
    assert f"proxy: 127.0.0.1:{proxy.port}: " in finding["summary"]
    assert says in finding["summary"]
    assert "HTTPS_PROXY" in finding["remedy"]
    assert PASSWORD not in output
