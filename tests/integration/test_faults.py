"""What goes wrong while a node is fixed: what it has afterwards, and what the next run does.

Each test makes the real fault on a node of the lab. Whatever it is, the node ends with the
configuration that it had or with the new one, whole; chronyd runs where it ran; and once the fault
is gone, one more run fixes the node and `--tags undo` takes it back to the very first state.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.integration import faults
from tests.integration.conftest import Controller, run_until
from tests.integration.faults import CONF, DEAD, Node
from tests.lab import Lab, NodeSpec
from tests.lab.ntp import SERVERS

pytestmark = [pytest.mark.lab, pytest.mark.nightly]

fixed = faults.fixed

FULL = (  # a separate file system, with what was there, and full
    "cp -a {0}/. /root/full && mount -t tmpfs -o size=64k tmpfs {0} && cp -a /root/full/. {0}; "
    "head -c 1M /dev/zero > {0}/filler; true"
)

CAN_NOT_BE_WRITTEN = {
    "the disk is full where the configuration is": (
        f"mkdir /root/full; {FULL.format('/etc/chrony')}",
        "rm /etc/chrony/filler",
        "No space left on device",
    ),
    "the disk is full where the backup is": (
        f"mkdir -p /root/full /var/lib/skewgate; {FULL.format('/var/lib/skewgate')}",
        "rm /var/lib/skewgate/filler",
        "No space left on device",
    ),
    "the whole disk is full": (
        "fallocate -l $(df --output=avail -B1 / | tail -n 1) /filler; head -c 10M /dev/zero > /filler2; true",
        "rm /filler /filler2",
        "No usable temporary directory",
    ),
    "/etc is read-only": (
        "mount --bind /etc /etc && mount -o remount,bind,ro /etc",
        "umount /etc",
        "/etc is read-only",
    ),
    "the configuration's folder is read-only": (
        "mount --bind /etc/chrony /etc/chrony && mount -o remount,bind,ro /etc/chrony",
        "umount /etc/chrony",
        "Read-only file system",
    ),
}


@pytest.mark.parametrize(("make", "end", "expected"), CAN_NOT_BE_WRITTEN.values(), ids=CAN_NOT_BE_WRITTEN)
def test_nothing_can_be_written(make: str, end: str, expected: str, fixed: Callable[[NodeSpec], Node]) -> None:
    node = fixed(DEAD)
    node.run(make)
    node.before = node.state()
    run = node.remediate()
    assert run.status == 2
    assert expected in run.output
    node.is_as_before()
    node.run(end)
    node.before = node.state()
    node.is_fixed_by_the_next_run_and_can_be_taken_back()


NOT_ACCEPTED = {
    "the rules refuse it": ("minsources 9", [], "CHR108"),
    "chronyd refuses it": ("makestep 1", [], "makestep"),
    "chronyd does not start with it": ("user nobody-of-that-name", ["undone"], "nobody-of-that-name"),
}


@pytest.mark.parametrize(("line", "backups", "expected"), NOT_ACCEPTED.values(), ids=NOT_ACCEPTED)
def test_the_configuration_is_no_good(
    line: str, backups: list[str], expected: str, fixed: Callable[[NodeSpec], Node]
) -> None:
    node = fixed(DEAD)
    run = node.remediate(chrony_extra_lines=[line])
    assert run.status == 2
    assert node.backup_states() == backups
    assert expected in run.output
    node.is_as_before()
    node.is_fixed_by_the_next_run_and_can_be_taken_back()


def test_the_servers_vanish_between_their_choice_and_the_proof(fixed: Callable[[NodeSpec], Node], lab: Lab) -> None:
    node = fixed(DEAD)

    def stop_servers(_controller: Controller) -> None:
        for server in lab.ntp_servers:
            server.process.stop()

    run = run_until(
        lab, node.argv(chrony_proof_timeout_s=5), r"TASK \[.*Change what the findings ask for", stop_servers
    )
    assert run.status == 2
    assert node.backup_states() == ["undone"]
    assert f" {len(SERVERS)} NTP servers " in run.output
    node.is_as_before()
    lab.up([])
    node.is_fixed_by_the_next_run_and_can_be_taken_back()


def test_most_servers_lie_alike(fixed: Callable[[NodeSpec], Node], lab: Lab) -> None:
    node = fixed(DEAD)
    liars = [f"10.77.0.{n}" for n in (4, 5, 6, 7)]
    with lab.liars(-500, liars):
        run = node.remediate(gate_ntp_servers=[*SERVERS.values(), *liars], chrony_proof_timeout_s=20)
        written = node.run(f"grep -E '^(server|pool)' {CONF}")
        assert not any(liar in written for liar in liars), run.output
        if run.status == 0:
            assert node.skew_s() < 0.5
        else:
            node.is_as_before()
    node.is_fixed_by_the_next_run_and_can_be_taken_back()


POINTS = {
    "before the change": r"TASK \[.*Change what the findings ask for",
    "after the change": r"TASK \[.*Wait until the node's time is proved",
    "after the proof": r"TASK \[.*Set the RTC by the proved clock",
}


@pytest.mark.parametrize("point", POINTS.values(), ids=POINTS)
def test_the_controller_is_killed(point: str, fixed: Callable[[NodeSpec], Node], lab: Lab) -> None:
    node = fixed(DEAD)
    run_until(lab, node.argv(), point, lambda controller: controller.kill())
    node.has_a_working_configuration()
    node.is_fixed_by_the_next_run_and_can_be_taken_back()


@pytest.mark.parametrize("point", POINTS.values(), ids=POINTS)
def test_the_connection_is_cut(point: str, fixed: Callable[[NodeSpec], Node], lab: Lab) -> None:
    node = fixed(DEAD)

    def cut(controller: Controller) -> None:
        lab.cut_connection(node.name)
        controller.kill()  # rather than wait for its timeouts

    run_until(lab, node.argv(), point, cut)
    lab.restore_connection(node.name)
    node.has_a_working_configuration()
    node.is_fixed_by_the_next_run_and_can_be_taken_back()


@pytest.mark.parametrize("point", POINTS.values(), ids=POINTS)
@pytest.mark.parametrize("after_s", [0, 1.5, 3], ids=lambda s: f"{s} s later")
def test_the_node_is_reset(point: str, after_s: float, fixed: Callable[[NodeSpec], Node], lab: Lab) -> None:
    node = fixed(DEAD)

    def reset(controller: Controller) -> None:
        # The task has the node at work for some seconds: somewhere in the midst of them.
        node.run(f"sleep {after_s}")
        lab.cut_power(node.name)
        controller.kill()

    run_until(lab, node.argv(), point, reset)
    lab.reboot_node(node.name, 45)
    node.has_a_working_configuration()
    node.is_fixed_by_the_next_run_and_can_be_taken_back()
