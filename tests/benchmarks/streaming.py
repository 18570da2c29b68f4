"""What the evidence and reports of a fleet cost: `python -m tests.benchmarks.streaming`
(with the venv's Python).

Written, judged again, merged from three runs, and verified: peak memory and CPU time of a process
for each, at 1,000 and 10,000 nodes made from tests/samples, and their ratios. Memory is bounded if
it hardly grows, and time is linear if it grows tenfold. Other numbers of nodes can be given:
`python -m tests.benchmarks.streaming 100 1000`.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, "collections")

from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.saved import evidence_of, read_evidence
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.stored import Stored, write_nodes
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.times import now
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import report_text, write
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import Record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.report import Together, judge_node

from skewgate import cli

SAMPLES = [path.read_text() for path in sorted(Path("tests/samples").glob("*.json"))]
PARTS = 3


def start(_nodes: int, _folder: Path) -> None:
    """Nothing: what Python and the imports take."""


def written(nodes: int, folder: Path) -> None:
    """As the action ``fleet_report`` does, but for what Ansible keeps:
    one node judged after the other, then the reports.
    """
    (folder / "run").mkdir()
    records, together = Stored(folder), Together(Stored(folder))
    for number in range(nodes):
        name, record = f"node{number:05}", json.loads(SAMPLES[number % len(SAMPLES)])
        records[name] = record
        of_node = Record(record)
        together.add(name, of_node, judge_node(name, of_node))
    judged_at = now()
    report = together.report(judged_at, "run")
    files = write(folder / "run", report, evidence_of(records, judged_at, "run"))
    report_text.lines(report, files)


def parted(_nodes: int, folder: Path) -> None:
    """The evidence of the run as that of three, in each of which is every tenth node."""
    whole = read_evidence(folder / "run/evidence.json")
    for part in range(PARTS):
        own = Stored(folder)
        for number, name in enumerate(whole["nodes"]):
            if number % PARTS == part or number % 10 == 0:
                own[name] = whole["nodes"][name]
        with (folder / f"part{part}.json").open("w") as file:
            write_nodes({**whole, "nodes": own}, file)


def command(*words: str) -> None:
    """A command of ``skewgate``, without what it prints."""
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        cli.main(list(words))


def judged_again(_nodes: int, folder: Path) -> None:
    """``skewgate report`` of one run."""
    command("report", str(folder / "run"))


def merged(_nodes: int, folder: Path) -> None:
    """``skewgate report`` of three runs, written to a folder."""
    command("report", *(str(folder / f"part{part}.json") for part in range(PARTS)), "--report-dir", str(folder / "all"))


def verified(_nodes: int, folder: Path) -> None:
    """``skewgate verify``."""
    command("verify", str(folder / "run"))


WORK = {work.__name__: work for work in (start, written, parted, judged_again, merged, verified)}


def in_own_process(work: str, nodes: int, folder: Path) -> tuple[float, float]:
    """Peak memory in MB and CPU time in seconds."""
    arguments = [sys.executable, "-m", "tests.benchmarks.streaming", work, str(nodes), str(folder)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    peak_mb, cpu_s = map(float, done.stdout.split())
    return peak_mb, cpu_s


def compared(few: int, many: int) -> None:
    """Print a line for each kind of work, with the ratio of many nodes to few."""
    print(f"{'':14}{few:>8} nodes{'':9}{many:>8} nodes{'':9}   ratio")
    with tempfile.TemporaryDirectory(prefix="skewgate-bench-") as one, tempfile.TemporaryDirectory() as other:
        for work in WORK:
            found: list[Any] = [in_own_process(work, few, Path(one)), in_own_process(work, many, Path(other))]
            sides = "".join(f"{peak_mb:8.0f} MB {cpu_s:7.1f} s " for peak_mb, cpu_s in found)
            memory, time = (found[1][which] / found[0][which] for which in (0, 1))
            print(f"{work:14}{sides}  memory {memory:.1f}, time {time:.1f}", flush=True)


def main() -> None:
    """Compare, or do one kind of work and print what it took."""
    if len(sys.argv) == 4:
        WORK[sys.argv[1]](int(sys.argv[2]), Path(sys.argv[3]))
        used = resource.getrusage(resource.RUSAGE_SELF)
        print(used.ru_maxrss / 1024, used.ru_utime + used.ru_stime)
        return
    few, many = map(int, sys.argv[1:] or (1_000, 10_000))
    compared(few, many)


if __name__ == "__main__":
    main()
