"""Judges the cases of a seed with the product's code, and compares with the oracle."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.evidence import parse_record, read_json
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.judge import judge_record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.report import (
    judge_records,
    node_entry,
    refusing_findings,
)

from tests.reliability.simulation import oracle
from tests.reliability.simulation.drawing import world_of
from tests.reliability.simulation.making import record_of
from tests.reliability.simulation.worlds import World

Judge = Callable[[Mapping[str, Any]], dict[str, Any]]
THROUGH_JSON = 100
"""One case of so many also goes through JSON text, in a fleet of all of these."""
AT = "2026-11-22T08:40:00Z"


@dataclass
class Tally:
    """What was found in some cases."""

    cases: int = 0
    admitted_wrongly: list[str] = field(default_factory=list)
    exceptions: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """Count another's cases too."""
        self.cases += other.cases
        self.admitted_wrongly += other.admitted_wrongly
        self.exceptions += other.exceptions
        self.counts.update(other.counts)


def run(seed: int, count: int, judge: Judge = judge_record) -> Tally:
    """All cases of a seed up to this number."""
    return run_cases(seed, range(count), judge)


def run_cases(seed: int, numbers: Iterable[int], judge: Judge = judge_record) -> Tally:
    """Some cases of a seed."""
    tally = Tally()
    kept: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
    for number in numbers:
        world = world_of(seed, number)
        record = record_of(world)
        try:
            judgement = judge(record)
        except Exception as error:  # noqa: BLE001 - to say which case raised it
            tally.exceptions.append(f"seed {seed}, number {number}: {error!r}")
            continue
        tally.cases += 1
        tally.counts.update(outcome(world, judgement))
        if fault := admitted_wrongly(world, judgement):
            tally.admitted_wrongly.append(f"seed {seed}, number {number}: admitted, {fault}")
        if failed := [f for f in judgement["findings"] if "check_failed" in f["keys"]]:
            tally.exceptions.append(f"seed {seed}, number {number}: {failed[0]['check']}: {failed[0]['summary']}")
        if number % THROUGH_JSON == 0:
            kept[f"n{number:06}"] = record, judgement
    tally.exceptions += [f"seed {seed}, number {int(name[1:])}: {fault}" for name, fault in through_json(kept)]
    return tally


def through_json(kept: Mapping[str, tuple[dict[str, Any], dict[str, Any]]]) -> list[tuple[str, str]]:
    """The nodes of a fleet that are judged otherwise from JSON text, together with the others."""
    records = {name: read_json(json.dumps(record)) for name, (record, _) in kept.items()}
    nodes = judge_records(records, AT)["nodes"] if records else {}
    found = []
    for name, (record, judgement) in kept.items():
        if parse_record(record) != record:
            found.append((name, "its evidence does not have the form that the boundary gives"))
        if json.dumps(nodes[name]) != json.dumps(node_entry(judgement, None, None)):
            found.append((name, "it is judged otherwise through JSON"))
    return found


def admitted_wrongly(world: World, judgement: Mapping[str, Any]) -> str:
    """Why a node must not have been admitted; empty if it was refused, or rightly admitted, or if
    half or more of the votes lie.
    """
    if judgement["verdict"] != "admit":
        return ""
    for at_s in world.moments_s():
        share = oracle.lying_share(world, at_s) if (fault := _fault(world, at_s)) else Fraction(1)
        if 2 * share < 1:
            return f"{fault}; {share} of the votes lie"
    return ""


def _fault(world: World, at_s: float) -> str:
    """What does not hold at this moment of the check."""
    if broken := [*oracle.broken(world, at_s)]:
        return f"and {', '.join(broken)} cannot work at {world.clock.skew_at(at_s):.6f} s"
    if oracle.refused_by_the_apis_clock(world, at_s):
        return f"and the API, {world.api.offs_s[0]:.3f} s ahead, refuses its clients"
    if oracle.beyond_max_clock_error(world, at_s):
        return f"and its clock is {world.clock.skew_at(at_s):.6f} s off, beyond gate_max_clock_error_s"
    return ""


def outcome(world: World, judgement: Mapping[str, Any]) -> list[str]:
    """The figures that a case counts in."""
    if judgement["verdict"] == "admit":
        found = ["admitted"]
        if world.edge_s is not None:
            found.append("admitted near an edge")
        if any(_fault(world, at_s) for at_s in world.moments_s()):
            found.append("admitted although it breaks, as half or more of the votes lie")
        return found
    found = [f"refused: {judgement['refused_because']}"]
    if not oracle.is_fine(world):
        return found
    how = "refused_wrongly" if judgement["refused_because"] == "failure" else "inconclusive"
    first = next(f for f in refusing_findings(judgement) if how == "inconclusive" or f["state"] == "fail")
    return [*found, how, f"{how}: {first['check']} {', '.join(first['keys'])}"]
