"""`python -m tests.reliability COUNT [SEED]`: so many mutants, on all processors;
1 if something does not hold of one of them.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ProcessPoolExecutor

sys.path.insert(0, "collections")

from tests.reliability.fuzzing import run

OF_ONE_SEED = 1000


def main(count: int, seed: int) -> int:
    """Print what does not hold, and how long it took."""
    begun_s = time.monotonic()
    seeds = range(seed, seed + max(1, count // OF_ONE_SEED))
    with ProcessPoolExecutor() as pool:
        faults = [fault for found in pool.map(run, seeds, [min(count, OF_ONE_SEED)] * len(seeds)) for fault in found]
    print(*faults, sep="\n")
    print(f"{count} mutants, seeds {seeds[0]} to {seeds[-1]}: {len(faults)} faults, {time.monotonic() - begun_s:.0f} s")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1000))
