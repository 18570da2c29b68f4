"""A real process that may set the clock is found by its capability, but not in a user namespace."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import processes

from tests.daemons.boxed import wait_for

GIVEN = ["setpriv", "--bounding-set=-all,+sys_time"]


@contextmanager
def started(folder: Path, name: str, *before: str) -> Iterator[int]:
    """A process of this name, by way of the command ``before``; its pid."""
    program = shutil.copy("/bin/sleep", folder / name)
    with subprocess.Popen([*before, program, "30"], stderr=subprocess.PIPE) as process:
        try:
            comm = Path(f"/proc/{process.pid}/comm")
            wait_for(lambda: process.poll() is not None or comm.read_text().strip() == name, "it did not start")
            if process.poll() is not None:
                pytest.skip(f"{before[0]} was refused: {process.stderr and process.stderr.read()!r}")
            yield process.pid
        finally:
            process.kill()


@pytest.fixture
def as_no_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """The children of a run are left out: here, they are what is looked for."""
    monkeypatch.setattr(processes.os, "getpid", os.getppid)


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv"), reason="giving a capability takes root and setpriv"
)
@pytest.mark.usefixtures("as_no_child")
def test_a_process_that_was_given_cap_sys_time_is_named_and_one_below_is_not(tmp_path: Path):
    with started(tmp_path, "given-time", *GIVEN) as pid, started(tmp_path, "below-root", "unshare", "-U", "-r"):
        found = processes.scan().may_set_clock
    (given,) = [holder for holder in found["given"] if holder["comm"] == "given-time"]
    assert (given["pid"], given["processes"]) == (pid, 1)
    assert "below-root" not in {*found["privileged"], *(holder["comm"] for holder in found["given"])}
