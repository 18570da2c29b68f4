# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The node that is fixed: where its state is saved, who may work on it, and how its systemd is
asked.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from dataclasses import dataclass, field

from ..node.run import installed, run, said
from . import files
from .backup import Backups
from .files import RemediationError
from .systemd import Systemd

STATE_FOLDER = "/var/lib/skewgate"
LOCK_WAIT_S = 60
RESTORECON_TIMEOUT_S = 60


@dataclass(frozen=True)
class Node:
    """The node that is fixed.

    ``root``: where /etc, /run and /sys are, for what is not named by the plan.
    """

    state_folder: str = STATE_FOLDER
    root: str = ""
    systemd: Systemd = field(default_factory=Systemd)

    @property
    def backups(self) -> Backups:
        """Where its states are saved."""
        return Backups(os.path.join(self.state_folder, "backups"))

    @contextmanager
    def lock(self, wait_s: float = LOCK_WAIT_S):
        """Holds the node against other runs: one whose connection was cut may still be at work.

        It ends in ``wait_s``.
        """
        files.make_folders(files.missing_folders(self.state_folder))
        if not os.path.isdir(self.state_folder):
            os.mkdir(self.state_folder, 0o700)
        path = os.path.join(self.state_folder, "lock")
        end_mono_s = time.monotonic() + wait_s
        with open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > end_mono_s:
                        raise RemediationError(
                            f"Nothing was changed. Another run has held {path} for {wait_s:g} s (process {lock.read().strip()}). "
                            "Run again when it has ended."
                        ) from None
                    time.sleep(0.2)
            lock.truncate()
            lock.write(f"{os.getpid()}\n")
            lock.flush()
            yield

    def relabel(self, paths: list, notes: list) -> None:
        """Gives files the SELinux labels of their places: renamed in, they have those of their
        folders.
        """
        paths = [path for path in paths if os.path.lexists(path)]
        if paths and os.path.exists(f"{self.root}/sys/fs/selinux") and installed("restorecon"):
            answer = run(["restorecon", *paths], RESTORECON_TIMEOUT_S)
            if answer.get("rc") != 0:
                notes.append(f"restorecon: {said(answer)}")

    def execute(self, commands: list) -> None:
        """Runs ``(verb, units)`` of systemctl in turn; RemediationError at the first that fails."""
        for verb, units in commands:
            self.systemd.systemctl(verb, units)

    def in_run(self, path: str) -> bool:
        """Whether the next boot takes a file away."""
        return path.startswith(f"{self.root}/run/")


@contextmanager
def unless(condition: bool, lock):
    """``lock()``, but nothing if ``condition`` holds: check mode makes no folder for a lock."""
    if condition:
        yield
    else:
        with lock():
            yield


def has_units(paths: list) -> bool:
    """Whether one of the files is systemd's, which reads them anew only if it is asked to
    (systemctl daemon-reload).
    """
    return any("/systemd/system/" in path for path in paths)
