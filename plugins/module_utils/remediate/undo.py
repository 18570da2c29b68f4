# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Undone and described: restores the state in the backup."""

from __future__ import annotations

import os

from . import files, rtc
from .answer import about, difference, result
from .backup import Backup
from .files import RemediationError, reason
from .node import Node, has_units, unless
from .units import restoring, words


def undone(node: Node, params: dict, check_mode: bool) -> dict:
    """Takes the node back to the state in the backup."""
    with unless(check_mode, node.lock):
        backup = node.backups.to_undo(params)
        if backup is None:
            return result(backup)
        # Of one that is undone, only what has changed since: packages put back may have brought
        # files and started units.
        changes, diff = _back(node, backup)
        notes: list = []
        if not check_mode:
            problems = restore(node, backup, notes, state="undone", by_hand=not params["backup_id"])
            if problems:
                raise about(
                    backup,
                    f"The former state was not restored in full: {' '.join(problems)} The rest was. Fix that and run this again. "
                    f"The backup is in {backup.path}.",
                )
        return result(backup, changes, diff, notes)


def described(node: Node, params: dict, check_mode: bool) -> dict:
    """Shows what state=undone would undo."""
    with unless(check_mode or not os.path.isdir(node.state_folder), node.lock):
        backup = node.backups.to_undo(params)
        changes, _diff = _back(node, backup) if backup else ([], [])
        return {**result(backup, changes), "changed": False}


def restore(node: Node, backup: Backup, notes: list, **closed) -> list:
    """Restores everything in the backup, whatever has changed since. Returns the failures in words.

    ``closed``: what the manifest says once all is put back.
    """
    problems: list = []

    def attempt(step, *arguments) -> None:
        try:
            step(*arguments)
        except (OSError, RemediationError) as error:
            problems.append(reason(error))

    def put_back(paths: list) -> None:
        changed = []
        for path in paths:
            attempt(lambda path=path: files.remove(files.staged(path)))
            attempt(lambda path=path: changed.extend([path] * _put_back(backup, path)))
        node.relabel(changed, notes)
        # Undoing that was interrupted may have put units back, and not had systemd read them.
        if has_units(changed if backup.state == "undone" else paths):
            attempt(node.systemd.systemctl, "daemon-reload", [])

    early, late = _early_and_late(node, backup)
    attempt(rtc.put_back, node, backup)
    put_back(early)
    try:
        commands = _unit_commands(node, backup)
    except (OSError, RemediationError) as error:
        problems.append(reason(error))
        commands = []
    for verb, units in commands:
        try:
            node.systemd.systemctl(verb, units)
        except RemediationError as error:
            if len(units) == 1:
                problems.append(reason(error))
            else:  # systemctl may have done none of them for one that failed
                for unit in units:
                    attempt(node.systemd.systemctl, verb, [unit])
    put_back(late)
    files.remove_folders(backup.manifest["folders"])
    if not problems:
        attempt(lambda: backup.update(restarted=None, **closed))
    return problems


def _back(node: Node, backup: Backup) -> tuple:
    """What ``restore`` changes: in words, and as differences."""
    changes, diff = [], []
    early, late = _early_and_late(node, backup)
    file_changes = {}
    for path in [*early, *late]:
        record, old = backup.manifest["files"][path], backup.saved(path)
        now, data = files.describe(path), files.read(path)
        if (now, data) != (record, old):
            file_changes[path] = f"put {path} back" if record["existed"] else f"removed {path}"
            diff.append(difference(path, data, old))
    if rtc.was_local(node, backup):
        changes.append("set the RTC in local time, as it was")
    changes += [file_changes[path] for path in early if path in file_changes]
    changes += words(_unit_commands(node, backup))
    changes += [file_changes[path] for path in late if path in file_changes]
    return changes, diff


def _early_and_late(node: Node, backup: Backup) -> tuple:
    """The files to put back before the units are restarted, and those after it.

    The slew's files are in /run: a joined node must not be stepped by the restart that undoes,
    either. And a unit that was brought is disabled before its file goes: of a unit without a file,
    its links would stay.
    """
    files_were = backup.manifest["files"]
    late = [path for path, was in files_were.items() if node.in_run(path) or (has_units([path]) and not was["existed"])]
    return [path for path in files_were if path not in late], late


def _unit_commands(node: Node, backup: Backup) -> list:
    former = backup.manifest["units"]
    now = {name: state for name, (_unit, state) in node.systemd.show(list(former)).items()}
    return restoring(now, former, backup.manifest["restarted"])


def _put_back(backup: Backup, path: str) -> bool:
    return files.put_back(path, backup.manifest["files"][path], backup.saved(path))
