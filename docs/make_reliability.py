"""Makes docs/reference/reliability.md from the results that `make reliability` keeps.

`make docs` runs it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from docs.writing import ROOT, head, page, table, wrapped
from tests.reliability import results
from tests.reliability.parts import PARTS, Part
from tests.reliability.results import Row

FILE = ROOT / "docs/reference/reliability.md"
HOW = """
A gate is trusted for what it does not do under attack and fault. `make reliability` attacks it and
writes what it found to `tests/reliability/results.jsonl`; this table adds that up. A seed is the
number from which a part chooses what it tries. Each part below says what one of its seeds and one of
its cases are. A dash means that the part cannot see such a thing. *Admitted wrongly*, *exceptions*, *leaks* and *nodes lost*
must be 0, or the run fails. *Refused wrongly* and *inconclusive* are explained with each part below.
"""
#: Of more rows than this, the figures are added up.
SIDE_BY_SIDE = 6


def text() -> str:
    """The whole page: what is tried, and what was found."""
    rows = results.read()
    found = table(results.HEADS, map(results.cells, results.together(rows)))
    parts = [words for part in PARTS.values() for words in _of_part(part, rows)]
    return page(head("Reliability", "tests/reliability"), wrapped(HOW), found, *parts)


def _of_part(part: Part, rows: Sequence[Row]) -> Iterator[str]:
    """What the part does, in the words of its file, and the figures of its newest rows."""
    yield f"## {part.name.capitalize()}"
    file = ROOT / f"tests/reliability/{part.name}/part.py"
    yield (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").replace("``", "`")
    newest = [row for row in rows if row.part == part.name and row.figures]
    newest = [row for row in newest if row.commit == newest[-1].commit]
    if newest:
        names = sorted({name for row in newest for name in row.figures})
        if len(newest) <= SIDE_BY_SIDE:
            columns = [f"seed {row.seeds[0]}" for row in newest]
            values = [[f"{row.figures.get(name, 0):g}" for row in newest] for name in names]
        else:
            columns = [f"at {newest[-1].commit}"]
            values = [[f"{sum(row.figures.get(name, 0) for row in newest):,g}"] for name in names]
        yield table(("figure", *columns), [(name, *each) for name, each in zip(names, values, strict=True)])


if __name__ == "__main__":
    FILE.write_text(text())
