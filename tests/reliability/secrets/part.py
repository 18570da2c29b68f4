"""Each seed is the number of a flow: a whole run of the product, with success or with one fault.

After it, all that it wrote, printed and showed is searched for the App's private key, the JWTs and
the tokens, in all forms (forms.py) and in what is packed: the reports, the output at ``-vvvv``,
Ansible's log, fact cache, retry files and trees of results, the home and temporary folders of the
command, of Ansible and of the node, core dumps, and the command line and environment of every
process while it ran. The last seed is a node of the lab that is fixed and joins: its disk (deleted
files too), its journal and its file systems in memory are searched.

A case is a flow. A leak is a place where a secret was found. A fault names the flow, the place, the
secret and its form, and never the secret itself. If a flow did not end as it was planned (another
exit status, another key, no token), the part itself fails.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from tests.reliability.results import Row
from tests.reliability.secrets.crashes import ON_CRASH, ON_FAULT, ON_OTHER_WAYS
from tests.reliability.secrets.flows import OF_ANSIBLE, ON_REFUSAL, ON_SIGNING, ON_SUCCESS, ON_WRONG_KEYS
from tests.reliability.secrets.on_lab import leaks_on_lab
from tests.reliability.secrets.search import texts
from tests.reliability.secrets.world import running

FLOWS = (*ON_SUCCESS, *ON_REFUSAL, *ON_WRONG_KEYS, *OF_ANSIBLE, *ON_CRASH, *ON_FAULT, *ON_OTHER_WAYS, *ON_SIGNING)
OF_LAB = len(FLOWS) + 1
#: Flows of one row.
TOGETHER = 6
AT_A_TIME = 2


def run(seeds: Sequence[int]) -> Iterator[Row]:
    """A row for some flows each, and one for the lab."""
    here = [seed for seed in seeds if seed < OF_LAB]
    some = [here[start : start + TOGETHER] for start in range(0, len(here), TOGETHER)]
    # Not forks of this process: the port of a world's nodes is its process's.
    with ProcessPoolExecutor(AT_A_TIME, mp_context=get_context("spawn")) as pool:
        yield from pool.map(row_of, some)
    if OF_LAB in seeds:
        begun_s = time.monotonic()
        found = texts(leaks_on_lab())
        yield _row([OF_LAB], [f"seed {OF_LAB}: the lab: {leak}" for leak in found], begun_s)


def row_of(seeds: Sequence[int]) -> Row:
    """What these flows leak, one after the other."""
    begun_s = time.monotonic()
    faults = []
    with tempfile.TemporaryDirectory(prefix="secrets-") as folder, running(Path(folder)) as world:
        for seed in seeds:
            flow = FLOWS[seed - 1]
            faults += [f"seed {seed}: {flow.name}: {leak}" for leak in texts(world.leaks(flow.run(world)))]
            world.anew()
    return _row(seeds, faults, begun_s)


def _row(seeds: Sequence[int], faults: list[str], begun_s: float) -> Row:
    took_s = time.monotonic() - begun_s
    return Row("secrets", len(seeds), (seeds[0], seeds[-1]), leaks=len(faults), took_s=took_s, faults=faults)
