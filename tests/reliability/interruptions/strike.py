"""Kills with SIGKILL what a plan names, at its moment."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tests.integration.conftest import Controller
from tests.lab import Lab
from tests.reliability.interruptions.plan import STATES, Plan

#: On the node. Nothing else there is written in Python.
KILL = {
    "module": "pkill -KILL python3",
    "installer": "pkill -KILL -x 'apt-get|apt|dpkg|dpkg-deb|dpkg-preconf' || pkill -KILL python3",
    "session": "pkill -KILL -f 'sshd: root'",
}
#: pkill's status if no process matched; ssh gives it on, or 255 if its own session was killed.
NO_PROCESS = 1
LONGEST_S = 300

#: The first process of the command's namespace: it lives on until what the command started ends.
LAST = '"$@"; code=$?; while pgrep "python|ansible|skewgate" > /dev/null; do sleep 0.2; done; exit $code'


class Struck(NamedTuple):
    """Whether something was killed before the run's end, and whether orphans had to be ended."""

    struck: bool
    hung: bool
    output: str


class Proc(NamedTuple):
    """A process of the controller."""

    pid: int
    parent: int
    command: str


def run_and_strike(lab: Lab, plan: Plan, argv: list[str], log: Path, node: str) -> Struck:
    """Run the command, kill at the plan's moment, and return when nothing of it is left."""
    printed = log.with_suffix(".out")
    controller = Controller(lab, ["sh", "-c", f"exec > '{printed}' 2>&1; {LAST}", "sh", *argv])
    try:
        struck = _wait(plan, controller, log)
        if struck:
            struck = kill(lab, plan, controller, node)
        hung = _ended(controller, LONGEST_S) is False
    finally:
        controller.kill()
        controller.process.wait()
    return Struck(struck, hung, printed.read_text(errors="replace"))


def _wait(plan: Plan, controller: Controller, log: Path) -> bool:
    """Return at the plan's moment; False if the run ended first."""
    while plan.step.task and plan.step.task not in (log.read_text(errors="replace") if log.exists() else ""):
        if _ended(controller, 0.02):
            return False
    return not _ended(controller, plan.after_s)


def _ended(controller: Controller, within_s: float) -> bool:
    end_mono_s = time.monotonic() + within_s
    while controller.process.poll() is None:
        if time.monotonic() >= end_mono_s:
            return False
        time.sleep(0.01)
    return True


def kill(lab: Lab, plan: Plan, controller: Controller, node: str) -> bool:
    """Whether there was something to kill."""
    if plan.target == "everything":
        controller.kill()
    elif plan.target == "power":
        lab.cut_power(node)
        lab.reboot_node(node, STATES[plan.states[plan.victim]].skew_s)
    elif plan.target in KILL:
        return lab.ssh(node, KILL[plan.target], check=False).returncode != NO_PROCESS
    else:
        victim = chosen(plan, processes(controller.process.pid))
        try:
            os.kill(victim.pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
    return True


def chosen(plan: Plan, found: list[Proc]) -> Proc:
    """The process that the plan's target names; the command, if it has none of that kind yet."""
    command = found[0]
    playbooks = [each for each in found if "ansible_playbook" in each.command or "ansible-playbook" in each.command]
    pids = {each.pid for each in playbooks}
    mains = [each for each in playbooks if each.parent not in pids]
    forks = [each for each in playbooks if each.parent in pids]
    if plan.target == "runner" and mains:
        return mains[0]
    if plan.target == "worker" and forks:
        return random.Random(plan.seed).choice(forks)
    return command


def processes(top: int) -> list[Proc]:
    """The processes below the namespace's first one, parents first; the command is the first."""
    table = list(_table())
    shell = next(each for each in table if each.command.startswith("sh\0-c\0exec > ") and _below(each, top, table))
    found, level = [], [shell.pid]
    while level:
        children = [each for each in table if each.parent in level]
        found += children
        level = [each.pid for each in children]
    return found


def _below(proc: Proc, top: int, table: list[Proc]) -> bool:
    parents = {each.pid: each.parent for each in table}
    pid = proc.pid
    while pid in parents and pid != top:
        pid = parents[pid]
    return pid == top


def _table() -> list[Proc]:
    table = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                parent = int((folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
                table.append(Proc(int(folder.name), parent, (folder / "cmdline").read_text(errors="replace")))
    return table
