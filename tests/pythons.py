"""The Pythons of this machine, and the oldest one that each ansible-core runs with."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

OLDEST = {"2.18": (3, 11), "2.19": (3, 11), "2.20": (3, 12), "2.21": (3, 12)}
"""For each ansible-core that the project names, the oldest Python on the controller."""


@functools.cache
def folders() -> tuple[str, ...]:
    """Where Pythons are: on PATH, and in pyenv's versions, of which PATH may have nothing but shims that do not run."""
    on_path = [folder for folder in os.environ["PATH"].split(":") if Path(folder).name != "shims"]
    if not shutil.which("pyenv"):
        return tuple(on_path)
    root = subprocess.run(["pyenv", "root"], capture_output=True, text=True, check=True).stdout.strip()
    return (*on_path, *(str(folder) for folder in sorted(Path(root).glob("versions/*/bin"))))


@functools.cache
def python_since(oldest: tuple[int, int]) -> str:
    """A Python of that version or a later one: this one, or the oldest that is there; without any the test is skipped."""
    if sys.version_info >= oldest:
        return sys.executable
    for minor in range(oldest[1], 15):
        path = shutil.which(f"python3.{minor}", path=":".join(folders()))
        if path and subprocess.run([path, "-c", "import ensurepip"], check=False).returncode == 0:
            return path
    pytest.skip(f"no Python {oldest[0]}.{oldest[1]} or later is on PATH or in pyenv")


def venv_of(name: str, core: str, *packages: str | Path) -> Path:
    """The venv build/NAME-CORE with this ansible-core and these packages, made where it is not there."""
    venv = Path(__file__).parents[1] / f"build/{name}-{core}"
    if not (venv / ".ready").exists():
        subprocess.run([python_since(OLDEST[core]), "-m", "venv", "--clear", venv], check=True)
        install = ["install", "-q", f"ansible-core~={core}.0", *packages]
        subprocess.run([venv / "bin/python", "-m", "pip", *install], check=True, timeout=900)
        (venv / ".ready").touch()
    return venv
