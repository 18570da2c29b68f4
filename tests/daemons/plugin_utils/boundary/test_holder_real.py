"""A holder of a report folder whose process was killed, with real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.holder import Holder
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.saved import SavedFileError, begin_folder

REPORTS = ["report.json"]


def test_a_killed_run_that_nobody_has_waited_for_holds_nothing(tmp_path: Path) -> None:
    """Its process ID stays: in a container whose first process is no init, for ever."""
    with subprocess.Popen(["sleep", "60"]) as run:
        begin_folder(tmp_path, REPORTS, holder=Holder.of(run.pid))
        run.kill()
        os.waitid(os.P_PID, run.pid, os.WEXITED | os.WNOWAIT)
        begin_folder(tmp_path, REPORTS)


IN_A_CONTAINER = """
import sys, time
from pathlib import Path
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.saved import begin_folder
begin_folder(Path(sys.argv[1]), ["report.json"])
print("begun", flush=True)
time.sleep(60)
"""


def test_a_killed_container_of_this_machine_holds_nothing(tmp_path: Path) -> None:
    if os.geteuid() or Path("/proc/self/ns/pid").readlink() != Path("pid:[4026531836]"):
        pytest.skip("only root makes a space of process IDs, and only the machine's first one sees all others")
    argv = [
        "unshare",
        "--pid",
        "--mount-proc",
        "--fork",
        "--kill-child",
        sys.executable,
        "-c",
        IN_A_CONTAINER,
        tmp_path,
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env=environment) as container:
        try:
            assert container.stdout is not None
            assert container.stdout.readline() == b"begun\n"
            with pytest.raises(SavedFileError, match="in use by another run"):
                begin_folder(tmp_path, REPORTS)
        finally:
            container.kill()
        container.stdout.read()  # it ends when the last process has ended
    begin_folder(tmp_path, REPORTS)
