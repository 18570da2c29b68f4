"""Nodes that remediation plans for, in miniature, and what it shall do with each."""

from __future__ import annotations

from typing import Any

from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import Record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.remediation.plan import Plan, make_plan
from ansible_collections.skewgate.preflight.plugins.plugin_utils.remediation.settings import Settings
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.judge import judge_record

from tests.builders import (
    CHRONY_UNIT,
    answer,
    boot_unit,
    chrony,
    join_state,
    policy,
    record,
    source,
    time_services,
    tracking,
    unit,
)
from tests.shared_memory import FREE_RUNNING, segment
from tests.unit.plugin_utils.daemons import recorded

SERVERS = ["10.77.0.1", "10.77.0.2", "10.77.0.3"]
CONF = "/etc/chrony/chrony.conf"
DEBIAN = {"ID": "debian", "VERSION_ID": "12", "PRETTY_NAME": "Debian GNU/Linux 12 (bookworm)"}
ROCKY = {"ID": "rocky", "ID_LIKE": "rhel centos fedora", "VERSION_ID": "9.4", "PRETTY_NAME": "Rocky Linux 9.4"}
CHECKS = [
    "chrony_config",
    "clock_skew",
    "config_in_use",
    "next_boot",
    "ntp_servers",
    "ntp_sources",
    "sync_state",
    "time_service",
]
STOPPED = unit("chrony.service", "inactive", "disabled")
TIMESYNCD = unit("systemd-timesyncd.service", main_pid=402)
NTPSEC = unit("ntpsec.service", main_pid=403)
GOOD_CONFIG = (
    "".join(f"server {s} iburst\n" for s in SERVERS) + "makestep 1 3\nrtcsync\ndriftfile /var/lib/chrony/chrony.drift\n"
)
DEAD_CONFIG = GOOD_CONFIG.replace("10.77.0.1", "10.77.0.9").replace(
    "server 10.77.0.2 iburst\nserver 10.77.0.3 iburst\n", ""
)


def platform(release: dict[str, str] = DEBIAN, **changes: Any) -> dict[str, Any]:
    """The section, for a distribution's os-release, with the package manager that it has."""
    managers = ["apt-get"] if release["ID"] == "debian" else ["dnf"]
    return {"os_release": release, "selinux": None, "read_only": None, "package_managers": managers, **changes}


def running(
    *names: str, config: str = GOOD_CONFIG, synchronised: bool = True, skew_s: float = 0.0, **more: Any
) -> dict[str, Any]:
    """chronyd with a configuration, which it follows or can't."""
    reach = 0o377 if synchronised else 0
    rows = [
        source(name, state="*" if reach and n == 0 else "+" if reach else "?", reach=reach)
        for n, name in enumerate(names)
    ]
    said = tracking(skew_s=skew_s) if synchronised else tracking(leap="Not synchronised", stratum=0, refid="00000000")
    return {**chrony(said, *rows, config=config, **more), "defaults": [], "started_s": None}


def dead(skew_s: float = 0.0) -> dict[str, Any]:
    """chronyd with one server, which never answers."""
    return running("10.77.0.9", config=DEAD_CONFIG, synchronised=False, skew_s=skew_s)


CHRONYD_X = {
    "pid": 731,
    "comm": "chronyd",
    "argv": ["/usr/sbin/chronyd", "-x"],
    "cgroup": "/system.slice/chrony.service",
}
BY_HAND = {"pid": 99, "comm": "ntpd", "argv": ["ntpd", "-g"], "cgroup": "/user.slice", "contained": False, "exe": None}


def booting(*units: dict[str, Any]) -> dict[str, Any]:
    """The section ``boot`` nine seconds after the node has started."""
    return {"units": list(units), "uptime_s": 9.0, "fake_hwclock": None}


