"""Each test writes a configuration and lets chronyc answer as chronyd 4.3 does;
test_config_in_use_real.py has real ones.
"""

from __future__ import annotations

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import config_in_use
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks.config_in_use import Key
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.finding import CommonKey
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import MissingEvidenceError

from tests.builders import answer, chrony, policy, record, source, time_services, tracking, unit
from tests.findings import finding_of, unsaid

MAIN = "/etc/chrony/chrony.conf"
DHCP = "/run/chrony-dhcp/eth0.sources"
NEVER = 4294967295


def judge(settings=None, **sections):
    return finding_of(config_in_use, record(of_policy=policy(**(settings or {})), **sections))


def refclock(name="PHC0"):
    return f"#,*,{name},0,4,377,12,0.000001,0.000002,0.000100\n"


def unresolved(name):
    return f"^,?,{name},0,6,0,{NEVER},0.000000000,0.000000000,0.000000000\n"


def selection(state, name, authenticated="N", *, configured="-----", effective="-----", last=1):
    leap = "Normal" if last != NEVER else "Not synchronised"
    return f"{state},{name},{authenticated},{','.join(configured)},{','.join(effective)},{last},1.0,-0.000001,0.000001,{leap}\n"


def nts(name, *, last_ke=NEVER, attempts=0, nak=0, cookies=0):
    return f"{name},NTS,0,0,0,{last_ke},{attempts},{nak},{cookies},0\n"


def node(text, *rows, dhcp=None, started_s=None, mtime_s=0, without=(), unread=(), named=None, version="4.3", **given):
    """A record: ``text`` in chrony.conf (and ``dhcp`` in a .sources file), and a
    chronyd with these sources.

    ``without`` are names that it has no address for.
    """
    commands = {name: value if isinstance(value, dict) else answer(value) for name, value in given.items()}
    if without:
        commands = {"sources_all": answer("".join([*rows, *map(unresolved, without)])), **commands}
    if not rows:
        commands = {**dict.fromkeys(("sources", "sources_named"), answer("")), **commands}
    tracking_text = commands.pop("tracking", {}).get("stdout")
    section = chrony(tracking_text, *rows, config=text, **commands)
    files = [{"path": MAIN, "text": text, "mtime_s": mtime_s}]
    if dhcp is not None:
        files.append({"path": DHCP, "text": dhcp, "mtime_s": mtime_s})
    section["config"] = {"path": MAIN, "files": files, "unread": [{"path": p, "error": "denied"} for p in unread]}
    return record(chrony={**section, "started_s": started_s, "named": named, "version": version})


def of(text, *rows, **shown):
    return finding_of(config_in_use, node(text, *rows, **shown))


THREE = "server a.example\nserver b.example iburst\npool c.example\nmakestep 1 3\n"
RUNNING = (source("a.example"), source("b.example", "+"), source("c.example", "+"), source("c.example", "+"))
WITH_DHCP = THREE + "sourcedir /run/chrony-dhcp\n"


def assert_fails(finding, key, *shown):
    """It fails for this one reason, and its summary shows each of ``shown``."""
    assert (finding.state, finding.keys) == ("fail", (key,)), finding.summary
    assert not unsaid(finding.summary, *shown)


def assert_noted(finding, *shown):
    """It passes, and its summary shows what is worth a note."""
    assert (finding.state, finding.keys) == ("pass", ()), finding.summary
    assert not unsaid(finding.summary, *shown)


def test_a_chronyd_that_runs_with_what_is_written_passes():
    finding = of(THREE, *RUNNING)
    assert (finding.state, finding.keys) == ("pass", ())
    assert (finding.seen["dropped"], finding.seen["changed_since_start"]) == ({}, [])
    assert finding.seen["running"] == ["a.example", "b.example", "c.example"]
    assert finding.seen["written"][f"{MAIN}:3"] == "pool c.example"


# Written, not running


def test_a_server_that_was_written_after_the_start_does_not_run():
    finding = of(THREE + "server d.example\n", *RUNNING)
    assert_fails(finding, Key.CHANGED_SINCE_START, f"d.example ({MAIN}:5)")
    assert "a.example" not in finding.summary
    assert "`systemctl restart chrony.service`" in finding.remedy


