"""`make docs-outputs`: run the commands of the pages, and write into the pages what was printed.

`python -m tests.documentation [PAGE...]` does so for these pages: README.md,
docs/how-to/check-many-nodes.md.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.documentation.pages import blocks
from tests.documentation.running import problems, run_page, updated
from tests.documentation.tables import WORLDS
from tests.paths import ROOT


def main(names: list[str]) -> int:
    """0 if every command of these pages ended as its page says; 1 if one did not;
    2 for a page that is not known.
    """
    if unknown := [name for name in names if name not in WORLDS]:
        print(f"no page with commands is called {', '.join(unknown)}; known: {', '.join(WORLDS)}", file=sys.stderr)
        return 2
    bad = 0
    for name in names or WORLDS:
        page = ROOT / name
        text, page_blocks = page.read_text(encoding="utf-8"), blocks(page)
        with tempfile.TemporaryDirectory() as folder:
            try:
                done = run_page(page, Path(folder) / "run", WORLDS[name], page_blocks)
            except (RuntimeError, ValueError, subprocess.TimeoutExpired) as error:
                print(f"{name}: {error}", file=sys.stderr)
                bad += 1
                continue
        new, whole = updated(text, page_blocks, done)
        page.write_text(new, encoding="utf-8")
        left = [problem for problem in problems(done) if "\nended with " in problem]
        bad += len(left)
        print(f"{name}: {'as it was' if new == text else 'written'}", *left, sep="\n", flush=True)
        for command in whole:
            print(f"{name}: all of the output is shown now, choose what to leave out: {command}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
