"""Whole runs over fleets, measured from outside: `make bench` runs it, and writes
docs/reference/performance.md.

    python -m tests.benchmarks.fleet [PART...]

with the venv's Python, as root (NTP's port; sshd). Parts are those of PARTS and ALONE, all of them
if none is named. What was measured is kept in build/benchmarks/results.json, part by part, and the
page is made of all that is there: so a part can be measured again alone.

In each part the sides take turns (A B C A B C ...), and a side that has had its rounds sits out.
With ROUNDS=1 in the environment each has one.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.benchmarks import fleet_page, nodes, replayed
from tests.benchmarks import fleet_sides as sides
from tests.benchmarks.judging import one_node_ms
from tests.benchmarks.machine import machine, versions
from tests.benchmarks.measuring import Measured, measure
from tests.lab.github_api import RunningApi
from tests.paths import ROOT

RESULTS = ROOT / "build/benchmarks/results.json"
PAGE = ROOT / "docs/reference/performance.md"

MakeSide = Callable[[sides.Place], sides.Side]


@dataclass(frozen=True)
class Part:
    """A fleet, and how many rounds each side has on it."""

    nodes: int
    over_ssh: bool
    rounds: Mapping[str, int]


SIDES: dict[str, MakeSide] = {
    "ssh": sides.ssh,
    "ping": sides.ping,
    "ping, 5 forks": partial(sides.ping, forks=5),
    "playbook, no token": partial(sides.playbook, depth="none"),
    "playbook, jwt": partial(sides.playbook, depth="jwt"),
    "playbook, token": partial(sides.playbook, depth="token"),
    "command, no token": partial(sides.command, depth="none"),
    "command, jwt": partial(sides.command, depth="jwt"),
    "command, token": partial(sides.command, depth="token"),
    "command, token, its own forks": partial(sides.command, depth="token", forks=None),
    "built-in modules": sides.builtin,
    "testinfra": sides.testinfra,
    "acceptance suite": sides.suite,
    "community role": sides.community,
}

OFTEN, ONCE = 3, 1
FLOOR = {"ssh": OFTEN, "ping": OFTEN}
TOKEN = {"playbook, token": OFTEN, "command, token": OFTEN}
PARTS = {
    "sshd5": Part(5, True, dict.fromkeys(["ping", "playbook, token", "testinfra"], ONCE)),
    "sshd10": Part(10, True, FLOOR | TOKEN | dict.fromkeys(["acceptance suite", "community role"], ONCE)),
    "sshd50": Part(
        50,
        True,
        FLOOR
        | TOKEN
        | dict.fromkeys(["playbook, no token", "playbook, jwt", "command, jwt", "built-in modules"], ONCE)
        | dict.fromkeys(["ping, 5 forks", "command, token, its own forks"], ONCE),
    ),
    "sshd200": Part(200, True, dict.fromkeys([*FLOOR, *TOKEN], ONCE)),
    "replayed100": Part(100, False, dict.fromkeys(["ping", "playbook, jwt"], OFTEN)),
    "replayed1000": Part(1000, False, {"ping": 2, "playbook, jwt": 2, "command, jwt": ONCE, "playbook, token": ONCE}),
    "replayed5000": Part(5000, False, {"playbook, jwt": ONCE}),
}
ALONE = {"payload", "judging"}
"""What needs no fleet."""


def run_part(name: str, part: Part, folder: Path, api: RunningApi, most: int = OFTEN) -> dict[str, Any]:
    """All rounds, at most so many, of a part:
    what each round of each side cost, by the side's name.
    """
    with ExitStack() as stack:
        of_sshd = stack.enter_context(nodes.running(folder / "nodes", part.nodes)) if part.over_ssh else None
        place = sides.Place(folder, api, part.nodes, of_sshd)
        taken: dict[str, list[dict[str, Any]]] = {side: [] for side in part.rounds}
        failed: set[str] = set()
        for turn in range(most):
            for side in (side for side, rounds in part.rounds.items() if turn < rounds and side not in failed):
                try:
                    measured = _measured(place, SIDES[side](place))
                except sides.NotAnsweredError as error:
                    print(f"{name:14} {side:30} {error}", flush=True)
                    failed.add(side)
                    continue
                print(f"{name:14} {side:30} {measured}", flush=True)
                taken[side].append({key: value for key, value in asdict(measured).items() if key != "output"})
        good = {side: rounds for side, rounds in taken.items() if side not in failed}
        about = {"nodes": part.nodes, "over_ssh": part.over_ssh, "forks": sides.FORKS}
        return {**about, "sides": good, "failed": sorted(failed)}


def _measured(place: sides.Place, side: sides.Side) -> Measured:
    try:
        measured = measure(side.argv, side.environment, place.folder)
    finally:
        nodes.hang_up(place.control_paths)
    if measured.status not in side.statuses:
        raise sides.NotAnsweredError(f"{' '.join(side.argv)}: exit {measured.status}\n{measured.output[-3000:]}")
    side.check()
    return measured


def payload(folder: Path, api: RunningApi) -> dict[str, int]:
    """The bytes that are piped to a node, for ping and for the check with a token."""
    place = sides.Place(folder, api, 1)
    sizes = {}
    for name, argv in {"ping": place.replay("token").ping, "check": place.replay("token").playbook}.items():
        noted = folder / f"{name}.sizes"
        measure([*argv, "-e", f"replay_sizes={noted}"], place.environment, folder)
        sizes[name] = max(map(int, noted.read_text().split()))
    print(f"payload        ping {sizes['ping']} bytes, check {sizes['check']} bytes")
    return sizes


def main(names: list[str]) -> None:
    """Measure the parts, and write the page."""
    wrong = set(names) - set(PARTS) - ALONE
    if wrong:
        sys.exit(f"no part is called {', '.join(sorted(wrong))}; parts: {', '.join([*ALONE, *PARTS])}")
    if os.geteuid() != 0:
        sys.exit("the fleets take root: their NTP servers answer at port 123, and their nodes are sshds")
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    most = int(os.environ.get("ROUNDS", OFTEN))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # the nodes are stopped then, too
    folder = Path(tempfile.mkdtemp(prefix="skewgate-bench-", dir="/tmp"))  # short: ssh's sockets are in it
    began_s = time.monotonic()
    try:
        with replayed.references(folder) as api:
            for name in names or [*sorted(ALONE), *PARTS]:
                results[name] = _of_part(name, folder / name, api, most)
                _keep(results)
    finally:
        shutil.rmtree(folder)
    print(f"{time.monotonic() - began_s:.0f} s; written: {PAGE.relative_to(ROOT)}")
    if wrong := [f"{side} ({name})" for name in results for side in results[name].get("failed", ())]:
        sys.exit(f"not in the page, as they failed: {', '.join(wrong)}")


def _of_part(name: str, folder: Path, api: RunningApi, most: int) -> dict[str, Any]:
    about = {"at": time.strftime("%Y-%m-%d", time.gmtime()), "machine": machine(), "versions": versions()}
    if name == "judging":
        return {**about, "ms": one_node_ms()}
    if name == "payload":
        folder.mkdir()
        return {**about, "bytes": payload(folder, api)}
    folder.mkdir()
    return {**about, **run_part(name, PARTS[name], folder, api, most)}


def _keep(results: dict[str, Any]) -> None:
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1))
    PAGE.write_text(fleet_page.page(results))


if __name__ == "__main__":
    main([word for word in re.split(r"[\s,]+", " ".join(sys.argv[1:])) if word])
