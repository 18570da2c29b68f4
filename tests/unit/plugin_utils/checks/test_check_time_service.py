from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import time_service
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks.time_service import Key
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import MissingEvidenceError
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import CHRONY_UNIT, record, time_services, unit
from tests.findings import finding_of, unsaid


def judge(*units: dict[str, Any], manager: str = "systemd", processes: tuple[dict[str, Any], ...] = ()):
    return finding_of(time_service, record(time_services=time_services(*units, manager=manager, processes=processes)))


def process(comm: str, cgroup: str | None, cmdline: str = "", pid: int = 812) -> dict[str, Any]:
    return {"pid": pid, "comm": comm, "argv": (cmdline or f"/usr/sbin/{comm}").split(), "cgroup": cgroup}


TIMESYNCD = unit("systemd-timesyncd.service", main_pid=402)
NTPD = unit("ntpd.service", main_pid=403)
POD = "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod7.slice/cri-containerd-9f2.scope"
PTP4L_UNIT, PHC2SYS_UNIT = unit("ptp4l.service", main_pid=510), unit("phc2sys.service", main_pid=511)
PTP4L_RUNS = process("ptp4l", None, "ptp4l -i eth0", pid=510)
SESSION = "/user.slice/user-0.slice/session-3.scope"
OWN = "/system.slice/chrony.service"

PASSING = {  # the units, the processes, and who steers the clock
    "chrony alone": ([CHRONY_UNIT], [], "chrony.service"),
    "Fedora's chronyd without privileges": (
        [unit("chronyd-restricted.service", main_pid=731)],
        [process("chronyd", "/system.slice/chronyd-restricted.service", "/usr/sbin/chronyd -U", pid=731)],
        "chronyd-restricted.service",
    ),
    "timesyncd alone": ([TIMESYNCD], [], "systemd-timesyncd.service"),
    "another one installed, but down": (
        [CHRONY_UNIT, unit("systemd-timesyncd.service", "inactive", "disabled")],
        [],
        "chrony.service",
    ),
    "another one down, though enabled: that is the next boot's": (
        [CHRONY_UNIT, unit("ntpd.service", "inactive", "enabled")],
        [],
        "chrony.service",
    ),
    "not enabled: that is the next boot's": (
        [unit("chrony.service", "active", "disabled")],
        [],
        "chrony.service",
    ),
    "chronyd and its helper process": (
        [CHRONY_UNIT],
        [process("chronyd", OWN, pid=731), process("chronyd", OWN, pid=733)],
        "chrony.service",
    ),
    "its helper, on a kernel that showed no cgroup": (
        [CHRONY_UNIT],
        [process("chronyd", None, pid=731), process("chronyd", None, pid=733)],
        "chrony.service",
    ),
    "chronyd -x in a pod": (
        [CHRONY_UNIT],
        [process("chronyd", OWN, pid=731), process("chronyd", POD, "chronyd -d -x -f /etc/chrony.conf")],
        "chrony.service",
    ),
    "timemaster with what it starts": (
        [unit("timemaster.service", main_pid=500)],
        [
            process("timemaster", "/system.slice/timemaster.service", pid=500),
            process(
                "chronyd", "/system.slice/timemaster.service", "chronyd -n -f /run/timemaster/chrony.conf", pid=501
            ),
            process("ptp4l", "/system.slice/timemaster.service", "ptp4l -l 5 -H", pid=502),
            process("phc2sys", "/system.slice/timemaster.service", "phc2sys -a -r -E ntpshm", pid=503),
        ],
        "timemaster.service",
    ),
    "ptp4l and phc2sys": (
        [unit("ptp4l.service", main_pid=510), unit("phc2sys.service", main_pid=511)],
        [
            process("ptp4l", "/system.slice/ptp4l.service", "ptp4l -i eth0", pid=510),
            process("phc2sys", "/system.slice/phc2sys.service", "phc2sys -s eth0 -w", pid=511),
        ],
        "phc2sys.service",
    ),
    "a phc2sys that gives the card the system's time": (
        [CHRONY_UNIT, unit("phc2sys@eth0.service", main_pid=511), unit("ptp4l@eth0.service", main_pid=510)],
        [
            process("phc2sys", "/system.slice/phc2sys@eth0.service", "phc2sys -s CLOCK_REALTIME -c eth0 -w", pid=511),
            process("ptp4l", "/system.slice/ptp4l@eth0.service", "ptp4l -i eth0", pid=510),
        ],
        "chrony.service",
    ),
    "a phc2sys in a unit of another name that does the same": (
        [CHRONY_UNIT],
        [process("phc2sys", "/system.slice/grandmaster.service", "phc2sys -a -m")],
        "chrony.service",
    ),
    "chrony beside a ptp4l that steers its card": (
        [CHRONY_UNIT],
        [process("ptp4l", "/system.slice/system-ptp4l.slice/ptp4l@eth0.service", "ptp4l -i eth0")],
        "chrony.service",
    ),
    "one in a pod alone": (
        [],
        [process("chronyd", POD, "chronyd -d")],
        f"chronyd (pid 812, cgroup {POD})",
    ),
    "guest tools are for another check": (
        [CHRONY_UNIT],
        [process("vmtoolsd", "/system.slice/open-vm-tools.service"), process("VBoxService", None)],
        "chrony.service",
    ),
}


