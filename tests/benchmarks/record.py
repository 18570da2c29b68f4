"""Records a node's evidence anew, for the nodes that are replayed:
`python -m tests.benchmarks.record EVIDENCE_JSON NODE`.

`make demo` leaves build/demo/after/evidence.json with three nodes that were admitted. What was
recorded of GitHub's answers, for each depth, stays. tests/unit/benchmarks shows whether a node with
that evidence is admitted.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.benchmarks.replayed import RECORDED


def main(path: str, node: str) -> None:
    """Put this node's evidence in the place of what was recorded before."""
    recorded = json.loads(RECORDED.read_text())
    recorded["evidence"] = json.loads(Path(path).read_text())["nodes"][node]["evidence"]
    RECORDED.write_text(json.dumps(recorded, indent=1) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
