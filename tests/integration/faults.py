"""A node that a test fixes while something goes wrong, as a user would see it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import BIN, INVENTORY, Run, Runner, backup_states
from tests.lab import TRIO, Lab, NodeSpec

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
        return self.lab.look(self.name, f"{FILES}; {UNITS}", 120, check=False)

    def run(self, command: str) -> str:
        """What a command of root's prints on it, whether it fails or not."""
        return self.lab.ssh(self.name, command, 120, check=False).stdout

    def remediate(self, **extra: Any) -> Run:
        """A whole run of the playbook on this node alone, with further variables."""
        return self.playbook("remediate", "-l", self.name, extra=extra)

    def argv(self, **extra: Any) -> list[str]:
        """``ansible-playbook`` of the remediation, to be interrupted."""
        (self.folder / "extra.json").write_text(json.dumps(extra))
        words = ["-i", str(INVENTORY), "-l", self.name, "-e", f"@{self.folder}/extra.json"]
        return [str(BIN / "ansible-playbook"), "skewgate.preflight.remediate", *words]

    def skew_s(self) -> float:
        """How far its clock may be from the true time, in either direction."""
        low_s, high_s = self.lab.skew_s(self.name)
        return max(abs(low_s), abs(high_s))

    def backup_states(self) -> list[str]:
        """The state of each backup that the remediation left on it, oldest first."""
        return backup_states(self.lab, self.name)

    def is_as_before(self) -> None:
        """No file of /etc and no unit differs from when the test began."""
        assert self.state() == self.before

    def has_a_working_configuration(self) -> None:
        """The former one or the new one, which chronyd accepts and runs with."""
        assert self.run(f"chronyd -p -f {CONF} > /dev/null 2>&1; echo $?") == "0\n"
        assert self.run("systemctl is-active chrony") == "active\n"
        leftovers = self.run("find /etc -name '.*skewgate*'")
        assert leftovers == "", leftovers

    def is_fixed_by_the_next_run_and_can_be_taken_back(self) -> None:
        """As a user would see to it once the fault is gone."""
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
        assert undone.changed_tasks == foretold.changed_tasks != []


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
