# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Waiting with an end: every function that may hang runs in a thread that nobody has to wait for."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotEnded  # the built-in one only since Python 3.11


def start(function, *arguments) -> Future:
    """Runs ``function(*arguments)`` in a daemon thread.

    ThreadPoolExecutor would not do: it joins its threads at exit, so a thread that hangs would hang the module.
    """
    future: Future = Future()

    def run():
        try:
            future.set_result(function(*arguments))
        except BaseException as error:  # noqa: BLE001 - handed to whoever asks for the result
            future.set_exception(error)

    try:
        threading.Thread(target=run, daemon=True).start()
    except RuntimeError as error:  # no more threads are allowed
        future.set_exception(error)
    return future


def outcome(future: Future, deadline_mono_s: float):
    """What the function returned, or ``{"error": "Type: text"}`` if it raised or has not ended by the deadline.

    ``deadline_mono_s`` is on the clock of ``time.monotonic()``.
    """
    try:
        return future.result(max(0.0, deadline_mono_s - time.monotonic()))
    except NotEnded:
        return {"error": "TimeoutError: it did not end within its bound"}
    except Exception as error:  # noqa: BLE001 - one failure never loses the other evidence
        return {"error": describe(error)}


def gather(tasks: dict, bound_s: float) -> dict:
    """Runs functions without arguments side by side: {key: function} to {key: ``outcome``}."""
    futures = {key: start(task) for key, task in tasks.items()}
    deadline_mono_s = time.monotonic() + bound_s
    return {key: outcome(future, deadline_mono_s) for key, future in futures.items()}


class Once:
    """A function without arguments that runs at most once, and only if somebody asks for what it returns."""

    def __init__(self, function) -> None:
        """Does nothing yet."""
        self._function = function
        self._lock = threading.Lock()
        self._future = None

    def __call__(self):
        """What the function returned, or raised; waits for it as long as it lasts, in whichever thread asks."""
        with self._lock:
            if self._future is None:
                self._future = start(self._function)
        return self._future.result()


def describe(error: BaseException) -> str:
    """``Type: text`` of an exception, as evidence words it."""
    return f"{type(error).__name__}: {error}"
