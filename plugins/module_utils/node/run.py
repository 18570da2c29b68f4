# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""External commands, bounded."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import partial

from .background import gather

# An unprivileged user's PATH may lack the sbin folders, where chronyd is.
PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])
MAX_OUTPUT = 256 * 1024


def installed(command: str) -> bool:
    """Whether ``command`` is found on ``PATH``."""
    return shutil.which(command, path=PATH) is not None


def run(argv: list, timeout_s: float) -> dict:
    """Runs a command: ``{"rc", "stdout", "stderr"}``, or ``{"error": text}`` if it is missing or does not end in time."""
    executable = shutil.which(argv[0], path=PATH)
    if executable is None:
        return {"error": f"{argv[0]} is not installed"}
    try:
        ended = subprocess.run(  # noqa: S603 - fixed commands, no shell
            argv,
            executable=executable,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
            env={**os.environ, "PATH": PATH, "LC_ALL": "C", "TZ": "UTC"},
        )
    except subprocess.TimeoutExpired:
        return {"error": f"{' '.join(argv[:2])} did not end within {timeout_s:g} s"}
    except OSError as error:
        return {"error": f"{' '.join(argv[:2])}: {error}"}
    return {"rc": ended.returncode, "stdout": _text(ended.stdout), "stderr": _text(ended.stderr)}


def run_all(commands: dict, timeout_s: float) -> dict:
    """Runs commands side by side: {name: argv} to {name: what ``run`` gives}."""
    return gather({name: partial(run, argv, timeout_s) for name, argv in commands.items()}, timeout_s + 1)


def said(answer: dict) -> str:
    """What a command that failed said, from an answer of ``run``; its exit code where it said nothing."""
    return answer.get("error") or answer["stderr"].strip() or answer["stdout"].strip() or f"exit code {answer['rc']}"


def _text(output: bytes) -> str:
    return output[:MAX_OUTPUT].decode("utf-8", "replace")
