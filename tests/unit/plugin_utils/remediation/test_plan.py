"""What the role would change, by what the checks found:
only that, each change with the findings that it answers.
"""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.settings import SettingsError
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import Record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.remediation.plan import Plan, make_plan
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.judge import judge_record
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import (
    CHRONY_UNIT,
    answer,
    boot_unit,
    ntp_sample,
    ntp_server,
    policy,
    record,
    silent_sample,
    time_services,
    unit,
)
from tests.unit.plugin_utils.checks.past import Boot, chronyd, past
from tests.unit.plugin_utils.remediation.scenarios import (
    CHECKS,
    CONF,
    DEAD_CONFIG,
    EMPTY,
    GOOD_CONFIG,
    JOINED,
    NTPSEC,
    REFUSED,
    RESTART,
    ROCKY,
    SCENARIOS,
    SERVERS,
    START,
    STOPPED,
    TIMESYNC_ROLE,
    TIMESYNCD,
    WAIT,
    WRITE,
    booting,
    dead,
    measured,
    plan,
    platform,
    running,
    settings,
    whats,
)


@pytest.mark.parametrize(("data", "expected"), SCENARIOS.values(), ids=SCENARIOS)
def test_it_plans_what_failed_and_nothing_else(data: dict[str, Any], expected: list[str]):
    assert whats(plan(data)) == expected


@pytest.mark.parametrize(
    "data", [data for data, changes in SCENARIOS.values() if changes], ids=[n for n, (_d, c) in SCENARIOS.items() if c]
)
def test_every_finding_that_it_can_fix_is_answered_by_a_change(data: dict[str, Any]):
    report = judge_record(data)
    to_remediate = {f["check"] for f in report["findings"] if f["remediable"]}
    assert {answered for change in plan(data).changes for answered in change.answers} == to_remediate


def test_a_change_names_the_finding_it_answers():
    written = plan(SCENARIOS["chrony runs with dead servers"][0]).changes[0]
    assert "ntp_sources" in written.answers


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


def test_the_rtc_is_set_if_there_is_one():
    assert not plan(measured(45, chrony=dead(45))).node["rtc"]
    made = plan(measured(45, rtc=True, chrony=dead(45)))
    assert made.node["rtc"]
    assert whats(made)[-1] == "set the RTC from the proved clock"


def test_units_that_one_names_are_ordered_before_they_are_installed():
    made = plan(measured(45, chrony=dead(45)), order_units=["kubelet.service"])
    assert made.node["files"][-1]["path"] == "/etc/systemd/system/kubelet.service.d/50-skewgate-time-sync.conf"


@pytest.mark.parametrize(("data", "why"), REFUSED.values(), ids=REFUSED)
def test_what_it_can_not_fix_it_refuses_with_the_reason_and_plans_nothing(data: dict[str, Any], why: str):
    made = plan(data)
    assert made.refusal
    assert why in made.refusal
    assert not made.changes
    assert not made.node


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"makestep": "now and then"}, "chrony_makestep"),
        ({"servers": []}, "chrony_servers"),
    ],
)
def test_wrong_settings_are_reported_before_anything(changes: dict[str, Any], said: str):
    with pytest.raises(SettingsError, match=said):
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


def test_a_chrony_that_is_masked_is_not_installed_again_and_undoing_does_not_remove_it():
    masked = unit("chrony.service", "inactive", "masked", load_state="masked")
    made = plan(measured(-612, time_services=time_services(masked), chrony=running(config=GOOD_CONFIG)))
    assert made.install is None
    assert whats(made) == [START, "unmask and enable chrony.service", WAIT]


# What a configuration that is replaced had beside its servers.


def answers(made: Plan) -> dict[str, list[str]]:
    """The checks that each change answers."""
    assert made.refusal is None, made.refusal
    return {change.what: list(change.answers) for change in made.changes}


def test_two_daemons_are_answered_by_stopping_one_and_dead_servers_by_the_configuration():
    said = answers(plan(measured(45, time_services=time_services(CHRONY_UNIT, NTPSEC), chrony=dead(45))))
    assert said == {
        WRITE: ["ntp_sources", "clock_skew"],
        RESTART: ["clock_skew"],
        "stop and disable ntpsec.service": ["time_service"],
        WAIT: [],
    }


def test_a_daemon_that_is_not_enabled_is_answered_by_enabling_it():
    assert answers(plan(measured(time_services=NOT_ENABLED))) == {JUST_ENABLE[0]: ["next_boot"], WAIT: []}


def test_an_rtc_that_is_right_from_now_on_answers_the_next_boot_and_not_the_clock():
    said = answers(plan(measured(45, rtc=True, chrony=dead(45))))
    assert said["set the RTC from the proved clock"] == []


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
    assert answers(made) == {"set the RTC from the proved clock": ["next_boot"]}
    assert made.install is None
    assert made.node["rtc"]


ORDER = "order kubelet.service after time-sync.target"
PAST = {  # what the journal has, the units, the configuration, and what answers next_boot
    "a kubelet that started too early": (chronyd(600.0), ("kubelet.service",), GOOD_CONFIG, [WAIT, ORDER]),
    "off at every boot, and no cluster unit": (chronyd(600.0, 600.0), (), GOOD_CONFIG, [WAIT]),
    "only slewed": (
        past(Boot(600.0).chronyd(steps=False)),
        (),
        GOOD_CONFIG.replace("makestep 1 3\n", ""),
        [f"write {CONF}"],
    ),
}


@pytest.mark.parametrize(("recorded", "names", "config", "changes"), PAST.values(), ids=PAST)
def test_what_past_boots_showed_is_answered_by_what_prevents_it(recorded, names, config, changes):
    boot = booting(*(boot_unit(name) for name in names))
    node = measured(rtc=True, boot=boot, past_boots=recorded, chrony=running(*SERVERS, config=config))
    said = answers(plan(node))
    assert [change for change, checks in said.items() if "next_boot" in checks] == changes


def test_what_no_change_of_the_role_prevents_is_not_tried():
    made = plan(measured(rtc=True, past_boots=past(Boot().add(4.2, "failed"))))
    assert not made.changes
    assert not made.refusal


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


def test_a_chronyd_that_asks_the_servers_of_initstepslew_first_is_waited_for():
    section = running("10.77.0.9", config=f"{GOOD_CONFIG}initstepslew 30 10.77.0.9\n", synchronised=False)
    started = record()["evidence"]["collected"]["wall_ns"] / 1e9 - 12
    data = measured(chrony={**section, "started_s": started})
    data["policy"] = policy(checks=[*CHECKS, "config_in_use"], github_apps=[])
    assert answers(plan(data)) == {
        "wait for chrony.service, which was started 12 s ago": ["config_in_use", "ntp_sources"]
    }


def test_a_clock_that_cannot_be_distinguished_from_the_true_time_is_not_set():
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
