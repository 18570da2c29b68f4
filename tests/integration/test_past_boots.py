"""What a node's journal shows of its last boots, on nodes that are really rebooted.

The lab is the hypervisor that sets a guest's clock off at a boot (`Lab.reboot_node`). It cuts the
power, so of the journal is left what had been written to the disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.integration.conftest import Run, Runner
from tests.lab import Lab
from tests.lab.nodes import TRIO, NodeSpec

NODE = TRIO[0]
AHEAD_S = 600
DEAD_SERVER = "10.77.0.9"
LATE_SERVER = "10.77.0.4"
"""Nobody answers there until a test starts a server."""

PERSISTENT = """\
mkdir -p /var/log/journal
printf '[Journal]\\nStorage=persistent\\n' > /etc/systemd/journald.conf.d/lab.conf
systemctl unmask systemd-journal-flush
systemctl restart systemd-journald
journalctl --flush
"""
KUBELET = """\
cd /etc/systemd/system
printf '[Service]\\nExecStart=/bin/sleep infinity\\n[Install]\\nWantedBy=multi-user.target\\n' > kubelet.service
systemctl daemon-reload
systemctl enable --now kubelet
"""
ORDERED = """\
cd /etc/systemd/system
mkdir -p kubelet.service.d
printf '[Unit]\\nWants=time-sync.target\\nAfter=time-sync.target\\n' > kubelet.service.d/time.conf
systemctl daemon-reload
systemctl enable chrony-wait
"""
TIME_CHECKS = ("clock_skew", "sync_state", "time_service", "ntp_sources")
ONLY_SLEWS = "sed -i /makestep/d /etc/chrony/chrony.conf"
NEEDS_A_FILE_IN_RUN = """\
mkdir -p /etc/systemd/system/chrony.service.d
printf '[Service]\\nExecStartPre=/usr/bin/test -e /run/network-is-up\\n' > /etc/systemd/system/chrony.service.d/early.conf
"""
STARTED_BY_HAND = "sleep 32; touch /run/network-is-up; systemctl reset-failed chrony; systemctl start chrony"
WAITS_FOR_A_LATE_SERVER = f"""\
printf 'server {LATE_SERVER} minpoll 0 maxpoll 1\\nmakestep 1 3\\nrtcsync\\n' > /etc/chrony/chrony.conf
mkdir -p /etc/systemd/system/chrony-wait.service.d
printf '[Service]\\nTimeoutStartSec=5\\n' > /etc/systemd/system/chrony-wait.service.d/short.conf
"""


@pytest.fixture(scope="module")
def check(skewgate: Runner) -> Callable[[], dict[str, Any]]:
    """The finding of next_boot, which alone is asked for."""

    def finding() -> dict[str, Any]:
        run = skewgate("check", "-l", NODE.name, extra={"gate_checks": ["next_boot"]})
        return run.finding(NODE.name, "next_boot")

    return finding


@pytest.fixture(scope="module", autouse=True)
def stopped(lab: Lab) -> Iterator[None]:
    yield
    lab.stop_node(NODE.name)


def install(lab: Lab, *scripts: str, spec: NodeSpec = NODE) -> None:
    """Boot the node anew, with a journal that outlives it, and change it."""
    lab.reset_node(spec)
    for script in (PERSISTENT, *scripts):
        lab.ssh(spec.name, script)


def reboot(lab: Lab, off_s: float, *, synchronised: bool = True) -> None:
    """Reboot it with a clock that is off."""
    lab.ssh(NODE.name, "journalctl --sync; sync")
    lab.reboot_node(NODE.name, off_s)
    if synchronised:
        lab.wait_synchronised(NODE.name)


@pytest.fixture(scope="module")
def early(lab: Lab, check: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The finding of a node that was set off at its boot, with a kubelet that waits for nothing."""
    install(lab, KUBELET)
    reboot(lab, AHEAD_S)
    return check()


