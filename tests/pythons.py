"""The Pythons of this machine, and the oldest one that each ansible-core runs with."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.paths import BUILD

OLDEST = {"2.18": (3, 11), "2.19": (3, 11), "2.20": (3, 12), "2.21": (3, 12)}
"""For each ansible-core that the project names, the oldest Python on the controller."""


@functools.cache
def folders() -> tuple[str, ...]:
    """Where Pythons are: on PATH, and in pyenv's versions,
    of which PATH may have nothing but shims that do not run.
    """
    on_path = [folder for folder in os.environ["PATH"].split(":") if Path(folder).name != "shims"]
    if not shutil.which("pyenv"):
        return tuple(on_path)
    root = subprocess.run(["pyenv", "root"], capture_output=True, text=True, check=True).stdout.strip()
    return (*on_path, *(str(folder) for folder in sorted(Path(root).glob("versions/*/bin"))))


@functools.cache
def python_for(core: str) -> str | None:
    """A Python that this ansible-core runs with: this one, or the oldest that is there;
    None without any.
    """
    oldest = OLDEST[core]
    if sys.version_info >= oldest:
        return sys.executable
    for minor in range(oldest[1], 15):
        path = shutil.which(f"python3.{minor}", path=":".join(folders()))
        if path and subprocess.run([path, "-c", "import ensurepip"], check=False).returncode == 0:
            return path
    return None


def without_python(core: str) -> str:
    """Why nothing is tested with this ansible-core here; empty if its Python is there."""
    return "" if python_for(core) else f"no Python {'.'.join(map(str, OLDEST[core]))} or later is on PATH or in pyenv"


def params(*cores: str) -> list[Any]:
    """These ansible-cores as parameters.

    A test whose core has no Python here is skipped, and no sample draws it.
    """
    reasons = {core: without_python(core) for core in cores}
    return [
        pytest.param(core, marks=[pytest.mark.skip(reason=reason)] if reason else [])
        for core, reason in reasons.items()
    ]


def venv_of(name: str, core: str, *packages: str | Path) -> Path:
    """The venv build/NAME-CORE with this ansible-core and these packages,
    made where it is not there.
    """
    venv = BUILD / f"{name}-{core}"
    if not (venv / ".ready").exists():
        if reason := without_python(core):
            pytest.skip(reason)
        subprocess.run([str(python_for(core)), "-m", "venv", "--clear", venv], check=True)
        install = ["install", "-q", f"ansible-core~={core}.0", *packages]
        subprocess.run([venv / "bin/python", "-m", "pip", *install], check=True, timeout=900)
        (venv / ".ready").touch()
    return venv