@pytest.mark.parametrize(("units", "processes", "steers"), PASSING.values(), ids=PASSING)
def test_one_daemon_that_steers_passes(units, processes, steers):
    finding = judge(*units, processes=processes)
    assert (finding.state, finding.keys) == ("pass", ()), finding.summary
    assert finding.summary.startswith(steers)
    assert finding.seen["competing"] == []


FAILING = {  # the units, the processes, the key and whom it is about, what is seen, what to do
    "none installed": (
        [],
        [],
        (Key.NONE_INSTALLED, ()),
        [],
        ["chrony", "skewgate.preflight.remediate"],
    ),
    "helpers alone": (
        [unit("chrony-wait.service"), unit("time-sync.target")],
        [],
        (Key.NONE_INSTALLED, ()),
        [],
        ["chrony", "skewgate.preflight.remediate"],
    ),
    "installed, but off": (
        [unit("chrony.service", "inactive", "disabled")],
        [],
        (Key.NOT_RUNNING, ()),
        ["chrony.service: inactive/dead, disabled"],
        ["systemctl enable --now chrony.service"],
    ),
    "failed": (
        [unit("chrony.service", "failed")],
        [],
        (Key.NOT_RUNNING, ()),
        ["chrony.service: failed/dead, enabled"],
        ["journalctl -u chrony.service"],
    ),
    "falling over": (
        [unit("chrony.service", "activating", sub_state="auto-restart")],
        [],
        (Key.NOT_RUNNING, ()),
        ["chrony.service: activating/auto-restart, enabled"],
        ["journalctl -u chrony.service"],
    ),
    "chronyd -x alone": (
        [CHRONY_UNIT],
        [process("chronyd", OWN, "/usr/sbin/chronyd -F 1 -x", pid=731)],
        (Key.LEAVES_CLOCK_ALONE, ()),
        ["chrony.service: chronyd ", "-x"],
        ["chrony.service"],
    ),
    "timesyncd beside chrony": (
        [TIMESYNCD, CHRONY_UNIT],
        [],
        (Key.SEVERAL, ("chrony", "systemd-timesyncd")),
        [" 2 ", "systemd-timesyncd.service, chrony.service"],
        ["chrony.service: systemctl disable --now systemd-timesyncd.service"],
    ),
    "a phc2sys that steers a card alone": (
        [unit("phc2sys.service", main_pid=511)],
        [process("phc2sys", "/system.slice/phc2sys.service", "phc2sys -s CLOCK_REALTIME -c eth0 -w", pid=511)],
        (Key.LEAVES_CLOCK_ALONE, ()),
        ["phc2sys.service: phc2sys steers the clock of eth0"],
        ["chronyd", "phc2sys -a -r"],
    ),
    "a grandmaster whose chronyd has ended: no second phc2sys is to turn its direction round": (
        [unit("chrony.service", "failed"), PTP4L_UNIT, PHC2SYS_UNIT],
        [PTP4L_RUNS, process("phc2sys", None, "phc2sys -s CLOCK_REALTIME -c eth0 -w", pid=511)],
        (Key.NOT_RUNNING, ()),
        ["chrony.service", "failed/dead", "phc2sys.service runs (phc2sys steers the clock of eth0"],
        ["systemctl enable --now chrony.service", "journalctl -u chrony.service"],
    ),
    "a phc2sys that feeds a chronyd which is not there": (
        [PTP4L_UNIT, PHC2SYS_UNIT],
        [PTP4L_RUNS, process("phc2sys", None, "phc2sys -a -r -E ntpshm", pid=511)],
        (Key.LEAVES_CLOCK_ALONE, ()),
        ["ptp4l.service", "phc2sys.service runs (phc2sys only feeds"],
        ["chronyd"],
    ),
    "ConnMan beside chrony, which nobody is to stop": (
        [CHRONY_UNIT, unit("connman.service", main_pid=520)],
        [process("connmand", "/system.slice/connman.service", "/usr/sbin/connmand -n", pid=520)],
        (Key.SEVERAL, ("chrony", "connman")),
        ["chrony.service, connman.service"],
        ["TimeUpdates s manual", "leave the service running"],
    ),
    "statime in a unit of another name": (
        [CHRONY_UNIT],
        [process("statime", "/system.slice/ptp-client.service", "statime -c /etc/statime/statime.toml")],
        (Key.SEVERAL, ("chrony", "statime")),
        ["statime (pid 812"],
        ["systemctl disable --now ptp-client.service"],
    ),
    "timebeat beside chrony": (
        [CHRONY_UNIT, unit("timebeat.service", main_pid=530)],
        [],
        (Key.SEVERAL, ("chrony", "timebeat")),
        ["chrony.service, timebeat.service"],
        ["systemctl disable --now timebeat.service"],
    ),
    "ntpd beside phc2sys": (
        [NTPD, unit("phc2sys.service", main_pid=511)],
        [process("phc2sys", "/system.slice/phc2sys.service", "phc2sys -s eth0", pid=511)],
        (Key.SEVERAL, ("ntpd", "phc2sys")),
        [" 2 ", "ntpd.service, phc2sys.service"],
        ["ntpd.service: systemctl disable --now phc2sys.service"],
    ),
    "another program in a unit that is no time daemon's": (
        [CHRONY_UNIT, unit("open-vm-tools.service", main_pid=612)],
        [process("htpdate", "/system.slice/open-vm-tools.service", "htpdate -D example.com")],
        (Key.SEVERAL, ("chrony", "htpdate")),
        ["chrony.service, htpdate (pid 812, cgroup /system.slice/open-vm-tools.service)"],
        ["chrony.service: systemctl disable --now open-vm-tools.service"],
    ),
    "a second chronyd in a pod": (
        [CHRONY_UNIT],
        [process("chronyd", OWN, pid=731), process("chronyd", POD, "chronyd -d")],
        (Key.SEVERAL, ("chrony", "chrony")),
        [f"chrony.service, chronyd (pid 812, cgroup {POD})"],
        ["chrony.service: ", f"pid 812 ({POD})", " -x"],
    ),
    "ntpd started by hand": (
        [CHRONY_UNIT],
        [process("ntpd", SESSION, "ntpd -d")],
        (Key.SEVERAL, ("chrony", "ntpd")),
        [f"ntpd (pid 812, cgroup {SESSION})"],
        ["chrony.service: kill 812, "],
    ),
    "ntpd started by hand, over a connection that belongs to no session": (
        [CHRONY_UNIT],
        [process("ntpd", "/system.slice/ssh.service", "ntpd -d")],
        (Key.SEVERAL, ("chrony", "ntpd")),
        ["ntpd (pid 812, cgroup /system.slice/ssh.service)"],
        ["chrony.service: kill 812, "],
    ),
    "phc2sys in a unit of another name": (
        [CHRONY_UNIT],
        [process("phc2sys", "/system.slice/system-phc2sys.slice/phc2sys@eth0.service", "phc2sys -s eth0")],
        (Key.SEVERAL, ("chrony", "phc2sys")),
        ["phc2sys (pid 812, cgroup /system.slice/system-phc2sys.slice/phc2sys@eth0.service)"],
        ["chrony.service: systemctl disable --now phc2sys@eth0.service"],
    ),
}