def test_on_openrc_chronyd_is_restarted_its_way():
    section = chrony(config="server 10.77.0.1\nserver d.example\n")
    finding = judge(chrony=section, time_services=time_services(unit("chronyd"), manager="openrc"))
    assert_fails(finding, Key.CHANGED_SINCE_START, "d.example")
    assert "`rc-service chronyd restart`" in finding.remedy


def test_a_sources_file_that_was_not_reloaded_does_not_run():
    finding = of(WITH_DHCP, *RUNNING, dhcp="server 10.0.0.5 iburst\n")
    assert_fails(finding, Key.CHANGED_SINCE_START, f"10.0.0.5 ({DHCP}:1)")
    assert "`chronyc reload sources`" in finding.remedy
    assert "restart" not in finding.remedy


def test_a_sources_file_that_was_reloaded_runs():
    assert of(WITH_DHCP, *RUNNING, source("10.0.0.5", "+"), dhcp="server 10.0.0.5 iburst\n").state == "pass"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        pytest.param("server 10.0.0.5 iburst", "newline", id="no newline"),
        pytest.param("server 10.0.0.5 ibrust\n", "'ibrust'", id="a bad option"),
    ],
)
def test_a_line_that_chronyd_dropped_is_named_with_its_reason(line, why):
    finding = of(WITH_DHCP, *RUNNING, dhcp=line)
    assert_fails(finding, Key.DROPPED_LINE, repr(line.strip()), f"{DHCP}:1: ")
    assert why in finding.seen["dropped"][f"{DHCP}:1"]
    assert finding.seen["dropped"][f"{DHCP}:1"] in finding.summary


def test_an_address_that_another_name_has_brought_in_runs():
    rows = (source("a.example"),)
    addressed = answer(source("10.0.0.5"))
    text = "server a.example\nserver 10.0.0.5\n"
    assert of(text, *rows, sources=addressed).state == "pass"
    assert of(text, *rows).state == "fail"


def test_a_reference_clock_that_was_written_after_the_start_does_not_run():
    text = "refclock PHC /dev/ptp0 poll 0\n"
    assert of(text, refclock()).state == "pass"
    assert_fails(of(THREE + text, *RUNNING), Key.CHANGED_SINCE_START, " 1 ", " 0 ")


PHC = "refclock PHC /dev/ptp0 poll 0\n"


@pytest.mark.parametrize(
    ("kind", "says", "restart_first"),
    [
        ("ptp", [], True),
        ("missing", [f"{MAIN}:5 ", "/dev/ptp0"], False),
        ("denied", [f"{MAIN}:5 ", "/dev/ptp0"], False),
    ],
)
def test_no_restart_is_advised_that_would_end_chronyd(kind, says, restart_first):
    """The line was written after the start:
    a restart is the answer only where it brings the reference clock.
    """
    named = {"paths": {"/dev/ptp0": kind}, "interfaces": {}, "users": {}, "options": {}}
    finding = of(THREE + PHC, *RUNNING, named=named)
    assert_fails(finding, Key.CHANGED_SINCE_START)
    assert not unsaid(finding.remedy, "systemctl restart chrony.service", *says)
    assert finding.remedy.startswith("Run `systemctl restart") is restart_first


def test_no_restart_is_advised_with_a_file_that_chronyd_refuses():
    printed = {"rc": 1, "stdout": "", "stderr": f"Fatal error : Invalid directive at line 9 in file {MAIN}\n"}
    data = node(THREE + "server 10.0.0.9\n", *RUNNING)
    data["evidence"]["chrony"]["printed"] = printed
    assert f"{MAIN}:9 " in finding_of(config_in_use, data).remedy


# Running, not written


def test_a_server_that_was_added_at_run_time_is_noted():
    assert_noted(of(THREE, *RUNNING, source("10.0.0.5", "+")), "10.0.0.5")


def test_a_server_that_was_taken_out_of_a_changed_file_still_runs():
    finding = of(THREE, *RUNNING, source("old.example", "+"), started_s=1000.0, mtime_s=1001.0)
    assert_fails(finding, Key.CHANGED_SINCE_START, "old.example")
    assert MAIN not in finding.summary
    assert finding.seen["changed_since_start"] == [MAIN]


