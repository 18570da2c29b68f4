"""Each seed is 1,000 mutants, judged on all processors.

A mutant is the evidence of a bad node with one to four changes of its structure or of its text.
Fifty are judged at a time, beside two good nodes. A mutant that is admitted is *admitted wrongly*
in three cases: its clock is off by more than such a change can hide, no change touched what the
node was refused for, or a section is missing that a required check needs. These count as
*exceptions*: any exception of Python, a good node whose entry changes, a report that is not strict
JSON, and a format that prints control characters to a terminal.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor

from tests.reliability.mutants.fuzzing import run as run_seed
from tests.reliability.results import Row

OF_ONE_SEED = 1000
#: Seeds of one row.
TOGETHER = 50


def run(seeds: Sequence[int]) -> Iterator[Row]:
    """A row for each fifty seeds."""
    with ProcessPoolExecutor() as pool:
        for start in range(0, len(seeds), TOGETHER):
            some = seeds[start : start + TOGETHER]
            begun_s = time.monotonic()
            faults = [fault for found in pool.map(run_seed, some, [OF_ONE_SEED] * len(some)) for fault in found]
            admitted = sum(": admitted" in fault for fault in faults)
            yield Row(
                "mutants",
                len(some) * OF_ONE_SEED,
                (some[0], some[-1]),
                admitted_wrongly=admitted,
                exceptions=len(faults) - admitted,
                took_s=time.monotonic() - begun_s,
                faults=faults,
            )
