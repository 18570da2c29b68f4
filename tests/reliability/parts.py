"""The parts of `make reliability`, in the order in which they run.

A part is a folder with a file ``part.py``, whose ``run(seeds)`` gives rows one by one. It runs the
seeds that it is given and no others. What goes wrong in a part's own working raises: a row is only
what was found out.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from tests.reliability.results import Row


@dataclass(frozen=True)
class Part:
    """``seeds``: how many a run has. ``grows``: each run adds further seeds to those that the
    results have; of another part, the seeds that were run with the same code are left out.
    """

    name: str
    seeds: int
    what: str
    grows: bool = False

    def run(self, seeds: Sequence[int]) -> Iterator[Row]:
        """Run these seeds."""
        module = importlib.import_module(f"tests.reliability.{self.name}.part")
        return cast("Iterator[Row]", module.run(seeds))


PARTS = {
    part.name: part
    for part in (
        Part("mutants", 60, "nodes' evidence changed at random, 1,000 of each seed, judged beside good nodes"),
        Part("interruptions", 10, "runs on nodes of the lab, each killed with SIGKILL at a random moment", grows=True),
        Part("network", 160, "faults of NTP, NTS, DNS, proxies, the API and the wire to them, each with its finding"),
        Part(
            "simulation",
            200,
            "nodes, clocks, servers, networks and daemons made up by chance, 5,000 of each seed: none may be admitted on which a "
            "named client or limit breaks, unless half or more of the references lie",
        ),
        Part("parsers", 66, "each parser of text from outside, fuzzed with atheris, and given texts that grow"),
        Part("secrets", 71, "runs of every kind, all that they wrote and showed searched for key, JWTs and tokens"),
        Part(
            "load", 5, "1,000 nodes that ask one API and one NTP server, which limit them, fail for a while or are slow"
        ),
    )
}
