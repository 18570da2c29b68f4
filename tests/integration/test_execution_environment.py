"""The recipe of the execution environment, as far as it goes without a container:
ansible-builder makes the build context, and its pip commands are run in a venv.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.recipes import RECIPES, WHEEL
from tests.paths import ROOT

pytestmark = pytest.mark.nightly

LOCK = "requirements.txt"


def run(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def output(*words: str | Path, cwd: Path) -> str:
    ended = run(*words, cwd=cwd)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def context(recipe_tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ansible-builder makes of a copy of the recipe's folder."""
    folder = tmp_path_factory.mktemp("image") / "recipe"
    shutil.copytree(RECIPES / "execution-environment", folder)
    output(recipe_tools / "ansible-builder", "create", "--output-filename", "Containerfile", cwd=folder)
    return folder / "context"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a fresh venv, in the image's place."""
    folder = tmp_path_factory.mktemp("python") / "venv"
    output(sys.executable, "-m", "venv", folder, cwd=folder.parent)
    return folder / "bin/python"


def test_an_image_gets_what_the_lock_has_and_skewgate_and_works(context: Path, python: Path, tmp_path: Path) -> None:
    base, _builder, final = re.split(r"^FROM base AS .*$", (context / "Containerfile").read_text(), flags=re.MULTILINE)
    pip = [line.removeprefix("RUN $PYCMD ").split() for line in base.splitlines() if " pip install " in line]
    assert [words[-1] for words in pip] == [f"/tmp/{LOCK}", WHEEL]
    assert "--require-hashes" in pip[0]
    assert "--no-deps" in pip[1]
    wheel = ("-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", tmp_path, ROOT)
    output(sys.executable, *wheel, cwd=tmp_path)
    output(python, *pip[0][:-1], context / "_build/locked" / LOCK, cwd=tmp_path)
    output(python, *pip[1][:-1], *tmp_path.glob("*.whl"), cwd=tmp_path)

    assert "No broken requirements" in output(python, "-m", "pip", "check", cwd=tmp_path)
    for command in ("ansible", "ansible-runner", "skewgate"):
        output(python.with_name(command), "--version", cwd=tmp_path)
    [(later, package)] = re.findall(r"^RUN \$PYCMD (-m pip install .*) '(.*)'$", final, re.MULTILINE)
    said = output(python, *later.split(), "--no-index", package, cwd=tmp_path)
    assert "already satisfied" in said


def test_a_file_with_another_hash_is_refused(python: Path, tmp_path: Path) -> None:
    lock = (RECIPES / "execution-environment" / LOCK).read_text(encoding="utf-8")
    [entry] = re.findall(r"^ntplib==.*\n(?: +--hash=.*\n)+", lock, re.MULTILINE)
    other = tmp_path / LOCK
    other.write_text(
        re.sub(r"sha256:[0-9a-f]", lambda found: f"{found[0][:-1]}{'0' if found[0][-1] != '0' else '1'}", entry)
    )
    ended = run(python, "-m", "pip", "download", "--no-deps", "--require-hashes", "-r", other, cwd=tmp_path)
    assert ended.returncode != 0
    assert "HASH" in ended.stderr.upper()
