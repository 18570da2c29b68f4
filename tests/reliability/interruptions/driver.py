"""One run: nodes booted anew, a command that is killed, and the same command again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.integration.conftest import BIN, CAPTURED, INVENTORY, OUR_COMMANDS
from tests.lab import Lab
from tests.lab.github_api import Control
from tests.lab.host import LabError
from tests.lab.lab import REPOSITORY, STATE_DIR
from tests.reliability.interruptions import seen
from tests.reliability.interruptions.plan import STATES, Plan, plan
from tests.reliability.interruptions.seen import Seen, look
from tests.reliability.interruptions.strike import Struck, run_and_strike
from tests.reliability.results import Row

TRACEBACK = "Traceback (most recent call last)"


@dataclass
class Ended:
    """How a command ended; -1: not in ten minutes."""

    status: int
    output: str


class Case:
    """A seed's nodes, folders and commands."""

    def __init__(self, lab: Lab, seed: int, slot: int, folder: Path, old_report: Path) -> None:
        self.lab = lab
        self.plan: Plan = plan(seed)
        self.specs = self.plan.specs(slot)
        self.nodes = [spec.name for spec in self.specs]
        self.folder, self.reports, self.log = folder, folder / "reports", folder / "ansible.log"
        folder.mkdir(parents=True)
        hosts = {spec.name: {"ansible_host": spec.ip, "lab_dir": str(STATE_DIR)} for spec in self.specs}
        (folder / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts}}))
        if self.plan.old_report:
            shutil.copytree(old_report, self.reports)

    def boot(self) -> dict[str, Seen]:
        """The nodes as the plan has them at first, and what they show."""
        for name in self.nodes:
            self.lab.stop_node(name)
        self.lab.up(self.specs)
        for name, state in zip(self.nodes, self.plan.states, strict=True):
            # The image has dpkg's force-unsafe-io, which no real node has: a power cut would
            # leave more undone.
            self.lab.ssh(name, "rm -f /etc/dpkg/dpkg.cfg.d/*; sync")
            if STATES[state].then:
                self.lab.ssh(name, f"{STATES[state].then}; sync", 120)
        return self.look()

    def look(self) -> dict[str, Seen]:
        """What each node shows."""
        with ThreadPoolExecutor() as pool:
            return dict(zip(self.nodes, pool.map(lambda name: look(self.lab, name), self.nodes), strict=True))

    def argv(self, flow: str) -> list[str]:
        """A flow's command."""
        limit = ["-i", str(INVENTORY), "-i", str(self.folder / "hosts.json"), "-l", ",".join(self.nodes)]
        if flow in ("gate", "check"):
            return [str(BIN / "skewgate"), flow, *limit, "--report-dir", str(self.reports)]
        playbook = "remediate" if flow in ("undo", "remediate") else flow
        words = [str(BIN / "ansible-playbook"), f"skewgate.preflight.{playbook}", *limit]
        words += ["-e", json.dumps({"gate_report_dir": str(self.reports)})]
        return [*words, "--tags", "undo"] if flow == "undo" else words

    @property
    def environment(self) -> dict[str, str]:
        """What the killed run and the next one share: the mint throttle's file is in the cache."""
        (self.folder / "tmp").mkdir(exist_ok=True)
        return {
            **OUR_COMMANDS,
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "TMPDIR": str(self.folder / "tmp"),
            "ANSIBLE_LOG_PATH": str(self.log),
        }

    def run(self, flow: str) -> Ended:
        """A whole run of a flow."""
        environment = {**os.environ, **self.environment, "ANSIBLE_LOG_PATH": os.devnull}
        try:
            done = self.lab.run(self.argv(flow), **CAPTURED, cwd=REPOSITORY, env=environment, timeout=600)
        except subprocess.TimeoutExpired as late:
            return Ended(-1, f"it did not end within 600 s: {late.output!r}")
        return Ended(done.returncode, done.stdout)

    def strike(self) -> Struck:
        """The run that is killed."""
        words = [f"{name}={value}" for name, value in self.environment.items()]
        # The time of a node whose installation was cut off cannot be proved in any time.
        argv = ["env", *words, *self.argv(self.plan.flow), "-e", "chrony_proof_timeout_s=30"]
        return run_and_strike(self.lab, self.plan, argv, self.log, self.nodes[self.plan.victim])


