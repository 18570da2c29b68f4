"""What goes wrong while a node is fixed: what it has afterwards, and what the next run does.

Each test makes the real fault on a node of the lab. Whatever it is, the node ends with the configuration that it had or with
the new one, whole; chronyd runs where it ran; and once the fault is gone, one more run fixes the node and `--tags undo` takes it
back to the very first state.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import BIN, INVENTORY, Controller, Run, Runner, run_until
from tests.integration.test_remediation import changed_tasks, told
from tests.lab import TRIO, Lab, NodeSpec
from tests.lab.ntp import SERVERS

pytestmark = [pytest.mark.lab, pytest.mark.nightly]

FRESH, DEAD = TRIO[1], TRIO[2]
"""Without a time daemon, 612 s behind; with a chrony whose only server is dead, 45 s ahead."""

CONF = "/etc/chrony/chrony.conf"

# But /etc/hosts, to which the lab adds the node's own line at each boot.
FILES = (
    "find /etc -xdev -type f ! -path /etc/hosts -print0 | sort -z | xargs -0 sha256sum; "
    "find /etc -xdev -type l -printf '%p -> %l\\n' | sort; "
    "find /etc -xdev -printf '%m %u %p\\n' | sort -k 3"
)
UNITS = "systemctl is-enabled chrony chrony-wait systemd-timesyncd; systemctl is-active chrony systemd-timesyncd"


class Node:
    """A node that a test fixes, as a user would see it."""

    def __init__(self, lab: Lab, spec: NodeSpec, playbook: Runner, folder: Path) -> None:
        self.lab, self.name, self.playbook, self.folder = lab, spec.name, playbook, folder
        self.before = self.state()

    def state(self) -> str:
        """All files of /etc, and the units that remediation may change."""
        return self.run(f"{FILES}; {UNITS}")

    def run(self, command: str) -> str:
        return self.lab.ssh(self.name, command, 120, check=False).stdout

    def remediate(self, **extra: Any) -> Run:
        return self.playbook("remediate", "-l", self.name, extra=extra)

    def argv(self, **extra: Any) -> list[str]:
        """``ansible-playbook`` of the remediation, to be interrupted."""
        (self.folder / "extra.json").write_text(json.dumps(extra))
        words = [
            "-i",
            str(INVENTORY),
            "skewgate.preflight.remediate",
            "-l",
            self.name,
            "-e",
            f"@{self.folder}/extra.json",
        ]
        return [str(BIN / "ansible-playbook"), *words]

    def skew_s(self) -> float:
        low_s, high_s = self.lab.skew_s(self.name)
        return max(abs(low_s), abs(high_s))

    def is_as_before(self) -> None:
        assert self.state() == self.before

    def has_a_working_configuration(self) -> None:
        """The former one or the new one, which chronyd accepts and runs with."""
        assert self.run(f"chronyd -p -f {CONF} > /dev/null 2>&1; echo $?") == "0\n"
        assert self.run("systemctl is-active chrony") == "active\n"
        leftovers = self.run("find /etc -name '.*skewgate*'")
        assert leftovers == "", leftovers

    def is_fixed_by_the_next_run_and_can_be_taken_back(self) -> None:
        run = self.remediate()
        assert run.status == 0, run.output
        assert self.skew_s() < 0.5
        assert self.run("find /etc -name '.*skewgate*'") == ""
        self.take_back()
        self.is_as_before()

    def take_back(self) -> None:
        """By hand, as a user would, who looks first at what it would change."""
        undo = ("remediate", "-l", self.name, "--tags", "undo")
        foretold = self.playbook(*undo, "--check")
        undone = self.playbook(*undo)
        assert (foretold.status, undone.status) == (0, 0), undone.output
        assert changed_tasks(undone) == changed_tasks(foretold) != []


@pytest.fixture
def fixed(
    lab: Lab, lab_node: Callable[[NodeSpec], NodeSpec], playbook: Runner, tmp_path: Path
) -> Iterator[Callable[[NodeSpec], Node]]:
    """Boots a node anew; what a test did to the lab's servers and connections is fixed after it."""

    def make(spec: NodeSpec) -> Node:
        lab_node(spec)
        lab.namespace.end_connections(spec.ip)
        return Node(lab, spec, playbook, tmp_path)

    yield make
    lab.up([])


