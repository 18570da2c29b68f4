"""The credentials of the cluster itself:
an Argo CD Secret list is all that a check on the lab's nodes is given.
"""

from __future__ import annotations

import json

import pytest

from tests.integration.argocd_secrets import secret_list
from tests.integration.conftest import GITHUB_DIR, Runner
from tests.lab import Lab
from tests.lab.github_api import Control

pytestmark = pytest.mark.lab

# As in inventories/argocd; the lab's API has its own CA.
APPS = "{{ argocd_secrets | skewgate.preflight.argocd_github_apps | map('combine', {'ca_file': lab_ca}) | list }}"


def test_argo_cds_secrets_are_all_the_credentials_that_a_check_needs(
    trio: Lab, github: Control, skewgate: Runner
) -> None:
    trio.wait_synchronised("node1")
    key = (GITHUB_DIR / "app.pem").read_text()
    settings = {
        "argocd_secrets": secret_list(key, "https://api.github.lab"),
        "gate_github_apps": APPS,
        "lab_ca": str(GITHUB_DIR / "ca.pem"),
    }
    run = skewgate("check", "-vvvv", "-l", "node1,node2", extra=settings)
    assert run.status == 4
    assert run.report["nodes"]["node1"]["verdict"] == "admit"
    assert run.app("node1")["repositories"] == ["acme/deploy-config", "acme/charts"]
    assert run.app("node2")["blame"] == "clock"
    assert github.tokens()["live"] == []
    shown = run.output + json.dumps(run.report) + json.dumps(run.evidence)
    assert not any(line in shown for line in key.splitlines() if "-----" not in line)
