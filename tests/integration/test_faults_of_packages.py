"""What goes wrong while chrony is installed: a package that is missing, a dpkg that is cut off,
another program at work.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.integration import faults
from tests.integration.conftest import Controller, run_until
from tests.integration.faults import FRESH, Node
from tests.lab import Lab, NodeSpec

pytestmark = [pytest.mark.lab, pytest.mark.nightly]

fixed = faults.fixed


def test_the_package_is_missing(fixed: Callable[[NodeSpec], Node]) -> None:
    node = fixed(FRESH)
    node.run("sed -i 's/^Package: chrony$/Package: nothing/' /srv/debs/Packages && apt-get update -q")
    run = node.remediate()
    assert run.status == 2
    assert node.backup_states() == ["undone"]
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
    assert node.backup_states() == ["undone"]
    node.is_as_before()
    node.run("cp /root/sources.list /etc/apt/sources.list; apt-get update -q")
    assert node.remediate().status == 0
    assert node.skew_s() < 0.5


INSTALLING = {
    "before the backup": r"TASK \[.*Back up what installing chrony replaces",
    "before the installation": r"TASK \[.*Install chrony with apt",
    "after the installation": r"TASK \[.*Change what the findings ask for",
}


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
    assert re.search(r"\bchrony\b.* \((half-installed|unpacked|half-configured)\)", run.output)
    assert run.changed_tasks == foretold.changed_tasks != []
    assert run.changes_shown == foretold.changes_shown
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
    assert node.backup_states() == ["undone"]
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
    assert re.search(r"install chrony.* apt-get \(process \d+\)", run.output), run.output
    assert "Unable to acquire the dpkg frontend lock" in run.output, run.output
    assert node.backup_states() == ["undone"]
    node.is_as_before()

    release = "(sleep 10; rm /run/waits) < /dev/null > /dev/null 2>&1 &"
    run = run_until(lab, node.argv(), r"TASK \[.*Install chrony with apt", lambda _: node.run(release))
    assert run.status == 0, run.output
    node.has_a_working_configuration()
    assert node.skew_s() < 0.5
    node.take_back()
    assert node.run("dpkg-query -W -f '${db:Status-Status}' chrony") == "installed", "it is another's"
