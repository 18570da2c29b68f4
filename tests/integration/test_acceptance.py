"""The testinfra suite as a user runs it, with this machine as the only node: what it asks, what it prints, how it ends."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import discover

from tests.integration.conftest import CAPTURED, OUR_COMMANDS, app_settings
from tests.integration.test_check import JWT_OR_TOKEN
from tests.lab.github_api import RunningApi


class Suite:
    """The suite on one node, and an inventory whose variables a test changes."""

    def __init__(self, folder: Path, api: RunningApi) -> None:
        self.folder = folder
        app = app_settings(api.credentials, api.url, git_url=api.url, repositories=["acme/deploy-config"])
        # As from Ansible Vault: then the key is in what Ansible says of its inventory.
        self.key = Path(app.pop("private_key_file")).read_text()
        self.variables: dict[str, Any] = {
            "ansible_connection": "local",
            "ansible_become": False,
            "ansible_python_interpreter": sys.executable,
            "gate_ntp_servers": ["127.0.0.1"],
            "gate_timeout_s": 1,
            "gate_checks": ["github_app_token"],
            "gate_github_apps": [{**app, "private_key": self.key}],
        }

    def run(self, *words: str, hosts: str = "ansible://all") -> subprocess.CompletedProcess[str]:
        """Pytest on the suite, away from the checkout's settings of it."""
        inventory = self.folder / "hosts.json"
        inventory.write_text(json.dumps({"all": {"vars": self.variables, "hosts": {"node": None}}}))
        options = [f"--ansible-inventory={inventory}", *([f"--hosts={hosts}"] if hosts else []), *words]
        argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rA", "--pyargs", "skewgate.acceptance"]
        environment = {**os.environ, **OUR_COMMANDS}
        return subprocess.run([*argv, *options], **CAPTURED, cwd=self.folder, env=environment, timeout=120, check=False)


@pytest.fixture
def suite(tmp_path: Path, api: RunningApi) -> Suite:
    return Suite(tmp_path, api)


def outcomes(output: str, outcome: str) -> dict[str, str]:
    """The checks whose question ended so, each with what the summary says behind it."""
    return dict(re.findall(rf"^{outcome} \S*::test_it_passes_the_check\[(\w+)-\S+\](?: - )?(.*)", output, re.MULTILINE))


def test_it_asks_every_check_and_says_which_the_settings_leave_out_or_only_show(suite: Suite) -> None:
    suite.variables |= {"gate_checks": ["github_app_token", "ntp_servers"], "gate_advisory_checks": ["ntp_servers"]}
    done = suite.run("--junit-xml=junit.xml")
    assert done.returncode == 0, done.stdout
    assert ElementTree.parse(suite.folder / "junit.xml").getroot()[0].get("failures") == "0"
    assert set(outcomes(done.stdout, "PASSED")) == {"reachable", "github_app_token"}
    advisory = outcomes(done.stdout, "XFAIL")["ntp_servers"]
    assert "gate_advisory_checks" in advisory
    assert "127.0.0.1" in advisory
    skipped = set(re.findall(r"^SKIPPED .*: gate_checks leaves out (\w+)$", done.stdout, re.MULTILINE))
    assert skipped == set(discover()) - {"reachable", "github_app_token", "ntp_servers"}


def test_what_refuses_a_node_fails_and_nothing_secret_is_printed_at_any_verbosity(
    suite: Suite, api: RunningApi
) -> None:
    api.control.script("HEAD", "/acme/deploy-config*", times=9, status=404)
    api.control.script("GET", "/acme/deploy-config*", times=9, status=404)
    debug = ("-vvv", "--showlocals", "--log-cli-level=DEBUG", "--log-file=log", "--log-file-level=DEBUG", "-s")
    done = suite.run(*debug, "--force-ansible", "--junit-xml=junit.xml")
    assert done.returncode == 1, done.stdout
    assert set(outcomes(done.stdout, "FAILED")) == {"github_app_token"}
    tokens = api.control.tokens()
    assert sum(map(len, tokens.values())) > 0
    written = "\n".join([done.stdout, *((suite.folder / name).read_text() for name in ("junit.xml", "log"))])
    assert "acme/deploy-config" in written
    assert JWT_OR_TOKEN.findall(written) == []
    assert [line for line in suite.key.splitlines()[1:-1] if line in written] == []


@pytest.mark.parametrize("hosts", ["ansible://nodse", ""])
def test_a_run_without_hosts_is_an_error_and_not_a_success(suite: Suite, hosts: str) -> None:
    done = suite.run(hosts=hosts)
    assert done.returncode == 4
    assert "ERROR: no host was chosen: " in done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.nightly
def test_a_run_in_which_nothing_could_refuse_is_an_error_that_is_said_once(suite: Suite) -> None:
    suite.variables |= {"gate_checks": ["ntp_servers"], "gate_advisory_checks": ["ntp_servers"]}
    done = suite.run()
    assert done.returncode == 2
    assert done.stdout.count("gate_advisory_checks") == 1, done.stdout
    assert "Traceback" not in done.stdout
