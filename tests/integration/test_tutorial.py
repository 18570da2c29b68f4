"""The tutorial, run as it stands, on the lab: every command, and what the page shows of its output.

UPDATE=1 writes what was printed into the page.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.documentation.pages import blocks
from tests.documentation.running import problems, ran, script, updated
from tests.integration.conftest import BIN
from tests.lab import Lab
from tests.paths import BUILD, ROOT

PAGE = ROOT / "docs/tutorial.md"


@pytest.mark.nightly
def test_the_tutorial_shows_what_is_printed(lab: Lab, tmp_path: Path) -> None:
    lab.down()  # nodes that other tests used are not those of the incident
    shutil.rmtree(BUILD / "tutorial", ignore_errors=True)
    (tmp_path / "bin").mkdir()
    # This environment in place of .venv, which make would make.
    make = f'exec {shutil.which("make")} -o .venv/.ready "$@"'
    for name, command in {"make": make, "python": f'exec {sys.executable} "$@"'}.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{command}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    text, page_blocks = PAGE.read_text(encoding="utf-8"), blocks(PAGE)
    (tmp_path / "script").write_text(script(page_blocks, tmp_path), encoding="utf-8")
    environment = {**os.environ, "PATH": f"{tmp_path}/bin:{BIN}:{os.environ['PATH']}", "COLUMNS": "100"}
    try:
        done = ran(page_blocks, ["bash", str(tmp_path / "script")], environment, 900)
    finally:
        lab.up()
    if os.environ.get("UPDATE"):
        new, whole = updated(text, page_blocks, done)
        PAGE.write_text(new, encoding="utf-8")
        assert whole == [], "all of their output is shown now: choose what to leave out"
    assert problems(done) == []