@pytest.mark.parametrize(("units", "processes", "cause", "shown", "steps"), FAILING.values(), ids=FAILING)
def test_none_or_several_fail_with_what_to_do(units, processes, cause, shown, steps):
    finding = judge(*units, processes=processes)
    key, about = cause
    assert (finding.state, finding.keys, finding.about) == ("fail", (key,), about)
    assert not unsaid(finding.summary, *shown)
    assert not unsaid(finding.remedy, *steps)


CHRONYD = unit("chronyd", names=["chronyd"])
BUSYBOX = unit("ntpd", names=["ntpd"], main_pid=0)


def test_openrcs_services_are_judged_likewise():
    alone = judge(CHRONYD, manager="openrc", processes=(process("chronyd", "/"),))
    assert (alone.state, alone.keys) == ("pass", ())
    assert alone.summary.startswith("chronyd ")
    both = judge(
        CHRONYD,
        BUSYBOX,
        manager="openrc",
        processes=(process("chronyd", "/"), process("ntpd", "/openrc.ntpd", "ntpd -N -p pool.ntp.org", pid=813)),
    )
    assert (both.state, both.keys) == ("fail", (Key.SEVERAL,))
    assert both.remedy.endswith("chronyd: rc-service ntpd stop; rc-update del ntpd")


