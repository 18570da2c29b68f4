"""What is judged of a real node's units: the order at the next boot, what else moves the clock,
and a daemon that has died.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.conftest import Run, Runner
from tests.lab import Lab
from tests.lab.nodes import TRIO

NODE = TRIO[0]
CHECKS = ["clock_movers", "next_boot", "sync_state", "time_service"]

KUBELET = """\
cd /etc/systemd/system
mkdir -p kubelet.service.d /etc/cron.d
printf '[Service]\\nExecStart=/bin/sleep infinity\\n[Install]\\nWantedBy=multi-user.target\\n' > kubelet.service
printf '# once a day\\n0 4 * * * root /usr/sbin/ntpdate -u ntp1.lab\\n' > /etc/cron.d/clock
printf '[Service]\\nType=oneshot\\nExecStart=/usr/sbin/rdate -s ntp1.lab\\n' > clock.service
printf '[Timer]\\nOnCalendar=yearly\\n' > clock.timer
systemctl daemon-reload
systemctl enable kubelet
systemctl start clock.timer
"""

ORDERED = """\
printf '[Unit]\\nWants=time-sync.target\\nAfter=time-sync.target\\n' > /etc/systemd/system/kubelet.service.d/time.conf
systemctl stop clock.timer
rm /etc/cron.d/clock /etc/systemd/system/clock.*
systemctl daemon-reload
systemctl enable chrony-wait
"""


@pytest.fixture(scope="module")
def node(lab: Lab) -> Iterator[str]:
    lab.reset_node(NODE)
    lab.wait_synchronised(NODE.name)
    yield NODE.name
    lab.stop_node(NODE.name)


@pytest.fixture(scope="module")
def check(skewgate: Runner, node: str) -> Runner:
    return lambda: skewgate("check", "-l", node, extra={"gate_checks": CHECKS})


@pytest.fixture(scope="module")
def unordered(lab: Lab, node: str, check: Runner) -> Run:
    """A node with a kubelet that waits for nothing, and two jobs that set its clock."""
    lab.ssh(node, KUBELET)
    return check()


def test_a_kubelet_that_waits_for_no_time_is_refused_if_no_rtc_keeps_it(unordered: Run, node: str) -> None:
    finding = unordered.finding(node, "next_boot")
    assert (finding["state"], finding["keys"]) == ("fail", ["rtc_absent", "nothing_waits"])
    assert "chrony-wait" in finding["remedy"]
    assert "After=time-sync.target" in finding["remedy"]
    assert finding["remediable"]


def test_jobs_that_set_the_clock_are_named_with_where_they_stand(unordered: Run, node: str) -> None:
    finding = unordered.finding(node, "clock_movers")
    assert (finding["state"], finding["keys"]) == ("fail", ["cron", "timer"])
    assert "/etc/cron.d/clock:2" in finding["summary"]
    assert "clock.timer" in finding["summary"]


def test_ordered_after_a_wait_that_proves_the_time_it_passes(
    lab: Lab, unordered: Run, node: str, check: Runner
) -> None:
    assert unordered.report
    lab.ssh(node, ORDERED)
    run = check()
    assert run.refusing(node) == set()
    seen = run.finding(node, "next_boot")["seen"]
    assert (seen["unordered"], "kubelet.service" in seen["at_boot"][-1]) == ([], True)


def test_timedatectls_yes_is_not_believed_once_the_daemon_is_dead(lab: Lab, node: str, check: Runner) -> None:
    lab.ssh(node, "systemctl kill -s KILL chrony; systemctl stop chrony; systemctl reset-failed chrony")
    assert lab.ssh(node, "timedatectl show -p NTPSynchronized --value").stdout.strip() == "yes"
    run = check()
    assert run.finding(node, "time_service")["keys"] == ["not_running"]
    assert "timedatectl" in run.finding(node, "sync_state")["summary"]
    assert run.report["nodes"][node]["verdict"] == "refuse"
