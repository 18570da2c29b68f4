"""What the role would change, by what the checks found: only that, each change with the findings that it answers."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.settings import SettingsError
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import Record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.remediation.plan import Plan, make_plan
from ansible_collections.skewgate.preflight.plugins.plugin_utils.remediation.settings import Settings
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.judge import judge_record
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import (
    CHRONY_UNIT,
    answer,
    boot_unit,
    chrony,
    ntp_sample,
    ntp_server,
    policy,
    record,
    silent_sample,
    source,
    time_services,
    tracking,
    unit,
)
from tests.paths import SAMPLES

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
    told = tracking(skew_s=skew_s) if synchronised else tracking(leap="Not synchronised", stratum=0, refid="00000000")
    return {**chrony(told, *rows, config=config, **more), "defaults": [], "started_s": None}


def dead(skew_s: float = 0.0) -> dict[str, Any]:
    return running("10.77.0.9", config=DEAD_CONFIG, synchronised=False, skew_s=skew_s)


CHRONYD_X = {"pid": 731, "comm": "chronyd", "cmdline": "/usr/sbin/chronyd -x", "cgroup": "/system.slice/chrony.service"}
BY_HAND = {"pid": 99, "comm": "ntpd", "cmdline": "ntpd -g", "cgroup": "/user.slice", "contained": False, "exe": None}


def booting(*units: dict[str, Any]) -> dict[str, Any]:
    return {"units": list(units), "uptime_s": 9.0, "fake_hwclock": None}


def measured(
    skew_s: float = 0.0, *, joined: tuple[str, ...] = (), rtc: bool = False, **sections: Any
) -> dict[str, Any]:
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
            "join_state": {"paths": dict.fromkeys(joined, True), "processes": []},
            "clock": clock,
            "chrony": running(*SERVERS, skew_s=skew_s),
            **sections,
        },
    )


def settings(**changes: Any) -> Settings:
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
    taken = Record(data)
    return make_plan(taken, judge_record(taken), settings(**changes))


def whats(made: Plan) -> list[str]:
    assert made.refusal is None, made.refusal
    return [change.what for change in made.changes]


START = "start chrony.service, so that it steps the clock"
RESTART = "restart chrony.service, so that it steps the clock"
WRITE = f"write {CONF}"
WAIT = "enable chrony-wait.service, so that time-sync.target waits for the clock"

EMPTY = {
    "chrony": {"present": False, "version": None, "config": {"path": None, "files": [], "unread": []}, "commands": {}}
}

SCENARIOS = {
    "a node that passes": (measured(), []),
    "a node that passes with a configuration of its own": (
        measured(chrony=running(*SERVERS, config=GOOD_CONFIG + "minsources 2\nlog tracking\n")),
        [],
    ),
    "chrony is not installed": (
        measured(-612, time_services=time_services(), **EMPTY),
        [
            "install chrony",
            "set the clock, so that the package's repository is believed",
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


@pytest.mark.parametrize(("data", "expected"), SCENARIOS.values(), ids=SCENARIOS)
def test_it_plans_what_failed_and_nothing_else(data: dict[str, Any], expected: list[str]):
    assert whats(plan(data)) == expected


@pytest.mark.parametrize(
    "data", [data for data, changes in SCENARIOS.values() if changes], ids=[n for n, (_d, c) in SCENARIOS.items() if c]
)
def test_every_finding_that_it_can_fix_is_answered_by_a_change(data: dict[str, Any]):
    report = judge_record(data)
    to_remediate = {f"{f['check']}: {f['cause']}" for f in report["findings"] if f["remediable"]}
    assert {answered for change in plan(data).changes for answered in change.answers} == to_remediate


def test_a_change_tells_which_finding_it_answers():
    written = plan(SCENARIOS["chrony runs with dead servers"][0]).changes[0]
    assert "ntp_sources: no source answers" in written.answers


def test_the_configuration_has_the_servers_that_answer_and_nothing_that_the_rules_refuse():
    servers = {
        "servers": [*(ntp_server(s, ntp_sample(45.0)) for s in SERVERS), ntp_server("10.77.0.9", silent_sample(45.0))]
    }
    made = plan(
        measured(45, chrony=dead(45), ntp=servers), servers=[*SERVERS, "10.77.0.9"], extra_lines=["log tracking"]
    )
    (file,) = made.node["files"][:1]
    assert file["path"] == CONF
    lines = file["content"].splitlines()
    assert [line for line in lines if line.startswith("server")] == [f"server {s} iburst" for s in SERVERS]
    assert any(line.startswith("# 10.77.0.9 was left out") for line in lines)
    assert {
        "makestep 1 3",
        "rtcsync",
        "log tracking",
        "confdir /etc/chrony/conf.d",
        "sourcedir /etc/chrony/sources.d",
    } <= set(lines)
    assert not made.warnings


def test_fewer_servers_than_wanted_are_a_warning_and_none_is_a_refusal():
    def of(*answering: str) -> Plan:
        names = [ntp_server(s, ntp_sample(45.0) if s in answering else silent_sample(45.0)) for s in SERVERS]
        return plan(measured(45, chrony=dead(45), ntp={"servers": names}))

    assert not of(*SERVERS).warnings
    assert of(*SERVERS[:2]).warnings
    refused = of()
    assert refused.refusal
    assert not refused.changes


def test_a_folder_with_what_is_at_fault_is_no_longer_read_and_its_files_stay():
    broken = {"path": "/etc/chrony/sources.d/site.sources", "text": "server 10.77.0.1 iburst bogus\n"}
    section = dead(45)
    main = {"path": CONF, "text": DEAD_CONFIG + "confdir /etc/chrony/conf.d\nsourcedir /etc/chrony/sources.d\n"}
    section["config"] = {"path": CONF, "files": [main, broken], "unread": []}
    made = plan(measured(45, chrony=section))
    (file,) = made.node["files"]
    assert "confdir /etc/chrony/conf.d\n" in file["content"]
    assert "\nsourcedir" not in file["content"]
    assert "# /etc/chrony/sources.d is not read: /etc/chrony/sources.d/site.sources has" in file["content"]


def test_nts_pools_of_the_distribution_do_not_starve_plain_servers():
    nts = {
        "path": "/etc/chrony/sources.d/ubuntu-ntp-pools.sources",
        "text": "pool 1.ntp.ubuntu.com iburst nts prefer\n",
    }
    section = dead(45)
    main = {"path": CONF, "text": DEAD_CONFIG + "sourcedir /etc/chrony/sources.d\n"}
    section["config"] = {"path": CONF, "files": [main, nts], "unread": []}
    (file,) = plan(measured(45, chrony=section)).node["files"]
    assert "\nsourcedir" not in file["content"]


TIMESYNC_ROLE = "#\n# Ansible managed\n#\n# system_role:timesync\n\nserver 10.77.0.9 iburst\nmakestep 1.0 3\nrtcsync\n"


def test_a_file_that_another_tool_writes_is_refused_with_what_to_set_there():
    made = plan(measured(45, chrony=running("10.77.0.9", config=TIMESYNC_ROLE, synchronised=False, skew_s=45)))
    assert made.refusal
    assert "linux-system-roles.timesync" in made.refusal
    assert "timesync_ntp_servers" in made.refusal
    assert "10.77.0.1" in made.refusal


def test_or_extended_where_it_names_a_folder_for_that():
    section = running("10.77.0.9", config=TIMESYNC_ROLE + "confdir /etc/chrony/conf.d\n", synchronised=False, skew_s=45)
    section["config"]["sources_dirs"] = [{"path": "/etc/chrony/conf.d", "exists": True}]
    made = plan(measured(45, chrony=section))
    assert (
        whats(made)[0]
        == "write /etc/chrony/conf.d/50-skewgate.conf, beside what linux-system-roles.timesync configures"
    )
    (file,) = made.node["files"]
    assert [line for line in file["content"].splitlines() if not line.startswith("#")] == [
        f"server {s} iburst" for s in SERVERS
    ]


def test_or_overwritten_when_told_to():
    section = running("10.77.0.9", config=TIMESYNC_ROLE, synchronised=False, skew_s=45)
    assert whats(plan(measured(45, chrony=section), overwrite_foreign_config=True))[0] == WRITE


OF_KUBESPRAY = (SAMPLES / "owners/kubespray/etc/ntpsec/ntp.conf").read_text()


def in_place_of_ntpsec(*, read: str = "", beside: str = "", **changes: Any) -> Plan:
    section = {
        "present": True,
        "config": {
            "path": "/etc/ntpsec/ntp.conf",
            "files": [{"path": "/etc/ntpsec/ntp.conf", "text": read}],
            "unread": [],
        },
        "beside": [{"path": "/etc/ntp.conf", "text": beside}],
        "commands": {},
    }
    return plan(measured(-612, time_services=time_services(NTPSEC), ntpd=section, **EMPTY), **changes)


def test_no_daemon_is_stopped_that_another_tool_would_bring_back():
    refused = in_place_of_ntpsec(read=OF_KUBESPRAY).refusal
    assert refused
    assert refused.startswith(
        "ntpsec.service would be stopped, but kubespray wrote /etc/ntpsec/ntp.conf and brings it back"
    )
    assert "Set ntp_servers to 10.77.0.1, 10.77.0.2, 10.77.0.3, each followed by iburst" in refused
    overwriting = in_place_of_ntpsec(read=OF_KUBESPRAY, overwrite_foreign_config=True)
    assert whats(overwriting)[0] == "install chrony in place of ntpsec.service"


def test_nor_where_that_tool_wrote_a_file_that_the_daemon_does_not_read():
    """kubespray's `ntp` on Debian 12 is NTPsec, which reads a file in another place."""
    refused = in_place_of_ntpsec(beside=OF_KUBESPRAY).refusal
    assert refused
    assert "kubespray wrote /etc/ntp.conf" in refused
    assert (
        "ntpsec does not read that file: let kubespray bring chrony, by ntp_package: chrony. Set ntp_servers" in refused
    )