def test_an_openrc_service_whose_process_has_died_does_not_run():
    finding = judge(CHRONYD, manager="openrc")
    assert (finding.state, finding.keys) == ("fail", (Key.NOT_RUNNING,))
    assert "rc-service chronyd start" in finding.remedy


def test_a_node_without_either_is_judged_by_its_processes():
    assert judge(manager="other", processes=(process("chronyd", None),)).state == "pass"
    both = judge(manager="other", processes=(process("chronyd", None), process("ntpd", None, pid=813)))
    assert both.keys == (Key.SEVERAL,)
    assert not unsaid(both.remedy, "chronyd (pid 812", ": kill 813, ")
    assert judge(manager="other").keys == (Key.NONE_INSTALLED,)


@pytest.mark.parametrize("order", [[TIMESYNCD, CHRONY_UNIT, NTPD], [CHRONY_UNIT, NTPD, TIMESYNCD]])
def test_of_several_chrony_is_kept(order):
    finding = judge(*order)
    assert sorted(finding.seen["competing"]) == ["ntpd.service", "systemd-timesyncd.service"]


def test_the_daemons_are_shown_as_the_role_reads_them():
    (shown,) = judge(CHRONY_UNIT).seen["daemons"]
    assert (shown["daemon"], shown["unit"], shown["active"], shown["enabled"]) == (
        "chrony",
        "chrony.service",
        True,
        True,
    )


ACTIVE = st.lists(st.sampled_from(["chrony", "ntpd", "ntpsec", "openntpd", "systemd-timesyncd"]), unique=True)


@given(ACTIVE, st.lists(st.sampled_from([POD, SESSION]), unique=True), st.sampled_from(["enabled", "disabled"]))
def test_it_passes_if_exactly_one_steers_whoever_it_is(active, strays, enabled):
    units = [unit(f"{name}.service", enabled=enabled, main_pid=100 + at) for at, name in enumerate(active)]
    processes = tuple(process("chronyd", cgroup, "chronyd -d", pid=900 + at) for at, cgroup in enumerate(strays))
    finding = judge(*units, processes=processes)
    assert (finding.state == "pass") == (len(active) + len(strays) == 1)
    assert finding.keys == {0: (Key.NONE_INSTALLED,), 1: ()}.get(len(active) + len(strays), (Key.SEVERAL,))


@pytest.mark.parametrize(
    ("options", "config", "state"),
    [
        pytest.param("", "", "fail", id="it stamps in the card by default"),
        pytest.param("", "[global]\ntime_stamping hardware\n", "fail", id="it stamps in the card"),
        pytest.param("", "[global]\ntime_stamping\tsoftware\n", "pass", id="software time stamps by its file"),
        pytest.param(" -S", "", "pass", id="software time stamps by its option"),
    ],
)
def test_a_ptp4l_alone_moves_the_system_clock_only_with_software_time_stamps(options, config, state):
    runs = process("ptp4l", None, f"/usr/sbin/ptp4l -f /etc/linuxptp/ptp4l.conf -i eth0{options}", pid=510)
    services = time_services(unit("ptp4l@eth0.service", main_pid=510), processes=[runs])
    ptp = {"present": True, "config": {"files": [{"path": "/etc/linuxptp/ptp4l.conf", "text": config}]}}
    finding = finding_of(time_service, record(time_services=services, ptp=ptp))
    assert (finding.state, finding.keys) == (state, () if state == "pass" else (Key.PTP4L_WITHOUT_PHC2SYS,))
    assert ("`phc2sys -a -r`" in finding.remedy) == (state == "fail")


