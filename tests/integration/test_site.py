"""The documentation's site is built from a copy of the checkout,
and a mistake in a page fails the build.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in ("docs", "roles"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("mkdocs.yml", "galaxy.yml", "README.md", "SECURITY.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("plugins", "inventories", "src", "tests", "meta", "molecule", "playbooks"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    [command] = re.findall(
        r"^docs-site: .*\n\t(mkdocs .*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
    )
    argv = [sys.executable, "-m", *command.split()]
    return subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def test_each_mistake_is_named_and_fails_the_build(copy: Path) -> None:
    tutorial = copy / "docs/tutorial.md"
    mistakes = {
        "[a](how-to/no-such-page.md)": "no-such-page.md",
        "[b](reference/settings.md#no-such-heading)": "no-such-heading",
        "[c](http://example.org/plain)": "http://example.org/plain",
        '<img alt="" src="https://example.org/picture.png">': "https://example.org/picture.png",
    }
    tutorial.write_text(tutorial.read_text(encoding="utf-8") + "\n\n".join(["", *mistakes, ""]), encoding="utf-8")
    roles = copy / "roles/gate/README.md"
    roles.write_text(
        roles.read_text(encoding="utf-8") + "\nA table without a line before it:\n| a | b |\n| --- | --- |\n"
    )
    mistakes["the table"] = "roles/gate/README.md shows | --- | as text"
    (copy / "docs/how-to/in-no-navigation.md").write_text("# A page\n", encoding="utf-8")
    done = build(copy)
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert [shown for shown in (*mistakes.values(), "in-no-navigation.md") if shown not in said] == []
    assert said.count("WARNING -  ") == len(mistakes) + 1
