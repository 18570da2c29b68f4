from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import next_boot
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.policy import Policy
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import MissingEvidenceError, Record
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import (
    CHRONY_UNIT,
    NS,
    boot_unit,
    chrony,
    policy,
    record,
    time_services,
    unit,
    wall_ns,
)

CONFIG = "server 10.77.0.1 iburst\nmakestep 1 3\nrtcsync\n"
CHRONYD = {"pid": 731, "comm": "chronyd", "cmdline": "/usr/sbin/chronyd -F 1", "cgroup": "/system.slice/chrony.service"}


WAIT = boot_unit(
    "chrony-wait.service",
    before=["time-sync.target"],
    exec_start="/usr/bin/chronyc -h 127.0.0.1,::1 waitsync 0 0.1 0.0 1",
)
WAIT_OFF = {**WAIT, "unit_file_state": "disabled"}
TIME_WAIT_SYNC = boot_unit("systemd-time-wait-sync.service", before=["time-sync.target"])
TARGET = boot_unit("time-sync.target", "static", ("chrony.service", "chrony-wait.service"))
KUBELET = boot_unit("kubelet.service", after=("network-online.target",))
ORDERED = boot_unit("kubelet.service", after=("network-online.target", "time-sync.target"))
K3S = boot_unit("k3s-agent.service", after=("containerd.service",))
CONTAINERD = boot_unit("containerd.service", after=("time-sync.target",))
ABSENT = {"present": False, "since_epoch_s": None, "wall_s_at_read": 0.0, "local_time": None}


def rtc(ahead_s: float = 0.0, skew_s: float = 0.0, **changes: Any) -> dict[str, Any]:
    """An RTC that is so far ahead of the true time, read beside the node's clock."""
    wall_s = wall_ns(skew_s) / NS
    return {
        "present": True,
        "since_epoch_s": int(wall_s - skew_s + ahead_s),
        "wall_s_at_read": wall_s,
        "local_time": False,
        **changes,
    }


def judge(
    *boot_units: dict[str, Any],
    daemons: tuple[dict[str, Any], ...] = (CHRONY_UNIT,),
    processes: tuple[dict[str, Any], ...] = (CHRONYD,),
    manager: str = "systemd",
    clock: dict[str, Any] | None = None,
    config: str = CONFIG,
    skew_s: float = 0.0,
    fake_hwclock: str | None = None,
    **sections: Any,
):
    taken = record(
        skew_s,
        time_services={**time_services(*daemons, manager=manager), "processes": list(processes)},
        clock={"rtc": rtc(skew_s=skew_s) if clock is None else clock},
        **{
            "boot": {"units": list(boot_units), "uptime_s": 90.0, "fake_hwclock": fake_hwclock},
            "chrony": chrony(config=config),
            **sections,
        },
    )
    return next_boot.judge(Record(taken), Policy.from_json(policy()))


TIMESYNCD = unit("systemd-timesyncd.service", main_pid=402)
NTPD = unit("ntpd.service", main_pid=403)
OPENNTPD = unit("openntpd.service", main_pid=404)


def ntp_conf(text: str) -> dict[str, Any]:
    return {"present": True, "config": {"path": "/etc/ntp.conf", "files": [{"path": "/etc/ntp.conf", "text": text}]}}


def ntpd(cmdline: str, pid: int = 403) -> dict[str, Any]:
    return {"pid": pid, "comm": "ntpd", "cmdline": cmdline, "cgroup": None}


