"""Nodes as their next boot would find them:
units, the RTC and the time daemon, for the tests of the check ``next_boot``.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import next_boot
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.finding import Finding

from tests.builders import CHRONY_UNIT, NS, boot_unit, chrony, record, time_services, unit, wall_ns
from tests.findings import finding_of

CONFIG = "server 10.77.0.1 iburst\nmakestep 1 3\nrtcsync\n"
ONLY_SLEWS = "server 10.77.0.1\n"
CHRONYD = {
    "pid": 731,
    "comm": "chronyd",
    "argv": ["/usr/sbin/chronyd", "-F", "1"],
    "cgroup": "/system.slice/chrony.service",
}
TIMESYNCD = unit("systemd-timesyncd.service", main_pid=402)
NTPD = unit("ntpd.service", main_pid=403)
OPENNTPD = unit("openntpd.service", main_pid=404)
NTPD_RS = unit("ntpd-rs.service", main_pid=406)

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


def booting(
    *boot_units: dict[str, Any],
    daemons: tuple[dict[str, Any], ...] = (CHRONY_UNIT,),
    processes: tuple[dict[str, Any], ...] = (CHRONYD,),
    manager: str = "systemd",
    clock: dict[str, Any] | None = None,
    config: str = CONFIG,
    skew_s: float = 0.0,
    fake_hwclock: str | None = None,
    **sections: Any,
) -> dict[str, Any]:
    """The record of a node with these units;
    chronyd steps the clock, and the RTC (section ``clock``) is right unless given.
    """
    return record(
        skew_s,
        time_services=time_services(*daemons, manager=manager, processes=processes),
        clock={"rtc": rtc(skew_s=skew_s) if clock is None else clock},
        **{
            "boot": {"units": list(boot_units), "uptime_s": 90.0, "fake_hwclock": fake_hwclock},
            "chrony": chrony(config=config),
            **sections,
        },
    )


def judge(*boot_units: dict[str, Any], **node: Any) -> Finding:
    """What ``next_boot`` finds of such a node."""
    return finding_of(next_boot, booting(*boot_units, **node))


def ntp_conf(text: str) -> dict[str, Any]:
    """The section of ntpd or OpenNTPD with this text in its configuration."""
    return {"present": True, "config": {"path": "/etc/ntp.conf", "files": [{"path": "/etc/ntp.conf", "text": text}]}}


def ntpd(options: str = "", config: str = "", **node: Any) -> dict[str, Any]:
    """A node, as ``booting`` takes it, that ntp.org's ntpd steers with these options."""
    process = {"pid": 403, "comm": "ntpd", "argv": f"/usr/sbin/ntpd{options}".split(), "cgroup": None}
    return {"daemons": (NTPD,), "processes": (process,), "ntpd": ntp_conf(config), **node}


def openntpd(options: str = "", **node: Any) -> dict[str, Any]:
    """A node, as ``booting`` takes it, that OpenNTPD steers with these options:
    two processes of one daemon.
    """
    engine = {"pid": 405, "comm": "ntpd", "argv": ["ntpd: ntp engine"], "cgroup": None}
    argv = f"/usr/sbin/ntpd{options} -f /etc/openntpd/ntpd.conf".split()
    main = {"pid": 404, "comm": "ntpd", "argv": argv, "cgroup": None}
    return {
        "daemons": (OPENNTPD,),
        "processes": (engine, main),
        "openntpd": ntp_conf("servers pool.ntp.org"),
        **node,
    }


def ntpd_rs(config: str, **node: Any) -> dict[str, Any]:
    """A node, as ``booting`` takes it, that ntpd-rs steers with this ntp.toml."""
    process = {"pid": 406, "comm": "ntp-daemon", "argv": ["/usr/bin/ntp-daemon"], "cgroup": None}
    return {"daemons": (NTPD_RS,), "processes": (process,), "ntpd_rs": ntp_conf(config), **node}