def test_a_kubelet_that_started_before_the_clock_was_right_is_refused_with_the_numbers(early: dict[str, Any]) -> None:
    assert (early["state"], early["keys"]) == ("fail", ["started_before_the_clock_was_right", "nothing_waits"])
    (boot, *_) = early["seen"]["past_boots"]
    assert boot["off_s"] == pytest.approx(AHEAD_S, abs=1)
    assert boot["started_after_s"]["kubelet.service"] < boot["right_after_s"] < 60
    assert (boot["how"], boot["jumped_back"]) == ("step", True)
    assert f"{AHEAD_S} s ahead" in early["summary"]
    assert early["remediable"]


def test_once_it_waits_a_clock_that_is_off_at_every_boot_is_admitted_by_what_happened(
    lab: Lab, early: dict[str, Any], check: Callable[[], dict[str, Any]]
) -> None:
    assert early["state"] == "fail"
    lab.ssh(NODE.name, ORDERED)
    reboot(lab, AHEAD_S)
    finding = check()
    assert (finding["state"], finding["seen"]["unordered"]) == ("pass", []), finding["summary"]
    boot, before, *_ = finding["seen"]["past_boots"]
    assert boot["right_after_s"] <= boot["started_after_s"]["kubelet.service"]
    assert (boot["off_s"], before["off_s"]) == (pytest.approx(AHEAD_S, abs=1),) * 2
    assert "each of the last 2 boots the clock was off (600 s ahead, 600 s ahead)" in finding["summary"]
    assert "at 2 recorded boots the clock was 600 s ahead" in finding["summary"]


@pytest.mark.nightly
def test_a_clock_that_is_off_at_every_boot_is_refused_before_a_cluster_unit_is_there_and_the_gate_fixes_it(
    lab: Lab, check: Callable[[], dict[str, Any]], skewgate: Runner
) -> None:
    install(lab)
    reboot(lab, -AHEAD_S)
    once = check()
    assert (once["state"], once["seen"]["past_boots"][0]["off_s"]) == ("pass", pytest.approx(-AHEAD_S, abs=1))
    reboot(lab, -AHEAD_S)
    finding = check()
    assert finding["keys"] == ["off_at_every_boot", "nothing_waits"], finding["summary"]
    assert "600 s behind, 600 s behind" in finding["summary"]
    run: Run = skewgate("gate", "-l", NODE.name, extra={"gate_checks": ["next_boot", "time_service", "ntp_sources"]})
    assert run.report["nodes"][NODE.name]["verdict"] == "admit", run.output


@pytest.mark.nightly
def test_a_node_whose_clock_was_behind_when_the_gate_changed_it_is_admitted_at_once(lab: Lab, skewgate: Runner) -> None:
    """The gate's files have a time from before the boot, in which kubelet started too early."""
    install(lab, KUBELET, spec=replace(NODE, ntp=(DEAD_SERVER,)))
    reboot(lab, -7200, synchronised=False)
    run: Run = skewgate("gate", "-l", NODE.name, extra={"gate_checks": ["next_boot", *TIME_CHECKS]})
    assert run.report["nodes"][NODE.name]["verdict"] == "admit", run.output
    finding = run.finding(NODE.name, "next_boot")
    (boot, *_) = finding["seen"]["past_boots"]
    assert boot["off_s"] == pytest.approx(-7200, abs=2)
    assert boot["started_after_s"]["kubelet.service"] < boot["right_after_s"]
    assert "no boot has happened since" in finding["summary"]


@pytest.mark.nightly
def test_a_chronyd_that_only_slewed_is_refused_with_how_long_the_clock_stays_wrong(
    lab: Lab, check: Callable[[], dict[str, Any]]
) -> None:
    install(lab, ONLY_SLEWS)
    reboot(lab, AHEAD_S, synchronised=False)
    lab.ssh(NODE.name, "until journalctl -b -u chrony | grep 'wrong by'; do sleep 0.5; done; sleep 3")
    finding = check()
    assert finding["keys"] == ["only_slewed", "daemon_does_not_step"], finding["summary"]
    (boot, *_) = finding["seen"]["past_boots"]
    assert boot["right_after_s"] == pytest.approx(12 * AHEAD_S, abs=60)
    assert boot["how"] == "slew"


