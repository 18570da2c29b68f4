# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""AWS's ClockBound: the shared memory in which it shows what it knows of the clock.

Sources: aws/clock-bound, docs/PROTOCOL.md of 2.0 and docs/protocol.md of 3.0. No program is run:
``cbctl status`` and ``clockbound --version`` came with 3.0.0-rc.0 only, and cbctl reads the same
memory. What a process maps says which version it is.
"""

from __future__ import annotations

import os
import stat
import sys
import time

from ..node.background import describe
from ..node.files import read_text
from ..node.processes import not_contained

SEGMENTS = ("/var/run/clockbound/shm0", "/var/run/clockbound/shm1")
"""Version 2 writes the first one, 3 the second one."""

NAMES = tuple(os.path.basename(path) for path in SEGMENTS)
DELETED = " (deleted)"
MAX_BYTES = 256
MAX_PROCESSES = 16
# The daemon makes the generation odd while it writes.
HEAD_BYTES = 16
GENERATION = slice(14, 16)
TRIES = 100
BETWEEN_TRIES_S = 0.001


def collect(_timeout_s: float, processes: list) -> dict:
    """The section ``clockbound``; nothing is read on a node where it does not run.

    ``processes``: the time daemons that run.
    """
    own = [process["pid"] for process in not_contained(processes) if process["comm"] == "clockbound"]
    written = {pid: _written_by(pid) for pid in own[:MAX_PROCESSES]}
    return {
        "present": bool(own),
        "processes": [{"pid": pid, "writes": sorted(files.values())} for pid, files in written.items()],
        "segments": [_segment(path, written) for path in SEGMENTS] if own else [],
    }


def _written_by(pid: int) -> dict:
    """The names of the segments that a process may write, by their inodes; none if only root may
    see that (proc_pid_maps(5)).
    """
    found = {}
    try:
        for line in read_text(f"/proc/{pid}/maps").splitlines():
            words = line.split(None, 5)
            if len(words) == 6 and words[1].startswith("rw") and words[1].endswith("s"):
                # The kernel marks one whose file was removed or replaced since then.
                path = words[5][: -len(DELETED)] if words[5].endswith(DELETED) else words[5]
                if os.path.basename(path) in NAMES:
                    found[int(words[4])] = os.path.basename(path)
    except (OSError, ValueError):
        pass
    return found


def _segment(path: str, written: dict) -> dict:
    """``pids``: the processes that write this very file. ``hex``: its octets, and ``mono_ns``, when
    they had been read. Or ``error`` and its ``kind``.
    """
    try:
        # Opening a pipe that nobody writes to would wait for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise ValueError("it is not a regular file")
            octets = _settled(descriptor)
            mono_ns = time.monotonic_ns()
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        kind = "missing" if isinstance(error, FileNotFoundError) else "other"
        kind = "denied" if isinstance(error, PermissionError) else kind
        return {"path": path, "error": describe(error), "kind": kind}
    pids = [pid for pid, files in written.items() if files.get(status.st_ino) == os.path.basename(path)]
    return {"path": path, "pids": pids, "mono_ns": mono_ns, "hex": octets.hex()}


def _settled(descriptor: int) -> bytes:
    """What is in the segment between two updates; raises ValueError if it is written all the
    time.
    """
    for _attempt in range(TRIES):
        before = os.pread(descriptor, HEAD_BYTES, 0)[GENERATION]
        octets = os.pread(descriptor, MAX_BYTES, 0)
        after = os.pread(descriptor, HEAD_BYTES, 0)[GENERATION]
        if before == octets[GENERATION] == after and not _is_odd(before):
            return octets
        time.sleep(BETWEEN_TRIES_S)
    raise ValueError(f"it was being written each of {TRIES} times")


def _is_odd(generation: bytes) -> bool:
    return bool(int.from_bytes(generation, sys.byteorder) & 1)
