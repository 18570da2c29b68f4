"""Each seed is 5,000 nodes with their servers, networks, daemons and policies, made up by chance.

A case is one node. Its evidence is calculated from its true state, and the product's code judges
it. A node is *admitted wrongly* if the oracle (`oracle.py`) says that a named client, a named limit
or ``gate_max_clock_error_s`` cannot hold, although fewer than half of the references' votes lie. A
limit that tolerates nothing on a side decides nothing, so it is no fault if it breaks. If half or
more of the votes lie, [nothing is promised](../explanation/intervals.md). Such nodes that were
admitted are counted in a figure ("admitted although it breaks").

About a third of all nodes are admitted. Of the nodes that should be admitted (`oracle.is_fine`),
some are not:

- *refused wrongly* (``github_app_token clock``), one or two in 100,000: the clock is within three
  seconds of a client's edge behind. The JWT of the check travels for a second or two, and GitHub
  refuses it at the end of that. The next one could pass.
- ``clock_skew at_the_edge``: the skew was put near the edge of a budget. The edge is inside of the
  interval, or the clock is so near to it (two seconds behind) that the fraction of the second
  decides. Also limits of some milliseconds (ceph) that one NTP server and a Date are not exact
  enough to show.
- ``clock_skew no_leeway_ahead``: a client that tolerates no clock ahead at all.
- ``clock_skew unknown_references_disagree``, ``controller_disagrees``: fewer than half of the votes
  lie, but the right ones have no value in common.
- ``github_app_token not_judged, controller_time_unknown``: the controller could not measure its
  clock. So it signs no JWT for a node that is ahead of that clock.

One case of a hundred also goes through JSON text, in one fleet with the others of its seed. It must
be judged alike, byte by byte. An exception, also one inside a check, is a fault.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor

from tests.reliability.results import Row
from tests.reliability.simulation.simulating import Tally
from tests.reliability.simulation.simulating import run as run_seed

OF_ONE_SEED = 5_000
#: Seeds of one row.
TOGETHER = 10


def run(seeds: Sequence[int]) -> Iterator[Row]:
    """A row for each ten seeds that follow each other."""
    with ProcessPoolExecutor() as pool:
        for some in _runs_of(seeds):
            begun_s = time.monotonic()
            whole = Tally()
            for found in pool.map(run_seed, some, [OF_ONE_SEED] * len(some)):
                whole.add(found)
            yield row_of(whole, (some[0], some[-1]), time.monotonic() - begun_s)


def _runs_of(seeds: Sequence[int]) -> Iterator[list[int]]:
    """At most so many seeds without a gap: a row says its first and last one only."""
    run: list[int] = []
    for seed in seeds:
        if run and (seed != run[-1] + 1 or len(run) == TOGETHER):
            yield run
            run = []
        run.append(seed)
    if run:
        yield run


def row_of(tally: Tally, seeds: tuple[int, int], took_s: float) -> Row:
    """What was found in these seeds."""
    counts = tally.counts
    return Row(
        "simulation",
        tally.cases,
        seeds,
        admitted_wrongly=len(tally.admitted_wrongly),
        refused_wrongly=counts["refused_wrongly"],
        inconclusive=counts["inconclusive"],
        exceptions=len(tally.exceptions),
        took_s=took_s,
        faults=[*tally.admitted_wrongly, *tally.exceptions],
        figures={
            name: count for name, count in sorted(counts.items()) if name not in ("refused_wrongly", "inconclusive")
        },
    )
