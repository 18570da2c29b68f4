"""What a command costs: wall time, and CPU and memory of all its processes."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.paths import ROOT


@dataclass(frozen=True)
class Measured:
    """One run. ``cpu_s``: user and system, of the process and all that it started and waited for."""

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
    """Run it to its end, and see what it cost."""
    path = folder / "output"
    with path.open("wb") as output:
        begun_s = time.perf_counter()
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=ROOT, env=dict(environment)
        )
        _pid, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - begun_s
        process.returncode = os.waitstatus_to_exitcode(status)
    return Measured(
        status=process.returncode,
        output=path.read_text(errors="replace"),
        wall_s=wall_s,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_mb=usage.ru_maxrss / 1024,
    )
