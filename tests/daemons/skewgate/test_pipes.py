"""The command at either end of a pipe."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.skewgate.argocd_lines import NODES, POD1, POD2, as_table, ok, refused


@pytest.mark.parametrize("piped", ["log", "pods"])
def test_one_of_the_files_may_come_from_standard_input(tmp_path: Path, piped: str) -> None:
    content = {"log": (refused(POD1) * 3 + ok(POD2) * 3).encode() + b"\xff\n", "pods": as_table(NODES).encode()}
    for name, text in content.items():
        (tmp_path / name).write_bytes(text)
    files = {name: "-" if name == piped else f"{tmp_path}/{name}" for name in content}
    ended = subprocess.run(
        [sys.executable, "-m", "skewgate", "explain", "--argocd-log", files["log"], "--pods", files["pods"]],
        input=content[piped],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": "src:collections"},
    )
    assert ended.returncode == 0, ended.stderr
    assert b"Likely the clock of worker-1" in ended.stdout


def test_an_output_that_nobody_reads_any_more_is_no_internal_error() -> None:
    command = f"{sys.executable} -m skewgate explain clock_skew | true"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, env=_environment())
    assert ended.stderr == ""


def _environment() -> dict[str, str]:
    return {"PYTHONPATH": ":".join(sys.path), "PYTHONUNBUFFERED": "1", "PATH": "/usr/bin:/bin"}
