"""The examples of docs/how-to pass the tests that stand beside them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.examples import blocks

PLUGINS = "ansible_collections.skewgate.preflight.plugins"

#: Page: (the package that its example belongs to, the example's file, the block with its code).
EXAMPLES = {
    "add-a-check": ("plugin_utils.checks", "clock_source", "check"),
    "add-a-section": ("module_utils.probes", "connman", "probe"),
    "add-a-daemon": ("plugin_utils.daemons", "connman", "daemon"),
    "add-a-format": ("plugin_utils.formats", "nodes_csv", "format"),
}


def plant(page: str, folder: Path) -> str:
    """Write a page's example and its test; the line that adds the example's folder to its package."""
    package, name, block = EXAMPLES[page]
    place = folder / package
    place.mkdir()
    (place / f"{name}.py").write_text(blocks(page)[block])
    (folder / f"test_{page.replace('-', '_')}.py").write_text(blocks(page)["test"])
    return f"import {PLUGINS}.{package} as package\npackage.__path__ = [*package.__path__, {str(place)!r}]\n"


def test_their_tests_pass(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("".join(plant(page, tmp_path) for page in EXAMPLES))
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    environment = {"PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "."]
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout
    assert [page for page in EXAMPLES if f"test_{page.replace('-', '_')}.py::" not in ended.stdout] == []
