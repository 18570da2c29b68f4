"""The testinfra suite as a user runs it, with this machine as the only node:
what it asks, what it prints, how it ends.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import discover

from tests.examples import blocks
from tests.findings import unsaid
from tests.integration.conftest import CAPTURED, INVENTORY, OUR_COMMANDS, app_settings
from tests.integration.test_check import JWT_OR_TOKEN
from tests.integration.test_debian_daemons import CHOSEN
from tests.lab import Lab, NodeSpec
from tests.lab.github_api import RunningApi
from tests.lab.lab import STATE_DIR
from tests.lab.ntp import SERVERS

PAGE = blocks("verify-with-testinfra")


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

    def run(self, *words: str, hosts: str = "--hosts=ansible://all") -> subprocess.CompletedProcess[str]:
        """The page's command, away from the checkout's settings of pytest;
        ``hosts`` stands for its option of that name.
        """
        (self.folder / "my-nodes").write_text(json.dumps({"all": {"vars": self.variables, "hosts": {"node": None}}}))
        argv = [hosts if word.startswith("--hosts=") else word for word in shlex.split(PAGE["run"])]
        return self.here([*filter(None, argv), "-p", "no:cacheprovider", "-rA", *words])

    def here(self, argv: Sequence[str], **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the folder of the inventory."""
        whole = {**os.environ, **OUR_COMMANDS, **environment}
        return subprocess.run(argv, **CAPTURED, cwd=self.folder, env=whole, timeout=300, check=False)


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
    suite: Suite, api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without a reason it would be tried again for 43 s.
    suspended = "This installation has been suspended"
    api.control.script("GET", "/acme/deploy-config*", times=9, status=403, message=suspended)
    debug = ("-vvv", "--showlocals", "--log-cli-level=DEBUG", "--log-file=log", "--log-file-level=DEBUG", "-s")
    monkeypatch.setenv("ANSIBLE_LOG_PATH", str(suite.folder / "ansible.log"))
    done = suite.run(*debug, "--junit-xml=junit.xml")
    assert done.returncode == 1, done.stdout
    assert set(outcomes(done.stdout, "FAILED")) == {"github_app_token"}
    tokens = api.control.tokens()
    assert sum(map(len, tokens.values())) > 0
    written = "\n".join(
        [done.stdout, *((suite.folder / name).read_text() for name in ("junit.xml", "log", "ansible.log"))]
    )
    assert "PLAY RECAP" in (suite.folder / "ansible.log").read_text()
    assert suspended in written
    assert JWT_OR_TOKEN.findall(written) == []
    assert [line for line in suite.key.splitlines()[1:-1] if line in written] == []


@pytest.mark.parametrize("hosts", ["--hosts=ansible://nodse", ""])
def test_a_run_without_hosts_is_an_error_and_not_a_success(suite: Suite, hosts: str) -> None:
    done = suite.run(hosts=hosts)
    assert done.returncode == 4
    assert not unsaid(done.stdout, "ERROR: ", "--hosts=", "--ansible-inventory=")
    assert "Traceback" not in done.stdout


@pytest.mark.nightly
def test_a_run_in_which_nothing_could_refuse_is_an_error_that_is_said_once(suite: Suite) -> None:
    suite.variables |= {"gate_checks": ["ntp_servers"], "gate_advisory_checks": ["ntp_servers"]}
    done = suite.run()
    assert done.returncode == 2
    assert done.stdout.count("gate_advisory_checks") == 1, done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.nightly
def test_it_verifies_a_molecule_scenario_of_a_users_own(suite: Suite) -> None:
    scenario = suite.folder / "molecule/default"
    (scenario / "tests").mkdir(parents=True)
    (scenario / "tests/test_own.py").write_text(
        "def test_of_the_users_own(host):\n    assert host.run('true').succeeded\n"
    )
    settings = yaml.safe_load(PAGE["inventory"])
    assert settings["provisioner"]["inventory"]["group_vars"]["all"].keys() <= suite.variables.keys()
    settings["provisioner"]["inventory"]["group_vars"]["all"] = suite.variables
    driver = {"name": "default", "options": {"managed": False}}
    own = {"driver": driver, "platforms": [{"name": "node"}], "prerun": False}
    (scenario / "molecule.yml").write_text(yaml.safe_dump({**own, **settings, **yaml.safe_load(PAGE["verifier"])}))
    command = f"{PAGE['path']}exec molecule verify"
    done = suite.here(["sh", "-ec", command], MOLECULE_EPHEMERAL_DIRECTORY=str(suite.folder / "state"), NO_COLOR="1")
    assert done.returncode == 0, done.stdout
    assert "skewgate/acceptance/test_node.py ." in done.stdout
    assert "test_own.py ." in done.stdout
    assert "verify: Executed: Successful" in done.stdout


@pytest.mark.nightly
def test_plain_questions_go_to_the_daemon_that_steers_whichever_it_is(
    lab: Lab, lab_node: Callable[[NodeSpec], NodeSpec], tmp_path: Path
) -> None:
    servers = tuple(SERVERS.values())
    nodes = {
        "ntpsec": NodeSpec("node4", "10.77.0.14", variant="ntpsec", ntp=servers),
        "systemd-timesyncd": NodeSpec("node5", "10.77.0.15", variant="timesyncd", ntp=servers),
    }
    for spec in nodes.values():
        lab_node(spec)
    for daemon, spec in nodes.items():
        lab.ssh(spec.name, f"for i in $(seq 120); do {CHOSEN[daemon]} && exit 0; sleep 1; done; exit 1", 180)
    # Without templates, as testinfra's own ssh wants them.
    ssh = {
        "lab_dir": str(STATE_DIR),
        "ansible_ssh_private_key_file": f"{lab.ssh_dir}/id_ed25519",
        "ansible_ssh_common_args": f"-F none -o IdentitiesOnly=yes -o UserKnownHostsFile={lab.ssh_dir}/known_hosts",
    }
    hosts = {spec.name: {"ansible_host": spec.ip, **ssh} for spec in nodes.values()}
    (tmp_path / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts}}))
    (tmp_path / "group_vars").symlink_to(INVENTORY / "group_vars")
    words = [f"--ansible-inventory={tmp_path}" if "inventory" in word else word for word in shlex.split(PAGE["run"])]
    argv = [*(word for word in words if word != "--force-ansible"), "-p", "no:cacheprovider", "-rA"]
    done = lab.run(argv, **CAPTURED, cwd=tmp_path, env={**os.environ, **OUR_COMMANDS}, timeout=300)
    assert done.returncode == 0, done.stdout
    for daemon, spec in nodes.items():
        for asked in ("runs", "starts_at_the_next_boot", "says_that_it_is_synchronised"):
            assert re.search(rf"^PASSED \S*::test_its_time_daemon_{asked}\[ansible://{spec.name}\]", done.stdout, re.M)
        assert re.search(rf"^SKIPPED .*\b{daemon}\.service\b", done.stdout, re.M)
