"""From what the clock starts at the next boot, and whether the daemon sets it right."""

from __future__ import annotations

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks.next_boot import Key
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import MissingEvidenceError
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import CHRONY_UNIT, unit
from tests.findings import unsaid
from tests.unit.plugin_utils.checks.booting import (
    ABSENT,
    CONFIG,
    KUBELET,
    NTPD,
    ONLY_SLEWS,
    ORDERED,
    TARGET,
    TIMESYNCD,
    WAIT,
    WAIT_OFF,
    judge,
    ntp_conf,
    ntpd,
    ntpd_rs,
    openntpd,
    rtc,
)

DEBIANS = '[synchronization]\nstartup-step-panic-threshold = { forward="inf", backward = 86400 }\n'
FORWARD = "[synchronization]\nstartup-step-panic-threshold = { forward = 1800 }\n"

PASSING = {  # the units, the node, the state of its RTC, and what the reader sees
    "a wrong RTC, but kubelet waits": ([WAIT, TARGET, ORDERED], {"clock": rtc(-612.0)}, "off", ["612 s behind"]),
    "no RTC, and kubelet waits": ([WAIT, TARGET, ORDERED], {"clock": ABSENT}, "absent", ["RTC"]),
    "a right RTC, and a daemon that slews": ([WAIT_OFF], {"config": ONLY_SLEWS}, "right", ["makestep", "1 s"]),
    "a wrong RTC, and no cluster unit yet": ([WAIT_OFF], {"clock": rtc(3600.0)}, "off", ["3600 s ahead"]),
    "an RTC in local time, and a step": (
        [WAIT_OFF, KUBELET],
        {"clock": rtc(7200.0, local_time=True)},
        "local",
        ["/etc/adjtime"],
    ),
    "ntpd -g without an RTC": ([], ntpd(" -g -u ntp:ntp", clock=ABSENT), "absent", ["0.128 s"]),
    "ntpd without -g, by a wrong RTC that it tolerates": ([], ntpd(clock=rtc(600.0)), "off", ["1000 s", "-g"]),
    "ntpd-rs as Debian has it, without an RTC": ([], ntpd_rs(DEBIANS, clock=ABSENT), "absent", ["0.01 s", "86400 s"]),
    "ntpd-rs with a threshold for the other direction": (
        [],
        ntpd_rs(FORWARD, clock=rtc(7200.0)),
        "off",
        ["7200 s ahead", "1800 s forward"],
    ),
    "openntpd -s": (
        [],
        openntpd(" -s", clock=ABSENT, fake_hwclock="2026-11-22 11:17:01"),
        "absent",
        ["2026-11-22 11:17:01", "fake-hwclock"],
    ),
}


@pytest.mark.parametrize(("units", "node", "of_rtc", "shown"), PASSING.values(), ids=PASSING)
def test_a_boot_that_ends_with_the_right_time_passes_and_reports_what_is_weak(units, node, of_rtc, shown):
    finding = judge(*units, **node)
    assert (finding.state, finding.keys) == ("pass", ()), finding.summary
    assert finding.seen["rtc"] == of_rtc
    assert not unsaid(finding.summary, *shown)
    assert all(finding.seen["at_boot"])


SET_RTC = "hwclock --systohc --utc"
FAILING = {  # the units, the node, what the RTC is and what the daemon does about it, what the reader sees, and what to do
    "no RTC, and no step": (
        [WAIT],
        {"clock": ABSENT, "config": ONLY_SLEWS},
        (Key.RTC_ABSENT, Key.NO_STEP),
        [],
        ["makestep 1 3"],
    ),
    "a wrong RTC, and no step": (
        [WAIT],
        {"clock": rtc(-612.0), "config": ONLY_SLEWS},
        (Key.RTC_OFF, Key.NO_STEP),
        ["612 s behind", "makestep"],
        ["makestep 1 3", SET_RTC],
    ),
    "a step only beyond what the RTC is off": (
        [WAIT],
        {"clock": rtc(-612.0), "config": "makestep 1000 3\n"},
        (Key.RTC_OFF, Key.NO_STEP),
        ["612 s behind", "1000 s (makestep 1000 3)"],
        ["makestep 1 3", SET_RTC],
    ),
    "makestep 1 0 steps never": (
        [WAIT],
        {"clock": ABSENT, "config": "makestep 1 0\n"},
        (Key.RTC_ABSENT, Key.NO_STEP),
        [],
        ["makestep 1 3"],
    ),
    "an RTC in local time, and no step": (
        [],
        {"clock": rtc(7200.0, local_time=True), "config": ONLY_SLEWS},
        (Key.RTC_LOCAL, Key.NO_STEP),
        ["/etc/adjtime"],
        [SET_RTC],
    ),
    "ntpd gives up": (
        [],
        ntpd(" -u ntp:ntp", clock=rtc(-7200.0)),
        (Key.RTC_OFF, Key.GIVES_UP),
        ["ntpd.service", "7200 s behind", "1000 s"],
        ["ntpd", "-g", SET_RTC],
    ),
    "ntpd-rs gives up, without an RTC": (
        [],
        ntpd_rs(FORWARD, clock=ABSENT),
        (Key.RTC_ABSENT, Key.GIVES_UP),
        ["ntpd-rs.service", "1800 s forward"],
        ["startup-step-panic-threshold", "ntp.toml"],
    ),
    "ntpd-rs gives up, with an RTC that is ahead": (
        [],
        ntpd_rs(DEBIANS, clock=rtc(90_000.0)),
        (Key.RTC_OFF, Key.GIVES_UP),
        ["90000 s ahead", "86400 s backward"],
        ["startup-step-panic-threshold", SET_RTC],
    ),
    "ntpd-rs gives up, with an RTC that is behind": (
        [],
        ntpd_rs(FORWARD, clock=rtc(-7200.0)),
        (Key.RTC_OFF, Key.GIVES_UP),
        ["7200 s behind", "1800 s forward"],
        ["startup-step-panic-threshold", SET_RTC],
    ),
    "ntpd -x slews": (
        [],
        ntpd(" -g -x", "pool pool.ntp.org # tinker step 0.1", clock=rtc(-300.0)),
        (Key.RTC_OFF, Key.NO_STEP),
        ["300 s behind", "600 s"],
        ["ntpd", "-x", SET_RTC],
    ),
    "tinker step 0": (
        [],
        ntpd(" -g", "tinker panic 0 step 0\n", clock=ABSENT),
        (Key.RTC_ABSENT, Key.NO_STEP),
        [],
        ["`tinker step 0`"],
    ),
    "openntpd as Debian starts it": (
        [],
        openntpd(clock=ABSENT),
        (Key.RTC_ABSENT, Key.NO_STEP),
        ["-s"],
        ["OpenNTPD", "-s"],
    ),
}