@pytest.mark.nightly
def test_timesyncd_that_set_the_clock_back_after_the_kubelet_had_started(
    lab: Lab, check: Callable[[], dict[str, Any]]
) -> None:
    install(lab, KUBELET, spec=replace(NODE, variant="timesyncd"))
    reboot(lab, 7200, synchronised=False)
    lab.ssh(NODE.name, "until journalctl -b -u systemd-timesyncd | grep Initial; do sleep 0.5; done; sleep 3")
    finding = check()
    (boot, *_) = finding["seen"]["past_boots"]
    assert (boot["how"], boot["jumped_back"]) == ("step", True)
    assert boot["off_s"] == pytest.approx(7200, abs=1)
    early = boot["started_after_s"]["kubelet.service"] < boot["right_after_s"]
    assert ("started_before_the_clock_was_right" in finding["keys"]) == early
    assert finding["state"] == "fail"


@pytest.mark.nightly
def test_a_daemon_that_failed_at_the_boot_and_was_started_by_hand(
    lab: Lab, check: Callable[[], dict[str, Any]]
) -> None:
    install(lab, KUBELET, ORDERED, NEEDS_A_FILE_IN_RUN)
    reboot(lab, 0, synchronised=False)
    lab.ssh(NODE.name, STARTED_BY_HAND, 90)
    lab.wait_synchronised(NODE.name)
    finding = check()
    assert finding["keys"] == ["daemon_failed_at_boot"], finding["summary"]
    assert not finding["remediable"]
    assert "ran only from" in finding["summary"]


@pytest.mark.nightly
def test_a_wait_that_timed_out_because_the_servers_answered_late(lab: Lab, check: Callable[[], dict[str, Any]]) -> None:
    """By the units all is well: kubelet is ordered after a wait."""
    install(lab, KUBELET, ORDERED, WAITS_FOR_A_LATE_SERVER)
    reboot(lab, -AHEAD_S, synchronised=False)
    with lab.liars(0, [LATE_SERVER]):
        lab.wait_synchronised(NODE.name)
        finding = check()
    assert finding["seen"]["unordered"] == []
    assert finding["keys"] == ["started_before_the_clock_was_right"], finding["summary"]
    assert not finding["remediable"]
    (boot, *_) = finding["seen"]["past_boots"]
    assert boot["off_s"] == pytest.approx(-AHEAD_S, abs=1)
    assert boot["started_after_s"]["kubelet.service"] < boot["right_after_s"]


@pytest.mark.nightly
def test_healthy_boots_pass_by_what_happened_and_without_a_record_the_units_decide(
    lab: Lab, check: Callable[[], dict[str, Any]]
) -> None:
    install(lab, KUBELET)
    reboot(lab, 0)
    lab.ssh(NODE.name, "sleep 3; systemctl restart kubelet")  # the journal goes on after the selection
    reboot(lab, 0)
    lab.ssh(NODE.name, "sleep 2")
    finding = check()
    assert finding["state"] == "pass", finding["summary"]
    assert "no RTC, but at each of the last" in finding["summary"]
    lab.ssh(
        NODE.name,
        "printf '[Journal]\\nStorage=none\\n' > /etc/systemd/journald.conf.d/lab.conf; rm -r /var/log/journal",
    )
    lab.ssh(NODE.name, "systemctl restart systemd-journald; rm -rf /run/log/journal")
    finding = check()
    assert finding["seen"]["past_boots"] == []
    assert finding["keys"] == ["rtc_absent", "nothing_waits"]