def test_a_tool_that_names_the_servers_already_is_not_told_to_do_so_again():
    servers = "".join(f"server {server} iburst\n" for server in SERVERS)
    refused = in_place_of_ntpsec(read=OF_KUBESPRAY + servers).refusal
    assert refused
    assert "It names your servers, which ntpsec follows some minutes after its start: check again then." in refused
    assert "Set ntp_servers" not in refused


JOINED = ("/etc/kubernetes/kubelet.conf",)


@pytest.mark.parametrize(
    ("skew_s", "changes", "step"),
    [
        pytest.param(45.0, {}, None, id="ahead by 45 s: a slew would take nine minutes"),
        pytest.param(-612.0, {}, None, id="behind by more than the limit"),
        pytest.param(3.0, {}, False, id="ahead by 3 s: slewed within a minute"),
        pytest.param(-3.0, {}, True, id="behind by 3 s: a small step forward"),
        pytest.param(45.0, {"step_joined": ["node3"]}, True, id="ahead by 45 s, and told to by name"),
        pytest.param(45.0, {"step_joined": ["node4"]}, None, id="told to for another node"),
    ],
)
def test_a_joined_node_is_never_stepped_back_and_never_far_unless_told_by_name(
    skew_s: float, changes: dict[str, Any], step: bool | None
):
    made = plan(measured(skew_s, joined=JOINED, chrony=dead(skew_s)), **changes)
    if step is None:
        assert made.refusal
        assert "/etc/kubernetes/kubelet.conf" in made.refusal
    else:
        assert made.refusal is None
        assert made.node["chronyd"]["step"] is step