PASSING = {
    "nothing installed yet, no RTC, no wait: the lab's nodes": (
        [WAIT_OFF, TARGET],
        {"clock": ABSENT},
        [
            "no RTC: the clock starts somewhere in the past",
            "chrony.service starts; it steps the clock beyond 1 s (makestep 1 3)",
            "nothing waits for the synchronisation",
            "no cluster unit is installed yet",
        ],
        "no cluster unit is installed yet: the join has to order it after time-sync.target",
    ),
    "all as it should be": (
        [WAIT, TARGET, ORDERED],
        {},
        [
            "the RTC is right to 1 s",
            "chrony.service starts; it steps the clock beyond 1 s (makestep 1 3)",
            "chrony-wait.service waits for the synchronisation",
            "kubelet.service starts after that",
        ],
        "the RTC is right to 1 s",
    ),
    "a wrong RTC, but kubelet waits": (
        [WAIT, TARGET, ORDERED],
        {"clock": rtc(-612.0)},
        None,
        "the RTC is 612 s behind",
    ),
    "no RTC, and kubelet waits": ([WAIT, TARGET, ORDERED], {"clock": ABSENT}, None, "no RTC"),
    "k3s waits by way of containerd": ([WAIT, TARGET, K3S, CONTAINERD], {"clock": ABSENT}, None, "no RTC"),
    "a right RTC, and nothing waits": (
        [WAIT_OFF, TARGET, KUBELET],
        {},
        None,
        "what would help: systemctl enable chrony-wait.service. Order kubelet.service by a drop-in with `[Unit] "
        "Wants=time-sync.target After=time-sync.target`",
    ),
    "a right RTC, and kubelet does not wait": (
        [WAIT, TARGET, KUBELET],
        {},
        None,
        "kubelet.service may start before that",
    ),
    "a right RTC, and a daemon that slews": (
        [WAIT_OFF],
        {"config": "server 10.77.0.1\n"},
        None,
        "it only slews the clock: no makestep",
    ),
    "a wrong RTC, and no cluster unit yet": (
        [WAIT_OFF],
        {"clock": rtc(3600.0)},
        None,
        "the RTC is 3600 s ahead (it looks",
    ),
    "an RTC in local time, and a step": (
        [WAIT_OFF, KUBELET],
        {"clock": rtc(7200.0, local_time=True)},
        None,
        "the RTC is in local time",
    ),
    "cmdport 0": (
        [WAIT, TARGET, ORDERED],
        {"config": CONFIG + "cmdport 0\n"},
        None,
        "chrony-wait.service is enabled, but `cmdport 0` keeps it from asking chronyd",
    ),
    "systemd-time-wait-sync without rtcsync": (
        [TIME_WAIT_SYNC],
        {"config": "server 10.77.0.1\nmakestep 1 3\n"},
        None,
        "without `rtcsync` chronyd never tells the kernel",
    ),
    "timesyncd with what waits for it": (
        [TIME_WAIT_SYNC, boot_unit("time-sync.target", "static", ("systemd-time-wait-sync.service",)), ORDERED],
        {"daemons": (TIMESYNCD,), "processes": (), "clock": ABSENT},
        None,
        "it steps the clock beyond 0.4 s",
    ),
    "another daemon's condition is not met": (
        [boot_unit("systemd-timesyncd.service", condition_met=False)],
        {"daemons": (CHRONY_UNIT, unit("systemd-timesyncd.service", "inactive"))},
        None,
        "chrony.service starts at the next boot",
    ),
    "ntpd -g without an RTC": (
        [],
        {
            "daemons": (NTPD,),
            "processes": (ntpd("/usr/sbin/ntpd -g -u ntp:ntp"),),
            "clock": ABSENT,
            "ntpd": ntp_conf(""),
        },
        None,
        "it steps the clock beyond 0.128 s",
    ),
    "ntpd without -g, by a wrong RTC that it can bear": (
        [],
        {"daemons": (NTPD,), "processes": (ntpd("/usr/sbin/ntpd"),), "clock": rtc(600.0), "ntpd": ntp_conf("")},
        None,
        "and exits beyond 1000 s (no -g)",
    ),
    "openntpd -s": (
        [],
        {
            "daemons": (OPENNTPD,),
            "processes": (ntpd("ntpd: ntp engine", 405), ntpd("/usr/sbin/ntpd -s -f /etc/openntpd/ntpd.conf", 404)),
            "clock": ABSENT,
            "openntpd": ntp_conf("servers pool.ntp.org"),
            "fake_hwclock": "2026-11-22 11:17:01",
        },
        None,
        "no RTC: the clock starts at 2026-11-22 11:17:01, as fake-hwclock saved it",
    ),
    "OpenRC": (
        [],
        {"daemons": (unit("chronyd", main_pid=0),), "manager": "openrc", "clock": ABSENT},
        None,
        "chronyd starts at the next boot",
    ),
}


