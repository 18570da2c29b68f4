"""ansible-playbook with as many forks as this machine can run.

Ansible's own default is five, whatever the machine. What the user gives (``--forks``,
``ANSIBLE_FORKS``, ansible.cfg) is left as it is. Only the process that runs the playbook has read
all of these, so it is decided there.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

FORKS_OF_CORE = 25
"""A check uses a core of the controller for about 0.1 s. Then the node works for one or two
seconds, and the core is free."""

MOST_FORKS = 100
"""Ansible's first process, which is one thread, starts no more than 50 nodes in a second."""

BYTES_OF_FORK = 32 * 1024**2
"""What a fork has for itself; the rest it shares with the first process."""


def forks_for(cores: int, available_bytes: int | None) -> int:
    """How many nodes a machine can check at a time; ``available_bytes``: None if not known.

    >>> forks_for(2, None), forks_for(64, None), forks_for(2, 320 * 1024**2), forks_for(2, 0)
    (50, 100, 10, 1)
    """
    most = MOST_FORKS if available_bytes is None else available_bytes // BYTES_OF_FORK
    return max(1, min(FORKS_OF_CORE * cores, MOST_FORKS, most))


def forks_here() -> int:
    """How many nodes this machine can check at a time, even if there are fewer."""
    return forks_for(len(os.sched_getaffinity(0)), _available_bytes())


def _available_bytes() -> int | None:
    """What Linux says that new processes may use (proc(5), meminfo, MemAvailable)."""
    with suppress(OSError, ValueError, IndexError, StopIteration):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return 1024 * int(next(line.split()[1] for line in lines if line.startswith("MemAvailable:")))
    return None


def main() -> None:
    """Run ansible-playbook with this process's arguments."""
    from ansible import constants  # noqa: PLC0415 - reads ansible.cfg, which only this process is to do
    from ansible.cli.playbook import main as ansible_playbook  # noqa: PLC0415

    sys.argv[0] = "ansible-playbook"
    if constants.config.get_config_value_and_origin("DEFAULT_FORKS")[1] == "default":
        sys.argv.insert(1, f"--forks={forks_here()}")  # one that the user gives comes after it, and counts
    ansible_playbook()


if __name__ == "__main__":
    main()
