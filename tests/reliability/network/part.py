"""Each seed is one case: a row of the [network faults](network-faults.md). Twelve of them share one
run of the playbook.

A node is a process with a network, an /etc and processes that no other node has. A relay of the
test passes its packets to servers that only this node has, and makes the fault. Each case names
every finding that must not pass, with its keys. It is a fault if a finding is missing, if there is
another one, or if the node takes longer than the case allows. The controller's own network works.

*Refused wrongly* are nodes that could work; no case expects that. *Inconclusive* are the nodes that
were refused because they could not be judged, mostly because GitHub could not be asked.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.reliability.network.fleet import TOGETHER, Found, check
from tests.reliability.network.matrix import CASES
from tests.reliability.results import Row


def run(seeds: Sequence[int]) -> Iterator[Row]:
    """A row for each run of the playbook, whose seeds follow each other."""
    for some in runs_of(seeds):
        begun_s = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            found = check([CASES[seed - 1] for seed in some], Path(folder))
        yield row_of(some, found, time.monotonic() - begun_s)


def runs_of(seeds: Sequence[int]) -> Iterator[list[int]]:
    """At most twelve together, without a gap."""
    some: list[int] = []
    for seed in seeds:
        if some and (len(some) == TOGETHER or seed != some[-1] + 1):
            yield some
            some = []
        some.append(seed)
    if some:
        yield some


def row_of(seeds: Sequence[int], found: Sequence[Found], took_s: float) -> Row:
    """What one run found."""
    return Row(
        "network",
        len(found),
        (seeds[0], seeds[-1]),
        admitted_wrongly=sum(each.admitted_wrongly for each in found),
        refused_wrongly=sum(each.refused_wrongly for each in found),
        inconclusive=sum(each.not_judged for each in found),
        exceptions=sum(len(each.exceptions) for each in found),
        took_s=took_s,
        faults=[fault for each in found for fault in each.faults],
        figures={"slowest_node_s": round(max(each.took_s for each in found), 1)},
    )