@pytest.mark.parametrize(
    ("config", "changes"),
    [
        pytest.param(DEAD_CONFIG, {"makestep": "1 -1"}, id="the setting"),
        pytest.param(DEAD_CONFIG, {"extra_lines": ["makestep 0.1 -1"]}, id="a further line"),
        pytest.param(GOOD_CONFIG.replace("makestep 1 3", "makestep 1.0 -1"), {}, id="the configuration that stays"),
    ],
)
def test_a_joined_node_is_not_slewed_where_makestep_has_no_limit(config: str, changes: dict[str, Any]):
    section = dead(3.0) if config == DEAD_CONFIG else running(*SERVERS, config=config, skew_s=3.0)
    data = measured(3.0, joined=JOINED, chrony=section)
    data["policy"] = policy(checks=CHECKS, github_apps=[], max_skew_s=0.5)
    made = plan(data, **changes)
    assert made.refusal
    assert "-R does not hold it" in made.refusal
    assert "makestep" in made.refusal


def test_a_joined_node_is_not_slewed_where_its_unit_takes_no_option_of_the_environment_file():
    started = {**boot_unit("chrony.service"), "exec_start": "/usr/sbin/chronyd -F 1 -f /srv/chrony.conf"}
    made = plan(measured(3.0, joined=JOINED, chrony=dead(3.0), boot=booting(started)))
    assert made.refusal
    assert "$DAEMON_OPTS" in made.refusal
    started = {**boot_unit("chrony.service"), "exec_start": "/usr/sbin/chronyd $DAEMON_OPTS"}
    assert not plan(measured(3.0, joined=JOINED, chrony=dead(3.0), boot=booting(started))).refusal


