"""Ends a module on a node that never answers, or whose answer does not end.

Ansible limits the time of a connection, but not of a module, and reads the whole output of a
command into memory. Here a thread watches the worker, and ends the process that Ansible waits for
(``ssh`` or a local shell). It uses no signal, so a task's ``timeout`` still works.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

MAX_GROWTH = 128 * 1024 * 1024
"""The bytes by which this process may grow meanwhile.

It is more than the largest evidence needs. Ansible makes copies of that.
"""

LOOK_EVERY_S = 0.2


class CutOffError(Exception):
    """The wait was ended; its text is the reason."""


@contextlib.contextmanager
def ended_within(limit_s: float) -> Iterator[None]:
    """Ends the processes that are started meanwhile after this time, or when they fill the memory.

    Raises CutOffError then, whatever else happened. If the wait is ended from outside, it ends them
    too.
    """
    watch = _Watch(limit_s)
    thread = threading.Thread(target=watch.look, daemon=True)
    thread.start()
    try:
        yield
    except BaseException as error:
        if not isinstance(error, Exception):  # a task's timeout, Ctrl-C
            end_children()
        elif watch.reason:
            raise CutOffError(watch.reason) from None
        raise
    finally:
        watch.done.set()
        thread.join()
    if watch.reason:
        raise CutOffError(watch.reason)


class _Watch:
    def __init__(self, limit_s: float) -> None:
        self.done = threading.Event()
        self.reason = ""
        self._limit_s, self._ends_s = limit_s, time.monotonic() + limit_s
        self._size = _largest_size()

    def look(self) -> None:
        """End the processes, also those that are started again, until nothing waits any more."""
        while not self.done.wait(LOOK_EVERY_S):
            if time.monotonic() > self._ends_s:
                self.reason = self.reason or f"it did not answer within {self._limit_s:.0f} s"
            elif _largest_size() - self._size > MAX_GROWTH:
                self.reason = self.reason or "its answer does not end: it filled the memory"
            if self.reason:
                end_children()


def _largest_size() -> int:
    """The most memory that this process had, in bytes (getrusage(2): in KiB on Linux)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def end_children() -> None:
    """End all processes that this one started, and those that they started."""
    started: dict[int, list[int]] = {}
    for pid, parent in _processes():
        started.setdefault(parent, []).append(pid)
    waiting = [os.getpid()]
    while waiting:
        children = started.get(waiting.pop(), [])
        waiting += children
        for pid in children:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def _processes() -> Iterator[tuple[int, int]]:
    """Each process's number and its parent's, from /proc or, if there is none, from ps."""
    if not Path("/proc/self/stat").exists():
        argv = ["/bin/ps", "-A", "-o", "pid=,ppid="]
        listed = subprocess.run(argv, capture_output=True, text=True, check=False)  # noqa: S603 - a fixed command
        for row in listed.stdout.splitlines():
            pid, parent = row.split()
            yield int(pid), int(parent)
        return
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            # The second field is the program's name in brackets, which may hold anything (proc(5)).
            yield int(path.parent.name), int(path.read_text(errors="replace").rpartition(")")[2].split()[1])
