"""`python -m tests.reliability [PART ...]`: runs the parts, all if none is named, and prints the
accumulated table; 1 if something was found that must not be.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

sys.path.insert(0, "collections")

from tests.reliability import results
from tests.reliability.parts import PARTS, Part


def main(words: Sequence[str]) -> int:
    """Run what the words name; each row is kept as soon as it is known."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"one or more of {', '.join(PARTS)}")
    parser.add_argument("--seeds", type=int, metavar="N", help="how many seeds to run, instead of the part's number")
    parser.add_argument("--first", type=int, metavar="SEED", help="run these seeds again, from this one")
    asked = parser.parse_args(words)
    if unknown := [name for name in asked.parts if name not in PARTS]:
        parser.error(f"no part is called {unknown[0]!r}; the parts are {', '.join(PARTS)}")
    if any(number is not None and number < 1 for number in (asked.seeds, asked.first)):
        parser.error("--seeds and --first are 1 or more")
    holds = True
    for name in asked.parts or PARTS:
        holds &= run(PARTS[name], asked.seeds, asked.first)
    rows = results.read()
    print(f"\n{results.table(rows)}\n")
    return 0 if holds else 1


def run(part: Part, count: int | None, first: int | None) -> bool:
    """Whether everything holds that this part found now.

    Raises RuntimeError if it did not run each seed, or had no case: that would look like a run in
    which nothing was found.
    """
    seeds = chosen(part, results.read(), count or part.seeds, first)
    print(f"== {part.name}: {part.what}: {len(seeds)} of {count or part.seeds} seeds to run", flush=True)
    begun_s = time.monotonic()
    holds, cases, missing = True, 0, set(seeds)
    for found in part.run(seeds) if seeds else ():
        row = found.found_now()
        row.append()
        print(*found.faults, sep="\n", end="\n" if found.faults else "")
        holds &= found.holds
        cases += found.cases
        missing -= {*range(found.seeds[0], found.seeds[1] + 1)}
    print(f"== {part.name}: {time.monotonic() - begun_s:.0f} s", flush=True)
    if missing:
        raise RuntimeError(f"{part.name} has no row of the seeds {sorted(missing)}")
    if seeds and not cases:
        raise RuntimeError(f"{part.name} ran {len(seeds)} seeds and no case")
    return holds


def chosen(part: Part, rows: Sequence[results.Row], count: int, first: int | None) -> list[int]:
    """The seeds of a run: these ones, further ones, or those that were not run with this code."""
    if first is not None:
        return list(range(first, first + count))
    if part.grows:
        last = max((row.seeds[1] for row in rows if row.part == part.name), default=0)
        return list(range(last + 1, last + 1 + count))
    done = results.done(rows, part.name)
    return [seed for seed in range(1, count + 1) if seed not in done]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
