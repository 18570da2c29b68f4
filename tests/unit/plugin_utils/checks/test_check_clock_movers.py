from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import clock_movers
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks.clock_movers import Key
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import MissingEvidenceError
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import CHRONY_UNIT, answer, record, time_services
from tests.findings import finding_of, unsaid


def judge(*processes: dict[str, Any], euid: int = 0, **found: Any):
    nothing = {"cron": [], "timers": [], "virtualization": None, "vmware_timesync": None}
    services = time_services(CHRONY_UNIT, processes=processes)
    taken = record(time_services=services, clock_movers={**nothing, **found})
    taken["evidence"]["collected"]["euid"] = euid
    return finding_of(clock_movers, taken)


VMTOOLSD = {
    "pid": 612,
    "comm": "vmtoolsd",
    "argv": ["/usr/bin/vmtoolsd"],
    "cgroup": "/system.slice/open-vm-tools.service",
}
VBOXSERVICE = {
    "pid": 640,
    "comm": "VBoxService",
    "argv": ["/usr/sbin/VBoxService", "--pidfile", "/run/vboxadd-service.sh"],
}
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

FAILING = {  # the processes and what else was found, the key and the program, what the reader sees, and how to stop it
    "VMware sets it once a minute": (
        [VMTOOLSD],
        {"virtualization": "vmware", "vmware_timesync": answer("Enabled\n")},
        (Key.VMWARE, ()),
        ["VMware"],
        "vmware-toolbox-cmd timesync disable",
    ),
    "VirtualBox sets it every ten seconds": (
        [VBOXSERVICE],
        {"virtualization": "oracle"},
        (Key.VIRTUALBOX, ()),
        ["VBoxService", "pid 640"],
        "--disable-timesync",
    ),
    "cron runs ntpdate": (
        [],
        {"cron": [CRON]},
        (Key.CRON, ("ntpdate",)),
        ["/etc/cron.d/clock:3: /usr/sbin/ntpdate -u pool.ntp.org"],
        "/etc/cron.d/clock:3",
    ),
    "a timer runs chronyd -q": (
        [],
        {"timers": [TIMER]},
        (Key.TIMER, ("chronyd",)),
        ["clock.timer", "clock.service: /usr/sbin/chronyd -q server ntp1.example iburst"],
        "systemctl disable --now clock.timer",
    ),
}


@pytest.mark.parametrize(("processes", "found", "cause", "what", "stop"), FAILING.values(), ids=FAILING)
def test_what_sets_the_clock_beside_the_daemon_is_named_with_how_to_stop_it(processes, found, cause, what, stop):
    finding = judge(*processes, **found)
    key, about = cause
    assert (finding.state, finding.keys, finding.about) == ("fail", (key,), about)
    assert not unsaid(finding.summary, *what)
    assert stop in finding.remedy
    (mover,) = finding.seen["movers"]
    assert not unsaid(mover, *what)


PASSING = {  # the processes, what else was found, and what the reader is to know of it
    "nothing": ([], {}, []),
    "VMware's periodic synchronisation is off": (
        [VMTOOLSD],
        {"virtualization": "vmware", "vmware_timesync": answer("Disabled\n", 69)},
        ["VMware", "time.synchronize.* = FALSE", ".vmx"],
    ),
    "VMware without its tools": ([], {"virtualization": "vmware"}, []),
    "VirtualBox with its synchronisation off": (
        [{**VBOXSERVICE, "argv": ["/usr/sbin/VBoxService", "--disable-timesync"]}],
        {"virtualization": "oracle"},
        [],
    ),
    "Hyper-V": ([], {"virtualization": "microsoft"}, ["Hyper-V", "refclock PHC /dev/ptp_hyperv"]),
}


@pytest.mark.parametrize(("processes", "found", "noted"), PASSING.values(), ids=PASSING)
def test_what_leaves_the_clock_alone_passes(processes, found, noted):
    finding = judge(*processes, **found)
    assert (finding.state, finding.keys, finding.seen["movers"]) == ("pass", (), [])
    assert not unsaid(finding.summary, *noted)
    assert noted or finding.summary == judge().summary


