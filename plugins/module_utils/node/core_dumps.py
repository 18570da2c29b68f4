# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A process that holds a secret leaves no core dump: the secret would be in the file."""

from __future__ import annotations

from contextlib import suppress

PR_SET_DUMPABLE = 4  # linux/prctl.h


def forbid_core_dumps() -> None:
    """From now on, the kernel writes no core dump of this process and of its forks.

    Programs that it starts leave none in a file either, because they have its limit. Where Python
    has no ctypes, or the system is not Linux, that limit is all.
    """
    with suppress(ImportError, OSError, ValueError):
        import resource  # noqa: PLC0415 - a Python may lack it, and the node is checked all the same

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    make_undumpable()


def make_undumpable() -> None:
    """The same for this process and its forks alone.

    A handler such as systemd-coredump gets the dump whatever the limit is (core(5)), but not of
    such a process (prctl(2)). Other processes of its user cannot read its memory either.
    """
    with suppress(ImportError, OSError, AttributeError):
        import ctypes  # noqa: PLC0415 - a Python may lack it

        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
