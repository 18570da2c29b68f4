"""Processes that really run, end, or are a container's."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import processes

from tests.daemons.boxed import wait_for


def test_a_daemon_that_was_killed_and_not_yet_waited_for_is_none(tmp_path: Path):
    shutil.copy("/bin/sleep", tmp_path / "chronyd")
    process = subprocess.Popen([tmp_path / "chronyd", "60"])

    def found() -> bool:
        return process.pid in [daemon["pid"] for daemon in processes.scan().time_daemons]

    wait_for(found, "it was not found while it ran")
    process.kill()
    wait_for(lambda: not found(), "it was found though it had been killed")
    process.wait()


def ntpd(pid: int, *argv: str, comm: str = "ntpd", exe: str | None = "/usr/sbin/ntpd") -> dict:
    return {"pid": pid, "comm": comm, "argv": list(argv), "exe": exe, "cgroup": None, "contained": False}


def test_a_containers_daemon_is_seen_and_distinguished_from_the_nodes_own(tmp_path: Path):
    daemon = tmp_path / "chronyd"
    daemon.symlink_to("/bin/sleep")  # a process is known by the name that it was started under
    with subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", daemon, "30"]) as unshare:
        try:
            deadline_s = time.monotonic() + 20
            found: list = []
            while not found and time.monotonic() < deadline_s and unshare.poll() is None:
                time.sleep(0.02)
                found = [entry for entry in processes.scan().time_daemons if entry["argv"][0] == str(daemon)]
            if unshare.poll() is not None:
                pytest.skip("a PID namespace takes root")
        finally:
            unshare.kill()

    assert [entry["contained"] for entry in found] == [True]
    assert processes.not_contained(found) == []
    assert processes.whose([ntpd(1, "ntpd", "-g") | {"contained": True}], "ntpd") == ([], False)