def test_if_a_file_was_not_read_its_sources_are_not_called_unwritten():
    finding = of(
        THREE, *RUNNING, source("old.example", "+"), started_s=1000.0, mtime_s=1001.0, unread=["/etc/chrony/more.conf"]
    )
    assert finding.state == "pass"


def test_a_file_that_was_changed_since_the_start_is_noted():
    assert_noted(of(THREE, *RUNNING, started_s=1000.0, mtime_s=1001.0), MAIN)
    for unchanged in (of(THREE, *RUNNING, started_s=1000.0, mtime_s=999.0), of(THREE, *RUNNING, mtime_s=1001.0)):
        assert MAIN not in unchanged.summary
        assert unchanged.seen["changed_since_start"] == []


def test_without_root_it_is_said_that_a_change_of_a_file_would_not_be_seen():
    as_root = node(THREE, *RUNNING)
    collected = {**as_root["evidence"]["collected"], "euid": 1000}
    without_root = {**as_root, "evidence": {**as_root["evidence"], "collected": collected}}
    assert_noted(finding_of(config_in_use, without_root), "without root", "changed after chronyd started")
    assert "root" not in finding_of(config_in_use, as_root).summary


# Names and connections


def test_names_without_an_address_are_noted_and_that_none_has_one_is_for_ntp_sources():
    one = of(THREE + "server d.example\n", *RUNNING, without=["d.example"])
    assert_noted(one, "d.example")
    assert one.seen["without_address"] == ["d.example"]

    none = of("server d.example\npool e.example\n", without=["d.example", "e.example", "e.example"])
    assert_noted(none, "d.example, e.example")
    assert none.seen["without_address"] == ["d.example", "e.example"]


def test_a_pool_that_resolved_to_fewer_addresses_than_it_may_have_is_whole():
    finding = of(THREE, *RUNNING, without=["c.example"])
    assert (finding.state, finding.seen["without_address"]) == ("pass", [])
    assert finding.summary == of(THREE, *RUNNING).summary


def test_sources_that_were_set_offline_at_run_time_fail_if_none_is_left():
    finding = of(THREE, *RUNNING, activity="0,4,0,0,0\n")
    assert_fails(finding, Key.SET_OFFLINE, " 4 ")
    assert "`chronyc onoffline`" in finding.remedy
    assert_noted(of(THREE, *RUNNING, activity="3,1,0,0,0\n"), "1 of 4")
    assert of("server a.example offline\n", source("a.example"), activity="0,1,0,0,0\n").state == "pass"


# NTS

NTS = "server 10.0.0.1\nserver nts.example nts\n"
NTS_ROWS = (source("10.0.0.1", "-"), source("nts.example", "?", reach=0))
STARVED = {
    "sources": source("10.0.0.1", "-") + source("10.9.9.9", "?", reach=0),
    "authdata": "10.0.0.1,-,0,0,0,4294967295,0,0,0,0\n" + nts("10.9.9.9", attempts=2),
    "selectdata": selection("W", "10.0.0.1") + selection("M", "10.9.9.9", "Y", effective="--TR-", last=NEVER),
}


def test_a_healthy_plain_server_waits_for_nts_servers_without_keys():
    finding = of(NTS, *NTS_ROWS, **STARVED)
    assert_fails(finding, Key.NTS_STARVATION, "10.0.0.1", "nts.example", "10.9.9.9")
    assert not unsaid(finding.remedy, "TCP 4460", "`authselectmode ignore`")


def test_under_prefer_plain_servers_do_not_count_beside_nts_ones():
    shut_out = selection("N", "10.0.0.1", effective="N----") + selection("M", "10.9.9.9", "Y", last=NEVER)
    finding = of(NTS + "authselectmode prefer\n", *NTS_ROWS, **{**STARVED, "selectdata": shut_out})
    assert_fails(finding, Key.NTS_STARVATION, "10.0.0.1", "10.9.9.9")