def test_a_joined_node_is_not_stepped_by_the_rtc_at_chronyds_start():
    section = {**dead(3.0), "defaults": [{"path": "/etc/default/chrony", "text": 'DAEMON_OPTS="-F 1 -s"\n'}]}
    assert plan(measured(3.0, joined=JOINED, chrony=section)).node["chronyd"]["options"] == "-F 1"


def test_a_joined_node_without_chrony_is_not_stepped_by_the_packages_first_start():
    made = plan(measured(3.0, joined=JOINED, time_services=time_services(), **EMPTY))
    assert made.install
    assert made.install["hold"] == ["chrony.service"]
    assert made.install["step_s"] is None
    assert made.wait_s > 30


def test_the_clock_is_set_before_a_package_is_installed_on_a_node_that_is_far_off():
    made = plan(measured(-612, time_services=time_services(), **EMPTY))
    assert made.install
    assert made.install["step_s"] == pytest.approx(612, abs=0.1)


@pytest.mark.parametrize("state", ["half-installed", "unpacked", "half-configured"])
def test_an_installation_that_was_cut_off_is_finished_and_not_taken_back_where_someone_else_began_it(state: str):
    cut_off = platform(dpkg={"chrony": state, "interrupted": True})
    for services in (time_services(), time_services(STOPPED)):
        made = plan(measured(-612, platform=cut_off, time_services=services, **EMPTY))
        assert whats(made)[0] == f"finish the installation of chrony, which was interrupted ({state})"
        assert made.install
        assert (made.install["unfinished"], made.install["undo"], made.install["idle"]) == (True, {}, [])


@pytest.mark.parametrize("state", [None, "unpacked"])
def test_where_another_program_is_at_work_with_dpkg_nothing_is_called_interrupted(state: str | None):
    held = platform(dpkg={"chrony": state, "held_by": {"pid": 812, "name": "apt-get"}, "interrupted": False})
    made = plan(measured(-612, platform=held, time_services=time_services(), **EMPTY))
    assert whats(made)[0] == "install chrony, once apt-get (process 812) has released dpkg's lock"
    assert made.install
    assert (made.install["unfinished"], made.install["undo"] == {}) == (False, state is not None)


@pytest.mark.parametrize("chrony_unit", [STOPPED, CHRONY_UNIT, unit("chrony.service", "inactive", "enabled")])
def test_a_unit_that_is_masked_while_its_package_comes_is_unmasked_again(chrony_unit: dict[str, Any]):
    cut_off = platform(dpkg={"chrony": "half-configured", "interrupted": True})
    made = plan(measured(-3.0, joined=JOINED, platform=cut_off, time_services=time_services(chrony_unit), **EMPTY))
    assert made.install
    assert made.install["hold"] == ["chrony.service"]
    assert "chrony.service" in made.node["enable"]


def test_another_package_that_dpkg_was_cut_off_with_is_in_the_way_of_an_installation_alone():
    cut_off = platform(dpkg={"chrony": None, "interrupted": True})
    made = plan(measured(-612, platform=cut_off, time_services=time_services(), **EMPTY))
    assert made.install
    assert (made.install["unfinished"], made.install["undo"]["package"]) == (True, "chrony")
    cut_off["dpkg"]["chrony"] = "installed"
    assert plan(measured(-612, platform=cut_off, time_services=time_services(STOPPED))).install is None


def test_what_an_earlier_installation_has_left_is_not_purged_when_all_is_undone():
    left = {**EMPTY["chrony"], "config": {"path": CONF, "files": [], "unread": []}}
    for section, purge in ((EMPTY["chrony"], True), (left, False)):
        install = plan(measured(-612, time_services=time_services(), chrony=section)).install
        assert install
        assert install["undo"]["purge"] is purge