@pytest.mark.parametrize(("units", "node", "at_boot", "words"), PASSING.values(), ids=PASSING)
def test_a_boot_that_ends_with_the_right_time_passes_and_tells_what_is_weak(units, node, at_boot, words):
    finding = judge(*units, **node)
    assert finding.state == "pass", finding.summary
    assert words in finding.summary
    assert at_boot is None or finding.seen["at_boot"] == at_boot
    assert all(finding.seen["at_boot"])


FAILING = {
    "not enabled": (
        [],
        {"daemons": (unit("chrony.service", "active", "disabled"),)},
        "chrony.service steers the clock now, but does not start at the next boot (active/running, disabled)",
        "systemctl enable chrony.service",
        "the time daemon is not enabled",
    ),
    "enabled until the reboot": (
        [],
        {"daemons": (unit("chrony.service", "active", "enabled-runtime"),)},
        "does not start at the next boot",
        "systemctl enable chrony.service",
        "the time daemon is not enabled",
    ),
    "another one starts in its place": (
        [],
        {"daemons": (unit("chrony.service", "active", "disabled"), unit("ntpd.service", "inactive"))},
        "ntpd.service starts in its place",
        "systemctl enable chrony.service; systemctl disable ntpd.service",
        "the time daemon is not enabled",
    ),
    "another one starts beside it": (
        [],
        {"daemons": (CHRONY_UNIT, unit("ntpd.service", "inactive"))},
        "at the next boot ntpd.service would start beside chrony.service",
        "Keep chrony.service: systemctl disable ntpd.service",
        "several time daemons enabled: chrony, ntpd",
    ),
    "not enabled, with OpenRC": (
        [],
        {"daemons": (unit("chronyd", "active", "disabled"),), "manager": "openrc"},
        "chronyd steers the clock now, but does not start at the next boot",
        "rc-update add chronyd default",
        "the time daemon is not enabled",
    ),
    "a daemon in a pod": (
        [],
        {"daemons": (), "processes": ({**CHRONYD, "cgroup": "/kubepods.slice/pod7"},)},
        "and no known unit starts it at the next boot",
        "Run a time daemon as a service of the node",
        "the time daemon belongs to no unit",
    ),
    "a wrong RTC, and kubelet does not wait": (
        [WAIT, TARGET, KUBELET],
        {"clock": rtc(-612.0)},
        "at the next boot kubelet.service may start before the clock is set: the RTC is 612 s behind",
        "Order kubelet.service by a drop-in with `[Unit] Wants=time-sync.target After=time-sync.target`. Set the RTC",
        "RTC off, and nothing waits",
    ),
    "a wrong RTC, and kubelet waits for a target that proves nothing": (
        [WAIT_OFF, TARGET, ORDERED],
        {"clock": rtc(-612.0)},
        "nothing waits for the synchronisation",
        "systemctl enable chrony-wait.service. Set the RTC",
        "RTC off, and nothing waits",
    ),
    "a wrong RTC, and chrony-wait can't work": (
        [WAIT, TARGET, ORDERED],
        {"clock": rtc(-612.0), "config": CONFIG + "cmdport 0\n"},
        "`cmdport 0` keeps it from asking chronyd",
        "Take `cmdport 0` out (/etc/chrony/chrony.conf:4). Set the RTC",
        "RTC off, and nothing waits",
    ),
    "k3s waits by way of a containerd that does not start": (
        [WAIT, TARGET, K3S, {**CONTAINERD, "unit_file_state": "disabled"}],
        {"clock": ABSENT},
        "k3s-agent.service may start before the clock is set",
        "Order k3s-agent.service by a drop-in",
        "RTC absent, and nothing waits",
    ),
    "no RTC, and no step": (
        [WAIT],
        {"clock": ABSENT, "config": "server 10.77.0.1\n"},
        "the clock would stay wrong for long: no RTC: the clock starts somewhere in the past, and it only slews the clock",
        "makestep 1 3",
        "RTC absent, and no step",
    ),
    "a wrong RTC, and no step": (
        [WAIT],
        {"clock": rtc(-612.0), "config": "server 10.77.0.1\n"},
        "the RTC is 612 s behind, and it only slews the clock: no makestep",
        "makestep 1 3",
        "RTC off, and no step",
    ),
    "a step only beyond what the RTC is off": (
        [WAIT],
        {"clock": rtc(-612.0), "config": "makestep 1000 3\n"},
        "it steps the clock beyond 1000 s (makestep 1000 3)",
        "makestep 1 3",
        "RTC off, and no step",
    ),
    "makestep 1 0 steps never": (
        [WAIT],
        {"clock": ABSENT, "config": "makestep 1 0\n"},
        "it only slews",
        "makestep 1 3",
        "RTC absent, and no step",
    ),
    "an RTC in local time, and no step": (
        [],
        {"clock": rtc(7200.0, local_time=True), "config": "server 10.77.0.1\n"},
        "the RTC is in local time",
        "hwclock --systohc --utc",
        "RTC in local time, and no step",
    ),
    "ntpd gives up": (
        [],
        {
            "daemons": (NTPD,),
            "processes": (ntpd("/usr/sbin/ntpd -u ntp:ntp"),),
            "clock": rtc(-7200.0),
            "ntpd": ntp_conf(""),
        },
        "at the next boot ntpd.service would exit: the RTC is 7200 s behind (it looks like local time)",
        "Start ntpd with -g.",
        "RTC off, and the daemon gives up",
    ),
    "ntpd -x slews": (
        [],
        {
            "daemons": (NTPD,),
            "processes": (ntpd("/usr/sbin/ntpd -g -x"),),
            "clock": rtc(-300.0),
            "ntpd": ntp_conf("pool pool.ntp.org # tinker step 0.1"),
        },
        "it steps the clock beyond 600 s",
        "ntpd without -x",
        "RTC off, and no step",
    ),
    "tinker step 0": (
        [],
        {
            "daemons": (NTPD,),
            "processes": (ntpd("/usr/sbin/ntpd -g"),),
            "clock": ABSENT,
            "ntpd": ntp_conf("tinker panic 0 step 0\n"),
        },
        "it only slews the clock",
        "`tinker step 0`",
        "RTC absent, and no step",
    ),
    "openntpd as Debian starts it": (
        [],
        {
            "daemons": (OPENNTPD,),
            "processes": (ntpd("/usr/sbin/ntpd -f /etc/openntpd/ntpd.conf", 404),),
            "clock": ABSENT,
            "openntpd": ntp_conf("servers pool.ntp.org"),
        },
        "it only slews the clock: no -s",
        "Start OpenNTPD with -s.",
        "RTC absent, and no step",
    ),
}


