"""Each seed is one run that is killed with SIGKILL, on two nodes of the lab, two seeds at a time.

A seed decides what is run, the state of each node, which process is killed, and when. The moment is
some time after a task begins. On a machine that is more or less busy, the same seed kills at
another point of the run.

After the kill, the test looks at each node and at the report folder. Then it runs the same command
again. A node is *lost* if it had a working time daemon and has none, if its chrony.conf was written
by no run and no package, if a lock is still held there, or if the next run did not finish it.
*Admitted wrongly*: a report that is not whole is accepted, or a node joined without an admission.
*Exceptions*: tracebacks that the next run printed.

A case is a run that was killed. The other runs are looked at in the same way, but are no cases.

Figures: ``ended_first``, the run was over before the moment, or there was nothing to kill;
``tokens_left``, tokens that the killed run did not revoke (they end after an hour at most);
``half_installed``, nodes on which dpkg was cut off, until the next run goes on with it;
``open_backups``, which the next run continues, or a later one leaves alone.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

from tests.integration.conftest import BIN, CAPTURED
from tests.lab import Lab
from tests.lab.lab import REPOSITORY
from tests.reliability.interruptions.driver import run_seed
from tests.reliability.results import Row

AT_A_TIME = 2


def run(seeds: Sequence[int]) -> Iterator[Row]:
    """A row for each seed; what a run with a fault left is kept in the folder that is printed."""
    with lab_up() as lab:
        folder = Path(tempfile.mkdtemp(prefix="skewgate-interruptions-"))
        yield from run_in(lab, seeds, folder)


def run_in(lab: Lab, seeds: Sequence[int], folder: Path) -> Iterator[Row]:
    """The same on a lab that is up, with its files in a folder."""
    old, slots = old_report(lab, folder / "old"), SimpleQueue[int]()
    for slot in range(AT_A_TIME):
        slots.put(slot)

    def one(seed: int) -> Row:
        slot = slots.get()
        try:
            return run_seed(lab, seed, slot, folder / str(seed), old)
        finally:
            slots.put(slot)

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        for row in pool.map(one, seeds):
            if row.holds:
                shutil.rmtree(folder / str(row.seeds[0]))
            else:
                print(f"kept: {folder / str(row.seeds[0])}")
            yield row


@contextmanager
def lab_up() -> Iterator[Lab]:
    """The lab with its servers; left up if it was up."""
    lab = Lab()
    was_up = lab.namespace.exists()
    lab.up([])
    try:
        yield lab
    finally:
        for n in range(4, 4 + 2 * AT_A_TIME):
            lab.stop_node(f"node{n}")
        if not was_up:
            lab.down()


def old_report(lab: Lab, folder: Path) -> Path:
    """A whole report of an earlier run, which admits a node that is called ``old``."""
    folder.mkdir(parents=True)
    here = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    host = {**here, "gate_checks": ["clock_skew"], "gate_ntp_servers": ["10.77.0.1"]}
    (folder / "hosts.json").write_text(json.dumps({"all": {"hosts": {"old": host}}}))
    argv = [str(BIN / "skewgate"), "check", "-i", str(folder / "hosts.json"), "--report-dir", str(folder / "reports")]
    done = lab.run(argv, **CAPTURED, cwd=REPOSITORY, env=dict(os.environ))
    if done.returncode:
        raise RuntimeError(f"the earlier run ended with {done.returncode}:\n{done.stdout}")
    return folder / "reports"
