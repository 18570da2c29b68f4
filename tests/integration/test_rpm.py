"""Nodes whose chrony is an RPM: dnf with Red Hat's names, zypper with SUSE's, each
on a node of the lab.

The package managers are Debian's, of one age with RHEL 9's and Leap 15's. The RPM is Debian's
chrony in the layout of Red Hat's or SUSE's package (tests/lab/image/chrony.spec). See
docs/reference/distributions.md for what such a node is not.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import Run, Runner
from tests.lab import Lab, NodeSpec

pytestmark = [pytest.mark.lab, pytest.mark.nightly]

# But /etc/hosts, to which the lab adds the node's own line at each boot, and what RPMs leave
# behind: the user that they made, and of SUSE's package the options' file, which its script makes,
# and the folder that another package had a file in.
LEFT_BEHIND = ("passwd", "group", "shadow", "gshadow", "sysconfig", "sysconfig/chronyd", "chrony.d")
BUT = " ".join(f"! -path /etc/{name} ! -path /etc/{name}-" for name in ("hosts", *LEFT_BEHIND))
STATE = (
    f"find /etc -xdev -type f {BUT} -print0 | sort -z | xargs -0 sha256sum; "
    f"find /etc -xdev {BUT} -printf '%m %u %p %l\\n' | sort -k 3; "
    "rpm -qa; systemctl is-enabled chronyd chrony-wait 2>&1; systemctl is-active chronyd; ls /var/lib/chrony /var/log/chrony 2>&1"
)


@dataclass(frozen=True)
class Node:
    """A node without a time daemon, 612 s behind."""

    lab: Lab
    name: str
    manager: str
    playbook: Runner
    skewgate: Runner

    def run(self, command: str) -> str:
        return self.lab.ssh(self.name, command, 120, check=False).stdout

    def state(self) -> str:
        return self.lab.look(self.name, STATE, 120, check=False)

    def gate(self, **extra: Any) -> Run:
        return self.skewgate("gate", "-l", self.name, extra=extra)

    def remediate(self, *args: str, **extra: Any) -> Run:
        return self.playbook("remediate", "-l", self.name, *args, extra=extra)

    def is_fixed(self) -> None:
        low_s, high_s = self.lab.skew_s(self.name)
        assert max(abs(low_s), abs(high_s)) < 0.5
        assert "server 10.77.0.1 iburst" in self.run("cat /etc/chrony.conf")
        assert self.run("systemctl is-enabled chronyd chrony-wait; systemctl is-active chronyd") == (
            "enabled\nenabled\nactive\n"
        )


@pytest.fixture(params=["dnf", "zypper"])
def node(
    request: pytest.FixtureRequest,
    lab: Lab,
    lab_node: Callable[[NodeSpec], NodeSpec],
    playbook: Runner,
    skewgate: Runner,
) -> Node:
    spec = lab_node(NodeSpec("node2", "10.77.0.12", -612, request.param))
    lab.namespace.end_connections(spec.ip)
    return Node(lab, spec.name, request.param, playbook, skewgate)


def test_the_gate_installs_chrony_and_undo_takes_it_back_without_a_repository(node: Node) -> None:
    node.run("echo '# of an earlier chrony' > /etc/chrony.conf.rpmsave")
    before = node.state()
    run = node.gate()
    assert run.report["nodes"][node.name]["before"]["refused_because"] == "failure"
    assert run.report["nodes"][node.name]["verdict"] == "admit", run.output
    node.is_fixed()
    node.run("mv /srv/rpms /srv/down")
    foretold = node.remediate("--tags", "undo", "--check")
    undone = node.remediate("--tags", "undo")
    assert undone.status == 0, undone.output
    assert undone.changed_tasks == foretold.changed_tasks != []
    assert node.state() == before


# What is done, how it is fixed, and what each package manager says. dnf asks a repository anew when
# its metadata_expire is over.
CAN_NOT_BE_HAD = {
    "the repository is down": (
        "mv /srv/rpms /srv/down",
        "mv /srv/down /srv/rpms",
        {"dnf": "Failed to download metadata for repo 'lab'", "zypper": "'/srv/rpms' is not a directory"},
    ),
    "the repository has no such package": (
        "cp -a /srv/rpms /root/; rm -r /srv/rpms/*/chrony*; createrepo_c -q /srv/rpms",
        "rm -r /srv/rpms; mv /root/rpms /srv/; dnf makecache --refresh",
        {"dnf": "No package chrony available", "zypper": "No provider of 'chrony' found"},
    ),
}


@pytest.mark.parametrize(("make", "end", "said"), CAN_NOT_BE_HAD.values(), ids=CAN_NOT_BE_HAD)
def test_the_package_can_not_be_had(make: str, end: str, said: dict[str, str], node: Node) -> None:
    node.run(make)
    before = node.state()
    run = node.gate()
    assert run.status == 4
    remediation = run.report["nodes"][node.name]["remediation"]
    assert (remediation["succeeded"], remediation["changes"]) == (False, [])
    assert said[node.manager] in remediation["message"]
    assert node.state() == before
    node.run(end)
    assert node.remediate().status == 0
    node.is_fixed()


@pytest.mark.parametrize("node", ["zypper"], indirect=True)
def test_another_program_is_at_work_with_packages(node: Node) -> None:
    before = node.state()
    node.run("(sleep 600 | setsid zypper --non-interactive shell) < /dev/null > /dev/null 2>&1 &")
    node.run("until test -s /run/zypp.pid; do sleep 0.2; done")
    run = node.remediate(chrony_package_lock_timeout_s=5)
    assert run.status == 2
    assert "System management is locked by the application with pid" in run.output
    assert node.state() == before
    node.run("(sleep 20; kill $(cat /run/zypp.pid)) < /dev/null > /dev/null 2>&1 &")
    assert node.remediate().status == 0
    node.is_fixed()


def test_check_mode_foretells_what_a_run_then_changes(node: Node) -> None:
    before = node.state()
    foretold = node.remediate("--check", "--diff")
    assert foretold.status == 0, foretold.output
    assert node.state() == before
    assert node.run("ls /var/lib/skewgate") == ""
    done = node.remediate("--diff")
    assert done.status == 0, done.output
    assert done.changed_tasks == foretold.changed_tasks != []
    assert done.changes_shown == foretold.changes_shown


def test_a_package_file_of_the_controller_is_installed_if_no_repository_has_it(node: Node, tmp_path: Path) -> None:
    package = tmp_path / "chrony.rpm"
    package.write_bytes(base64.b64decode(node.run("base64 /srv/rpms/*/chrony-4*.rpm")))
    node.run("rm -r /srv/rpms/*/chrony-4*; createrepo_c -q /srv/rpms")
    foretold = node.remediate("--check", chrony_package_file=str(package))
    assert foretold.status == 0, foretold.output
    run = node.remediate(chrony_package_file=str(package))
    assert run.status == 0, run.output
    assert run.changed_tasks == foretold.changed_tasks != []
    node.is_fixed()
    assert node.run("ls /var/lib/skewgate/chrony.rpm") == ""
