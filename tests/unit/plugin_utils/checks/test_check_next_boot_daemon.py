"""Which time daemon starts at the next boot."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks.next_boot import Key
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.finding import CommonKey

from tests.builders import CHRONY_UNIT, boot_unit, chrony, policy, unit
from tests.findings import unsaid
from tests.unit.plugin_utils.checks.booting import ABSENT, CHRONYD, CONFIG, NTPD, judge

PASSING = {
    "another daemon's condition is not met": (
        [boot_unit("systemd-timesyncd.service", condition_met=False)],
        {"daemons": (CHRONY_UNIT, unit("systemd-timesyncd.service", "inactive"))},
        "chrony.service",
    ),
    "OpenRC": ([], {"daemons": (unit("chronyd", main_pid=0),), "manager": "openrc", "clock": ABSENT}, "chronyd"),
}


@pytest.mark.parametrize(("units", "node", "daemon"), PASSING.values(), ids=PASSING)
def test_the_one_daemon_that_steers_now_is_to_start_alone(units, node, daemon):
    finding = judge(*units, **node)
    assert (finding.state, finding.keys, finding.seen["daemon"]) == ("pass", (), daemon), finding.summary
    assert daemon in finding.summary


DISABLED = unit("chrony.service", "active", "disabled")
FAILING = {  # the node, the key, what the reader sees, what to do, and what starts at the next boot
    "not enabled": (
        {"daemons": (DISABLED,)},
        Key.NOT_ENABLED,
        ["chrony.service", "(active/running, disabled)"],
        "systemctl enable chrony.service",
    ),
    "enabled until the reboot": (
        {"daemons": (unit("chrony.service", "active", "enabled-runtime"),)},
        Key.NOT_ENABLED,
        ["chrony.service", "enabled-runtime"],
        "systemctl enable chrony.service",
    ),
    "another one starts in its place": (
        {"daemons": (DISABLED, unit("ntpd.service", "inactive"))},
        Key.NOT_ENABLED,
        ["chrony.service", "ntpd.service"],
        "systemctl enable chrony.service; systemctl disable ntpd.service",
    ),
    "another one starts beside it": (
        {"daemons": (CHRONY_UNIT, unit("ntpd.service", "inactive"))},
        Key.SEVERAL_ENABLED,
        ["ntpd.service", "chrony.service"],
        "chrony.service: systemctl disable ntpd.service",
    ),
    "not enabled, with OpenRC": (
        {"daemons": (unit("chronyd", "active", "disabled"),), "manager": "openrc"},
        Key.NOT_ENABLED,
        ["chronyd"],
        "rc-update add chronyd default",
    ),
    "a daemon in a pod": (
        {"daemons": (), "processes": ({**CHRONYD, "cgroup": "/kubepods.slice/pod7"},)},
        Key.NO_UNIT,
        ["chronyd", "pid 731", "/kubepods.slice/pod7"],
        "chrony",
    ),
}


@pytest.mark.parametrize(("node", "key", "shown", "steps"), FAILING.values(), ids=FAILING)
def test_a_boot_at_which_the_daemon_does_not_start_alone_fails_with_what_to_do(node, key, shown, steps):
    finding = judge(**node)
    assert (finding.state, finding.keys) == ("fail", (key,)), finding.summary
    assert finding.about == (("chrony", "ntpd") if key is Key.SEVERAL_ENABLED else ())
    assert not unsaid(finding.summary, *shown)
    assert steps in finding.remedy
    assert finding.seen["at_boot"]


def test_another_daemon_that_starts_instead_is_reported():
    alone, replaced = judge(daemons=(DISABLED,)), judge(daemons=(DISABLED, unit("ntpd.service", "inactive")))
    assert (len(alone.seen["at_boot"]), len(replaced.seen["at_boot"])) == (1, 2)
    assert "ntpd.service" not in alone.summary
    assert alone.why != replaced.why


def test_a_daemon_that_a_target_wants_by_a_link_in_usr_starts_though_systemd_calls_it_disabled():
    timesyncd = unit("systemd-timesyncd.service", enabled="disabled", main_pid=402)
    process = {"pid": 402, "comm": "systemd-timesyn", "argv": ["/usr/lib/systemd/systemd-timesyncd"], "cgroup": None}
    by_link = boot_unit("systemd-timesyncd.service", "disabled", wanted_by=["sysinit.target"])
    by_hand = boot_unit("systemd-timesyncd.service", "disabled", wanted_by=[])

    def of(*units: dict[str, Any]) -> tuple[str, ...]:
        return judge(*units, daemons=(timesyncd,), processes=(process,)).keys

    assert (of(by_link), of(by_hand), of()) == ((), (Key.NOT_ENABLED,), (Key.NOT_ENABLED,))


def test_daemons_that_run_together_now_are_reported_by_time_service():
    together = judge(daemons=(CHRONY_UNIT, NTPD))
    assert (together.state, together.keys) == ("skipped", (Key.SEVERAL_RUN,))
    assert "time_service" in together.why
    third = judge(daemons=(CHRONY_UNIT, NTPD, unit("openntpd.service", "inactive")))
    assert (third.state, third.keys) == ("fail", (Key.SEVERAL_ENABLED,))


def test_without_a_daemon_it_follows_from_time_service():
    finding = judge(daemons=(), processes=())
    assert (finding.state, finding.keys) == ("skipped", (CommonKey.NO_DAEMON,))
    assert "time_service" in finding.remedy


def test_a_manager_that_is_not_known_is_inconclusive():
    finding = judge(daemons=(), manager="other")
    assert (finding.state, finding.keys) == ("inconclusive", (Key.MANAGER_UNKNOWN,))
    assert not unsaid(finding.summary, "systemd", "OpenRC", "(other)")
    assert "gate_advisory_checks" in finding.remedy


ENDS = CONFIG + "user ntp\n"


def named(found: str) -> dict[str, Any]:
    section = {"paths": {}, "interfaces": {}, "users": {"ntp": found}, "options": {}}
    return {"chrony": {**chrony(config=ENDS), "named": section}}


@pytest.mark.parametrize(("found", "state"), [("present", "pass"), ("absent", "fail"), ("unknown", "inconclusive")])
def test_a_chronyd_that_would_end_at_its_start_does_not_start(found: str, state: str):
    finding = judge(of_policy=policy(checks=["next_boot"]), **named(found))
    assert finding.state == state, finding.summary
    if state != "pass":
        assert finding.keys == (Key.WOULD_NOT_START,)
        assert not unsaid(finding.summary, "chrony.service", "/etc/chrony/chrony.conf:4 ", "user ntp")


def test_it_follows_from_chrony_config_if_that_refuses_the_node_for_it():
    both = ["chrony_config", "next_boot"]
    assert judge(of_policy=policy(checks=both), **named("absent")).state == "skipped"
    assert judge(of_policy=policy(checks=both, advisory_checks=["chrony_config"]), **named("absent")).state == "fail"
    assert judge(of_policy=policy(checks=both, accepted_rules=["CHR501"]), **named("absent")).state == "pass"


def test_a_ptp4l_that_steers_its_card_is_no_reason_to_keep_chronyd_from_starting():
    ptp4l = {"pid": 510, "comm": "ptp4l", "argv": ["/usr/sbin/ptp4l", "-i", "eth0"], "cgroup": None}
    finding = judge(daemons=(unit("chrony.service", "failed"), unit("ptp4l.service", main_pid=510)), processes=(ptp4l,))
    assert (finding.state, finding.keys) == ("skipped", (CommonKey.NO_DAEMON,)), finding.remedy
    assert "disable" not in finding.remedy


PHC2SYS = "/usr/sbin/phc2sys"


@pytest.mark.parametrize(
    ("name", "command", "starts_beside"),
    [
        ("phc2sys@eth0.service", f"{PHC2SYS} -w -s CLOCK_REALTIME -c eth0", False),
        ("phc2sys@eth0.service", f"{PHC2SYS} -a -r -E ntpshm", False),
        ("phc2sys@eth0.service", f"{PHC2SYS} -w -s eth0", True),
        ("phc2sys.service", f"{PHC2SYS} $OPTIONS", True),  # what the variable says is not known
        ("phc2sys.service", f"{PHC2SYS} -w -s eth0 -f /etc/x.conf", True),  # as is what the file says
        ("phc2sys.service", f"/bin/sleep 9; {PHC2SYS} -a", True),
        ("phc2sys.service", f"/bin/sh -c 'exec {PHC2SYS} -w -s eth0'", True),
        ("phc2sys.service", "", True),
    ],
)
def test_a_daemon_that_is_down_is_judged_by_the_command_that_its_unit_runs(name, command, starts_beside):
    finding = judge(boot_unit(name, exec_start=command), daemons=(CHRONY_UNIT, unit(name, "failed")))
    assert finding.keys == ((Key.SEVERAL_ENABLED,) if starts_beside else ()), finding.summary
    assert (f"disable {name} (only if " in finding.remedy) == starts_beside