@pytest.mark.parametrize(("units", "node", "summary", "remedy", "cause"), FAILING.values(), ids=FAILING)
def test_a_boot_that_ends_with_a_wrong_time_fails_with_what_to_do(units, node, summary, remedy, cause):
    finding = judge(*units, **node)
    assert finding.state == "fail", finding.summary
    assert summary in finding.summary
    assert remedy in finding.remedy
    assert finding.cause == cause
    assert finding.seen["at_boot"]


def test_the_rtc_is_compared_with_the_true_time_not_with_a_wrong_clock():
    """A clock 612 s behind with an RTC of the true time: what is wrong now is right after the next boot."""
    finding = judge(KUBELET, skew_s=-612.0)
    assert (finding.state, finding.seen["rtc"]) == ("pass", "right")
    kept_wrong = judge(KUBELET, clock=rtc(-612.0, skew_s=-612.0), skew_s=-612.0)
    assert (kept_wrong.state, kept_wrong.seen["rtc"]) == ("fail", "off")


def test_where_the_true_time_is_unknown_the_rtc_is_compared_with_the_clock():
    finding = judge(ntp=None, api_date=None)
    assert finding.state == "pass"
    assert "right to 1 s against this clock, whose own skew is unknown" in finding.summary


def test_without_a_daemon_it_follows_from_time_service():
    finding = judge(daemons=(), processes=())
    assert (finding.state, finding.cause) == ("skipped", "no time daemon steers the clock")


