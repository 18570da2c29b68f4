from __future__ import annotations

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import time_service
from ansible_collections.skewgate.preflight.plugins.plugin_utils.policy import Policy
from ansible_collections.skewgate.preflight.plugins.plugin_utils.record import Record

from tests.unit.plugin_utils.builders import CHRONY_UNIT, policy, record, time_services, unit


def judge(*units, manager="systemd"):
    taken = record(time_services=time_services(*units, manager=manager))
    return time_service.judge(Record(taken), Policy.from_json(policy()))


TIMESYNCD = unit("systemd-timesyncd.service")

JUDGED = {
    "chrony alone": ([CHRONY_UNIT], "pass", "chrony.service is active and enabled, and no other time daemon is"),
    "timesyncd alone": ([TIMESYNCD], "pass", "systemd-timesyncd.service is active and enabled"),
    "another one installed, but off": (
        [CHRONY_UNIT, unit("systemd-timesyncd.service", "inactive", "disabled")],
        "pass",
        "chrony.service is active",
    ),
    "none installed": ([], "fail", "no time daemon runs on this node (none is installed)"),
    "helpers alone": ([unit("chrony-wait.service"), unit("time-sync.target")], "fail", "none is installed"),
    "installed, but off": (
        [unit("chrony.service", "inactive", "disabled")],
        "fail",
        "installed but neither active nor enabled: chrony.service",
    ),
    "gone after a reboot": (
        [unit("chrony.service", "active", "disabled")],
        "fail",
        "chrony.service is not enabled: it does not start at the next boot (active/running, disabled)",
    ),
    "failed": ([unit("chrony.service", "failed")], "fail", "chrony.service is not active (failed/dead, enabled)"),
    "falling over": (
        [unit("chrony.service", "activating", sub_state="auto-restart")],
        "fail",
        "chrony.service is not active (activating/auto-restart, enabled)",
    ),
    "two active": (
        [TIMESYNCD, CHRONY_UNIT],
        "fail",
        "2 time daemons are active or enabled: systemd-timesyncd.service, chr",
    ),
    "one active, another at the next boot": (
        [CHRONY_UNIT, unit("ntpd.service", "inactive", "enabled")],
        "fail",
        "2 time daemons are active or enabled: chrony.service, ntpd.service",
    ),
}


@pytest.mark.parametrize(("units", "state", "summary"), JUDGED.values(), ids=JUDGED)
def test_exactly_one_daemon_is_to_run_now_and_after_the_next_boot(units, state, summary):
    finding = judge(*units)
    assert finding.state == state
    assert summary in finding.summary


@pytest.mark.parametrize(
    ("units", "competing"),
    [
        pytest.param([TIMESYNCD, CHRONY_UNIT], "systemd-timesyncd.service", id="an active chrony is kept"),
        pytest.param(
            [unit("chrony.service", "inactive"), TIMESYNCD], "chrony.service", id="else the one that is active"
        ),
        pytest.param(
            [unit("ntpd.service", "inactive"), unit("chrony.service", "inactive")],
            "chrony.service",
            id="else the first",
        ),
    ],
)
def test_of_several_one_is_kept_and_the_others_are_to_be_disabled(units, competing):
    finding = judge(*units)
    assert finding.seen["competing"] == [competing]
    assert finding.remedy == f"Keep one: systemctl disable --now {competing}"


@pytest.mark.parametrize(
    ("units", "remedy"),
    [
        pytest.param([], "Install and configure chrony", id="none"),
        pytest.param([unit("chrony.service", "failed")], "journalctl -u chrony.service", id="failed"),
        pytest.param([unit("chrony.service", "active", "disabled")], "systemctl enable --now chrony.service", id="off"),
    ],
)
def test_the_remedy_names_the_unit(units, remedy):
    assert remedy in judge(*units).remedy


def test_a_node_without_systemd_is_inconclusive():
    finding = judge(manager="other")
    assert finding.state == "inconclusive"
    assert "not run by systemd (other)" in finding.summary
