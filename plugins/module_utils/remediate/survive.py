# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Work that a cut connection does not stop half-way.

When an ssh connection with a terminal breaks, the kernel sends SIGHUP to what runs in it; sudo with
``use_pty``, its default since 1.9.14, then ends its command by SIGHUP, SIGTERM and, two seconds
later, SIGKILL (terminate_command() in its src/exec.c), which none can ignore. A process in another
session gets none of these.
"""

from __future__ import annotations

import json
import os
import signal
from contextlib import contextmanager

from .files import RemediationError, reason


def in_own_session(work) -> dict:
    """What ``work()`` returns (as JSON takes it), done by a child that lives on when this process
    is killed.

    RemediationError if the work raised: what RemediationError and OSError say, and the name of any
    other exception.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _work(work, writer)
    os.close(writer)
    with open(reader, "rb") as answers:
        text = answers.read()
    _pid, status = os.waitpid(child, 0)
    if not text:
        raise RemediationError(
            f"The process at work was killed by signal {status & 0x7F}. Run again: it goes on with the same backup; "
            "or take the node back with state=undone."
        )
    answer = json.loads(text.decode())
    if "error" in answer:
        error = RemediationError(answer["error"])
        error.backup_id = answer["backup_id"]
        raise error
    return answer["result"]


def _work(work, writer: int) -> None:
    """The child: it never returns."""
    try:
        os.setsid()
        for ignored in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            signal.signal(ignored, signal.SIG_IGN)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):  # whoever reads the module's output must not wait for this process
            os.dup2(nowhere, stream)
        answer = {"result": work()}
    except BaseException as error:  # noqa: BLE001 - the parent raises it
        answer = {"error": reason(error), "backup_id": getattr(error, "backup_id", None)}
    try:
        with open(writer, "wb") as pipe:
            pipe.write(json.dumps(answer).encode())
    except OSError:
        pass  # nobody waits for the answer any more
    finally:
        os._exit(0)


@contextmanager
def stopped_by_sigterm():
    """Meanwhile SIGTERM (the node shuts down) raises RemediationError, so the changes are
    undone.
    """

    def stop(_number, _frame):
        raise RemediationError("SIGTERM stopped it: the node shuts down, or someone ended this process.")

    former = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)