def measured(
    skew_s: float = 0.0, *, joined: tuple[str, ...] = (), rtc: bool = False, **sections: Any
) -> dict[str, Any]:
    """The record of a Debian node with chrony,
    whose evidence is whole but for the sections given.
    """
    clock = {
        **record()["evidence"]["clock"],
        "rtc": {"present": rtc, "since_epoch_s": None, "wall_s_at_read": 0.0, "local_time": False},
    }
    if rtc:
        wall_s = record(skew_s)["evidence"]["collected"]["wall_ns"] / 1e9
        clock["rtc"] |= {"since_epoch_s": int(wall_s - skew_s), "wall_s_at_read": wall_s}
    return record(
        skew_s,
        of_policy=policy(checks=CHECKS, github_apps=[]),
        **{
            "platform": platform(),
            "join_state": join_state(*joined),
            "clock": clock,
            "chrony": running(*SERVERS, skew_s=skew_s),
            **sections,
        },
    )


def settings(**changes: Any) -> Settings:
    """Remediation's settings as the role would give them, with changes."""
    given = {
        "host": "node3",
        "servers": SERVERS,
        "source_options": "iburst",
        "min_sources": 3,
        "makestep": "1 3",
        "joined_step_limit_s": 5,
        "joined_slew_limit_s": 60,
    }
    return Settings.read({**given, **changes})


def plan(data: dict[str, Any], **changes: Any) -> Plan:
    """What remediation makes of a record, judged anew."""
    taken = Record(data)
    return make_plan(taken, judge_record(taken), settings(**changes))


def whats(made: Plan) -> list[str]:
    """The changes of a plan that is not refused, in their order."""
    assert made.refusal is None, made.refusal
    return [change.what for change in made.changes]


START = "start chrony.service, to step the clock"
RESTART = "restart chrony.service, to step the clock"
WRITE = f"write {CONF}"
WAIT = "enable chrony-wait.service: time-sync.target then waits for the clock"

EMPTY = {
    "chrony": {"present": False, "version": None, "config": {"path": None, "files": [], "unread": []}, "commands": {}}
}

CLOCKBOUND_LOST = {
    name: section
    for name, section in recorded.clockbound(segment(clock_status=FREE_RUNNING)).items()
    if name in ("time_services", "clockbound")
}
CLOCKBOUND_2 = {
    "time_services": time_services(
        {**CHRONY_UNIT, "main_pid": 402},
        unit("clockbound.service"),
        processes=[
            {"pid": 402, "comm": "chronyd", "argv": ["/usr/sbin/chronyd"]},
            {"pid": 731, "comm": "clockbound", "argv": ["/usr/local/bin/clockbound"]},
        ],
    ),
    "clockbound": {"present": True, "processes": [{"pid": 731, "writes": ["shm0"]}], "segments": []},
}

