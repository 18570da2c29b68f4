"""What a seed stands for: a flow, two nodes, who is killed, and when."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import NamedTuple

from tests.lab import NodeSpec
from tests.lab.ntp import SERVERS


class Step(NamedTuple):
    """A task of an uninterrupted run: what its line in Ansible's log has, and how long it takes."""

    task: str
    length_s: float


BEGIN = (Step("", 2.0), Step("Read the settings of all nodes", 0.2), Step("Check the node]", 5.0))
INSTALL = (Step("Back up what installing chrony replaces", 2.0), Step("Install chrony with apt", 15.0))
CHANGE = (
    Step("Plan the changes", 0.3),
    Step("Change what the findings ask for", 6.0),
    Step("Wait until the node's time is proved", 7.0),
    Step("Set the RTC to the proved clock", 2.0),
)
AGAIN = (Step("Check the node again", 3.0), Step("Report on all nodes", 0.3))
JOIN = (
    Step("Refuse a node without a fresh admission", 0.3),
    Step("Create the folder of the join marker", 0.8),
    Step("Join (here", 1.2),
)
UNDO = (Step("", 2.0), Step("Find what there is to undo", 2.0))
UNDO_INSTALLED = (Step("Put back the packages", 0.1), Step("Remove chrony with apt", 8.0))
PUT_BACK = (Step("Put back files and units", 5.0),)
#: Tasks that change a node; some seeds are aimed at them.
CHANGING = (*INSTALL, *CHANGE[1:], *UNDO_INSTALLED[1:], *PUT_BACK)


@dataclass(frozen=True)
class State:
    """What a node is at first."""

    variant: str
    skew_s: float
    ntp: tuple[str, ...] = ()
    #: Run on it by root, once it has booted.
    then: str = ""

    @property
    def installs(self) -> bool:
        """Whether remediation installs chrony."""
        return self.variant != "chrony"


DEAD = ("10.77.0.9",)
STATES = {
    "behind": State("fresh", -612),
    "dead server": State("chrony", 45, DEAD),
    "broken chrony.conf": State(
        "chrony", -5, DEAD, "echo 'servre 10.77.0.1 iburst' > /etc/chrony/chrony.conf; systemctl restart chrony; true"
    ),
    "timesyncd": State("timesyncd", -612, DEAD),
    "good": State("chrony", 0, tuple(SERVERS.values()), "chronyc -n waitsync 90 0.05 0 1"),
}
NEEDY = (*("dead server", "broken chrony.conf") * 3, "behind", "timesyncd")

FLOWS = ("gate",) * 6 + ("cluster_migration",) * 2 + ("check", "undo")

#: ``everything``: the command and all that it started. ``command``: its first process alone.
#: ``runner``: the ansible-playbook that skewgate started. ``worker``: one of its forks.
CONTROLLER = ("everything", "everything", "command", "runner", "worker")
#: ``power``: the whole node, which then boots from its disk. ``module``: every Python there.
#: ``installer``: apt and dpkg, or if none runs, every Python. ``session``: sshd's sessions.
NODE = ("power", "power", "module", "module", "installer", "session")


@dataclass(frozen=True)
class Plan:
    """A seed's run. ``after_s`` counts from when the step's task begins."""

    seed: int
    flow: str
    states: tuple[str, str]
    target: str
    victim: int
    step: Step
    after_s: float
    old_report: bool

    def specs(self, slot: int) -> tuple[NodeSpec, NodeSpec]:
        """The two nodes of a slot: two runs at a time have nodes that differ."""
        first, second = (
            NodeSpec(f"node{n}", f"10.77.0.1{n}", skew_s=state.skew_s, variant=state.variant, ntp=state.ntp)
            for n, state in zip((4 + 2 * slot, 5 + 2 * slot), map(STATES.__getitem__, self.states), strict=True)
        )
        return first, second

    def __str__(self) -> str:
        who = self.target if self.target in CONTROLLER else f"{self.target} of node {self.victim + 1}"
        when = f"{self.after_s:.2f} s into {self.step.task or 'the start'!r}"
        return f"seed {self.seed}: {self.flow} of {' and '.join(self.states)}: kill {who} {when}"


def steps(flow: str, installs: bool) -> tuple[Step, ...]:
    """The tasks of an uninterrupted run that take some time."""
    if flow == "check":
        return (*BEGIN, AGAIN[1])
    if flow == "undo":
        return (*UNDO, *(UNDO_INSTALLED if installs else ()), *PUT_BACK)
    changes = (CHANGE[0], *(INSTALL if installs else ()), *CHANGE[1:])
    return (*BEGIN, *changes, *AGAIN, *(JOIN if flow == "cluster_migration" else ()))


def plan(seed: int) -> Plan:
    """Always the same for a seed."""
    chance = random.Random(f"interruption {seed}")
    flow = chance.choice(FLOWS)
    first, second = ("good", "good") if flow == "check" else (chance.choice(NEEDY), chance.choice(NEEDY))
    target = chance.choice((chance.choice(CONTROLLER), chance.choice(NODE)))
    if target == "runner" and flow in ("cluster_migration", "undo"):
        target = "command"  # ansible-playbook itself is the command
    all_steps = steps(flow, any(STATES[name].installs for name in (first, second)))
    step, after_s = _moment(chance, all_steps)
    # Of a step that only some nodes have, one of these.
    installing = [n for n, name in enumerate((first, second)) if STATES[name].installs]
    victims = installing if step in (*INSTALL, *UNDO_INSTALLED) else [0, 1]
    return Plan(seed, flow, (first, second), target, chance.choice(victims), step, after_s, chance.random() < 0.5)


def _moment(chance: random.Random, all_steps: tuple[Step, ...]) -> tuple[Step, float]:
    """Uniformly over the whole run, or, for two of five, over one of the tasks that change."""
    aimed = [step for step in all_steps if step in CHANGING]
    if aimed and chance.random() < 0.4:
        step = chance.choice(aimed)
        return step, chance.uniform(0, step.length_s)
    at_s = chance.uniform(0, sum(step.length_s for step in all_steps))
    for step in all_steps:
        if at_s < step.length_s:
            return step, at_s
        at_s -= step.length_s
    return all_steps[-1], all_steps[-1].length_s
