"""What happened at the last boots decides, and the units only where nothing is recorded."""

from __future__ import annotations

import math

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.evidence import parse_evidence
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks.next_boot import Key
from hypothesis import given
from hypothesis import strategies as st

from tests import builders
from tests.builders import NS, TRUE_NS, boot_unit
from tests.findings import unsaid
from tests.unit.plugin_utils.checks.booting import (
    ABSENT,
    CONFIG,
    CONTAINERD,
    KUBELET,
    ONLY_SLEWS,
    OPENNTPD,
    ORDERED,
    TARGET,
    TIME_WAIT_SYNC,
    TIMESYNCD,
    WAIT,
    WAIT_OFF,
    judge,
    ntpd,
    ntpd_rs,
    openntpd,
    rtc,
)
from tests.unit.plugin_utils.checks.past import CHRONY, DAY_S, Boot, chronyd, past

HEALTHY = chronyd(0.0, 0.0)
FAILED_AND_STARTED_BY_HAND = (
    Boot().add(3.9, "starting").add(4.2, "failed").says(400.0, "chronyd version 4.3").says(410.0, "Selected source a")
)

REFUSED = {  # the units, what is recorded, further changes; the keys, what the reader sees, whether the gate helps
    "a kubelet started before the clock was stepped": (
        [WAIT_OFF, KUBELET],
        chronyd(600.0),
        {},
        (Key.STARTED_TOO_EARLY, Key.NOTHING_WAITS),
        ["kubelet.service started after 4.0 s", "600 s ahead", "right only after 9.5 s", "5.5 s later"],
        True,
    ),
    "a clock that is set back": (
        [WAIT_OFF, KUBELET],
        chronyd(-28_000.0),
        {},
        (Key.STARTED_TOO_EARLY, Key.NOTHING_WAITS),
        ["28000 s behind"],
        True,
    ),
    "it happened at the boot before": (
        [WAIT_OFF, KUBELET],
        chronyd(0.0, 600.0),
        {},
        (Key.STARTED_TOO_EARLY, Key.NOTHING_WAITS),
        ["at the boot before"],
        True,
    ),
    "a wait that ended too early": (
        [WAIT, TARGET, ORDERED],
        chronyd(600.0),
        {},
        (Key.STARTED_TOO_EARLY,),
        ["600 s ahead"],
        False,
    ),
    "every boot, and no cluster unit yet": (
        [WAIT_OFF],
        chronyd(600.0, 598.0, 601.0),
        {},
        (Key.OFF_AT_EVERY_BOOT, Key.NOTHING_WAITS),
        ["each of the last 3 boots", "600 s ahead, 598 s ahead, 601 s ahead", "what the join installs"],
        True,
    ),
    "the last two of three boots": (
        [WAIT_OFF],
        chronyd(600.0, 600.0, 0.0),
        {},
        (Key.OFF_AT_EVERY_BOOT, Key.NOTHING_WAITS),
        ["each of the last 2 boots"],
        True,
    ),
    "every boot, and a daemon that does not step any more": (
        [WAIT, TARGET],
        chronyd(600.0, 600.0),
        {"config": ONLY_SLEWS},
        (Key.OFF_AT_EVERY_BOOT, Key.NO_STEP),
        ["each of the last 2 boots"],
        True,
    ),
    "a slew": (
        [WAIT, TARGET],
        past(Boot(600.0).chronyd(steps=False)),
        {"config": ONLY_SLEWS},
        (Key.ONLY_SLEWED, Key.NO_STEP),
        ["600 s ahead", "right after 7210 s at the earliest"],
        True,
    ),
    "a slew although the configuration steps": (
        [WAIT, TARGET],
        past(Boot(600.0).chronyd(steps=False)),
        {},
        (Key.ONLY_SLEWED,),
        ["only slewed"],
        False,
    ),
    "a daemon that failed, and was started by hand": (
        [WAIT, TARGET],
        past(FAILED_AND_STARTED_BY_HAND),
        {},
        (Key.FAILED_AT_BOOT,),
        ["failed to start (after 4 s)", "ran only from 400 s on"],
        False,
    ),
    "a daemon that systemd skipped": (
        [WAIT, TARGET],
        past(Boot().add(3.9, "skipped").starts(400.0, CHRONY)),
        {},
        (Key.FAILED_AT_BOOT,),
        ["was skipped by systemd, as a condition was not met (after 4 s)", "ran only from 400 s on"],
        False,
    ),
    "a daemon that failed at the boot before": (
        [WAIT, TARGET],
        past(Boot(days=1).starts(4.0), Boot(days=2).add(3.9, "starting").add(4.2, "failed")),
        {},
        (Key.FAILED_AT_BOOT,),
        ["at the boot before chrony.service failed to start", "did not run"],
        False,
    ),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_what_went_wrong_at_a_boot_refuses_with_the_numbers(case):
    units, recorded, node, keys, shown, helps = case
    finding = judge(*units, past_boots=recorded, **node)
    assert (finding.state, finding.keys) == ("fail", keys), finding.summary
    assert not unsaid(finding.summary, *shown)
    assert finding.beyond_remediation != helps
    # Without what is recorded it would pass: the RTC is right.
    if "config" not in node:
        assert judge(*units, **node).state == "pass"


PASSING = {  # the units, what is recorded, further changes, what the reader sees
    "healthy boots": ([WAIT, TARGET, ORDERED], HEALTHY, {}, ["at 2 recorded boots", "never off"]),
    "healthy boots, and a kubelet that does not wait": ([WAIT_OFF, KUBELET], HEALTHY, {}, ["never off", "would help"]),
    "healthy boots without an RTC": ([WAIT_OFF, KUBELET], HEALTHY, {"clock": ABSENT}, ["no RTC, but at each"]),
    "off at every boot, and kubelet waits": (
        [WAIT, TARGET, ORDERED],
        chronyd(600.0, 600.0, kubelet_s=12.0),
        {},
        ["each of the last 2 boots", "600 s ahead", "right after 10 s"],
    ),
    "off at every boot, and the join finds a wait": (
        [WAIT, TARGET],
        chronyd(600.0, 600.0),
        {},
        ["the join must order it"],
    ),
    "off at one boot, and no cluster unit yet": (
        [WAIT_OFF],
        chronyd(600.0),
        {},
        ["at 1 recorded boot ", "600 s ahead"],
    ),
    "off at one of two boots, and no cluster unit yet": ([WAIT_OFF], chronyd(0.0, 600.0), {}, ["600 s ahead"]),
    "off by less than a client tolerates": ([WAIT_OFF, KUBELET], chronyd(5.0, 5.0), {}, ["5 s ahead"]),
    "a small error that is slewed": (
        [WAIT_OFF, KUBELET],
        past(Boot(5.0).starts(4.0).chronyd(steps=False)),
        {},
        ["5 s ahead", "right after 70 s at the earliest"],
    ),
    "a daemon that systemd started again": (
        [WAIT, TARGET],
        past(Boot().add(4.2, "failed").says(5.0, "chronyd version 4.3").says(9.0, "Selected source a")),
        {},
        ["never off"],
    ),
    "a daemon that failed, and started at the boot after": (
        [WAIT, TARGET],
        past(Boot(days=1).chronyd(), Boot(days=2).add(3.9, "starting").add(4.2, "failed")),
        {},
        ["never off"],
    ),
    "a wait that ended too early, and held at the boot after": (
        [WAIT, TARGET, ORDERED],
        past(Boot(600.0, days=1).chronyd().starts(12.0), Boot(600.0, days=2).starts(4.0).chronyd()),
        {},
        ["each of the last 2 boots"],
    ),
    "a slew, and a step at the boot after": (
        [WAIT, TARGET],
        past(Boot(600.0, days=1).chronyd(), Boot(600.0, days=2).chronyd(steps=False)),
        {},
        ["each of the last 2 boots"],
    ),
    "a clock that was set off later": (
        [WAIT_OFF, KUBELET],
        past(Boot().starts(4.0).chronyd().stepped(600).says(900.0, "System clock wrong by -600.0 seconds")),
        {},
        ["never off"],
    ),
}


@pytest.mark.parametrize(("units", "recorded", "node", "shown"), PASSING.values(), ids=PASSING)
def test_boots_that_ended_well_pass_with_the_numbers(units, recorded, node, shown):
    finding = judge(*units, past_boots=recorded, **node)
    assert (finding.state, finding.keys) == ("pass", ()), finding.summary
    assert not unsaid(finding.summary, *shown)
    assert [boot["boot"] for boot in finding.seen["past_boots"]] == [0, -1][: len(recorded["boots"])]


CHANGED = {
    "kubelet's order": {"changed_days": {"kubelet.service": 0.5}},
    "the wait": {"changed_days": {"chrony-wait.service": 0.5}},
    "the daemon": {"changed_days": {CHRONY: 0.5}},
    "the RTC": {"rtc_set_s": TRUE_NS / NS - DAY_S / 2},
}


@pytest.mark.parametrize("changed", CHANGED.values(), ids=CHANGED)
def test_a_boot_does_not_count_after_what_decided_it_was_changed(changed):
    """Otherwise a node that was fixed would be refused until it is rebooted often enough."""
    units = [WAIT, TARGET, ORDERED]
    assert judge(*units, past_boots=chronyd(600.0)).state == "fail"
    finding = judge(*units, past_boots=chronyd(600.0, **changed))
    assert finding.state == "pass"
    assert "no boot has happened since" in finding.summary


ORDERS = {  # how kubelet comes after the wait; whether a boot still counts after containerd was changed
    "by way of containerd": (boot_unit("kubelet.service", after=("containerd.service",)), "pass"),
    "itself": (boot_unit("kubelet.service", after=("containerd.service", "time-sync.target")), "fail"),
}


@pytest.mark.parametrize(("kubelet", "state"), ORDERS.values(), ids=ORDERS)
def test_the_order_of_a_runtime_decides_if_kubelet_waits_by_way_of_it(kubelet, state):
    recorded = chronyd(600.0, changed_days={"containerd.service": 0.5})
    finding = judge(WAIT, TARGET, kubelet, CONTAINERD, past_boots=recorded)
    assert finding.state == state, finding.summary
    assert ("since the order of kubelet.service was changed" in finding.summary) == (state == "pass")
    assert judge(WAIT, TARGET, kubelet, CONTAINERD, past_boots=chronyd(600.0)).state == "fail"


def test_a_wait_that_ended_too_early_is_named_with_its_unit():
    units = TIME_WAIT_SYNC, TARGET, ORDERED
    finding = judge(*units, past_boots=chronyd(600.0))
    assert not unsaid(finding.remedy, "systemctl status systemd-time-wait-sync.service`")


def test_a_kubelet_that_waits_for_nothing_and_was_late_once_by_chance_is_refused():
    boots = Boot(600.0, days=1).chronyd().starts(12.0), Boot(600.0, days=2).starts(4.0).chronyd()
    assert judge(WAIT_OFF, KUBELET, past_boots=past(*boots)).keys == (Key.STARTED_TOO_EARLY, Key.NOTHING_WAITS)


def test_a_configuration_that_was_written_since_the_boot_is_a_change_too():
    def written(days: float, path: str = "/etc/chrony/chrony.conf") -> str:
        section = builders.chrony(config=CONFIG)
        section["config"]["files"][0] |= {"path": path, "mtime_s": TRUE_NS / NS - days * DAY_S}
        section["config"]["path"] = path
        return judge(WAIT_OFF, KUBELET, past_boots=chronyd(600.0), chrony=section).state

    assert (written(2.0), written(0.5), written(0.5, "/run/chrony/chrony.conf")) == ("fail", "pass", "fail")


def test_what_the_hypervisor_does_counts_whatever_was_changed_on_the_node():
    finding = judge(
        WAIT_OFF, KUBELET, past_boots=chronyd(600.0, 600.0, changed_days={CHRONY: 0.5, "kubelet.service": 0.5})
    )
    assert finding.keys == (Key.OFF_AT_EVERY_BOOT, Key.NOTHING_WAITS)


def test_healthy_boots_do_not_excuse_an_rtc_that_is_off_now():
    assert judge(WAIT_OFF, KUBELET, past_boots=HEALTHY, clock=rtc(-612.0)).keys == (Key.RTC_OFF, Key.NOTHING_WAITS)


def test_a_clock_that_was_saved_at_the_shutdown_is_not_kept():
    quick = chronyd(-20.0, -20.0)
    assert judge(WAIT_OFF, KUBELET, past_boots=quick, clock=ABSENT).keys == (Key.RTC_ABSENT, Key.NOTHING_WAITS)
    saved = judge(WAIT_OFF, KUBELET, past_boots=HEALTHY, clock=ABSENT, fake_hwclock="2026-11-22 11:17:01")
    assert saved.keys == (Key.RTC_ABSENT, Key.NOTHING_WAITS)


def gate_steps(off_s: float) -> tuple[dict[str, object], float]:
    """This boot of a node with a kubelet and a chronyd whose server is dead: after 20 minutes the
    gate writes another server, and chronyd steps. Also the time that the gate's files have.
    """
    boot = Boot(off_s, days=2000 / DAY_S).starts(4.0)
    at_s = 1195.0
    written_s = boot.began_s + off_s + at_s
    boot.add(at_s, "starting").starts(1196.0, CHRONY).says(1200.0, "Selected source 10.77.0.1").stepped(-off_s)
    boot.says(1200.01, f"System clock wrong by {-off_s:.6f} seconds")
    boot.says(1200.03, f"System clock was stepped by {-off_s:.6f} seconds")
    return past(boot), written_s


@pytest.mark.parametrize("units_too", [True, False])
@pytest.mark.parametrize("off_s", [-28_000.0, -3600.0, -600.0, 600.0, 28_000.0])
def test_what_the_gate_wrote_while_the_clock_was_still_off_is_a_change_since_the_boot(off_s, units_too):
    """With a clock that is behind, the files have a time from before the boot."""
    recorded, written_s = gate_steps(off_s)
    section = builders.chrony(config=CONFIG)
    if units_too:
        recorded["changed_s"] = dict.fromkeys(recorded["changed_s"], written_s)
    else:
        section["config"]["files"][0]["mtime_s"] = written_s
    finding = judge(WAIT, TARGET, ORDERED, past_boots=recorded, chrony=section)
    assert finding.state == "pass", finding.summary
    assert "no boot has happened since" in finding.summary


def test_what_was_changed_long_before_a_boot_counts_with_a_clock_from_1970():
    boot = Boot(-TRUE_NS / NS + DAY_S).starts(4.0).chronyd()
    section = past(boot)
    assert boot.entries[0]["wall_us"] < 10 * 1_000_000
    assert judge(WAIT, TARGET, ORDERED, past_boots=section).keys == (Key.STARTED_TOO_EARLY,)
    assert judge(WAIT, TARGET, ORDERED, past_boots={**section, "changed_s": {}}).keys == (Key.STARTED_TOO_EARLY,)


def test_an_option_that_was_removed_from_the_options_file_is_a_change_too():
    def written(days: float) -> str:
        options = {"path": "/etc/default/chrony", "text": "", "mtime_s": TRUE_NS / NS - days * DAY_S}
        section = {**builders.chrony(config=CONFIG), "defaults": [options]}
        return judge(WAIT, TARGET, past_boots=past(Boot(600.0).chronyd(steps=False)), chrony=section).state

    assert (written(2.0), written(0.5)) == ("fail", "pass")


def test_a_boot_that_the_journal_counts_twice_is_one():
    section = chronyd(600.0, 600.0)
    assert judge(WAIT_OFF, past_boots=section).state == "fail"
    for boot in section["boots"]:
        boot["boot_id"] = "164c29071f8941148fd0a2f1dfeb34a7"
    finding = judge(WAIT_OFF, past_boots=section)
    assert (finding.state, len(finding.seen["past_boots"])) == ("pass", 1), finding.summary


def without_its_beginning(days: float, by_s: float = 0.0) -> Boot:
    """A boot of which the journal has only what came days later; ``by_s``: then chronyd stepped."""
    boot = Boot(-by_s, days=days).starts(350_000.0).says(400_000.0, "Selected source 10.77.0.2")
    boot.lasts_s = 410_000.0
    if by_s:
        boot.stepped(by_s).says(400_000.01, f"System clock wrong by {by_s:.6f} seconds")
        boot.says(400_000.03, f"System clock was stepped by {by_s:.6f} seconds")
    return boot


def test_a_boot_whose_beginning_is_lost_says_neither_that_the_clock_was_right_nor_that_it_was_not():
    kept = past(without_its_beginning(5), without_its_beginning(10))
    absent = judge(WAIT_OFF, KUBELET, past_boots=kept, clock=ABSENT)
    assert absent.keys == (Key.RTC_ABSENT, Key.NOTHING_WAITS)
    set_off_later = judge(WAIT_OFF, KUBELET, past_boots=past(without_its_beginning(5, 600.0)))
    assert set_off_later.state == "pass", set_off_later.summary
    assert "the journal shows no boot" in set_off_later.summary


@pytest.mark.parametrize(("at_s", "early"), [(400.0, True), (400_000.0, False)])
def test_a_daemon_that_is_silent_when_the_clock_is_right_may_step_what_was_set_off_later(at_s, early):
    boot = Boot(days=6).starts(4.0).says(6.0, "INIT: ntpd ntpsec-1.2.2: Starting", "ntpd.service")
    boot.says(at_s, "CLOCK: time stepped by 600.000000", "ntpd.service")
    finding = judge(KUBELET, past_boots=past(boot), **ntpd(" -g"))
    assert (Key.STARTED_TOO_EARLY in finding.keys) == early, finding.summary


FAILURES = {  # how the daemon's start ended; whether that refuses
    "it says why, and is started by hand": (
        Boot()
        .add(3.9, "starting")
        .says(4.0, "chronyd version 4.3 starting (+CMDMON)")
        .says(4.1, "Fatal error : Could not open /var/log/chrony/tracking.log")
        .add(4.2, "failed")
        .starts(400.0, CHRONY)
        .says(400.1, "chronyd version 4.3 starting (+CMDMON)"),
        True,
    ),
    "systemd starts again one that logs to a file": (
        Boot().add(3.9, "starting").add(4.2, "failed").starts(4.5, CHRONY),
        False,
    ),
    "it logs to a file, and ends later": (Boot().starts(4.5, CHRONY).add(40_000.0, "failed"), False),
}


@pytest.mark.parametrize(("boot", "refused"), FAILURES.values(), ids=FAILURES)
def test_a_start_failed_if_systemd_says_so_whatever_the_daemon_says(boot, refused):
    finding = judge(WAIT, TARGET, past_boots=past(boot))
    assert finding.keys == ((Key.FAILED_AT_BOOT,) if refused else ()), finding.summary


@pytest.mark.parametrize("rate", ["1e-320", "1e-300", "1e-9"])
def test_a_slew_has_an_end_that_json_can_say(rate):
    config = f"{ONLY_SLEWS}maxslewrate {rate}\n"
    finding = judge(WAIT_OFF, past_boots=past(Boot(600.0).chronyd(steps=False)), config=config)
    assert finding.keys == (Key.ONLY_SLEWED, Key.NO_STEP)
    assert math.isfinite(finding.seen["past_boots"][0]["right_after_s"])


def test_an_error_of_more_than_any_clock_can_have_is_none():
    boot = Boot(600.0).starts(4.0).says(5.0, f"System clock wrong by {'9' * 200}.0 seconds")
    assert judge(WAIT_OFF, KUBELET, past_boots=past(boot)).state == "pass"


@pytest.mark.parametrize("message", ["Selected source 10.77.0.1", "System clock was stepped by -600.000000 seconds"])
def test_without_known_words_of_the_daemon_the_units_decide(message):
    boot = Boot(600.0).starts(4.0).says(9.5, message, "ntpd-rs.service").stepped(-600.0).starts(10.0, "ntpd-rs.service")
    finding = judge(KUBELET, past_boots=past(boot, boot), **ntpd_rs("[[source]]\nmode = 'server'\naddress = 'a'\n"))
    assert finding.keys == (), finding.summary
    assert "no boot is recorded" in finding.summary


NOT_RECORDED = {
    "not taken": None,
    "an error": {"error": "TimeoutError: it did not end within its bound"},
    "no journal": past(),
    "an empty journal": past(Boot()),
    "nothing of the daemon": past(Boot(600.0).starts(4.0)),
    "not yet selected": past(Boot(600.0).starts(4.0).says(5.0, "chronyd version 4.3 starting")),
}


@pytest.mark.parametrize("recorded", NOT_RECORDED.values(), ids=NOT_RECORDED)
def test_the_units_decide_if_no_boot_is_recorded(recorded):
    finding = judge(WAIT_OFF, KUBELET, past_boots=recorded)
    assert finding.state == "pass"
    assert "no boot is recorded" in finding.summary
    assert judge(WAIT_OFF, KUBELET, past_boots=recorded, clock=ABSENT).keys == (Key.RTC_ABSENT, Key.NOTHING_WAITS)


@pytest.mark.parametrize("steps", [True, False])
def test_what_a_power_cut_took_from_the_journal_is_not_taken_for_a_silence(steps):
    """The daemon has said how wrong the clock is, or not even that."""
    boot = Boot(600.0, days=2).starts(4.0).chronyd(steps=False)
    boot.entries = boot.entries[: None if steps else -1]
    boot.lasts_s = boot.entries[-1]["mono_us"] / 1e6
    finding = judge(WAIT_OFF, KUBELET, past_boots=past(Boot(), boot))
    assert finding.state == "pass"
    assert "no boot is recorded" in finding.summary


def of(unit: str, *said: tuple[float, str], steps_at: float = 0.0) -> dict[str, object]:
    boot = Boot(600.0).starts(4.0)
    for at_s, message in said:
        if at_s == steps_at:
            boot.stepped(-600.0)
        boot.says(at_s, message, unit)
    return past(boot)


DAEMONS = {
    "timesyncd": (
        {"daemons": (TIMESYNCD,), "processes": (), "chrony": None},
        of(
            "systemd-timesyncd.service",
            (5.06, "Contacted time server 10.77.0.1:123 (10.77.0.1)."),
            (5.07, "Initial clock synchronization to Sun 2026-11-29 10:29:22.417203 UTC."),
            steps_at=5.06,
        ),
    ),
    "timesyncd of systemd 247": (
        {"daemons": (TIMESYNCD,), "processes": (), "chrony": None},
        of(
            "systemd-timesyncd.service",
            (5.06, "Initial synchronization to time server 10.77.0.1:123 (10.77.0.1)."),
            steps_at=5.06,
        ),
    ),
    "ntpsec": (
        ntpd(" -g"),
        of(
            "ntpd.service",
            (6.17, "INIT: ntpd ntpsec-1.2.2: Starting"),
            (13.4, "CLOCK: time stepped by -599.992423"),
            steps_at=13.4,
        ),
    ),
    "ntp": (
        ntpd(" -g"),
        of("ntpd.service", (13.4, "0.0.0.0 c61c 0c clock_step -599.992423 s"), steps_at=13.4),
    ),
    "openntpd": (
        openntpd(" -s"),
        of(
            OPENNTPD["unit"],
            (13.4, "set local clock to Sun Nov 29 10:29:22 UTC 2026 (offset -600.000000s)"),
            steps_at=13.4,
        ),
    ),
}


@pytest.mark.parametrize(("node", "recorded"), DAEMONS.values(), ids=DAEMONS)
def test_each_daemon_has_its_words(node, recorded):
    finding = judge(KUBELET, past_boots=recorded, **node)
    assert Key.STARTED_TOO_EARLY in finding.keys, finding.summary
    assert "600 s ahead" in finding.summary


def test_openntpd_that_slews_takes_two_thousand_times_as_long():
    said = of(OPENNTPD["unit"], (200.0, "adjusting local clock by -600.000000s"))
    finding = judge(past_boots=said, **openntpd(""))
    assert finding.keys == (Key.ONLY_SLEWED, Key.NO_STEP)
    assert "1200200 s" in finding.summary


def test_a_chronyd_that_reports_only_large_errors_says_nothing_by_a_selection():
    config = "server 10.77.0.1 iburst\nmakestep 1 3\nrtcsync\nlogchange 100\n"
    assert "no boot is recorded" in judge(WAIT_OFF, past_boots=HEALTHY, config=config).summary


ENTRIES = st.lists(
    st.fixed_dictionaries(
        {
            "wall_us": st.integers(0, 2**63 // 1000),
            "mono_us": st.integers(0, 2**63 // 1000),
            "what": st.sampled_from(["said", "starting", "started", "failed", "skipped", "jumped_back", "?"]),
            "unit": st.sampled_from([CHRONY, "kubelet.service", "?"]),
        },
        optional={
            "message": st.sampled_from(["Selected source a", "System clock was stepped by 5.0 seconds", ""])
            | st.integers(-(10**400), 10**400).map("System clock wrong by {}.0 seconds".format)
        },
    ),
    max_size=20,
)


@given(entries=st.lists(ENTRIES, max_size=3), config=st.sampled_from(["", "maxslewrate 0\n", "logchange nan\n"]))
def test_whatever_a_node_says_of_its_boots_is_judged(entries, config):
    boots = [{"boot_id": None, "entries": each, "last_mono_us": None, "cut_off": False} for each in entries]
    section = {"boots": boots, "ended_because": None, "changed_s": {}, "rtc_set_s": 0.0}
    assert parse_evidence({"past_boots": section})["past_boots"] == section
    finding = judge(WAIT_OFF, KUBELET, past_boots=section, config=f"server 10.77.0.1\nmakestep 1 3\n{config}")
    assert finding.state in ("pass", "fail")


@given(
    off_s=st.floats(-100_000, 100_000),
    kubelet_s=st.floats(0.5, 60),
    right_s=st.floats(5.0, 60),
)
def test_a_kubelet_is_early_only_before_the_step_and_beyond_a_budget(off_s, kubelet_s, right_s):
    boot = Boot(off_s)
    early = kubelet_s < right_s
    if early:
        boot.starts(kubelet_s)
    boot.chronyd(right_s)
    if not early:
        boot.starts(kubelet_s + 0.1)
    finding = judge(WAIT_OFF, KUBELET, past_boots=past(boot))
    refused = Key.STARTED_TOO_EARLY in finding.keys
    if refused:
        assert early
        assert not -89 < off_s < 29
    elif early:
        assert -90 < off_s < 34