def test_red_hats_names_are_used_there():
    made = plan(measured(-612, platform=platform(ROCKY), time_services=time_services(), **EMPTY))
    assert made.install
    assert made.install["manager"] == "dnf"
    assert made.node["chronyd"]["unit"] == "chronyd.service"
    (file,) = made.node["files"]
    assert file["path"] == "/etc/chrony.conf"
    assert "driftfile /var/lib/chrony/drift\n" in file["content"]


def test_what_rpm_puts_beside_a_written_file_is_saved_to_be_undone():
    made = plan(measured(-612, platform=platform(ROCKY), time_services=time_services(), **EMPTY))
    assert made.install
    assert [file["path"] for file in made.install["beside"]] == ["/etc/chrony.conf.rpmnew", "/etc/chrony.conf.rpmsave"]
    on_debian = plan(measured(-612, time_services=time_services(), **EMPTY)).install
    assert on_debian
    assert on_debian["beside"] == []


def test_debian_11_gets_the_wait_that_its_package_lacks():
    bullseye = {**DEBIAN, "VERSION_ID": "11"}
    made = plan(measured(-612, platform=platform(bullseye), time_services=time_services(), **EMPTY))
    assert [file["path"] for file in made.node["files"]] == [CONF, "/etc/systemd/system/chrony-wait.service"]


def test_the_rtc_is_set_where_there_is_one():
    assert not plan(measured(45, chrony=dead(45))).node["rtc"]
    made = plan(measured(45, rtc=True, chrony=dead(45)))
    assert made.node["rtc"]
    assert whats(made)[-1] == "set the RTC by the proved clock"


def test_units_that_one_names_are_ordered_before_they_are_installed():
    made = plan(measured(45, chrony=dead(45)), order_units=["kubelet.service"])
    assert made.node["files"][-1]["path"] == "/etc/systemd/system/kubelet.service.d/50-skewgate-time-sync.conf"


REFUSED = {
    "an unknown distribution": (measured(45, chrony=dead(45), platform=platform({"ID": "templeos"})), "does not know"),
    "OpenRC": (
        measured(45, chrony=dead(45), time_services=time_services(CHRONY_UNIT, manager="openrc")),
        "systemd alone",
    ),
    "a node that may not be written to": (
        measured(45, chrony=dead(45), platform=platform(read_only="/etc is read-only")),
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
                        "cmdline": "/usr/sbin/chronyd -x",
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
                        "cmdline": "ntpd -g",
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
    "PTP": (measured(45, time_services=time_services(unit("ptp4l.service", main_pid=9)), **EMPTY), "PTP"),
}


@pytest.mark.parametrize(("data", "why"), REFUSED.values(), ids=REFUSED)
def test_what_it_can_not_fix_it_refuses_with_the_reason_and_plans_nothing(data: dict[str, Any], why: str):
    made = plan(data)
    assert made.refusal
    assert why in made.refusal
    assert not made.changes
    assert not made.node


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"makestep": "now and then"}, "chrony_makestep"),
        ({"servers": []}, "chrony_servers"),
        ({"step_joined": True}, "chrony_step_joined"),
    ],
)
def test_wrong_settings_are_told_before_anything(changes: dict[str, Any], told: str):
    with pytest.raises(SettingsError, match=told):
        settings(**changes)


def test_lines_of_ones_own_that_the_rules_refuse_are_never_written():
    made = plan(measured(45, chrony=dead(45)), extra_lines=["minsources 9"])
    assert made.refusal
    assert "CHR108" in made.refusal


@given(
    skew_s=st.floats(-5000, 5000),
    units=st.lists(
        st.sampled_from([CHRONY_UNIT, STOPPED, TIMESYNCD, NTPSEC]), max_size=3, unique_by=lambda u: u["unit"]
    ),
    config=st.sampled_from([GOOD_CONFIG, DEAD_CONFIG, "", "bogus\n", TIMESYNC_ROLE]),
    joined=st.booleans(),
)
def test_any_node_gets_a_plan_or_a_reason_and_never_half_of_each(
    skew_s: float, units: list[dict[str, Any]], config: str, joined: bool
):
    section = running("10.77.0.9", config=config, synchronised=False, skew_s=skew_s) if units else EMPTY["chrony"]
    data = measured(skew_s, joined=JOINED if joined else (), time_services=time_services(*units), chrony=section)
    made = plan(data)
    assert not (made.refusal and (made.changes or made.node))
    if joined and skew_s > 1.1 and not made.refusal and made.node.get("chronyd"):
        assert not made.node["chronyd"]["step"]
    for file in made.node.get("files", []):
        assert file["content"].endswith("\n")


