"""Coverage-guided fuzzing of targets, which needs atheris (`make reliability` installs it).

Inputs that take a new way through the product's code are kept and changed further. It goes on after
a fault: a target's folder has the shortest input of each kind of fault, and in ``faults.json`` what
each is. One process imports the product, with counters of its branches, and forks for each target.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.paths import ROOT
from tests.reliability.parsers.holding import LIMIT_S, fault_of
from tests.reliability.parsers.target import Target

MAX_BYTES = 4096
"""Of an input: larger ones grow slower in ways, and growth is looked at by itself."""

KINDS = 10
"""How many kinds of faults are kept of one target."""


@dataclass(frozen=True)
class Fuzzed:
    """``runs``: how many inputs were tried. ``faults``: each with the file of its input."""

    runs: int
    faults: list[str]


class Found:
    """Faults of one target: of each kind the shortest input, in a folder."""

    def __init__(self, target: Target, folder: Path) -> None:
        self.target, self.folder = target, folder
        self.kept: dict[str, dict[str, Any]] = {}

    def look_at(self, data: bytes) -> None:
        """Run one input, and keep it if it shows a fault."""
        fault = fault_of(self.target, data)
        if fault is None:
            return
        known = self.kept.get(fault.kind)
        if known is None and len(self.kept) >= KINDS:
            return
        if known is None or len(data) < known["bytes"]:
            name = f"fault-{hashlib.sha256(fault.kind.encode()).hexdigest()[:10]}"
            (self.folder / name).write_bytes(data)
            self.kept[fault.kind] = {"words": fault.words, "bytes": len(data), "input": name}
            (self.folder / "faults.json").write_text(json.dumps(self.kept))


@dataclass(frozen=True)
class Job:
    """One target, and the folder of its inputs, which must not exist yet."""

    target: str
    folder: str
    seed: int


def fuzz(jobs: Sequence[Job], seconds: float) -> list[Fuzzed]:
    """Fuzz each target for so long, as many side by side as there are processors."""
    asked = json.dumps({"jobs": [asdict(job) for job in jobs], "seconds": seconds})
    command = [sys.executable, "-m", __name__]
    ended = subprocess.run(command, cwd=ROOT, input=asked, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(f"fuzzing ended with {ended.returncode}: {ended.stderr[-2000:]}")
    return [_read(job) for job in jobs]


def _read(job: Job) -> Fuzzed:
    folder = Path(job.folder)
    log = (folder / LOG).read_text(errors="replace")
    runs = [line.split()[1] for line in log.splitlines() if line.startswith("stat::number_of_executed_units:")]
    faults = folder / "faults.json"
    found = json.loads(faults.read_text()) if faults.exists() else {}
    words = [f"{each['words']} ({folder / each['input']})" for each in found.values()]
    # libFuzzer's own: a process that died, took too long for its own clock, or too much memory.
    words += [f"libFuzzer: {path}" for path in folder.glob("*-*") if not path.name.startswith("fault-")]
    if not runs and not words:
        raise RuntimeError(f"{job.target} was not fuzzed: {log[-2000:]}")
    return Fuzzed(int(runs[-1]) if runs else 0, [f"{job.target}: {each.replace(f'{ROOT}/', '')}" for each in words])


LOG = "log.txt"


def main() -> None:
    """Run the jobs of standard input."""
    import atheris  # noqa: PLC0415 - only this process needs it

    sys.path.insert(0, "collections")
    with atheris.instrument_imports(include=["ansible_collections.skewgate", "skewgate", f"{__package__}.planted"]):
        from tests.reliability.parsers.planted import PLANTED  # noqa: PLC0415
        from tests.reliability.parsers.registry import TARGETS  # noqa: PLC0415
    asked = json.load(sys.stdin)
    running: set[int] = set()
    for given in asked["jobs"]:
        job = Job(**given)
        if len(running) == (os.cpu_count() or 1):
            running.remove(os.wait()[0])
        Path(job.folder).mkdir(parents=True)
        if pid := os.fork():
            running.add(pid)
        else:
            _run({**TARGETS, **PLANTED}[job.target], job, asked["seconds"], atheris)
    while running:
        running.remove(os.wait()[0])


def _run(target: Target, job: Job, seconds: float, atheris: Any) -> None:
    """Fuzz one target in this process until the time is over; libFuzzer ends the process."""
    folder = Path(job.folder)
    with (folder / LOG).open("wb") as log:
        for descriptor in (1, 2):
            os.dup2(log.fileno(), descriptor)
    corpus = folder / "corpus"
    corpus.mkdir()
    found = Found(target, folder)
    for number, given in enumerate(target.seeds):
        (corpus / str(number)).write_bytes(given)
        found.look_at(given)
    options: dict[str, Any] = {
        "seed": job.seed,
        "max_total_time": max(1, round(seconds)),
        "max_len": MAX_BYTES,
        "print_final_stats": 1,
        "timeout": round(24 * LIMIT_S),
        "rss_limit_mb": 2048,
        "artifact_prefix": f"{folder}/",
    }
    if target.tokens:
        lines = ['"' + "".join(f"\\x{byte:02x}" for byte in token.encode()) + '"' for token in target.tokens]
        (folder / "dictionary").write_text("\n".join(lines))
        options["dict"] = folder / "dictionary"
    atheris.Setup([__name__, *(f"-{key}={value}" for key, value in options.items()), str(corpus)], found.look_at)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
