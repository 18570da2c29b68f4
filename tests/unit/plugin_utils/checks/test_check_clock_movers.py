from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import clock_movers
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.policy import Policy
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import MissingEvidenceError, Record
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import CHRONY_UNIT, policy, record, time_services


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
    "text": "/usr/sbin/ntpdate -u pool.ntp.org",
}
TIMER = {
    "unit": "clock.timer",
    "activates": "clock.service",
    "exec": "/usr/sbin/chronyd -q server ntp1.example iburst",
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
        "cron, /etc/cron.d/clock:3: /usr/sbin/ntpdate -u pool.ntp.org",
        "Remove the line /etc/cron.d/clock:3.",
        "ntpdate in cron",
    ),
    "a timer runs chronyd -q": (
        [],
        {"timers": [TIMER]},
        "clock.timer, by clock.service: /usr/sbin/chronyd -q server ntp1.example iburst",
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


def test_what_could_not_be_read_of_cron_is_named():
    finding = judge(unread=[{"path": "/var/spool/cron/crontabs", "error": "Permission denied"}])
    assert finding.state == "pass"
    assert "not read, for want of root: /var/spool/cron/crontabs" in finding.summary


def test_timers_that_systemd_did_not_tell_are_missing_evidence():
    with pytest.raises(MissingEvidenceError, match="no answer within 5 s"):
        judge(timers={"error": "systemctl: no answer within 5 s"})


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
