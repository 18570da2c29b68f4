from __future__ import annotations

import doctest
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import clock_movers
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks.clock_movers import clock_setting_command
from ansible_collections.skewgate.preflight.plugins.plugin_utils.policy import Policy
from ansible_collections.skewgate.preflight.plugins.plugin_utils.record import Record
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.plugin_utils.builders import CHRONY_UNIT, policy, record, time_services


def judge(*processes: dict[str, Any], **found: Any):
    nothing = {"cron": [], "timers": [], "virtualization": None, "vmware_timesync": None}
    services = {**time_services(CHRONY_UNIT), "processes": list(processes)}
    taken = record(time_services=services, clock_movers={**nothing, **found})
    return clock_movers.judge(Record(taken), Policy.from_json(policy()))


def answer(rc: int, stdout: str = "", stderr: str = "") -> dict[str, Any]:
    return {"rc": rc, "stdout": stdout, "stderr": stderr}


VMTOOLSD = {
    "pid": 612,
    "comm": "vmtoolsd",
    "cmdline": "/usr/bin/vmtoolsd",
    "cgroup": "/system.slice/open-vm-tools.service",
}
VBOXSERVICE = {"pid": 640, "comm": "VBoxService", "cmdline": "/usr/sbin/VBoxService --pidfile /run/vboxadd-service.sh"}
CRON = {
    "path": "/etc/cron.d/clock",
    "line": 3,
    "text": "17 3 * * * root /usr/sbin/ntpdate -u pool.ntp.org >/dev/null 2>&1",
}
TIMER = {
    "unit": "clock.timer",
    "activates": "clock.service",
    "exec": "/usr/sbin/chronyd -q 'server ntp1.example iburst'",
}

FAILING = {
    "VMware sets it once a minute": (
        [VMTOOLSD],
        {"virtualization": "vmware", "vmware_timesync": answer(0, "Enabled\n")},
        "VMware's tools (periodic time synchronisation is enabled)",
        "vmware-toolbox-cmd timesync disable",
        "VMware's periodic synchronisation",
    ),
    "VirtualBox sets it every ten seconds": (
        [VBOXSERVICE],
        {"virtualization": "oracle"},
        "VirtualBox's VBoxService (pid 640, without --disable-timesync)",
        "Start VBoxService with --disable-timesync",
        "VirtualBox's synchronisation",
    ),
    "cron runs ntpdate": (
        [],
        {"cron": [CRON]},
        "cron, /etc/cron.d/clock:3: ntpdate -u pool.ntp.org",
        "Remove the line /etc/cron.d/clock:3.",
        "ntpdate in cron",
    ),
    "a timer runs chronyd -q": (
        [],
        {"timers": [TIMER]},
        "clock.timer, by clock.service: chronyd -q server ntp1.example iburst",
        "systemctl disable --now clock.timer",
        "chronyd in a timer",
    ),
}


@pytest.mark.parametrize(("processes", "found", "what", "remedy", "cause"), FAILING.values(), ids=FAILING)
def test_what_sets_the_clock_beside_the_daemon_is_named_with_how_to_stop_it(processes, found, what, remedy, cause):
    finding = judge(*processes, **found)
    assert finding.state == "fail"
    assert finding.summary == f"the clock is moved by {what}"
    assert remedy in finding.remedy
    assert finding.cause == cause
    assert finding.seen["movers"] == [what]


PASSING = {
    "nothing": ([], {}, "nothing beside the time daemon was found to move the clock"),
    "VMware's periodic synchronisation is off": (
        [VMTOOLSD],
        {"virtualization": "vmware", "vmware_timesync": answer(69, "Disabled\n")},
        "the tools still set the clock once after a resume",
    ),
    "VMware without its tools": ([], {"virtualization": "vmware"}, "nothing beside the time daemon"),
    "VirtualBox with its synchronisation off": (
        [{**VBOXSERVICE, "cmdline": "/usr/sbin/VBoxService --disable-timesync"}],
        {"virtualization": "oracle"},
        "nothing beside the time daemon",
    ),
    "Hyper-V": ([], {"virtualization": "microsoft"}, "refclock PHC /dev/ptp_hyperv"),
    "cron only asks": (
        [],
        {"cron": [{**CRON, "text": "*/5 * * * * root ntpdate -q pool.ntp.org | logger -t ntpdate"}]},
        "nothing beside the time daemon",
    ),
    "a timer of the daemon's own": (
        [],
        {"timers": [{**TIMER, "exec": "/usr/libexec/ntpsec/rotate-stats"}]},
        "nothing beside the time daemon",
    ),
}