def test_a_manager_that_is_not_known_is_inconclusive():
    finding = judge(daemons=(), manager="other")
    assert finding.state == "inconclusive"
    assert "not run by systemd or OpenRC (other)" in finding.summary


@pytest.mark.parametrize(
    ("node", "words"),
    [
        pytest.param({"boot": {"units": {"error": "systemctl: no answer"}}}, "systemctl: no answer", id="systemd"),
        pytest.param({"clock": rtc(since_epoch_s=None)}, "there is an RTC, but it could not be read", id="the RTC"),
        pytest.param(
            {"chrony": {"config": {"path": None, "files": [], "unread": []}}}, "no configuration file", id="chrony.conf"
        ),
        pytest.param(
            {"daemons": (unit("htpdate.service"),), "processes": ()},
            "whether htpdate steps the clock",
            id="a daemon's habit",
        ),
        pytest.param(
            {"daemons": (NTPD,), "processes": (), "ntpd": ntp_conf("")},
            "command line of ntpd.service",
            id="ntpd's options",
        ),
    ],
)
def test_what_the_node_did_not_show_is_missing_evidence(node, words):
    with pytest.raises(MissingEvidenceError, match=words):
        judge(**node)


STATES = st.sampled_from(["enabled", "disabled", "enabled-runtime"])


@given(
    st.lists(
        st.tuples(st.sampled_from([CHRONY_UNIT, TIMESYNCD]), STATES),
        min_size=1,
        max_size=2,
        unique_by=lambda d: d[0]["unit"],
    ),
    st.floats(-100_000, 100_000),
    st.booleans(),
    st.booleans(),
    st.sampled_from([CONFIG, "server 10.77.0.1\n", "makestep 0.1 -1\ncmdport 0\n"]),
)
def test_it_passes_only_where_one_daemon_starts_and_a_kubelet_finds_the_right_time(
    daemons, ahead_s, present, waits, config
):
    finding = judge(
        WAIT if waits else WAIT_OFF,
        TARGET,
        ORDERED,
        daemons=tuple({**daemon, "unit_file_state": state} for daemon, state in daemons),
        clock=rtc(ahead_s) if present else ABSENT,
        config=config,
    )
    starting = [daemon for daemon, state in daemons if state == "enabled"]
    if finding.state == "pass":
        assert len(starting) == 1
        proved = waits and config == CONFIG and starting == [CHRONY_UNIT]
        assert proved or (present and -90 < ahead_s < 34)
    else:
        assert finding.cause


def test_a_daemon_that_a_target_wants_by_a_link_in_usr_starts_though_systemd_calls_it_disabled():
    timesyncd = unit("systemd-timesyncd.service", enabled="disabled", main_pid=402)
    process = {"pid": 402, "comm": "systemd-timesyn", "cmdline": "/usr/lib/systemd/systemd-timesyncd", "cgroup": None}
    by_link = boot_unit("systemd-timesyncd.service", "disabled", wanted_by=["sysinit.target"])
    by_hand = boot_unit("systemd-timesyncd.service", "disabled", wanted_by=[])

    def of(*units: dict[str, Any]) -> str:
        return judge(*units, daemons=(timesyncd,), processes=(process,)).state

    assert (of(by_link), of(by_hand), of()) == ("pass", "fail", "fail")


def test_daemons_that_run_together_now_are_told_by_time_service():
    together = judge(daemons=(CHRONY_UNIT, NTPD))
    assert (together.state, "time_service" in together.why) == ("skipped", True)
    third = judge(daemons=(CHRONY_UNIT, NTPD, unit("openntpd.service", "inactive")))
    assert third.state == "fail"