@pytest.mark.parametrize(
    ("said", "why"),
    [
        pytest.param(None, "vmware-toolbox-cmd", id="no tool to ask"),
        pytest.param({"error": "no answer within 5 s"}, "no answer within 5 s", id="no answer"),
        pytest.param(
            {"rc": 1, "stdout": "", "stderr": "must be run inside a virtual machine"},
            "must be run inside",
            id="an error",
        ),
        pytest.param({"rc": 2, "stdout": "", "stderr": ""}, "rc 2", id="an error without a word"),
    ],
)
def test_vmwares_tools_that_do_not_say_are_inconclusive(said, why):
    finding = judge(VMTOOLSD, virtualization="vmware", vmware_timesync=said)
    assert (finding.state, finding.keys) == ("inconclusive", (Key.VMWARE_UNKNOWN,))
    assert why in finding.seen["vmware_timesync"]
    assert why in finding.summary
    assert not unsaid(finding.remedy, "`vmware-toolbox-cmd timesync status`", "gate_advisory_checks")


def test_several_movers_are_all_named():
    finding = judge(VBOXSERVICE, cron=[CRON], timers=[TIMER])
    assert set(finding.keys) == {Key.VIRTUALBOX, Key.TIMER, Key.CRON}
    assert finding.about == ("chronyd", "ntpdate")
    assert len(finding.seen["movers"]) == 3
    assert not unsaid(finding.summary, "VBoxService", "clock.timer", "/etc/cron.d/clock:3")


UNREAD = [{"path": "/var/spool/cron/crontabs", "error": "Permission denied"}]


def test_what_could_not_be_read_of_cron_may_move_the_clock():
    finding = judge(unread=UNREAD, euid=1000)
    assert (finding.state, finding.keys) == ("inconclusive", (Key.CRON_UNREAD,))
    assert not unsaid(finding.summary, "/var/spool/cron/crontabs")
    assert not unsaid(finding.remedy, "`become: true`", "ansible_become", "--here", "gate_advisory_checks")


def test_who_is_root_is_not_sent_to_become_root_and_sees_why_a_file_was_not_read():
    finding = judge(unread=[{"path": "/etc/cron.d/clock", "error": "Input/output error"}])
    assert (finding.state, finding.keys) == ("inconclusive", (Key.CRON_UNREAD,))
    assert not unsaid(finding.summary, "/etc/cron.d/clock (Input/output error)")
    assert "become" not in finding.remedy
    assert not unsaid(finding.remedy, "gate_advisory_checks")


def test_what_was_found_counts_whatever_else_was_not_read():
    assert judge(cron=[CRON], unread=UNREAD).state == "fail"


def test_evidence_without_crontabs_is_missing_evidence():
    with pytest.raises(MissingEvidenceError, match="cron"):
        finding_of(clock_movers, record(clock_movers={"timers": []}))


def test_timers_that_systemd_did_not_show_are_missing_evidence():
    with pytest.raises(MissingEvidenceError, match="no answer within 5 s"):
        judge(timers={"error": "systemctl: no answer within 5 s"})


@given(st.lists(st.sampled_from(["VMware", "VirtualBox", "cron", "timer"]), min_size=1, unique=True))
def test_it_never_passes_if_something_moves_the_clock(movers):
    processes = [VBOXSERVICE] if "VirtualBox" in movers else []
    finding = judge(
        *processes,
        cron=[CRON] if "cron" in movers else [],
        timers=[TIMER] if "timer" in movers else [],
        vmware_timesync=answer("Enabled\n") if "VMware" in movers else None,
    )
    keys = {"VMware": Key.VMWARE, "VirtualBox": Key.VIRTUALBOX, "cron": Key.CRON, "timer": Key.TIMER}
    assert (finding.state, set(finding.keys)) == ("fail", {keys[name] for name in movers})
    assert len(finding.seen["movers"]) == len(movers)
