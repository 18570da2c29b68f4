"""A node that ClockBound 3 steers, as its next boot would find it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import next_boot
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.finding import Finding

from tests.builders import boot_unit, record
from tests.findings import finding_of, unsaid
from tests.unit.plugin_utils.daemons import recorded


def at_boot(*units: dict[str, Any], rtc_off_s: int = 0, maxerror_us: float = 30_000.0) -> Finding:
    """What next_boot finds of a node that ClockBound steers, with an RTC that is so far off."""
    rtc = {
        "present": True,
        "since_epoch_s": 1_795_336_536 + rtc_off_s,
        "wall_s_at_read": 1_795_336_536.25,
        "local_time": False,
    }
    boots = {"units": [boot_unit("clockbound.service"), *units], "uptime_s": 290.0, "fake_hwclock": None}
    clock = {"adjtimex": {"state": 0, "status": 1, "maxerror_us": maxerror_us}, "rtc": rtc}
    return finding_of(next_boot, record(**{**recorded.CLOCKBOUND, "boot": boots, "clock": clock}))


@pytest.mark.parametrize("rtc_off_s", [0, 3600, -86400])
def test_at_the_next_boot_it_steps_any_clock(rtc_off_s):
    finding = at_boot(rtc_off_s=rtc_off_s)
    assert finding.state == "pass"
    assert not unsaid(finding.summary, "clockbound.service", "beyond 0.1 s", "`cbctl waitsync --system-clock`")


KUBELET = boot_unit("kubelet.service", after=("time-sync.target",))
UNPROVEN = (next_boot.Key.RTC_OFF, next_boot.Key.NOTHING_WAITS)
KERNELS_WAIT = boot_unit("systemd-time-wait-sync.service", before=["time-sync.target"])


@pytest.mark.parametrize(
    ("maxerror_us", "keys", "said"),
    [
        pytest.param(
            30_000.0, (), "systemd-time-wait-sync.service waits for the synchronisation", id="set a minute ago"
        ),
        pytest.param(300_000.0, UNPROVEN, "it may wait for ever", id="chronyd ran until ten minutes ago"),
        pytest.param(16_000_000.0, UNPROVEN, "it may wait for ever", id="never set"),
    ],
)
def test_a_wait_for_the_kernel_counts_only_if_clockbound_informs_it(maxerror_us, keys, said):
    finding = at_boot(KUBELET, KERNELS_WAIT, rtc_off_s=3600, maxerror_us=maxerror_us)
    assert finding.keys == keys
    assert not unsaid(" ".join(finding.seen["at_boot"]), said)


@pytest.mark.parametrize(
    ("command", "keys", "said"),
    [
        ("/usr/bin/cbctl waitsync --system-clock", (), "clockbound-wait.service waits for the synchronisation"),
        ("/usr/bin/cbctl waitsync --timeout-seconds 0 --system-clock", (), "waits for the synchronisation"),
        ("/usr/bin/cbctl waitsync", UNPROVEN, "does not run `cbctl waitsync --system-clock`"),
        ("", UNPROVEN, "does not run"),
    ],
)
def test_the_unit_of_the_advice_counts_as_a_wait(command, keys, said):
    wait = boot_unit("clockbound-wait.service", before=["time-sync.target"], exec_start=command)
    finding = at_boot(KUBELET, wait, rtc_off_s=3600, maxerror_us=16_000_000.0)
    assert finding.keys == keys
    assert not unsaid(" ".join(finding.seen["at_boot"]), said)
    assert bool(keys) == ("clockbound-wait.service that runs" in finding.remedy)
