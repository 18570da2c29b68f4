"""Each seed is one parser of text from outside (``registry.TARGETS``, in their order; after the
last one it begins again, with other random inputs).

A case is one input. The parser is given inputs for some seconds by a coverage-guided fuzzer
(atheris), and then inputs that grow (``growth.py``). Three things count as an exception of the
table: an exception that the parser's callers do not turn into a finding or a message, an input that
takes more than some seconds of the processor, and work that grows faster than the input. Nothing is
judged here, so the part sees no admission. A fault's input is kept in build/reliability/parsers;
the fuzzer is guided by what ran before, so a seed alone does not make it again.

Before the first seed, the fuzzer and the growth are tried on parsers with planted faults: a part
that would find nothing fails.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor

from tests.paths import BUILD
from tests.reliability.parsers import growth
from tests.reliability.parsers.fuzzing import Fuzzed, Job, fuzz
from tests.reliability.parsers.planted import PLANTED, lines
from tests.reliability.parsers.registry import TARGETS
from tests.reliability.results import Row

FOLDER = BUILD / "reliability/parsers"
FUZZED_S = 7.0
"""How long a target is fuzzed for one seed."""

GROWN_S = 3.0
"""How long a target's inputs are grown for one seed: as many shapes as fit into it."""

PROVED_S = 3.0
PROVED_TIMES = 5
CAN_BE_FOUND = ("raises", "hangs", "says_odd")


def run(seeds: Sequence[int]) -> Iterator[Row]:
    """A row for all seeds of one call, as their numbers mean little one by one."""
    begun_s = time.monotonic()
    shutil.rmtree(FOLDER, ignore_errors=True)
    prove_that_faults_are_found()
    workers = os.cpu_count() or 1
    fuzzed = fuzz([Job(name_of(seed), _folder(seed), seed) for seed in seeds], FUZZED_S)
    with ProcessPoolExecutor(workers) as processes:
        grown = list(processes.map(grow, seeds))
    faults = [fault for each in (*fuzzed, *grown) for fault in each.faults]
    yield Row(
        "parsers",
        sum(each.runs for each in (*fuzzed, *grown)),
        (min(seeds), max(seeds)),
        exceptions=len(faults),
        took_s=time.monotonic() - begun_s,
        faults=faults,
        figures={"parsers": float(len({name_of(seed) for seed in seeds}))},
    )


def name_of(seed: int) -> str:
    """The target of a seed."""
    return list(TARGETS)[(seed - 1) % len(TARGETS)]


def _folder(seed: int) -> str:
    return str(FOLDER / f"{seed}-{''.join(each if each.isalnum() else '-' for each in name_of(seed))}")


def grow(seed: int, seconds: float = GROWN_S) -> Fuzzed:
    """As many of a target's shapes as fit into the time; the next seeds of it take further ones."""
    sys.path.insert(0, "collections")
    target = TARGETS[name_of(seed)]
    every = growth.sample(target, seed, 1 << 20)
    ends_s, runs, faults = time.monotonic() + seconds, 0, []
    for name, shape in every:
        if time.monotonic() > ends_s:
            break
        runs += 1
        if fault := growth.fault_of(target, name, shape):
            faults.append(f"{target.name}: {fault.words}")
    return Fuzzed(runs, faults)


def prove_that_faults_are_found() -> None:
    """Raise if a planted fault is missed, or one is found where there is none."""
    for name in ("quadratic_in_python", "quadratic_in_c", "linear"):
        fault = growth.fault_of(PLANTED[name], "lines", lines)
        assert (fault is None) == (name == "linear"), f"{name}: {fault}"
    missed = list(PLANTED)
    for seed in range(1, PROVED_TIMES + 1):  # on a busy machine, some seconds are few inputs
        jobs = [Job(name, str(FOLDER / f"planted-{name}-{seed}"), seed) for name in missed]
        tried = dict(zip(missed, fuzz(jobs, PROVED_S), strict=True))
        for name, found in tried.items():
            assert name in CAN_BE_FOUND or not found.faults, f"{name}: {found}"
            assert found.runs > 100, f"{name}: {found}"
        missed = [name for name in missed if name in CAN_BE_FOUND and not tried[name].faults]
        if not missed:
            return
    raise AssertionError(f"the fuzzer did not find what is planted in {', '.join(missed)}")