# What is no reason to touch a node.

NOT_ENABLED = time_services({**CHRONY_UNIT, "unit_file_state": "disabled"})
JUST_ENABLE = ["enable chrony.service", WAIT]


def test_a_refusal_of_github_that_is_not_the_clocks_restarts_no_daemon():
    data = measured(time_services=NOT_ENABLED, github_apps=[{"name": "deploy", "attempts": []}])
    data["policy"] = policy(checks=[*CHECKS, "github_app_token"])
    assert judge_record(data)["verdict"] == "refuse"
    assert whats(plan(data)) == JUST_ENABLE


def test_what_is_advisory_is_not_fixed():
    data = measured(45, time_services=NOT_ENABLED, chrony=running(*SERVERS, skew_s=45))
    data["policy"] = policy(
        checks=CHECKS, advisory_checks=["clock_skew", "sync_state", "config_in_use"], github_apps=[]
    )
    assert whats(plan(data)) == JUST_ENABLE


# Which unit it is.


def test_of_chronyds_units_the_one_that_runs_is_fixed():
    """Fedora and RHEL ship both; one conflicts with the other."""
    idle, restricted = unit("chronyd.service", "inactive", "disabled"), unit("chronyd-restricted.service")
    made = plan(measured(45, platform=platform(ROCKY), time_services=time_services(idle, restricted), chrony=dead(45)))
    assert made.node["chronyd"]["unit"] == "chronyd-restricted.service"
    assert not made.node["enable"] or made.node["enable"] == ["chrony-wait.service"]


def test_a_second_unit_of_chronyd_does_not_start_at_the_next_boot():
    second = unit("chronyd-restricted.service", "inactive")
    boot = booting(boot_unit("chrony.service"), boot_unit("chronyd-restricted.service"))
    made = plan(measured(time_services=time_services(CHRONY_UNIT, second), boot=boot))
    assert whats(made)[0] == "stop and disable chronyd-restricted.service"


def test_a_chrony_that_is_masked_is_not_installed_again_so_that_undoing_does_not_remove_it():
    masked = unit("chrony.service", "inactive", "masked", load_state="masked")
    made = plan(measured(-612, time_services=time_services(masked), chrony=running(config=GOOD_CONFIG)))
    assert made.install is None
    assert whats(made) == [START, "unmask and enable chrony.service", WAIT]


# What a configuration that is replaced had beside its servers.


def replacing(config: str, *files: dict[str, str], path: str = CONF, **changes: Any) -> Plan:
    section = running("10.77.0.9", config="", synchronised=False, skew_s=45)
    section["config"] = {"path": path, "files": [{"path": path, "text": config}, *files], "unread": []}
    return plan(measured(45, chrony=section), **changes)


NEEDED = {
    "a reference clock": "refclock PHC /dev/ptp0 poll 2",
    "clients of this node": "allow 10.0.0.0/8",
    "a server with a key": "server 10.77.0.9 iburst key 7",
}


@pytest.mark.parametrize("line", NEEDED.values(), ids=NEEDED)
def test_a_line_that_is_missed_is_not_replaced_without_being_told_to(line: str):
    made = replacing(f"{DEAD_CONFIG}{line}\n")
    assert made.refusal
    assert line in made.refusal
    assert whats(replacing(f"{DEAD_CONFIG}{line}\n", overwrite_foreign_config=True))[0] == WRITE
    if not line.startswith("server"):
        assert whats(replacing(f"{DEAD_CONFIG}{line}\n", extra_lines=[line]))[0] == WRITE


def test_a_server_with_a_key_is_replaced_by_servers_with_one_and_their_key_file_stays():
    config = DEAD_CONFIG + "server 10.77.0.9 iburst key 7\nkeyfile /etc/ntp/keys\n"
    (file,) = replacing(config, source_options="iburst key 7").node["files"]
    assert "keyfile /etc/ntp/keys\n" in file["content"]