def test_under_require_only_the_missing_keys_are_to_blame():
    shut_out = selection("N", "10.0.0.1", effective="N----") + selection("M", "10.9.9.9", "Y", last=NEVER)
    finding = of(NTS + "authselectmode require\n", *NTS_ROWS, **{**STARVED, "selectdata": shut_out})
    assert_fails(finding, Key.NTS_WITHOUT_KEYS, "nts.example", "10.9.9.9")
    assert "10.0.0.1" not in finding.summary


def test_an_nts_server_without_an_address_starves_the_others_too():
    finding = of(
        NTS,
        NTS_ROWS[0],
        without=["nts.example"],
        authdata="10.0.0.1,-,0,0,0,4294967295,0,0,0,0\n",
        selectdata=selection("W", "10.0.0.1"),
    )
    assert_fails(finding, Key.NTS_STARVATION, "10.0.0.1", "nts.example")
    assert finding.seen["without_address"] == ["nts.example"]


def test_a_required_server_that_is_not_usable_starves_the_others():
    finding = of(
        "server 10.0.0.1\nserver 10.0.0.2 require\n",
        source("10.0.0.1", "-"),
        source("10.0.0.2", "?", reach=0),
        authdata="",
        selectdata=selection("W", "10.0.0.1")
        + selection("M", "10.0.0.2", configured="---R-", effective="---R-", last=NEVER),
    )
    assert_fails(finding, Key.WAITS_FOR_REQUIRED, "10.0.0.1", "10.0.0.2")


def test_sources_that_wait_for_more_of_their_kind_are_no_matter_of_authentication():
    waiting = selection("W", "10.9.9.9", "Y", effective="--TR-")
    keys = nts("10.9.9.9", last_ke=9, cookies=8)
    assert of(NTS, *NTS_ROWS, **{**STARVED, "authdata": keys, "selectdata": waiting}).state == "pass"


@pytest.mark.parametrize(
    ("row", "shown", "others"),
    [
        pytest.param(nts("10.9.9.9", attempts=3), [], ["7200 s", "NAK"], id="never"),
        pytest.param(nts("10.9.9.9", last_ke=7200, attempts=3), ["7200 s"], ["NAK"], id="run out"),
        pytest.param(nts("10.9.9.9", last_ke=60, nak=1), ["NAK"], ["7200 s"], id="NAK"),
    ],
)
def test_an_nts_server_without_keys_is_noted_while_another_source_is_selected(row, shown, others):
    rows = (source("nts.example"), source("other.example", "?", reach=0))
    finding = of(
        "server nts.example nts\nserver other.example nts\n",
        *rows,
        sources=source("10.8.8.8") + source("10.9.9.9", "?", reach=0),
        authdata=nts("10.8.8.8", last_ke=60, cookies=8) + row,
        selectdata=selection("*", "10.8.8.8", "Y") + selection("M", "10.9.9.9", "Y", last=NEVER),
    )
    assert_noted(finding, "NTS", "other.example", "10.9.9.9", *shown)
    assert unsaid(finding.summary, "10.8.8.8", *others) == ["10.8.8.8", *others]


def test_key_establishment_that_is_under_way_is_no_fault():
    waits = {"authdata": nts("10.9.9.9"), "selectdata": selection("M", "10.9.9.9", "Y", last=NEVER)}
    assert of("server 10.9.9.9 nts\n", source("10.9.9.9", "?", reach=0), **waits).state == "pass"


def test_without_root_it_is_inconclusive_only_if_authentication_is_asked_for():
    refused = dict.fromkeys(("authdata", "selectdata"), answer("501 Not authorised\n", 1))
    assert of(THREE, *RUNNING, **refused).state == "pass"
    finding = of(NTS, *NTS_ROWS, **refused)
    assert (finding.state, finding.keys) == ("inconclusive", (Key.NEEDS_ROOT,))
    assert not unsaid(finding.summary, "501 Not authorised")
    assert "`become: true`" in finding.remedy
    both = of(NTS + "server d.example\n", *NTS_ROWS, **refused)
    assert (both.state, both.keys) == ("fail", (Key.CHANGED_SINCE_START, Key.NEEDS_ROOT))


# makestep


