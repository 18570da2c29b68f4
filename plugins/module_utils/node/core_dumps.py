# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A process that holds a secret leaves no core dump: the secret would be in the file."""

from __future__ import annotations

from contextlib import suppress

PR_SET_DUMPABLE = 4  # linux/prctl.h


def forbid_core_dumps() -> None:
    """From now on, the kernel writes no core dump of this process and of its forks.

    The limit alone is not enough: a handler such as systemd-coredump gets the dump all the same
    (core(5)), so the process is made not dumpable too (prctl(2)). That also keeps other processes
    of its user from reading its memory. A program that it starts has the limit alone. Where Python
    has no ctypes, or the system is not Linux, only the limit is set.
    """
    with suppress(ImportError, OSError, ValueError):
        import resource  # noqa: PLC0415 - a Python may lack it, and the node is checked all the same

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    with suppress(ImportError, OSError, AttributeError):
        import ctypes  # noqa: PLC0415 - likewise

        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