def test_other_lines_that_go_are_told_and_those_of_every_distribution_are_not():
    site = {"path": "/etc/chrony/site/more.conf", "text": "hwtimestamp eth1\n"}
    shipped = "leapsectz right/UTC\nlogdir /var/log/chrony\nmaxupdateskew 100.0\nntsdumpdir /var/lib/chrony\n"
    made = replacing(DEAD_CONFIG + shipped + "minsources 1\ninclude /etc/chrony/site/*.conf\n", site)
    lines, files = made.warnings
    assert lines == f"no longer in effect, unless chrony_extra_lines has it: minsources 1 ({CONF})"
    assert files == "no longer read by chronyd: /etc/chrony/site/more.conf"
    assert not replacing(DEAD_CONFIG + shipped).warnings


def test_files_with_servers_that_are_no_longer_read_are_told():
    dhcp = {"path": "/run/chrony-dhcp/eth0.sources", "text": "server 10.0.0.1 iburst\n"}
    (told,) = replacing(DEAD_CONFIG + "sourcedir /run/chrony-dhcp\n", dhcp).warnings
    assert "/run/chrony-dhcp/eth0.sources" in told


def test_of_a_file_of_this_role_the_settings_decide():
    ours = (
        f"# Written by the Ansible role skewgate.preflight.chrony\n{DEAD_CONFIG}refclock PHC /dev/ptp0\nlog tracking\n"
    )
    made = replacing(ours)
    assert whats(made)[0] == WRITE
    assert not made.warnings


def test_a_file_that_could_not_be_read_is_not_replaced():
    section = dead(45)
    section["config"]["unread"] = [{"path": "/etc/chrony/conf.d/site.conf", "error": "Input/output error"}]
    made = plan(measured(45, chrony=section))
    assert made.refusal
    assert "/etc/chrony/conf.d/site.conf could not be read (Input/output error)" in made.refusal


@pytest.mark.parametrize("path", ["/run/cloud/chrony.conf", "/usr/share/site/chrony.conf"])
def test_a_file_that_chronyd_is_told_to_read_and_that_is_not_the_nodes_own_is_refused(path: str):
    made = replacing(DEAD_CONFIG, path=path)
    assert made.refusal
    assert path in made.refusal


def test_the_vendors_file_of_suse_is_left_and_etc_goes_before_it():
    assert replacing(DEAD_CONFIG, path="/usr/etc/chrony.conf").node["files"][0]["path"] == CONF


def test_a_chronyd_that_chronyc_could_not_ask_is_never_written():
    made = replacing(DEAD_CONFIG, extra_lines=["cmdport 0", "bindcmdaddress /"])
    assert made.refusal
    assert "bindcmdaddress /" in made.refusal


# A change claims no finding that it does not answer, and none is made that answers nothing.


def answers(made: Plan) -> dict[str, list[str]]:
    """The checks that each change answers."""
    assert made.refusal is None, made.refusal
    return {change.what: [answer.partition(":")[0] for answer in change.answers] for change in made.changes}


def test_two_daemons_are_answered_by_stopping_one_and_dead_servers_by_the_configuration():
    told = answers(plan(measured(45, time_services=time_services(CHRONY_UNIT, NTPSEC), chrony=dead(45))))
    assert told == {
        WRITE: ["ntp_sources", "clock_skew"],
        RESTART: ["clock_skew"],
        "stop and disable ntpsec.service": ["time_service"],
        WAIT: [],
    }


def test_a_daemon_that_is_not_enabled_is_answered_by_enabling_it():
    assert answers(plan(measured(time_services=NOT_ENABLED))) == {JUST_ENABLE[0]: ["next_boot"], WAIT: []}


def test_an_rtc_that_is_right_from_now_on_answers_the_next_boot_and_not_the_clock():
    told = answers(plan(measured(45, rtc=True, chrony=dead(45))))
    assert told["set the RTC by the proved clock"] == []


def off_rtc() -> dict[str, Any]:
    data = measured(rtc=True)
    clock = data["evidence"]["clock"]
    clock["rtc"]["since_epoch_s"] -= 3600
    data["evidence"]["boot"] = booting(boot_unit("systemd-timesyncd.service"), boot_unit("kubelet.service"))
    return data


