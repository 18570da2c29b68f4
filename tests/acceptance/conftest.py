"""What the gate's check finds on the hosts that were chosen:
one run for all of them, which changes nothing on any.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.saved import (
    EVIDENCE_FILE,
    read_evidence,
    read_report,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import discover
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons.common.daemon import TimeDaemon
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons.common.units import time_daemons
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import Record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.exit_code import ExitCode
from ansible_collections.skewgate.preflight.plugins.plugin_utils.version import VERSION

JUDGED = (ExitCode.ADMITTED, ExitCode.NOT_JUDGED, ExitCode.REFUSED)
WANTED = "expected --hosts=ansible://GROUP and --ansible-inventory=INVENTORY"
BESIDE = "beside(check): a plain question, asked where the gate requires that check"

LOG_PATH = pytest.StashKey[str | None]()
"""The user's own ANSIBLE_LOG_PATH."""

Host = Any
"""testinfra's, which has no types for what its modules answer."""


@dataclass(frozen=True)
class Checked:
    """The entries of report.json and of evidence.json, by the hosts' names."""

    nodes: Mapping[str, Any]
    records: Mapping[str, Any]


def pytest_configure(config: pytest.Config) -> None:
    """Let pytest know the suite's own marker, and keep the inventory, which may hold a private key,
    out of the logs of testinfra and of the ansible-inventory that testinfra runs.
    """
    config.addinivalue_line("markers", BESIDE)
    logging.getLogger("testinfra").addFilter(lambda record: "ansible-inventory" not in record.getMessage())
    patch = pytest.MonkeyPatch()
    config.add_cleanup(patch.undo)
    config.stash[LOG_PATH] = os.environ.get("ANSIBLE_LOG_PATH")
    patch.setenv("ANSIBLE_LOG_PATH", os.devnull)  # ansible.cfg may name a log, too


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Ask for every check that the gate has: a new one is in the suite by itself."""
    if "check" in metafunc.fixturenames:
        metafunc.parametrize("check", discover())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse to run without hosts: pytest would skip every question and end well."""
    if any(_is_ours(item) and _name(item) is None for item in items):
        raise pytest.UsageError(f"no host was chosen: {WANTED}, a host or group that the inventory has")


@pytest.fixture(scope="session")
def checked(request: pytest.FixtureRequest) -> Checked:
    """What ``skewgate check`` wrote about the chosen hosts."""
    names = sorted({name for item in request.session.items if _is_ours(item) and (name := _name(item))})
    inventory = request.config.getoption("ansible_inventory")
    with TemporaryDirectory(prefix="skewgate-acceptance-") as folder:
        options = [f"--limit={','.join(names)}", f"--report-dir={folder}"]
        options += [f"--inventory={inventory}"] if inventory else []
        # Of batches, a run would end with the first that is refused.
        options += ["--extra-vars=gate_serial=100%"]
        command = [sys.executable, "-P", "-m", "skewgate", "check", *options]
        log_path = request.config.stash[LOG_PATH]
        environment = {name: value for name, value in os.environ.items() if name != "ANSIBLE_LOG_PATH"}
        environment |= {} if log_path is None else {"ANSIBLE_LOG_PATH": log_path}
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=environment
        )
        if done.returncode not in JUDGED:
            pytest.exit(f"skewgate check: {done.stderr.strip() or done.stdout.strip()}", done.returncode)
        report, evidence = read_report(Path(folder)), read_evidence(Path(folder) / EVIDENCE_FILE)
    if report["skewgate_version"] != VERSION:
        pytest.exit(f"Ansible finds skewgate.preflight {report['skewgate_version']}; this suite is of {VERSION}", 1)
    return Checked(report["nodes"], evidence["nodes"])


@pytest.fixture
def judgement(host: Host, checked: Checked) -> Mapping[str, Any]:
    """The host's verdict and findings."""
    if host.backend.host not in checked.nodes:
        pytest.fail(f"{host.backend.host} was not checked; does gate_hosts leave it out?", pytrace=False)
    entry: Mapping[str, Any] = checked.nodes[host.backend.host]
    return entry


@pytest.fixture
def findings(judgement: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """The host's findings by their checks' names."""
    return {finding["check"]: finding for finding in judgement["findings"]}


@pytest.fixture(autouse=True)
def _asked_where_required(request: pytest.FixtureRequest) -> None:
    """Leave out a plain question whose check the gate leaves out:
    what it does not require fails no node.
    """
    marker = request.node.get_closest_marker("beside")
    if marker is None:
        return
    (check,) = marker.args
    finding = request.getfixturevalue("findings").get(check)
    if finding is None:
        pytest.skip(f"gate_checks leaves out {check}")
    if not finding["required"]:
        pytest.skip(f"{check} is in gate_advisory_checks")


@pytest.fixture
def daemon(host: Host, checked: Checked, findings: Mapping[str, Mapping[str, Any]]) -> TimeDaemon:
    """The one time daemon that steers the host's clock, with the name of its unit there."""
    finding = findings.get("time_service")
    if finding is None:
        pytest.skip("gate_checks leaves out time_service, by which the daemon is known")
    if finding["state"] != "pass":
        pytest.skip(f"time_service: {finding['summary']}")
    taken = Record(checked.records[host.backend.host])
    steering = [daemon for daemon in time_daemons(taken) if daemon.steers_now]
    if not steering:
        pytest.skip(f"no unit: {finding['summary']}")
    return next((daemon for daemon in steering if daemon.daemon == "chrony"), steering[0])


@pytest.fixture
def chrony(daemon: TimeDaemon) -> TimeDaemon:
    """The daemon, where it is chrony."""
    if daemon.daemon != "chrony":
        pytest.skip(f"{daemon.unit} steers the clock, and not chrony")
    return daemon


@pytest.fixture
def chrony_conf(host: Host, checked: Checked, chrony: TimeDaemon) -> str:  # noqa: ARG001 - of chrony alone
    """The file that the host's chronyd was started with."""
    return str(checked.records[host.backend.host]["evidence"]["chrony"]["config"]["path"])


def _is_ours(item: pytest.Item) -> bool:
    """Whether it is a question of this suite,
    beside which a run may have tests of the user's own.
    """
    return item.path.parent == Path(__file__).parent


def _name(item: pytest.Item) -> str | None:
    """The inventory's name of the host that a question is for; None if there is none."""
    params = item.callspec.params if hasattr(item, "callspec") else {}
    backend = getattr(params.get("_testinfra_host"), "backend", None)
    return str(backend.host) if backend is not None and backend.NAME == "ansible" else None
