"""What every process of this machine shows of itself while something runs: its command line and its
environment.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

EACH_S = 0.01
NEW, OLD = 20, 20
"""A process is looked at so many times at first, and then once in so many: it may start another
program."""


class Watch:
    """Looks at /proc all the time while its block runs; ``shown`` has all that was seen, once."""

    def __init__(self) -> None:
        self.shown: set[tuple[str, bytes]] = set()
        self.looks = 0
        self._done: set[tuple[str, bytes]] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_raised: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        known: dict[str, int] = {}
        while not self._stop.wait(EACH_S):
            self.looks += 1
            there = [name for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 - cheap, as it runs all the time
            known = {name: known.get(name, 0) + 1 for name in there}
            for name, seen in known.items():
                if seen <= NEW or (self.looks + int(name)) % OLD == 0:
                    self._look(name)

    def _look(self, process: str) -> None:
        with suppress(OSError):
            command = Path(f"/proc/{process}/cmdline").read_bytes()
            if command and (process, command) not in self._done:
                self._done.add((process, command))
                self.shown.add(("a command line", command))
                self.shown.add(("the environment of a process", Path(f"/proc/{process}/environ").read_bytes()))


def await_true(what: Callable[[], object], why: str, timeout_s: float = 30.0) -> None:
    """Return when ``what()`` is true; TimeoutError with ``why`` after ``timeout_s``."""
    ends_s = time.monotonic() + timeout_s
    while not what():
        if time.monotonic() > ends_s:
            raise TimeoutError(why)
        time.sleep(0.01)