def test_another_daemon_that_works_is_not_replaced_for_an_rtc_that_is_off():
    timesync = (
        "Server=10.77.0.1\nServerName=10.77.0.1\nPacketCount=9\nNTPMessage={ Leap=0, Version=4, Mode=4, Stratum=2 }\n"
    )
    data = off_rtc()
    data["evidence"] |= {
        "time_services": time_services(TIMESYNCD),
        "timesyncd": {"present": True, "config": {"files": []}, "commands": {"timesync": answer(timesync)}},
        **EMPTY,
    }
    report = judge_record(data)
    report["findings"] = [f for f in report["findings"] if f["check"] in ("time_service", "next_boot")]
    made = make_plan(Record(data), report, settings())
    assert answers(made) == {"set the RTC by the proved clock": ["next_boot"]}
    assert made.install is None
    assert made.node["rtc"]


def test_a_boot_that_could_not_be_looked_at_changes_nothing():
    made = plan(measured(boot={"units": {"error": "Connection timed out"}, "uptime_s": 9.0, "fake_hwclock": None}))
    assert made.refusal
    assert "Connection timed out" in made.refusal
    assert not made.changes


def test_a_chronyd_that_was_just_started_with_good_servers_is_waited_for():
    section = running(*SERVERS, synchronised=False)
    started = record()["evidence"]["collected"]["wall_ns"] / 1e9 - 12
    made = plan(measured(chrony={**section, "started_s": started}))
    assert answers(made) == {"wait for chrony.service, which was started 12 s ago": ["ntp_sources"]}
    assert made.node == {"enable": [], "disable": [], "rtc": False}
    assert whats(plan(measured(chrony={**section, "started_s": started - 300})))[0] == WRITE
    ours = "# Written by the Ansible role skewgate.preflight.chrony\n" + GOOD_CONFIG
    of_an_interrupted_run = running(*SERVERS, config=ours, synchronised=False) | {"started_s": started}
    assert whats(plan(measured(chrony=of_an_interrupted_run)))[0] == WRITE


def test_a_clock_that_can_not_be_told_from_the_true_time_is_not_set():
    """Servers that are far away measure no better after a restart."""
    far = {"servers": [ntp_server(s, ntp_sample(there_s=0.1, back_s=0.1)) for s in SERVERS]}
    data = measured(ntp=far)
    data["policy"] = policy(checks=CHECKS, github_apps=[], max_skew_s=0.05)
    made = plan(data)
    assert made.refusal
    assert "nearer servers" in made.refusal
    data["evidence"]["time_services"] = NOT_ENABLED
    assert whats(plan(data)) == JUST_ENABLE


def test_a_unit_that_is_enabled_until_the_next_boot_alone_is_enabled():
    runtime = time_services({**CHRONY_UNIT, "unit_file_state": "enabled-runtime"})
    boot = booting(boot_unit("chrony.service", enabled="enabled-runtime"))
    assert whats(plan(measured(time_services=runtime, boot=boot)))[0] == "enable chrony.service"


def test_the_package_does_not_start_chronyd_on_a_joined_node_even_where_a_step_forward_is_allowed():
    made = plan(measured(-3.0, joined=JOINED, time_services=time_services(), **EMPTY))
    assert made.install
    assert made.node["chronyd"]["step"] is True
    assert made.install["hold"] == ["chrony.service"]


def beside_another_tool(config: str) -> Plan:
    section = running("10.77.0.9", config=config, synchronised=False, skew_s=45)
    section["config"]["sources_dirs"] = [{"path": "/etc/chrony/sources.d", "exists": True}]
    return plan(measured(45, chrony=section), extra_lines=["log tracking"])


def test_a_folder_of_servers_takes_no_other_line():
    config = TIMESYNC_ROLE + "sourcedir /etc/chrony/sources.d\n"
    made = beside_another_tool(config)
    assert made.node["files"][0]["path"] == "/etc/chrony/sources.d/50-skewgate.sources"
    assert made.warnings == ("not written, as /etc/chrony/sources.d takes servers alone: log tracking",)
    made = beside_another_tool(config.replace("makestep 1.0 3\n", ""))
    assert made.refusal
    assert "takes servers alone" in made.refusal


def test_a_daemon_that_the_package_replaces_is_known_to_undo_though_it_does_not_run():
    idle = unit("systemd-timesyncd.service", "inactive", "disabled")
    made = plan(measured(-612, time_services=time_services(idle), **EMPTY))
    assert made.install
    assert made.install["undo"]["replaces"] == ["systemd-timesyncd"]
    assert made.install["idle"] == ["systemd-timesyncd.service"]
    assert made.node["disable"] == []