def stepping(text, system_time_s, settings=None, leap="Normal"):
    shown = tracking(system_time_s=system_time_s, leap=leap)
    return judge(settings, chrony=chrony(shown, config=f"server 10.77.0.1\n{text}"))


@pytest.mark.parametrize(
    ("text", "system_time_s", "shown"),
    [
        pytest.param("makestep 1 3", 612.0, ["612.000 s behind", "2.0 h", "83333 ppm"], id="h"),
        pytest.param(
            "makestep 0.1 3\nmaxslewrate 500", -45.0, ["45.000 s ahead", "25.0 h", " 500 ppm"], id="a slow rate"
        ),
        pytest.param(
            "makestep 1 3\nmaxslewrate 900000",
            30.0,
            ["30.000 s behind", "5.0 min", " 100000 ppm"],
            id="more than Linux can",
        ),
        pytest.param("makestep 1 3\nmaxslewrate 0", 2.0, ["2.000 s behind", "(maxslewrate 0)"], id="never"),
    ],
)
def test_a_clock_beyond_the_threshold_will_only_be_slewed(text, system_time_s, shown):
    finding = stepping(text, system_time_s)
    assert_fails(finding, Key.MAKESTEP_USED_UP, "makestep", " 3 ", *shown)
    assert not unsaid(finding.remedy, "`chronyc makestep`", "`systemctl restart chrony.service`")


def test_a_chronyd_that_may_always_step_and_does_not_was_started_with_another_line():
    finding = stepping("makestep 1 -1", 5.0)
    assert_fails(finding, Key.CHANGED_SINCE_START, "makestep", "5.000 s behind")
    assert "-1" not in finding.summary


def test_without_makestep_a_slew_is_as_written_and_only_noted():
    finding = stepping("", 5.0)
    assert_noted(finding, "5.000 s behind", "1.0 min", "83333 ppm")


def test_what_is_within_the_threshold_or_the_limit_of_the_clocks_error_needs_no_step():
    assert stepping("makestep 1 3", 0.9).state == "pass"
    assert stepping("makestep 600 3", 45.0).state == "pass"
    assert stepping("makestep 0.1 3", 0.9).state == "pass"
    assert stepping("makestep 0.1 3", 0.9, {"max_clock_error_s": 0.5}).state == "fail"


def test_before_the_first_update_nothing_is_known_of_steps():
    assert stepping("makestep 1 3", 5.0, leap="Not synchronised").state == "pass"


# Where it can't be asked


def test_if_another_daemon_steers_the_clock_the_question_does_not_arise():
    finding = judge(time_services=time_services(unit("systemd-timesyncd.service")))
    assert (finding.state, finding.keys, finding.seen) == ("pass", (), {})


def test_without_a_daemon_that_runs_it_is_skipped():
    finding = judge(time_services=time_services())
    assert (finding.state, finding.keys) == ("skipped", (CommonKey.NO_DAEMON,))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param(
            {"sources_all": answer("Unrecognized", 1)},
            "chronyc -N sources -a .*: Unrecognized",
            id="a chronyc before 4.0",
        ),
        pytest.param({"sources_all": answer(source("?"))}, "chronyc .* names", id="no names"),
        pytest.param({"activity": {"error": "timed out"}}, "activity .*: timed out", id="no activity"),
    ],
)
def test_what_chronyc_did_not_show_is_missing_evidence(changes, message):
    with pytest.raises(MissingEvidenceError, match=message):
        of(THREE, *RUNNING, **changes)


def test_a_configuration_that_was_not_read_is_missing_evidence():
    section = {**chrony(), "config": {"path": MAIN, "files": [], "unread": [{"path": MAIN, "error": "denied"}]}}
    with pytest.raises(MissingEvidenceError, match=r"/etc/chrony/chrony.conf .*: denied"):
        judge(chrony=section)


def test_several_faults_are_reported_together():
    finding = of("server a.example\nserver b.example\nmakestep 1 3\n", RUNNING[0], tracking=tracking(system_time_s=9.0))
    assert (finding.state, finding.keys) == ("fail", (Key.CHANGED_SINCE_START, Key.MAKESTEP_USED_UP))
    assert not unsaid(finding.summary, f"b.example ({MAIN}:2)", "9.000 s behind")