@pytest.mark.parametrize(("units", "node", "keys", "shown", "steps"), FAILING.values(), ids=FAILING)
def test_a_boot_that_ends_with_a_wrong_time_fails_with_what_to_do(units, node, keys, shown, steps):
    finding = judge(*units, **node)
    assert (finding.state, finding.keys) == ("fail", keys), finding.summary
    assert not unsaid(finding.summary, *shown)
    assert not unsaid(finding.remedy, *steps)
    assert (SET_RTC in finding.remedy) == (Key.RTC_ABSENT not in keys)
    assert finding.seen["at_boot"]


@pytest.mark.parametrize(("ahead_s", "noted"), [(3600.0, True), (-7200.0, True), (612.0, False), (3700.0, False)])
def test_an_rtc_that_is_whole_quarters_of_an_hour_off_looks_like_local_time(ahead_s, noted):
    """The words for it come after the figure, where otherwise nothing does."""
    said = judge(clock=rtc(ahead_s)).seen["at_boot"][0]
    figure = f"{abs(ahead_s):.0f} s {'ahead' if ahead_s > 0 else 'behind'}"
    assert figure in said
    assert said.endswith(figure) != noted


def test_the_rtc_is_compared_with_the_true_time_not_with_a_wrong_clock():
    """A clock 612 s behind with an RTC of the true time:
    what is wrong now is right after the next boot.
    """
    finding = judge(KUBELET, skew_s=-612.0)
    assert (finding.state, finding.seen["rtc"]) == ("pass", "right")
    kept_wrong = judge(KUBELET, clock=rtc(-612.0, skew_s=-612.0), skew_s=-612.0)
    assert (kept_wrong.state, kept_wrong.seen["rtc"]) == ("fail", "off")


def test_if_the_true_time_is_unknown_the_rtc_is_compared_with_the_clock():
    finding, known = judge(ntp=None, api_date=None), judge()
    assert (finding.state, finding.seen["rtc"]) == ("pass", "right")
    assert known.seen["at_boot"][0].endswith("1 s")
    # What it was compared with is shown, if that is not the true time.
    assert finding.seen["at_boot"][0].startswith(known.seen["at_boot"][0] + " ")


@pytest.mark.parametrize(
    ("node", "words", "key"),
    [
        pytest.param(
            {"boot": {"units": {"error": "systemctl: no answer"}}}, "systemctl: no answer", None, id="systemd"
        ),
        pytest.param(
            {"clock": rtc(since_epoch_s=None)}, "/sys/class/rtc/rtc0/since_epoch", Key.RTC_UNREADABLE, id="the RTC"
        ),
        pytest.param(
            {"chrony": {"config": {"path": None, "files": [], "unread": []}}}, "chronyd", None, id="chrony.conf"
        ),
        pytest.param(
            {"daemons": (unit("htpdate.service"),), "processes": ()}, "htpdate", Key.STEP_UNKNOWN, id="a daemon's habit"
        ),
        pytest.param(
            {**ntpd_rs("[synchronization", clock=ABSENT)},
            "configuration can't be read",
            None,
            id="an ntp.toml that is none",
        ),
        pytest.param(
            {"daemons": (NTPD,), "processes": (), "ntpd": ntp_conf("")},
            "ntpd.service",
            None,
            id="ntpd's options",
        ),
    ],
)
def test_what_the_node_did_not_show_is_missing_evidence(node, words, key):
    with pytest.raises(MissingEvidenceError, match=words) as missing:
        judge(**node)
    assert missing.value.key == key


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
    st.sampled_from([CONFIG, ONLY_SLEWS, "makestep 0.1 -1\ncmdport 0\n"]),
)
def test_it_passes_only_if_one_daemon_starts_and_a_kubelet_finds_the_right_time(
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
        assert finding.keys