SCENARIOS = {
    "a node that passes": (measured(), []),
    "a node that passes with another configuration": (
        measured(chrony=running(*SERVERS, config=GOOD_CONFIG + "minsources 2\nlog tracking\n")),
        [],
    ),
    "chrony is not installed": (
        measured(-612, time_services=time_services(), **EMPTY),
        [
            "install chrony",
            "set the clock: otherwise the package's repository is refused",
            WRITE,
            START,
            "enable chrony.service",
            WAIT,
        ],
    ),
    "chrony is not installed, and another daemon is, whose servers are dead": (
        measured(
            -2,
            time_services=time_services(TIMESYNCD),
            **EMPTY,
            timesyncd={
                "present": True,
                "config": {"files": []},
                "commands": {"timesync": answer("Server=\nPacketCount=0\n")},
            },
        ),
        [
            "install chrony in place of systemd-timesyncd.service",
            WRITE,
            START,
            "enable chrony.service",
            "stop and disable systemd-timesyncd.service",
            WAIT,
        ],
    ),
    "chrony is not installed, and ClockBound 3 is, whose sources are lost": (
        measured(-2, **{**CLOCKBOUND_LOST, **EMPTY}),
        [
            "install chrony in place of clockbound.service",
            WRITE,
            START,
            "enable chrony.service",
            "stop and disable clockbound.service",
            WAIT,
        ],
    ),
    "chrony runs with dead servers, and ClockBound 2 reads it": (
        measured(45, chrony=dead(45), **CLOCKBOUND_2),
        [WRITE, RESTART, WAIT],
    ),
    "chrony runs well, and ClockBound 3 beside it": (
        measured(**{**CLOCKBOUND_2, "clockbound": CLOCKBOUND_LOST["clockbound"]}),
        ["stop and disable clockbound.service", WAIT],
    ),
    "chrony is installed and does not run; its servers are the ones": (
        measured(-612, time_services=time_services(STOPPED), chrony=running(config=GOOD_CONFIG)),
        [START, "enable chrony.service", WAIT],
    ),
    "chrony does not run, and has other servers": (
        measured(-612, time_services=time_services(STOPPED), chrony=running(config=DEAD_CONFIG)),
        [WRITE, START, "enable chrony.service", WAIT],
    ),
    "chrony runs with dead servers": (measured(45, chrony=dead(45)), [WRITE, RESTART, WAIT]),
    "chrony runs well, and is not enabled": (
        measured(time_services=time_services({**CHRONY_UNIT, "unit_file_state": "disabled"})),
        ["enable chrony.service", WAIT],
    ),
    "another daemon runs beside a chrony that is fine": (
        measured(time_services=time_services(CHRONY_UNIT, NTPSEC)),
        ["stop and disable ntpsec.service", WAIT],
    ),
    "chrony has used up its steps": (
        measured(
            45,
            chrony=running(
                *SERVERS,
                skew_s=45,
                tracking=answer(tracking(skew_s=45, system_time_s=-45.0)),
            ),
        ),
        [RESTART],
    ),
    "chrony reads no server": (
        measured(45, chrony=running(config="makestep 1 3\nrtcsync\n", synchronised=False)),
        [WRITE, RESTART, WAIT],
    ),
    "kubelet would start before the clock is set, without an RTC": (
        measured(
            boot={
                "units": [boot_unit("chrony.service"), boot_unit("kubelet.service")],
                "uptime_s": 9.0,
                "fake_hwclock": None,
            }
        ),
        [WAIT, "order kubelet.service after time-sync.target"],
    ),
}

TIMESYNC_ROLE = "#\n# Ansible managed\n#\n# system_role:timesync\n\nserver 10.77.0.9 iburst\nmakestep 1.0 3\nrtcsync\n"
JOINED = ("/etc/kubernetes/kubelet.conf",)

REFUSED = {
    "an unknown distribution": (measured(45, chrony=dead(45), platform=platform({"ID": "templeos"})), "does not know"),
    "OpenRC": (
        measured(45, chrony=dead(45), time_services=time_services(CHRONY_UNIT, manager="openrc")),
        "systemd",
    ),
    "a node that may not be written to": (
        measured(45, chrony=dead(45), platform=platform(read_only="etc")),
        "/etc is read-only",
    ),
    "a node that showed nothing": (
        {**measured(45), "evidence": {}, "module_error": "[Errno 28] No space left on device"},
        "No space left on device",
    ),
    "no evidence of the distribution": (measured(45, chrony=dead(45), platform=None), "'platform'"),
    "chronyd that leaves the clock alone": (
        measured(
            45,
            chrony=dead(45),
            time_services={
                **time_services(CHRONY_UNIT),
                "processes": [
                    {
                        "pid": 731,
                        "comm": "chronyd",
                        "argv": ["/usr/sbin/chronyd", "-x"],
                        "cgroup": "/system.slice/chrony.service",
                    }
                ],
            },
        ),
        "leave the clock alone",
    ),
    "a daemon that no unit starts": (
        measured(
            45,
            time_services={
                **time_services(),
                "processes": [
                    {
                        "pid": 99,
                        "comm": "ntpd",
                        "argv": ["ntpd", "-g"],
                        "cgroup": "/user.slice",
                        "contained": False,
                        "exe": None,
                    }
                ],
            },
            **EMPTY,
        ),
        "kill 99",
    ),
    "a manager of networks that sets the clock": (
        measured(45, time_services=time_services(unit("connman.service", main_pid=9)), **EMPTY),
        "has other work",
    ),
    "PTP": (measured(45, time_services=time_services(unit("ptp4l.service", main_pid=9)), **EMPTY), "PTP"),
}
