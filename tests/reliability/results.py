"""What `make reliability` found: rows, the file that keeps them, and the table of them.

`results.jsonl` is part of the repository, so one run goes on where an earlier one ended, and each
row says at which commit it was found. A row is written as soon as it is known.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from tests.paths import ROOT

RESULTS = ROOT / "tests/reliability/results.jsonl"
#: A row names at most so many faults; all are printed when they are found.
MOST_FAULTS = 20


@dataclass(frozen=True)
class Row:
    """What one run of a part found. A count is None if the part cannot see such a thing.

    ``seeds``: the first and the last one, both included; a part without chance has its numbers of
    cases here. ``faults``: what was found, each with the seed that makes it again.
    ``refused_wrongly`` and ``inconclusive`` are rates to explain; every other count must be 0.
    """

    part: str
    cases: int
    seeds: tuple[int, int]
    admitted_wrongly: int | None = None
    refused_wrongly: int | None = None
    inconclusive: int | None = None
    exceptions: int | None = None
    leaks: int | None = None
    lost: int | None = None
    took_s: float = 0.0
    faults: list[str] = field(default_factory=list)
    #: Further figures that the part's page explains: name and number.
    figures: dict[str, float] = field(default_factory=dict)
    commit: str = ""
    code: str = ""
    at: str = ""

    @property
    def holds(self) -> bool:
        """Whether nothing was found that must not be."""
        return not (self.faults or self.admitted_wrongly or self.exceptions or self.leaks or self.lost)

    def found_now(self) -> Row:
        """The row with the present commit, code and day."""
        day = datetime.now(UTC).date().isoformat()
        return replace(self, commit=commit(), code=code_of(self.part), at=day, faults=self.faults[:MOST_FAULTS])

    def append(self, file: Path = RESULTS) -> None:
        """Write it to the end of the file."""
        with file.open("a") as rows:
            rows.write(json.dumps(asdict(self)) + "\n")


COUNTS = ("admitted_wrongly", "refused_wrongly", "inconclusive", "exceptions", "leaks", "lost")


@cache
def commit() -> str:
    """The checkout's commit, with ``+`` if the product or these tests differ from it."""
    head = _git("rev-parse", "--short=9", "HEAD")
    changed = _git("status", "--porcelain", "--", "plugins", "roles", "playbooks", "src", "tests")
    return head + ("+" if [line for line in changed.splitlines() if not line.endswith(RESULTS.name)] else "")


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout.rstrip()


@cache
def code_of(part: str) -> str:
    """A digest of product and part. Rows of the same code that hold are not found again."""
    digest = hashlib.sha256()
    folders = ("plugins", "roles", "playbooks", "src", f"tests/reliability/{part}")
    for file in sorted(file for folder in folders for file in (ROOT / folder).rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            digest.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:12]


def read(file: Path = RESULTS) -> list[Row]:
    """All rows, in the order in which they were found."""
    known = {each.name for each in fields(Row)}
    rows = []
    for line in file.read_text().splitlines() if file.exists() else ():
        data: dict[str, Any] = json.loads(line)
        first, last = data.pop("seeds")
        rows.append(Row(**{key: data[key] for key in data.keys() & known}, seeds=(first, last)))
    return rows


def done(rows: Iterable[Row], part: str) -> frozenset[int]:
    """The seeds that need not be run again: those of rows of the same part and code that hold.

    What does not hold is found again, and fails each run until it is fixed.
    """
    mine = [row for row in rows if row.part == part and row.code == code_of(part) and row.holds]
    return frozenset(seed for row in mine for seed in range(row.seeds[0], row.seeds[1] + 1))


def together(rows: Iterable[Row]) -> Iterator[Row]:
    """One row for each part and commit, in the order of the parts and then of time."""
    kept = list(rows)
    parts = list(dict.fromkeys(row.part for row in kept))
    for _, group in groupby(sorted(kept, key=lambda row: parts.index(row.part)), lambda row: (row.part, row.commit)):
        yield _sum(list(group))


def _sum(rows: Sequence[Row]) -> Row:
    counts = {name: _added([getattr(row, name) for row in rows]) for name in COUNTS}
    return replace(
        rows[-1],
        cases=sum(row.cases for row in rows),
        seeds=(min(row.seeds[0] for row in rows), max(row.seeds[1] for row in rows)),
        took_s=sum(row.took_s for row in rows),
        faults=[fault for row in rows for fault in row.faults],
        **counts,
    )


def _added(counts: Sequence[int | None]) -> int | None:
    seen = [count for count in counts if count is not None]
    return sum(seen) if seen else None


HEADS = (
    "part",
    "cases",
    "admitted wrongly",
    "refused wrongly",
    "inconclusive",
    "exceptions",
    "leaks",
    "nodes lost",
    "seeds",
    "minutes",
    "commit",
    "date",
)


def cells(row: Row) -> list[str]:
    """The row as the table has it; a dash: the part cannot see such a thing."""
    counts = [getattr(row, name) for name in COUNTS]
    shown = ["-" if count is None else f"{count:,}" for count in counts]
    seeds = f"{row.seeds[0]}" if row.seeds[0] == row.seeds[1] else f"{row.seeds[0]} to {row.seeds[1]}"
    return [row.part, f"{row.cases:,}", *shown, seeds, f"{row.took_s / 60:.1f}", row.commit, row.at]


def table(rows: Iterable[Row]) -> str:
    """The accumulated table as plain text."""
    lines = [list(HEADS), *map(cells, together(rows))]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
