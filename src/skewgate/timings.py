"""``--timings``: how long the parts of a run took."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .progress import FLEET_BEGIN, FLEET_REPORT, NODE_CHECK

PHASES = {
    FLEET_BEGIN: "until the nodes were asked (Ansible's start, inventory, settings)",
    NODE_CHECK: "the nodes, with what was fixed",
    FLEET_REPORT: "the report",
}
PARTS = {
    "prepare": "settings, signing",
    "connect": "connect",
    "transfer": "there and back",
    "start": "Python's start on the node",
    "probes": "probes",
    "judging": "reading and judging",
}


def timing_lines(phases_s: Mapping[str, float], timings: Mapping[str, Any]) -> Iterator[str]:
    """Lines for people: the phases of the run, and the parts of the nodes' checks."""
    forks = f", {timings['forks']} nodes at a time" if timings.get("forks") else ""
    yield f"Where the time went, in seconds{forks}:"
    for phase, text in PHASES.items():
        if phase in phases_s:
            yield f"  {text:<68}{phases_s[phase]:>8.2f}"
        if phase == NODE_CHECK and timings.get("checks"):
            yield f"    {'of one node':<56}{'median':>10}{'longest':>10}"
            for part, seconds in timings["checks"].items():
                yield f"    {PARTS[part]:<56}{seconds['median_s']:>10.2f}{seconds['longest_s']:>10.2f}"
