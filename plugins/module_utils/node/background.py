# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Waiting with an end: every function that may hang runs in a thread that nobody has to wait
for.
"""

from __future__ import annotations

import threading
import time


class NotEnded(Exception):  # noqa: N818 - it is a state
    """A function runs longer than it was waited for."""


class Future:
    """What a function in a thread will have returned or raised.

    That of concurrent.futures would bring ``logging`` with it, a tenth of what a node spends on
    starting. Its ThreadPoolExecutor would not do either: it joins its threads at exit, so a thread
    that hangs would hang the module.
    """

    def __init__(self, function, arguments: tuple, ended=None) -> None:
        """Runs ``function(*arguments)`` in a daemon thread. ``ended``: an event that is set then,
        which several may share.
        """
        self._ended = ended or threading.Event()
        self._result = self._error = None
        self.done = False
        try:
            threading.Thread(target=self._run, args=(function, arguments), daemon=True).start()
        except RuntimeError as error:  # no more threads are allowed
            self._error = error
            self._end()

    def _run(self, function, arguments: tuple) -> None:
        try:
            self._result = function(*arguments)
        except BaseException as error:  # noqa: BLE001 - handed to whoever asks for the result
            self._error = error
        self._end()

    def _end(self) -> None:
        self.done = True
        self._ended.set()

    def result(self, timeout_s=None):
        """What the function returned, or raised; raises NotEnded after ``timeout_s``."""
        if not self._ended.wait(timeout_s):
            raise NotEnded
        if self._error is not None:
            raise self._error
        return self._result


def start(function, *arguments) -> Future:
    """Runs ``function(*arguments)`` in a daemon thread."""
    return Future(function, arguments)


def outcome(future: Future, deadline_mono_s: float):
    """What the function returned, or ``{"error": "Type: text"}`` if it raised or has not ended by
    the deadline.

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


def first_of_two(function, again_after_s: float):
    """What a function returns or raises. If it lasts longer than ``again_after_s``, it is started
    once more, and the one that ends first counts.
    """
    ended = threading.Event()
    tried = [Future(function, (), ended)]
    if not ended.wait(again_after_s):
        tried.append(Future(function, (), ended))
        ended.wait()
    return next(future for future in tried if future.done).result(0)


class Once:
    """A function without arguments that runs at most once, and only if somebody asks for what it
    returns.
    """

    def __init__(self, function) -> None:
        """Does nothing yet."""
        self._function = function
        self._lock = threading.Lock()
        self._future = None

    def __call__(self):
        """What the function returned, or raised; waits for it as long as it lasts, in whichever
        thread asks.
        """
        with self._lock:
            if self._future is None:
                self._future = start(self._function)
        return self._future.result()


def describe(error: BaseException) -> str:
    """``Type: text`` of an exception, as evidence words it."""
    return f"{type(error).__name__}: {error}"
