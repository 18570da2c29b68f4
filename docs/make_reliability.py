"""Makes docs/reference/reliability.md from the results that `make reliability` keeps.

`make docs` runs it.
"""

from __future__ import annotations

from docs.writing import ROOT, head, page, table, wrapped
from tests.reliability import results
from tests.reliability.parts import PARTS

FILE = ROOT / "docs/reference/reliability.md"
HOW = """
A gate is trusted for what it does not do under attack and fault. `make reliability` attacks it and
writes what it found to `tests/reliability/results.jsonl`; this table adds that up. A dash means
that the part cannot see such a thing. *Admitted wrongly*, *exceptions*, *leaks* and *nodes lost*
must be 0, or the run fails.
"""


def text() -> str:
    """The whole page: what is tried, and what was found."""
    rows = results.read()
    parts = table(("part", "what it does"), [(part.name, part.what) for part in PARTS.values()])
    found = table(results.HEADS, map(results.cells, results.together(rows)))
    return page(head("Reliability", "tests/reliability/results.jsonl"), wrapped(HOW), parts, found)


if __name__ == "__main__":
    FILE.write_text(text())
