"""A run whose only credentials are Argo CD's Secrets, on the example inventory as it stands,
against the lab's API.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.findings import unsaid
from tests.integration.argocd_secrets import REPOSITORIES, secret_list
from tests.integration.conftest import BIN, CAPTURED, Run, Runner
from tests.lab.github_api import RunningApi
from tests.lab.lab import REPOSITORY

EXAMPLE = ["-i", str(REPOSITORY / "inventories/argocd")]
NODES = ["worker-1.example.net", "worker-2.example.net"]
HERE = {
    # Both nodes are this machine, of which only what needs no other server is checked.
    "ansible_connection": "local",
    "ansible_become": False,
    "ansible_python_interpreter": sys.executable,
    "gate_checks": ["github_app_token"],
}


@pytest.fixture
def check(tmp_path: Path, api: RunningApi) -> Runner:
    """Runs a command of the environment's with a ``kubectl`` that prints the list
    and notes how it was called.
    """

    def run(secrets: dict[str, Any], *words: str) -> Run:
        (tmp_path / "secrets.json").write_text(json.dumps(secrets))
        (tmp_path / "extra.json").write_text(json.dumps({**HERE, "gate_report_dir": str(tmp_path)}))
        kubectl = tmp_path / "bin/kubectl"
        kubectl.parent.mkdir()
        kubectl.write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/calls\ncat {tmp_path}/secrets.json\n')
        kubectl.chmod(0o755)
        done = subprocess.run(
            [BIN / words[0], *words[1:], "-vvvv", "-e", f"@{tmp_path}/extra.json"],
            cwd=REPOSITORY,
            env={
                **os.environ,
                "PATH": f"{kubectl.parent}:{BIN}:{os.environ['PATH']}",
                "SSL_CERT_FILE": str(api.credentials.ca_pem),  # this machine's own store, for the nodes' sake
                "ANSIBLE_NOCOLOR": "true",
            },
            **CAPTURED,
            timeout=300,
            check=False,
        )
        report = tmp_path / "report.json"
        return Run(done.returncode, done.stdout, json.loads(report.read_text()) if report.exists() else {})

    return run


def assert_no_key_in(text: str, secrets: dict[str, Any]) -> None:
    encoded = {item["data"].get("githubAppPrivateKey") for item in secrets["items"]} - {None}
    assert encoded
    for key in encoded:
        assert not [start for start in range(0, len(key) - 32, 16) if key[start : start + 32] in text]
    assert "PRIVATE KEY" not in text


# One task asks for all nodes; what it registers is no output, and no fact that a cache would store.
PLAYBOOK = """
- hosts: localhost
  gather_facts: false
  tasks:
    - name: Get Argo CD's Secrets
      ansible.builtin.command: kubectl --namespace argocd get secrets --output json
      register: argocd_secrets
      changed_when: false
      check_mode: false
      no_log: true
- hosts: worker-*
  gather_facts: false
  roles:
    - role: skewgate.preflight.gate
      vars:
        gate_remediate: false
        gate_github_apps: "{{ hostvars.localhost.argocd_secrets.stdout | skewgate.preflight.argocd_github_apps }}"
"""


@pytest.fixture(params=["inventory script", "first play"])
def words(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """The two ways to read the Secrets once that the documentation shows."""
    if request.param == "inventory script":
        return ["ansible-playbook", "skewgate.preflight.check", *EXAMPLE]
    (tmp_path / "play.yml").write_text(PLAYBOOK)
    inventory = ["-i", ",".join(NODES), "-e", "gate_ntp_servers=ntp.example.net"]
    return ["ansible-playbook", str(tmp_path / "play.yml"), *inventory]


def test_the_clusters_own_secrets_are_the_only_credentials_and_show_in_no_output(
    check: Runner, api: RunningApi, words: list[str], tmp_path: Path
) -> None:
    key = api.credentials.app_pem.read_text()
    secrets = secret_list(key, api.url)
    run = check(secrets, *words)
    assert run.status == 0, run.output
    assert {node: run.report["nodes"][node]["verdict"] for node in NODES} == dict.fromkeys(NODES, "admit")
    for node in NODES:
        app = run.app(node)
        assert app["name"] == "argocd/repo-deploy-config"
    reached = {r["path"].split(".git/")[0].strip("/") for r in api.control.requests() if "info/refs" in r["path"]}
    assert reached == set(REPOSITORIES)
    assert api.control.tokens()["live"] == []
    # One call, however many nodes there are.
    assert len((tmp_path / "calls").read_text().splitlines()) == 1
    # The highest verbosity, and still no key in any form, nor what was signed with it.
    assert "ESTABLISH LOCAL CONNECTION" in run.output
    written = run.output + "".join(path.read_text() for path in (tmp_path / "report.json", tmp_path / "evidence.json"))
    assert_no_key_in(written, secrets)
    assert not [line for line in key.splitlines()[1:-1] if line in written]
    assert "eyJ" not in written


def test_a_secret_that_the_client_could_not_use_is_one_finding_and_the_others_are_tried(
    check: Runner, api: RunningApi
) -> None:
    secrets = secret_list(api.credentials.app_pem.read_text(), api.url)
    folded = secrets["items"][0]["data"]
    folded["githubAppPrivateKey"] = encoded(api.credentials.app_pem.read_text().replace("\n", " "))
    secrets["items"][3]["data"]["githubAppID"] = "not base64"
    secrets["items"][2]["data"]["proxy"] = encoded("http://user:secret@proxy.example.net:3128")
    run = check(secrets, "skewgate", "check", *EXAMPLE)
    assert run.status == 4, run.output
    for node in NODES:
        finding = run.finding(node, "github_app_token")
        assert finding["keys"] == ["unusable", "key_folded", "secret_not_base64"]
        assert not unsaid(finding["cause"], "argocd/repo-deploy-config", "githubAppPrivateKey")
        assert "YAML" in finding["remedy"]
        seen = {app["name"]: app for app in finding["seen"]["apps"]}
        assert seen["argocd/creds-acme"]["node_clock"]["class"] == "accepted"
        assert " proxy.example.net:3128" in seen["argocd/creds-acme"]["notes"][0]
    assert run.output.count("[WARNING]: GitHub App argocd/creds-acme: Argo CD uses the proxy") == 1
    assert "user:secret" not in run.output
    reached = {r["path"].split(".git/")[0].strip("/") for r in api.control.requests() if "info/refs" in r["path"]}
    assert reached == {"acme/charts"}
    assert api.control.tokens()["live"] == []
    assert_no_key_in(run.output, secrets)


def test_an_installation_is_looked_up_by_the_repositorys_owner_as_argo_cd_does(check: Runner, api: RunningApi) -> None:
    secrets = secret_list(api.credentials.app_pem.read_text(), api.url)
    for item in secrets["items"]:
        item["data"].pop("githubAppInstallationID", None)
    run = check(secrets, "skewgate", "check", *EXAMPLE)
    assert run.status == 0, run.output
    for node in NODES:
        (app,) = run.finding(node, "github_app_token")["seen"]["apps"]
        assert (app["name"], app["owner"]) == ("argocd/repo-deploy-config", "acme")
    reached = {r["path"].split(".git/")[0].strip("/") for r in api.control.requests() if "info/refs" in r["path"]}
    assert reached == set(REPOSITORIES)
    assert api.control.tokens()["live"] == []


def encoded(value: str) -> str:
    return base64.b64encode(value.encode()).decode()