def test_half_of_a_ptp4ls_configuration_does_not_show_if_it_moves_the_system_clock():
    runs = process("ptp4l", None, "/usr/sbin/ptp4l -f /etc/linuxptp/ptp4l.conf -i eth0", pid=510)
    services = time_services(unit("ptp4l@eth0.service", main_pid=510), processes=[runs])
    unread = [{"path": "/etc/linuxptp/ptp4l.conf", "error": "it is larger than 262144 bytes", "kind": "other"}]
    with pytest.raises(MissingEvidenceError):  # which the framework makes inconclusive
        finding_of(time_service, record(time_services=services, ptp={"config": {"files": [], "unread": unread}}))


def test_a_file_that_decides_and_was_not_read_is_no_pass():
    unread = {"files": [], "unread": [{"path": "/etc/p.conf", "error": "Permission denied", "kind": "denied"}]}
    services = time_services(
        CHRONY_UNIT,
        unit("phc2sys.service", main_pid=511),
        processes=[process("phc2sys", "/system.slice/phc2sys.service", "phc2sys -a -r -f /etc/p.conf", pid=511)],
    )
    with pytest.raises(MissingEvidenceError, match="phc2sys"):
        finding_of(time_service, record(time_services=services, ptp={"present": True, "config": unread}))
    fed = {"files": [{"path": "/etc/p.conf", "text": "[global]\nclock_servo ntpshm\n"}]}
    finding = finding_of(time_service, record(time_services=services, ptp={"present": True, "config": fed}))
    assert (finding.state, finding.seen["competing"]) == ("pass", [])


def test_who_was_given_the_right_to_set_the_clock_is_named_and_refuses_no_node():
    given = [
        {"comm": comm, "pid": pid, "processes": 1, "cgroup": None}
        for pid, comm in enumerate(("mytimed", "systemd-timedat", "gpsd"), 20)
    ]
    shown = {"given": given, "privileged": ["cron", "kubelet", "sshd"]}
    finding = finding_of(time_service, record(time_services={**time_services(CHRONY_UNIT), "may_set_clock": shown}))
    assert (finding.state, finding.seen["may_set_clock"]) == ("pass", shown)
    assert "mytimed (pid 20)" in finding.summary
    assert "CAP_SYS_TIME" in finding.summary
    assert not any(name in finding.summary for name in ("timedat", "gpsd", "kubelet"))


def test_of_many_that_may_set_the_clock_a_summary_names_some():
    given = [{"comm": f"d{pid}", "pid": pid, "processes": 1, "cgroup": None} for pid in range(100, 109)]
    shown = {"given": given, "privileged": []}
    finding = finding_of(time_service, record(time_services={**time_services(CHRONY_UNIT), "may_set_clock": shown}))
    assert "d104 (pid 104) and 4 others" in finding.summary


@pytest.mark.parametrize(("may_set_clock", "state"), [(True, "fail"), (False, "pass"), (None, "fail")])
def test_a_daemon_that_the_kernel_does_not_let_set_the_clock_does_not_count(may_set_clock, state):
    in_pod = {**process("chronyd", POD, "chronyd -d"), "may_set_clock": may_set_clock}
    assert judge(CHRONY_UNIT, processes=(process("chronyd", OWN, pid=731), in_pod)).state == state


def test_no_remedy_stops_the_manager_of_the_nodes_networks():
    for units, processes, _cause, _shown, _steps in FAILING.values():
        assert "connman.service" not in judge(*units, processes=processes).remedy
    by_hand = judge(CHRONY_UNIT, processes=(process("connmand", SESSION, "connmand -n"),))
    assert by_hand.keys == (Key.SEVERAL,)
    assert "kill" not in by_hand.remedy


def test_a_guests_agent_that_sets_the_clock_when_asked_is_said():
    shown = {"given": [], "privileged": ["cron", "qemu-ga"]}
    finding = finding_of(time_service, record(time_services={**time_services(CHRONY_UNIT), "may_set_clock": shown}))
    assert finding.state == "pass"
    assert "qemu-ga sets the clock if the hypervisor asks" in finding.summary
    assert "cron" not in finding.summary


def test_a_file_of_what_timemaster_starts_decides_nothing():
    own = "/system.slice/timemaster.service"
    services = time_services(
        unit("timemaster.service", main_pid=500),
        processes=[
            process("timemaster", own, pid=500),
            process("ptp4l", own, "ptp4l -f /run/timemaster/ptp4l.0.conf", pid=502),
            process("phc2sys", own, "phc2sys -a -r -f /run/timemaster/x.conf", pid=503),
        ],
    )
    assert finding_of(time_service, record(time_services=services)).state == "pass"