def run_seed(lab: Lab, seed: int, slot: int, folder: Path, old_report: Path) -> Row:
    """Everything of one seed."""
    begun_s, began_at_s = time.monotonic(), time.time()
    case = Case(lab, seed, slot, folder, old_report)
    before = case.boot()
    if case.plan.flow == "undo" and (made := case.run("remediate")).status:
        raise RuntimeError(f"{case.plan}: remediation before the undoing ended with {made.status}:\n{made.output}")
    start = case.look() if case.plan.flow == "undo" else before
    struck = case.strike()
    left = tokens_left(lab, case, began_at_s)
    try:
        row = judged(case, struck, left, before=before, start=start)
    except LabError as error:  # what it asks a node is asked four times
        fault = f"{case.plan}: a node no longer answers: {error}"
        row = Row("interruptions", int(struck.struck), (seed, seed), lost=1, faults=[fault])
    return replace(row, took_s=time.monotonic() - begun_s)


def judged(case: Case, struck: Struck, left: int, *, before: dict[str, Seen], start: dict[str, Seen]) -> Row:
    """What the kill left on the nodes and in the report folder, and what the next run makes of it.

    ``before``: the nodes at first; ``start``: as the killed run began; ``left``: its tokens.
    """
    killed = case.look()
    report, evidence = (seen.read(case.reports / f"{name}.json") for name in ("report", "evidence"))
    of_nodes = ["old"] if report and "old" in report.get("nodes", {}) else case.nodes
    wrong = [*seen.half_report(report, evidence, of_nodes), *seen.joined_wrongly(killed, report)]
    wrong += refused_by_verify(case.lab, case, report)
    if case.plan.flow == "check":  # nothing waits for the time daemon of a node that has just booted
        for name in case.nodes:
            case.lab.ssh(name, STATES["good"].then, 120, check=False)
    again = case.run(case.plan.flow)
    after = case.look()
    lost = [f"{name}: {fault}" for name in case.nodes for fault in seen.lost(start[name], killed[name], after[name])]
    lost += next_run(case, before, after, again)
    faults = [f"{case.plan}: {fault}" for fault in (*wrong, *lost)]
    faults += [f"{case.plan}: did not end within 300 s"] if struck.hung else []
    faults += [f"{case.plan}: the next run printed a traceback"] if TRACEBACK in again.output else []
    if faults:
        (case.folder / "again.out").write_text(again.output)
        (case.folder / "seen.json").write_text(json.dumps([before, killed, after], default=vars, indent=1))
    return Row(
        "interruptions",
        int(struck.struck),
        (case.plan.seed, case.plan.seed),
        admitted_wrongly=len(wrong),
        exceptions=again.output.count(TRACEBACK),
        lost=len({fault.partition(":")[0] for fault in lost}),
        faults=faults,
        figures=figures(struck, killed, left),
    )


def figures(struck: Struck, killed: dict[str, Seen], left: int) -> dict[str, float]:
    """Counts that explain: see `part`."""
    return {
        "ended_first": int(not struck.struck),
        "tokens_left": left,
        "half_installed": sum(node.half_installed for node in killed.values()),
        "open_backups": sum(node.backups.count("open") for node in killed.values()),
    }


def refused_by_verify(lab: Lab, case: Case, report: dict[str, Any] | None) -> list[str]:
    """`skewgate verify` must take a whole report, and refuse a folder without one."""
    argv = [str(BIN / "skewgate"), "verify", str(case.reports)]
    status = lab.run(argv, **CAPTURED, cwd=REPOSITORY, env={**os.environ, **OUR_COMMANDS}).returncode
    if report is None:
        return [] if status == 2 else [f"`skewgate verify` ended with {status} without a report"]
    expected = report.get("exit_code")
    return [] if status == expected else [f"`skewgate verify` ended with {status}; the report says {expected}"]


def next_run(case: Case, before: dict[str, Seen], after: dict[str, Seen], again: Ended) -> list[str]:
    """Faults of the same command, run again to its end."""
    faults = []
    if again.status:
        faults.append(f"{' and '.join(case.nodes)}: the next run ended with {again.status}")
    elif case.plan.flow != "undo":
        report = seen.read(case.reports / "report.json") or {"nodes": {}}
        admitted = [name for name, node in report["nodes"].items() if node["verdict"] == "admit"]
        faults += [f"{name}: the next run did not admit it" for name in case.nodes if name not in admitted]
    for name in case.nodes:
        if case.plan.flow in ("undo", "check"):
            faults += [f"{name}: {fault}" for fault in seen.not_as_before(before[name], after[name])]
        else:
            faults += [f"{name}: {fault}" for fault in seen.unfinished(after[name])]
    return faults


def tokens_left(lab: Lab, case: Case, since_s: float) -> int:
    """How many tokens the killed run's nodes minted and did not revoke."""
    asked = Control(lab.state_dir / "github").requests()
    mine = [each for each in asked if each["node"] in {spec.ip for spec in case.specs} and each["at_s"] >= since_s]
    minted = sum(each["status"] == 201 and each["path"].endswith("/access_tokens") for each in mine)
    return int(minted - sum(each["method"] == "DELETE" and each["status"] == 204 for each in mine))
