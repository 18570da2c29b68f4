"""Real time daemons for the probes' tests: unpacked, in a separate network, unable to set a clock.

A daemon is started only after its own surroundings have shown that the kernel refuses to
set the clock there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node.processes import scan

from tests.lab.host import NO_CLOCK, LabError, unpack_package
from tests.paths import BUILD, ROOT

#: Ends with 0 if nothing here may set the clock. The kernel is asked only where the
#: capability is gone.
REFUSED = """
import sys, time
held = [int(line.split()[1], 16) for line in open("/proc/self/status") if line.startswith("Cap")]
if any(capabilities >> 25 & 1 for capabilities in held):
    sys.exit("CAP_SYS_TIME is there")
try:
    time.clock_settime(time.CLOCK_REALTIME, time.time())
except PermissionError:
    sys.exit(0)
sys.exit("the clock could be set")
"""


def unpacked(package: str) -> Path:
    """The package, unpacked; the test is skipped where that can not be done."""
    if shutil.which("apt-get") is None:
        pytest.skip(f"{package} is unpacked from Debian's package, and here is no apt-get")
    try:
        return unpack_package(package, BUILD / package)
    except LabError as error:
        pytest.skip(f"{package} could not be had: {error}")


def in_network(network: str, code: str, *arguments: str | Path, timeout_s: float) -> str:
    """What Python code prints in a separate network, which a shell script makes for the code.

    The test is skipped without root, or without ``ip``.
    """
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("a separate network takes root and ip")
    ended = subprocess.run(
        ["unshare", "-n", "sh", "-c", network, "sh", sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "collections"},
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


class Box:
    """A separate network (loopback alone) and mounts, whose programs cannot set the clock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen] = []
        inside = ["unshare", "--net", "--mount", "--", "sh", "-c", "ip link set lo up && exec sleep 600"]
        self.first = self._popen([*NO_CLOCK, *inside])
        self.enter = [*NO_CLOCK, "nsenter", "--net", "--mount", f"--target={self.first.pid}", "--"]
        deadline_s = time.monotonic() + 20
        while self.first.poll() is None and b"sleep" not in Path(f"/proc/{self.first.pid}/cmdline").read_bytes():
            assert time.monotonic() < deadline_s, "the box did not come up"
            time.sleep(0.02)
        if self.first.poll() is not None:
            pytest.skip("network and mount namespaces take root")
        self.run("python3", "-c", REFUSED)

    def _popen(self, argv: list) -> subprocess.Popen:
        with (self.folder / "box.log").open("ab") as log:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def run(self, *argv: str | Path) -> None:
        """Run a command inside, to its end."""
        subprocess.run([*self.enter, *argv], check=True, timeout=30)

    def start(self, *argv: str | Path) -> subprocess.Popen:
        """Start a daemon inside."""
        return self._popen([*self.enter, *argv])

    def command(self, name: str, *argv: str | Path) -> None:
        """Put a command ``name`` into ``folder`` that runs ``argv`` inside."""
        path = self.folder / name
        path.write_text("#!/bin/sh\nexec " + " ".join(f"'{word}'" for word in (*self.enter, *argv)) + ' "$@"\n')
        path.chmod(0o755)

    def daemons(self, process: subprocess.Popen) -> list[dict]:
        """The time daemons that ``process`` and its children are, as the probe finds them;
        not others of this machine.
        """
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        return [found for found in scan().time_daemons if found["pid"] in {process.pid, *map(int, children)}]

    def close(self) -> None:
        """End what was started."""
        for process in reversed(self.processes):
            process.terminate()
            process.wait(10)


def wait_for(what: Callable[[], bool], why: str, timeout_s: float = 20) -> None:
    """Return when ``what()`` is true; fail with ``why`` after ``timeout_s``."""
    deadline_s = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < deadline_s, why
        time.sleep(0.05)