@pytest.mark.parametrize(("processes", "found", "words"), PASSING.values(), ids=PASSING)
def test_what_leaves_the_clock_alone_passes(processes, found, words):
    finding = judge(*processes, **found)
    assert finding.state == "pass"
    assert words in finding.summary


@pytest.mark.parametrize(
    ("told", "why"),
    [
        pytest.param(None, "vmware-toolbox-cmd was not found", id="no tool to ask"),
        pytest.param({"error": "no answer within 5 s"}, "no answer within 5 s", id="no answer"),
        pytest.param(answer(1, "", "must be run inside a virtual machine"), "must be run inside", id="an error"),
    ],
)
def test_vmwares_tools_that_do_not_tell_are_inconclusive(told, why):
    finding = judge(VMTOOLSD, virtualization="vmware", vmware_timesync=told)
    assert finding.state == "inconclusive"
    assert why in finding.summary
    assert finding.cause == "VMware's time synchronisation unknown"


def test_several_movers_are_all_named():
    finding = judge(VBOXSERVICE, cron=[CRON], timers=[TIMER])
    assert finding.cause == "VirtualBox's synchronisation, chronyd in a timer, ntpdate in cron"
    assert len(finding.seen["movers"]) == 3


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("ntpdate pool.ntp.org", "ntpdate pool.ntp.org"),
        ("@reboot root /usr/sbin/ntpdate-debian", "ntpdate-debian"),
        ("0 * * * * root ntpdate -q pool.ntp.org", None),
        ("# 0 * * * * root ntpdate pool.ntp.org", None),
        ("0 4 * * * root [ -x /usr/sbin/ntpdate ] && echo ntpdate is there", None),
        ("0 4 * * * root sntp -S ntp1.example", "sntp -S ntp1.example"),
        ("0 4 * * * root sntp ntp1.example", None),
        ("0 4 * * * root rdate -s time.example", "rdate -s time.example"),
        ("0 4 * * * root rdate -p time.example", None),
        ("0 4 * * * root ntpd -gq", "ntpd -gq"),
        ("0 4 * * * root chronyd -Q 'pool pool.ntp.org'", None),
        ("0 4 * * * root chronyc makestep", "chronyc makestep"),
        ("0 4 * * * root chronyc tracking > /var/log/tracking", None),
        ('date -s "$(curl -sI https://example.com | grep -i ^date)"', "date -s"),
        ("0 4 * * * root backup --stamp $(date -Is)", None),
        ("0 4 * * * root backup --stamp $(date -u +%s)", None),
        ("date --set=@1795336536", "date --set=@1795336536"),
        ("0 4 * * * root hwclock --systohc", None),
        ("0 4 * * * root hwclock -w", None),
        ("0 4 * * * root hwclock -s", "hwclock -s"),
        ("timedatectl set-time 12:00", "timedatectl set-time 12:00"),
        ("sh -c 'ntpdate -b ntp1.example'", "ntpdate -b ntp1.example"),
    ],
)
def test_a_command_sets_the_clock_or_only_asks(text, command):
    assert clock_setting_command(text) == command


def test_the_example_of_the_docstring_holds():
    assert doctest.testmod(clock_movers).failed == 0


@given(st.text(max_size=80))
def test_any_text_can_be_read(text):
    command = clock_setting_command(text)
    assert command is None or command.split()[0] in clock_movers._SETS


@given(st.lists(st.sampled_from(["VMware", "VirtualBox", "cron", "timer"]), min_size=1, unique=True))
def test_it_never_passes_where_something_moves_the_clock(movers):
    processes = [VBOXSERVICE] if "VirtualBox" in movers else []
    finding = judge(
        *processes,
        cron=[CRON] if "cron" in movers else [],
        timers=[TIMER] if "timer" in movers else [],
        vmware_timesync=answer(0) if "VMware" in movers else None,
    )
    assert finding.state == "fail"
    assert len(finding.seen["movers"]) == len(movers)
