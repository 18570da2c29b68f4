# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""External commands, bounded in time and in what they may print."""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import signal
import subprocess
import time
from functools import partial

from .background import gather

# An unprivileged user's PATH may lack the sbin folders, where chronyd is.
PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])
MAX_OUTPUT = 256 * 1024
"""Of standard output and of standard error each; nothing that a probe asks prints a tenth of it."""
CHUNK = 64 * 1024
KILLED_WITHIN_S = 1.0


def installed(command: str) -> bool:
    """Whether ``command`` is found on ``PATH``."""
    return shutil.which(command, path=PATH) is not None


def run(argv: list, timeout_s: float, most_lines: int = 0) -> dict:
    """Runs a command: ``{"rc", "stdout", "stderr"}``, or ``{"error": text}`` without a whole
    answer.

    With ``most_lines`` the first lines are enough: what prints more than these, or more than
    MAX_OUTPUT, is ended, and the answer has rc 0 and ``cut_off``.

    There is no whole answer if the command is missing, does not end in time, or prints more than
    MAX_OUTPUT bytes. Then it is killed, with all processes that it started. None of its output is
    returned, because half an answer would look like a whole one.
    """
    executable = shutil.which(argv[0], path=PATH)
    if executable is None:
        return {"error": f"{argv[0]} is not installed"}
    called = " ".join(argv[:2])
    deadline_mono_s = time.monotonic() + timeout_s
    try:
        # A module's run_command has no limit of size, nor ends what a command started.
        process = subprocess.Popen(  # noqa: S603 - fixed commands, no shell # pylint: disable=ansible-bad-function
            argv,
            executable=executable,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # a new group, to be killed as a whole
            env={**os.environ, "PATH": PATH, "LC_ALL": "C", "TZ": "UTC", "SYSTEMD_COLORS": "0"},
        )
    except OSError as error:
        return {"error": f"{called}: {error}"}
    try:
        stdout, stderr = _read(process, deadline_mono_s, most_lines)
        cut_off = bool(most_lines) and _is_enough(stdout, most_lines)
        if cut_off:
            _kill(process)
        rc = 0 if cut_off else process.wait(max(0.0, deadline_mono_s - time.monotonic()))
    except subprocess.TimeoutExpired:
        _kill(process)
        return {"error": f"{called} did not end within {timeout_s:g} s"}
    except _PrintsTooMuchError:
        _kill(process)
        return {"error": f"{called} printed more than {MAX_OUTPUT} bytes; it was stopped, and its output was not used"}
    finally:
        process.stdout.close()
        process.stderr.close()
    answer = {"rc": rc, "stdout": stdout.decode("utf-8", "replace"), "stderr": stderr.decode("utf-8", "replace")}
    return {**answer, "cut_off": True} if cut_off else answer


class _PrintsTooMuchError(Exception):
    """More than MAX_OUTPUT on one pipe."""


def _read(process: subprocess.Popen, deadline_mono_s: float, most_lines: int) -> tuple:
    """What comes through both pipes until they are closed, or standard output has enough lines;
    raises TimeoutExpired or _PrintsTooMuchError.
    """
    pipes = (process.stdout, process.stderr)
    read: tuple = (bytearray(), bytearray())
    with selectors.DefaultSelector() as selector:
        for pipe, into in zip(pipes, read):
            selector.register(pipe, selectors.EVENT_READ, into)
        while selector.get_map():
            left_s = deadline_mono_s - time.monotonic()
            if left_s <= 0:
                raise subprocess.TimeoutExpired(process.args, 0)
            for ready, _events in selector.select(left_s):
                chunk = os.read(ready.fd, CHUNK)
                if not chunk:
                    selector.unregister(ready.fileobj)
                ready.data.extend(chunk)
                if most_lines and _is_enough(read[0], most_lines):
                    return read
                if len(ready.data) > MAX_OUTPUT:
                    raise _PrintsTooMuchError
    return read


def _is_enough(stdout: bytearray, most_lines: int) -> bool:
    return len(stdout) > MAX_OUTPUT or stdout.count(b"\n") >= most_lines


def _kill(process: subprocess.Popen):
    """Kills the command and its children.

    It is not reaped before, so the number of its group is still its own.
    """
    with contextlib.suppress(OSError):  # all have ended, or it became another user's
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):  # it hangs in the kernel
        process.wait(KILLED_WITHIN_S)


def run_all(commands: dict, timeout_s: float) -> dict:
    """Runs commands side by side: {name: argv} to {name: what ``run`` gives}."""
    return gather({name: partial(run, argv, timeout_s) for name, argv in commands.items()}, timeout_s + 1)


def said(answer: dict) -> str:
    """The message of a failed command, from an answer of ``run``; its exit code if there is
    none.
    """
    return answer.get("error") or answer["stderr"].strip() or answer["stdout"].strip() or f"exit code {answer['rc']}"
