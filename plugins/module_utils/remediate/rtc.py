# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Confirmed: the RTC is set by the proved clock, and the backup is closed.

How an RTC in local time is put back.
"""

from __future__ import annotations

import os

from ..node.run import installed, run, said
from . import files
from .answer import result
from .backup import Backup, TakenOverError
from .files import RemediationError, reason
from .node import Node, unless

TIMEOUT_S = 60


def confirmed(node: Node, params: dict, check_mode: bool) -> dict:
    """Sets the RTC by the clock, which is proved, and closes the backup."""
    with unless(check_mode, node.lock):
        if params["backup_id"]:
            try:
                backup = node.backups.chosen(params)
            except TakenOverError as error:
                return result(None, notes=[reason(error)])
        else:
            backup = next((backup for backup in node.backups.all() if backup.state == "open"), None)
        changes: list = []
        notes: list = []
        if params["rtc"] and any(os.path.exists(node.root + path) for path in ("/sys/class/rtc/rtc0", "/dev/rtc0")):
            if not installed("hwclock"):
                # Debian has it in util-linux-extra from 13 on.
                notes.append(
                    "The RTC was not set: hwclock is not installed. With rtcsync in chrony.conf the kernel sets it within "
                    "11 minutes; install util-linux-extra (Debian 13 and later) to have it set at once."
                )
            else:
                changes = ["set the RTC by the node's clock, in UTC"]
        if check_mode:
            return result(backup, changes, notes=notes)
        if changes:
            if backup is None and params["backup_id"]:
                backup = node.backups.create(params["backup_id"])
            if backup and backup.state == "open":
                backup.add([f"{node.root}/etc/adjtime"], {}, {})
            answer = run(["hwclock", "--systohc", "--utc"], TIMEOUT_S)
            if answer.get("rc") != 0:
                changes = []
                why = f"hwclock --systohc --utc: {said(answer)}"
                notes.append(f"The RTC was not set: {why}. With rtcsync the kernel sets it.")
        if backup and backup.state == "open":
            backup.update(state="confirmed")
        return result(backup, changes, notes=notes)


def was_local(node: Node, backup: Backup) -> bool:
    """Whether the RTC kept local time and keeps UTC now; hwclock(8): by the third line of
    /etc/adjtime.
    """
    path = f"{node.root}/etc/adjtime"
    return path in backup.manifest["files"] and _is_local(backup.saved(path)) and not _is_local(files.read(path))


def _is_local(adjtime) -> bool:
    return (adjtime or b"").split(b"\n")[2:3] == [b"LOCAL"]


def put_back(node: Node, backup: Backup) -> None:
    """Sets the RTC in local time if it was so before; RemediationError with what hwclock said if it
    fails.
    """
    if was_local(node, backup):
        argv = ["hwclock", "--systohc", "--localtime", "--noadjfile"]
        answer = run(argv, TIMEOUT_S)
        if answer.get("rc") != 0:
            raise RemediationError(f"{' '.join(argv)}: {said(answer)}.")
