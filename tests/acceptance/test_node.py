"""What a node in service must have: first what the gate finds on it,
then plain questions that anyone can ask there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons.common.daemon import TimeDaemon
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.node_words import refusal

from .conftest import Host

SYNCHRONISED = {
    "chrony": ("chronyc -c tracking", ",Normal"),
    "ntpd": ("ntpq -c rv", "leap_none"),
    "ntpsec": ("ntpq -c rv", "leap_none"),
    "openntpd": ("ntpctl -s status", "clock synced"),
    "ntpd-rs": ("ntp-ctl status -f prometheus", "ntp_system_leap_indicator 0"),
    "systemd-timesyncd": ("timedatectl show --property=NTPSynchronized", "=yes"),
}
"""How a daemon is asked, and what a synchronised one answers."""


def test_the_gate_admits_it(judgement: Mapping[str, Any]) -> None:
    if judgement["verdict"] != "admit":
        pytest.fail(refusal(judgement), pytrace=False)


def test_it_passes_the_check(check: str, findings: Mapping[str, Mapping[str, Any]]) -> None:
    if check not in findings:
        pytest.skip(f"gate_checks leaves out {check}")
    finding = findings[check]
    if finding["state"] != "pass" and not finding["required"]:
        pytest.xfail(f"{check} is in gate_advisory_checks; it is {finding['state']}: {finding['summary']}")
    if finding["state"] != "pass":
        pytest.fail(f"{finding['state']}: {finding['summary']}\n{finding['why']}\n{finding['remedy']}", pytrace=False)


@pytest.mark.beside("time_service")
def test_its_time_daemon_runs(host: Host, daemon: TimeDaemon) -> None:
    assert host.service(daemon.unit).is_running


@pytest.mark.beside("next_boot")
def test_its_time_daemon_starts_at_the_next_boot(host: Host, daemon: TimeDaemon) -> None:
    if not host.service(daemon.unit).is_enabled:
        wanted = host.run("systemctl show --property=WantedBy,RequiredBy --value %s", daemon.unit)
        assert wanted.stdout.split(), f"{daemon.unit} is not enabled, and no other unit starts it"


@pytest.mark.beside("sync_state")
def test_its_time_daemon_says_that_it_is_synchronised(host: Host, daemon: TimeDaemon) -> None:
    if daemon.daemon not in SYNCHRONISED:
        pytest.skip(f"no plain question to {daemon.unit} is known here")
    command, answer = SYNCHRONISED[daemon.daemon]
    said = host.run(command)
    assert answer in said.stdout, said.stderr or said.stdout


@pytest.mark.beside("time_service")
def test_chronyd_is_the_one_of_the_package(host: Host, chrony: TimeDaemon) -> None:  # noqa: ARG001 - asked of chrony alone
    if not host.file("/usr/sbin/chronyd").exists:
        pytest.skip("its chronyd is not that of a package")
    assert host.package("chrony").is_installed


@pytest.mark.beside("config_in_use")
def test_chronyd_accepts_its_configuration(host: Host, chrony_conf: str) -> None:
    said = host.run("PATH=$PATH:/usr/sbin chronyd -p -f %s", chrony_conf)
    if said.stdout.startswith("Usage:"):
        pytest.skip("chronyd before 4.0 can't print its configuration")
    assert said.succeeded, said.stderr or said.stdout


@pytest.mark.beside("ntp_sources")
def test_chronyd_has_chosen_a_source(host: Host, chrony: TimeDaemon) -> None:  # noqa: ARG001 - asked of chrony alone
    chosen = [line.split(",")[2] for line in host.run("chronyc -c sources").stdout.splitlines() if ",*," in line]
    assert len(chosen) == 1
