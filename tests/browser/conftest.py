"""Chromium from Debian's packages, and the npm packages of package.json;
a test is skipped if they cannot be had.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.lab.host import LabError, command
from tests.paths import BUILD
from tests.toolchains import chromium

HERE = Path(__file__).parent
AT_MOST_S = 240

Browse = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]


@pytest.fixture(scope="session")
def npm() -> Path:
    """A folder with the npm packages and the script that drives the browser."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("the browser is driven with node, and here is no node or npm")
    folder = BUILD / "browser"
    lock = (HERE / "package-lock.json").read_bytes()
    marker = folder / ".lock"
    if not marker.exists() or marker.read_bytes() != lock:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, folder)
        try:
            quiet = ["--ignore-scripts", "--no-audit", "--no-fund"]
            command(["npm", "ci", "--prefix", str(folder), *quiet], timeout_s=300)
        except LabError as error:
            pytest.skip(f"the npm packages could not be had: {error}")
        marker.write_bytes(lock)
    shutil.copy(HERE / "browse.mjs", folder)
    return folder


@pytest.fixture(scope="session")
def browse(npm: Path) -> Browse:
    """``browse(jobs)``: what Chromium shows of pages, in the order of the jobs;
    browse.mjs says what a job may ask for.
    """
    if shutil.which("apt-get") is None:
        pytest.skip("Chromium is unpacked from Debian's package, and here is no apt-get")
    try:
        program, libraries = chromium(BUILD)
    except LabError as error:
        pytest.skip(f"Chromium could not be had: {error}")

    def run(jobs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        ended = subprocess.run(
            ["node", str(npm / "browse.mjs")],
            input=json.dumps(jobs),
            env={**os.environ, "CHROMIUM": str(program), "LD_LIBRARY_PATH": libraries},
            capture_output=True,
            text=True,
            timeout=AT_MOST_S,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr[-3000:]
        found: list[dict[str, Any]] = json.loads(ended.stdout)
        return found

    return run
