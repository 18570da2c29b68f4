"""What a command costs: wall time, and CPU and memory of all its processes."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.paths import ROOT

LAUNCH = Path(__file__).with_name("launch.py")


@dataclass(frozen=True)
class Measured:
    """One run.

    ``cpu_s``: user and system, of the process and all that it started and waited for.
    """

    status: int
    output: str
    wall_s: float
    cpu_s: float
    peak_mb: float
    """The largest resident size that one process of them had."""

    def __str__(self) -> str:
        """For a line of progress."""
        return f"wall {self.wall_s:7.1f} s  CPU {self.cpu_s:7.1f} s  peak {self.peak_mb:6.0f} MB  exit {self.status}"


def measure(argv: Sequence[str], environment: Mapping[str, str], folder: Path) -> Measured:
    """Run it in the checkout to its end, and see what it cost."""
    printed, cost = folder / "output", folder / "cost"
    cost.unlink(missing_ok=True)
    with printed.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-I", LAUNCH, cost, *argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env=dict(environment),
            start_new_session=True,
        )
        try:
            process.wait()
        except BaseException:  # Ctrl-C: the command ends, too
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
            raise
    return Measured(output=printed.read_text(errors="replace"), **json.loads(cost.read_text()))


def median(rounds: Sequence[Mapping[str, float]], what: str) -> float:
    """The middle of what was measured in some rounds.

    >>> median([{"wall_s": 9.0}, {"wall_s": 1.0}, {"wall_s": 2.0}], "wall_s")
    2.0
    """
    return statistics.median(one[what] for one in rounds)