def test_the_package_is_missing(fixed: Callable[[NodeSpec], Node]) -> None:
    node = fixed(FRESH)
    node.run("sed -i 's/^Package: chrony$/Package: nothing/' /srv/debs/Packages && apt-get update -q")
    run = node.remediate()
    assert run.status == 2
    assert "The former state was restored" in run.output
    assert "No package matching 'chrony' is available" in run.output
    node.is_as_before()
    node.run("sed -i 's/^Package: nothing$/Package: chrony/' /srv/debs/Packages && apt-get update -q")
    assert node.remediate().status == 0
    assert node.skew_s() < 0.5


def test_the_repository_is_down(fixed: Callable[[NodeSpec], Node]) -> None:
    node = fixed(FRESH)
    nowhere = "deb http://10.77.0.9/debian stable main"
    node.run(f"cp /etc/apt/sources.list /root/; rm -r /var/lib/apt/lists; echo '{nowhere}' > /etc/apt/sources.list")
    node.before = node.state()
    run = node.remediate()
    assert run.status == 2
    assert "The former state was restored" in run.output
    node.is_as_before()
    node.run("cp /root/sources.list /etc/apt/sources.list; apt-get update -q")
    assert node.remediate().status == 0
    assert node.skew_s() < 0.5


FULL = (  # a file system of its own, with what was there, and full
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


@pytest.mark.parametrize(("make", "end", "told"), CAN_NOT_BE_WRITTEN.values(), ids=CAN_NOT_BE_WRITTEN)
def test_nothing_can_be_written(make: str, end: str, told: str, fixed: Callable[[NodeSpec], Node]) -> None:
    node = fixed(DEAD)
    node.run(make)
    node.before = node.state()
    run = node.remediate()
    assert run.status == 2
    assert told in run.output
    node.is_as_before()
    node.run(end)
    node.before = node.state()
    node.is_fixed_by_the_next_run_and_can_be_taken_back()


NOT_ACCEPTED = {
    "the rules refuse it": ("minsources 9", "Nothing was changed", "CHR108"),
    "chronyd refuses it": ("makestep 1", "Nothing was changed", "makestep"),
    "chronyd does not start with it": (
        "user nobody-of-that-name",
        "The former state was restored",
        "nobody-of-that-name",
    ),
}


@pytest.mark.parametrize(("line", "outcome", "told"), NOT_ACCEPTED.values(), ids=NOT_ACCEPTED)
def test_the_configuration_is_no_good(line: str, outcome: str, told: str, fixed: Callable[[NodeSpec], Node]) -> None:
    node = fixed(DEAD)
    run = node.remediate(chrony_extra_lines=[line])
    assert run.status == 2
    assert outcome in run.output
    assert told in run.output
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
    assert "The former state was restored" in run.output
    assert "none of" in run.output
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
INSTALLING = {
    "before the backup": r"TASK \[.*Back up what installing chrony replaces",
    "before the installation": r"TASK \[.*Install chrony with apt",
    "after the installation": r"TASK \[.*Change what the findings ask for",
}


@pytest.mark.parametrize("point", POINTS.values(), ids=POINTS)
def test_the_controller_is_killed(point: str, fixed: Callable[[NodeSpec], Node], lab: Lab) -> None:
    node = fixed(DEAD)
    run_until(lab, node.argv(), point, lambda controller: controller.kill())
    node.has_a_working_configuration()
    node.is_fixed_by_the_next_run_and_can_be_taken_back()


@pytest.mark.parametrize("point", INSTALLING.values(), ids=INSTALLING)
def test_the_controller_is_killed_while_chrony_is_installed(
    point: str, fixed: Callable[[NodeSpec], Node], lab: Lab
) -> None:
    node = fixed(FRESH)
    run_until(lab, node.argv(), point, lambda controller: controller.kill())
    run = node.remediate()
    assert run.status == 0, run.output
    node.has_a_working_configuration()
    assert node.skew_s() < 0.5


# A program that dpkg calls, made to wait as long as /run/waits is there.
DPKG_WAITS = {
    "while it unpacks": ("/usr/bin/dpkg-deb", "--fsys-tarfile", '/usr/bin/dpkg-deb.real "$@" | head -c 90000;'),
    "while it configures": ("/usr/sbin/adduser", "_chrony", ""),
}


UNTIL_IT_WAITS = "for n in $(seq 300); do test -e /run/waits && echo it waits && break; sleep 0.2; done"


def let_wait(node: Node, program: str, word: str, first: str) -> None:
    waits = f"{first} sync; touch /run/waits; while test -e /run/waits; do sleep 0.2; done"
    wrapper = f'case "$*" in *{word}*) {waits};; esac; exec {program}.real "$@"'
    node.run(
        f"mv {program} {program}.real; printf '#!/bin/sh\n%s\n' '{wrapper}' > {program}; chmod 755 {program}; sync"
    )


@pytest.fixture(params=DPKG_WAITS.values(), ids=DPKG_WAITS)
def half_installed(request: pytest.FixtureRequest, fixed: Callable[[NodeSpec], Node], lab: Lab) -> Node:
    """A node that was reset in the midst of dpkg, and has booted again."""
    node = fixed(FRESH)
    let_wait(node, *request.param)

    def reset(controller: Controller) -> None:
        assert node.run(UNTIL_IT_WAITS)
        lab.cut_power(node.name)
        controller.kill()

    run_until(lab, node.argv(), r"TASK \[.*Install chrony with apt", reset)
    lab.reboot_node(node.name, -612)
    program = request.param[0]
    node.run(f"mv {program}.real {program}")
    assert "dpkg was interrupted" in node.run("apt-get install -q -y chrony 2>&1")
    return node


def has_no_chrony(node: Node) -> bool:
    """None at all, not even half of one that apt would stumble over."""
    asked = "ls /usr/sbin/chronyd 2>/dev/null; dpkg --audit; apt-get check -q=2 2>&1"
    return node.run(f"{asked}; dpkg-query -W -f '${{Version}}' chrony 2>/dev/null") == ""


def test_the_node_is_reset_in_the_midst_of_dpkg(half_installed: Node) -> None:
    node = half_installed
    foretold = node.playbook("remediate", "-l", node.name, "--check")
    assert foretold.status == 0, foretold.output
    run = node.remediate()
    assert run.status == 0, run.output
    assert "which was interrupted" in run.output
    assert changed_tasks(run) == changed_tasks(foretold) != []
    assert told(run) == told(foretold)
    node.has_a_working_configuration()
    assert node.skew_s() < 0.5
    assert node.run("dpkg --audit; apt-get check -q=2 2>&1") == ""
    node.take_back()
    assert has_no_chrony(node)


def test_what_dpkg_left_half_done_is_undone(half_installed: Node) -> None:
    node = half_installed
    node.take_back()
    assert has_no_chrony(node)


def test_dpkg_dies_in_the_midst_of_the_installation(fixed: Callable[[NodeSpec], Node]) -> None:
    node = fixed(FRESH)
    program, kill = "/usr/sbin/adduser", "pkill -9 -x dpkg"
    node.run(f"mv {program} {program}.real; printf '#!/bin/sh\n{kill}\n' > {program}; chmod 755 {program}")
    run = node.remediate()
    assert run.status == 2
    assert "The former state was restored" in run.output
    assert has_no_chrony(node)
    node.run(f"mv {program}.real {program}")
    run = node.remediate()
    assert run.status == 0, run.output
    assert node.skew_s() < 0.5


def test_another_program_is_installing_chrony(fixed: Callable[[NodeSpec], Node], lab: Lab) -> None:
    node = fixed(FRESH)
    let_wait(node, *DPKG_WAITS["while it configures"])
    node.run(f"setsid apt-get install -q -y chrony < /dev/null > /dev/null 2>&1 & {UNTIL_IT_WAITS}")
    node.before = node.state()
    run = node.remediate(chrony_package_lock_timeout_s=5)
    assert run.status == 2
    assert re.search(r"install chrony, once apt-get \(process \d+\) has released dpkg's lock", run.output), run.output
    assert "Unable to acquire the dpkg frontend lock" in run.output, run.output
    assert "The former state was restored" in run.output
    node.is_as_before()

    release = "(sleep 10; rm /run/waits) < /dev/null > /dev/null 2>&1 &"
    run = run_until(lab, node.argv(), r"TASK \[.*Install chrony with apt", lambda _: node.run(release))
    assert run.status == 0, run.output
    node.has_a_working_configuration()
    assert node.skew_s() < 0.5
    node.take_back()
    assert node.run("dpkg-query -W -f '${db:Status-Status}' chrony") == "installed", "it is another's"


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
