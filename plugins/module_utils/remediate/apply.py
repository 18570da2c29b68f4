# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Begun and applied: a node's remediation as one transaction.

If it fails, the node is as before.
"""

from __future__ import annotations

import time
from contextlib import suppress

from . import files
from .answer import about, result
from .backup import Backup
from .chronyd_config import refuse_lacking, validate
from .desired import Desired
from .files import RemediationError, reason
from .node import Node, has_units, unless
from .survive import stopped_by_sigterm
from .undo import restore
from .units import disabling, enabling, words


def begun(node: Node, params: dict, check_mode: bool) -> dict:
    """Writes the backup, and readies the node for packages.

    Units that must not be started with them are masked. The clock is set if that is asked for: apt
    does not believe a repository if the node's clock is far off.
    """
    with unless(check_mode, node.lock):
        backup = node.backups.to_continue(params["backup_id"], check_mode)
        desired = Desired(node, params)
        changes = []
        if backup is None or backup.lacks(desired.files, desired.units_now, params["packages"]):
            if not check_mode:
                backup = _saved(node, backup, desired, params)
            changes.append(f"saved the node's state as the backup {backup.id if backup else params['backup_id']}")
        # In /run, because nothing of it may be left after a boot, whatever happens in between.
        to_mask = [u for u in desired.hold if not desired.units_now[u]["unit_file_state"].startswith("masked")]
        if to_mask:
            mask = [("mask --runtime", to_mask)]
            changes += words(mask)
            if not check_mode:
                node.execute(mask)
        if params["step_s"]:
            changes.append("set the clock")
            if not check_mode:
                time.clock_settime(time.CLOCK_REALTIME, time.time() + params["step_s"])
        return result(backup, changes)


def applied(node: Node, params: dict, check_mode: bool) -> dict:
    """Changes files and units as the parameters say, starts chronyd and waits until it answers;
    puts all back if that fails.
    """
    with unless(check_mode, node.lock):
        backup = node.backups.to_continue(params["backup_id"], check_mode)
        desired = Desired(node, params)
        to_write = list(desired.changed_files(desired.files_now))
        to_enable, to_disable = (
            enabling(desired.units_now, desired.enable),
            disabling(desired.units_now, desired.disable),
        )
        if not (to_write or to_enable or to_disable or desired.restart):
            return result(backup)
        changes, diff = desired.changes(backup), desired.diff(backup)
        notes: list = []
        if check_mode:
            return result(backup, changes, diff)
        # An interrupted run may have written units, and not had systemd read them.
        to_load = desired.files if backup and len(backup.manifest["runs"]) > 1 else to_write
        backup = _staged(node, backup, desired, params, to_write=to_write, notes=notes)
        try:
            with stopped_by_sigterm():
                for path in to_write:
                    if desired.files[path][0] is None:
                        files.remove(path)
                    else:
                        files.move_in(path)
                node.relabel(to_write, notes)
                if has_units(to_load) and not to_enable:  # enable has systemd read its units anew
                    node.systemd.systemctl("daemon-reload", [])
                # It takes seconds on a small node, in which chronyd can take its first samples.
                late = [] if has_units(to_load) or not desired.restart else [c for c in to_enable if c[0] == "enable"]
                node.execute([command for command in to_enable if command not in late])
                if desired.restart:
                    backup.update(restarted=desired.restart)
                    if desired.units_now[desired.restart]["active_state"] == "failed":
                        node.systemd.systemctl("reset-failed", [desired.restart])
                    node.systemd.systemctl("restart", [desired.restart])
                    node.execute(late)
                    node.systemd.wait_for_chronyd(desired.restart)
                # Last, because something must keep the node's time at every moment.
                node.execute(to_disable)
        except BaseException as error:
            raise _restored(node, backup, error) from error
        return result(backup, changes, diff, notes)


def _saved(node: Node, backup, desired: Desired, params: dict) -> Backup:
    """The backup, with all that is desired in it; discarded if it is this call's own and could not
    be written.
    """
    made = backup is None
    try:
        backup = backup or node.backups.create(params["backup_id"])
        backup.add(desired.files, desired.units_now, params["packages"])
    except BaseException as error:
        if made and backup:
            backup.discard()
        raise _nothing_changed(None if made else backup, error) from error
    return backup


def _staged(node: Node, backup, desired: Desired, params: dict, *, to_write: list, notes: list) -> Backup:
    """The backup, with all on the node ready to be renamed in; RemediationError, with nothing
    changed, if that fails.
    """
    needed = [unit for unit in dict.fromkeys([*desired.enable, desired.restart]) if unit]
    missing = [unit for unit in needed if desired.units_now[unit]["load_state"] == "not-found"]
    if missing:
        text = f"systemd does not know {', '.join(missing)}; expected it to be installed. Install its package first."
        raise _nothing_changed(backup, RemediationError(text))
    made = backup is None
    backup = _saved(node, backup, desired, params)
    try:
        with stopped_by_sigterm():
            files.make_folders(backup.manifest["folders"])
            for path in to_write:
                data, mode = desired.files[path]
                if data is not None:
                    record = desired.files_now[path][0]
                    files.stage(
                        path, data, {**{key: record[key] for key in ("uid", "gid") if key in record}, "mode": mode}
                    )
            data_of = {path: desired.files[path][0] for path in to_write if desired.files[path][0] is not None}
            if desired.chronyd:
                validate(desired.chronyd["config"], data_of, notes)
                refuse_lacking(desired.chronyd["needs"])
            # The next boot empties /run.
            backup.note_written({path: data_of[path] for path in data_of if not node.in_run(path)})
    except BaseException as error:
        for path in to_write:
            with suppress(OSError):  # on a file system that is mounted read-only, by now
                files.remove(files.staged(path))
        files.remove_folders(backup.manifest["folders"])
        if made:
            backup.discard()
        raise _nothing_changed(None if made else backup, error) from error
    return backup


def _nothing_changed(backup, error: BaseException) -> RemediationError:
    text = f"Nothing was changed. {reason(error)}"
    if backup:
        text += f" The earlier backup {backup.id} is still open. Run node_remediate with state=undone to restore it."
    return about(backup, text)


def _restored(node: Node, backup: Backup, error: BaseException) -> RemediationError:
    """Puts all back; the error that says what failed, and whether the former state was restored."""
    # Packages are still to be put back, by who has changed them: until then there is something to
    # undo.
    problems = restore(node, backup, [], state="open" if backup.manifest["packages"] else "undone")
    if problems:
        return about(
            backup,
            f"What failed: {reason(error)} The former state was not restored in full: {' '.join(problems)} Run "
            f"node_remediate with state=undone again. The backup is in {backup.path}.",
        )
    return about(backup, f"The former state was restored. What failed: {reason(error)}")
