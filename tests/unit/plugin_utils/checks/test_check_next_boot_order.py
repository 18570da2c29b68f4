"""Whether what signs with the clock starts after it was set at the next boot."""

from __future__ import annotations

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks.next_boot import Key

from tests.builders import boot_unit
from tests.findings import unsaid
from tests.unit.plugin_utils.checks.booting import (
    ABSENT,
    CONFIG,
    CONTAINERD,
    K3S,
    KUBELET,
    ONLY_SLEWS,
    ORDERED,
    TARGET,
    TIME_WAIT_SYNC,
    TIMESYNCD,
    WAIT,
    WAIT_OFF,
    judge,
    rtc,
)

DROP_IN = "`[Unit] Wants=time-sync.target After=time-sync.target`"
ENABLE_WAIT = "systemctl enable chrony-wait.service"
NO_CMDPORT = CONFIG + "cmdport 0\n"
BY_TIMESYNCD = boot_unit("time-sync.target", "static", ("systemd-time-wait-sync.service",))

PASSING = {  # the units, the node, which units may start too early, and what the reader sees
    "nothing installed yet, no RTC, no wait: the lab's nodes": (
        [WAIT_OFF, TARGET],
        {"clock": ABSENT},
        [],
        ["RTC", "chrony.service", "1 s (makestep 1 3)", ENABLE_WAIT, "time-sync.target"],
    ),
    "all as it should be": ([WAIT, TARGET, ORDERED], {}, [], ["chrony.service", "1 s"]),
    "k3s waits by way of containerd": ([WAIT, TARGET, K3S, CONTAINERD], {"clock": ABSENT}, [], ["RTC"]),
    "a right RTC, and nothing waits": (
        [WAIT_OFF, TARGET, KUBELET],
        {},
        ["kubelet.service"],
        [ENABLE_WAIT, "kubelet.service", DROP_IN],
    ),
    "a right RTC, and kubelet does not wait": (
        [WAIT, TARGET, KUBELET],
        {},
        ["kubelet.service"],
        ["kubelet.service", DROP_IN],
    ),
    "cmdport 0": (
        [WAIT, TARGET, ORDERED],
        {"config": NO_CMDPORT},
        ["kubelet.service"],
        ["chrony-wait.service", "`cmdport 0`", "(/etc/chrony/chrony.conf:4)"],
    ),
    "systemd-time-wait-sync without rtcsync": (
        [TIME_WAIT_SYNC],
        {"config": "server 10.77.0.1\nmakestep 1 3\n"},
        [],
        ["systemd-time-wait-sync.service", "`rtcsync`"],
    ),
    "timesyncd with what waits for it": (
        [TIME_WAIT_SYNC, BY_TIMESYNCD, ORDERED],
        {"daemons": (TIMESYNCD,), "processes": (), "clock": ABSENT},
        [],
        ["systemd-timesyncd.service", "0.4 s"],
    ),
}


@pytest.mark.parametrize(("units", "node", "unordered", "shown"), PASSING.values(), ids=PASSING)
def test_if_the_clock_is_right_the_order_is_only_noted(units, node, unordered, shown):
    finding = judge(*units, **node)
    assert (finding.state, finding.keys) == ("pass", ()), finding.summary
    assert finding.seen["unordered"] == unordered
    assert not unsaid(finding.summary, *shown)


def test_what_would_help_is_shown_only_if_something_is_missing():
    good = judge(WAIT, TARGET, ORDERED).summary
    assert unsaid(good, ENABLE_WAIT, DROP_IN, "kubelet.service") == [ENABLE_WAIT, DROP_IN, "kubelet.service"]
    assert ENABLE_WAIT not in judge(WAIT, TARGET, KUBELET).summary
    assert "time-sync.target" in judge(WAIT, TARGET).summary  # no cluster unit yet: the join has to order it


def test_the_boot_is_described_in_the_order_in_which_things_start():
    first, daemon, wait, kubelet = judge(WAIT, TARGET, ORDERED).seen["at_boot"]
    assert not unsaid(first, "RTC", "1 s")
    assert not unsaid(daemon, "chrony.service", "1 s (makestep 1 3)")
    assert "chrony-wait.service" in wait
    assert "kubelet.service" in kubelet


def test_each_order_of_kubelet_is_distinguished():
    """After a proof, after a target that proves nothing, by itself, and where there is none yet."""
    orders = [
        judge(*units).seen["at_boot"][-1]
        for units in ([WAIT, TARGET, ORDERED], [WAIT_OFF, TARGET, ORDERED], [WAIT, TARGET, KUBELET], [WAIT, TARGET])
    ]
    assert len(set(orders)) == 4
    assert ["kubelet.service" in line for line in orders] == [True, True, True, False]
    assert ["time-sync.target" in line for line in orders] == [False, True, True, False]


def test_without_an_rtc_the_first_line_has_no_figure():
    no_rtc, daemon, wait, cluster = judge(WAIT_OFF, TARGET, clock=ABSENT).seen["at_boot"]
    assert "RTC" in no_rtc
    assert not any(letter.isdigit() for letter in no_rtc)
    assert "chrony.service" in daemon
    assert (wait, cluster) == tuple(judge(WAIT_OFF, TARGET).seen["at_boot"][2:])


FAILING = {  # the units, the node, what the RTC is, what the reader sees, and what to do
    "a wrong RTC, and kubelet does not wait": (
        [WAIT, TARGET, KUBELET],
        {"clock": rtc(-612.0)},
        Key.RTC_OFF,
        ["kubelet.service", "612 s behind"],
        ["kubelet.service", DROP_IN, "hwclock --systohc --utc"],
    ),
    "a wrong RTC, and kubelet waits for a target that proves nothing": (
        [WAIT_OFF, TARGET, ORDERED],
        {"clock": rtc(-612.0)},
        Key.RTC_OFF,
        ["kubelet.service", "612 s behind"],
        [ENABLE_WAIT, "hwclock --systohc --utc"],
    ),
    "a wrong RTC, and chrony-wait can't work": (
        [WAIT, TARGET, ORDERED],
        {"clock": rtc(-612.0), "config": NO_CMDPORT},
        Key.RTC_OFF,
        ["kubelet.service", "`cmdport 0`"],
        ["`cmdport 0`", "(/etc/chrony/chrony.conf:4)", "hwclock --systohc --utc"],
    ),
    "k3s waits by way of a containerd that does not start": (
        [WAIT, TARGET, K3S, {**CONTAINERD, "unit_file_state": "disabled"}],
        {"clock": ABSENT},
        Key.RTC_ABSENT,
        ["k3s-agent.service", "RTC"],
        ["k3s-agent.service", DROP_IN],
    ),
}


@pytest.mark.parametrize(("units", "node", "of_rtc", "shown", "steps"), FAILING.values(), ids=FAILING)
def test_what_may_start_with_a_wrong_clock_fails_with_what_to_do(units, node, of_rtc, shown, steps):
    finding = judge(*units, **node)
    assert (finding.state, finding.keys) == ("fail", (of_rtc, Key.NOTHING_WAITS)), finding.summary
    assert not unsaid(finding.summary, *shown)
    assert not unsaid(finding.remedy, *steps)
    assert (DROP_IN in finding.remedy) == (DROP_IN in steps)
    assert finding.seen["unordered"] == [shown[0]]


def test_a_daemon_that_does_not_step_is_the_first_thing_to_fix():
    finding = judge(WAIT_OFF, TARGET, KUBELET, clock=rtc(-612.0), config=ONLY_SLEWS)
    assert finding.keys == (Key.RTC_OFF, Key.NO_STEP)
