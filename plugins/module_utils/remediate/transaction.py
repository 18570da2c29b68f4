# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The remediation of a node as one transaction: all of it is done, or the node is what it was.

What is told as changed is told against the backup, the state before the first attempt, and not against the present: so check
mode, a run, and a run after an interrupted one tell the same.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fnmatch import fnmatch

from ..node.run import installed, run
from . import files
from .backup import Backup, Backups
from .files import RemediationError, reason
from .survive import stopped_by_sigterm
from .units import RUNNING, Systemd, disabling, enabling, restoring, words

STATE_FOLDER = "/var/lib/skewgate"
LOCK_WAIT_S = 60
TIMEOUT_S = 60
"""For chronyd -p, restorecon and hwclock."""


class TakenOverError(RemediationError):
    """A later run has gone on with this run's backup."""


@dataclass(frozen=True)
class Node:
    """The node that is fixed. ``root``: where /etc, /run and /sys are, for what is not named by the plan."""

    state_folder: str = STATE_FOLDER
    root: str = ""
    systemd: Systemd = field(default_factory=Systemd)

    @property
    def backups(self) -> Backups:
        """Where its states are saved."""
        return Backups(os.path.join(self.state_folder, "backups"))

    @contextmanager
    def lock(self, wait_s: float = LOCK_WAIT_S):
        """Holds the node against other runs: one whose connection was cut may still be at work."""
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
        """Gives files the SELinux labels of their places: renamed in, they have those of their folders."""
        paths = [path for path in paths if os.path.lexists(path)]
        if paths and os.path.exists(f"{self.root}/sys/fs/selinux") and installed("restorecon"):
            answer = run(["restorecon", *paths], TIMEOUT_S)
            if answer.get("rc") != 0:
                notes.append(f"restorecon: {answer.get('error') or answer['stderr'].strip()}")


class Wanted:
    """What a call's parameters ask of the node, and how the node is now."""

    def __init__(self, node: Node, params: dict) -> None:
        """Reads the node."""
        chronyd = params["chronyd"]
        asked = [*params["enable"], *params["disable"], *params["hold"], *([chronyd["unit"]] if chronyd else [])]
        shown = node.systemd.show(list(dict.fromkeys(asked)))
        self.units_now = dict(shown.values())
        self.enable, self.disable, self.hold = (
            list(dict.fromkeys(shown[name][0] for name in params[option])) for option in ("enable", "disable", "hold")
        )
        self.chronyd = {**chronyd, "unit": shown[chronyd["unit"]][0]} if chronyd else None
        self.restart = self.chronyd["unit"] if self.chronyd and self.chronyd["restart"] else None
        # path: its content, None where it is to be absent, and its mode
        self.files = {file["path"]: (file["content"].encode(), file["mode"]) for file in params["files"]}
        self._refuse_nonsense(params)
        self.files.update(self._slew_files(node.root))
        self.files_now = {path: (files.describe(path), files.read(path)) for path in self.files}

    def _refuse_nonsense(self, params: dict) -> None:
        for path in self.files:
            if not os.path.isabs(path) or os.path.normpath(path) != path:
                raise RemediationError(
                    f"A file's path is {path!r}; expected an absolute one without '..' and doubled slashes."
                )
        if len(self.files) != len(params["files"]):
            raise RemediationError("A path stands twice in files; expected each once.")
        for _content, mode in self.files.values():
            if not re.match("^0?[0-7]{3}$", mode):
                raise RemediationError(f'A file\'s mode is {mode!r}; expected an octal one, as "0644".')
        both = sorted(set(self.disable) & {*self.enable, self.restart})
        if both:
            raise RemediationError(f"{', '.join(both)} is to run and to be disabled; expected one of the two.")

    def _slew_files(self, root: str) -> dict:
        """The files by which chronyd's start does not step the clock, until the next boot, where a step is right.

        chronyd(8) -R: makestep is ignored at this start. Of several EnvironmentFile= the last wins (systemd.exec(5)).
        """
        if not self.restart:
            return {}
        # By its name the last of the unit's drop-ins, whichever folder these are in (systemd.unit(5)).
        drop_in = f"{root}/run/systemd/system/{self.restart}.d/zz-skewgate-slew.conf"
        environment = f"{root}/run/skewgate-slew.env"
        if self.chronyd["step"]:
            return {drop_in: (None, None), environment: (None, None)}
        options = self.chronyd["options"].split()
        value = re.sub(r'([\\"`$])', r"\\\1", " ".join([*options, *({"-R"} - set(options))]))
        return {
            environment: (f'{self.chronyd["options_variable"]}="{value}"\n'.encode(), "0644"),
            drop_in: (b"[Service]\nEnvironmentFile=-/run/skewgate-slew.env\n", "0644"),
        }

    def changed_files(self, former: dict) -> dict:
        """What is to be done to the files, were they as in ``former``: {path: what, in words}."""
        changed = {}
        for path, (data, mode) in self.files.items():
            record, old = former[path]
            if data is None:
                if record["existed"]:
                    changed[path] = f"removed {path}"
            elif not record["existed"]:
                changed[path] = f"created {path}"
            elif old != data:
                changed[path] = f"changed {path}"
            elif int(record["mode"], 8) != int(mode, 8):
                changed[path] = f"changed the mode of {path} from {record['mode']} to {mode}"
        return changed

    def former(self, backup) -> tuple:
        """The files and units as they were before the first attempt, or now, where there was none."""
        if backup is None:
            return self.files_now, self.units_now
        saved = {path: (record, backup.saved(path)) for path, record in backup.manifest["files"].items()}
        return {**self.files_now, **saved}, {**self.units_now, **backup.manifest["units"]}

    def changes(self, backup) -> list:
        """What this call changes, in words."""
        former_files, former_units = self.former(backup)
        start = []
        if self.restart:
            ran = former_units[self.restart]["active_state"] in RUNNING
            start = [f"{'restarted' if ran else 'started'} {self.restart}{'' if self.chronyd['step'] else ' with -R'}"]
        return [
            *self.changed_files(former_files).values(),
            *words(enabling(former_units, self.enable)),
            *start,
            *words(disabling(former_units, self.disable)),
        ]

    def diff(self, backup) -> list:
        """The differences that --diff shows."""
        former_files, _units = self.former(backup)
        return [
            _difference(path, former_files[path][1], self.files[path][0]) for path in self.changed_files(former_files)
        ]


def begun(node: Node, params: dict, check_mode: bool) -> dict:
    """Writes the backup, and readies the node for packages: units that must not be started with them are masked, and the clock
    is set where that is asked, as a repository is not believed by one that is far off.
    """
    with _unless(check_mode, node.lock):
        backup = node.backups.to_continue(params["backup_id"], check_mode)
        wanted = Wanted(node, params)
        changes = []
        if backup is None or backup.lacks(wanted.files, wanted.units_now, params["packages"]):
            if not check_mode:
                backup = _saved(node, backup, wanted, params)
            changes.append(f"saved the node's state as the backup {backup.id if backup else params['backup_id']}")
        # In /run, so that nothing of it is left after a boot, whatever comes in between.
        to_mask = [u for u in wanted.hold if not wanted.units_now[u]["unit_file_state"].startswith("masked")]
        if to_mask:
            mask = [("mask --runtime", to_mask)]
            changes += words(mask)
            if not check_mode:
                _run(node, mask)
        if params["step_s"]:
            changes.append("set the clock")
            if not check_mode:
                time.clock_settime(time.CLOCK_REALTIME, time.time() + params["step_s"])
        return _result(backup, changes)


def applied(node: Node, params: dict, check_mode: bool) -> dict:
    """The transaction."""
    with _unless(check_mode, node.lock):
        backup = node.backups.to_continue(params["backup_id"], check_mode)
        wanted = Wanted(node, params)
        to_write = list(wanted.changed_files(wanted.files_now))
        to_enable, to_disable = enabling(wanted.units_now, wanted.enable), disabling(wanted.units_now, wanted.disable)
        if not (to_write or to_enable or to_disable or wanted.restart):
            return _result(backup)
        changes, diff = wanted.changes(backup), wanted.diff(backup)
        notes: list = []
        if check_mode:
            return _result(backup, changes, diff)
        # An interrupted run may have written units, and not had systemd read them.
        to_load = wanted.files if backup and len(backup.manifest["runs"]) > 1 else to_write
        backup = _staged(node, backup, wanted, params, to_write=to_write, notes=notes)
        try:
            with stopped_by_sigterm():
                for path in to_write:
                    if wanted.files[path][0] is None:
                        files.remove(path)
                    else:
                        files.move_in(path)
                node.relabel(to_write, notes)
                if _has_units(to_load) and not to_enable:  # enable has systemd read its units anew
                    node.systemd.systemctl("daemon-reload", [])
                # It takes seconds on a small node, in which chronyd can take its first samples.
                late = [] if _has_units(to_load) or not wanted.restart else [c for c in to_enable if c[0] == "enable"]
                _run(node, [command for command in to_enable if command not in late])
                if wanted.restart:
                    backup.update(restarted=wanted.restart)
                    if wanted.units_now[wanted.restart]["active_state"] == "failed":
                        node.systemd.systemctl("reset-failed", [wanted.restart])
                    node.systemd.systemctl("restart", [wanted.restart])
                    _run(node, late)
                    node.systemd.wait_for_chronyd(wanted.restart)
                # Last, so that at no moment nothing keeps the node's time.
                _run(node, to_disable)
        except BaseException as error:
            raise _restored(node, backup, error) from error
        return _result(backup, changes, diff, notes)


def undone(node: Node, params: dict, check_mode: bool) -> dict:
    """Takes the node back to the state in the backup."""
    with _unless(check_mode, node.lock):
        backup = _to_undo(node, params)
        if backup is None:
            return _result(backup)
        # Of one that is undone, only what has changed since: packages put back may have brought files and started units.
        changes, diff = _back(node, backup)
        notes: list = []
        if not check_mode:
            problems = restore(node, backup, notes, state="undone", by_hand=not params["backup_id"])
            if problems:
                raise _about(
                    backup,
                    f"The former state was not restored in full: {' '.join(problems)} The rest was. Fix that, run this again; "
                    f"what was saved is in {backup.path}.",
                )
        return _result(backup, changes, diff, notes)


def described(node: Node, params: dict, check_mode: bool) -> dict:
    """Tells what state=undone would undo."""
    with _unless(check_mode or not os.path.isdir(node.state_folder), node.lock):
        backup = _to_undo(node, params)
        changes, _diff = _back(node, backup) if backup else ([], [])
        return {**_result(backup, changes), "changed": False}


def confirmed(node: Node, params: dict, check_mode: bool) -> dict:
    """Sets the RTC by the clock, which is proved, and closes the backup."""
    with _unless(check_mode, node.lock):
        if params["backup_id"]:
            try:
                backup = _by_id(node, params)
            except TakenOverError as error:
                return _result(None, notes=[reason(error)])
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
            return _result(backup, changes, notes=notes)
        if changes:
            if backup is None and params["backup_id"]:
                backup = node.backups.create(params["backup_id"])
            if backup and backup.state == "open":
                backup.add([f"{node.root}/etc/adjtime"], {}, {})
            answer = run(["hwclock", "--systohc", "--utc"], TIMEOUT_S)
            if answer.get("rc") != 0:
                changes = []
                said = answer.get("error") or answer["stderr"].strip()
                notes.append(f"The RTC was not set: hwclock --systohc --utc: {said}. With rtcsync the kernel sets it.")
        if backup and backup.state == "open":
            backup.update(state="confirmed")
        return _result(backup, changes, notes=notes)


STATES = {"begun": begun, "applied": applied, "undone": undone, "described": described, "confirmed": confirmed}


def restore(node: Node, backup: Backup, notes: list, **closed) -> list:
    """Puts all back that the backup has, whatever has become of it. What could not be, in words; all else is done.

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
        if _has_units(changed if backup.state == "undone" else paths):
            attempt(node.systemd.systemctl, "daemon-reload", [])

    early, late = _early_and_late(node, backup)
    attempt(_rtc_back, node, backup)
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
            diff.append(_difference(path, data, old))
    if _rtc_was_local(node, backup):
        changes.append("set the RTC in local time, as it was")
    changes += [file_changes[path] for path in early if path in file_changes]
    changes += words(_unit_commands(node, backup))
    changes += [file_changes[path] for path in late if path in file_changes]
    return changes, diff


def _early_and_late(node: Node, backup: Backup) -> tuple:
    """The files to put back before the units are restarted, and those after it.

    The slew's files are in /run: a joined node must not be stepped by the restart that undoes, either. And a unit that was
    brought is disabled before its file goes: of a unit without a file, its links would stay.
    """
    files_were = backup.manifest["files"]
    late = [
        path for path, was in files_were.items() if _in_run(node, path) or (_has_units([path]) and not was["existed"])
    ]
    return [path for path in files_were if path not in late], late


def _unit_commands(node: Node, backup: Backup) -> list:
    former = backup.manifest["units"]
    now = {name: state for name, (_unit, state) in node.systemd.show(list(former)).items()}
    return restoring(now, former, backup.manifest["restarted"])


def _put_back(backup: Backup, path: str) -> bool:
    return files.put_back(path, backup.manifest["files"][path], backup.saved(path))


def _rtc_was_local(node: Node, backup: Backup) -> bool:
    """Whether the RTC kept local time and keeps UTC now; hwclock(8): the third line of /etc/adjtime tells."""
    path = f"{node.root}/etc/adjtime"
    return path in backup.manifest["files"] and _is_local(backup.saved(path)) and not _is_local(files.read(path))


def _is_local(adjtime) -> bool:
    return (adjtime or b"").split(b"\n")[2:3] == [b"LOCAL"]


def _rtc_back(node: Node, backup: Backup) -> None:
    if _rtc_was_local(node, backup):
        argv = ["hwclock", "--systohc", "--localtime", "--noadjfile"]
        answer = run(argv, TIMEOUT_S)
        if answer.get("rc") != 0:
            raise RemediationError(f"{' '.join(argv)}: {answer.get('error') or answer['stderr'].strip()}.")


def _saved(node: Node, backup, wanted: Wanted, params: dict) -> Backup:
    """The backup, with all that is wanted in it; discarded where it could not be written and is this call's own."""
    made = backup is None
    try:
        backup = backup or node.backups.create(params["backup_id"])
        backup.add(wanted.files, wanted.units_now, params["packages"])
    except BaseException as error:
        if made and backup:
            backup.discard()
        raise _nothing_changed(None if made else backup, error) from error
    return backup


def _staged(node: Node, backup, wanted: Wanted, params: dict, *, to_write: list, notes: list) -> Backup:
    """The backup, with all on the node ready to be renamed in; RemediationError, with nothing changed, where that can't be."""
    missing = [u for u in dict.fromkeys([*wanted.enable, wanted.restart]) if u and _is_missing(wanted.units_now[u])]
    if missing:
        text = f"systemd does not know {', '.join(missing)}; expected it to be installed. Install its package first."
        raise _nothing_changed(backup, RemediationError(text))
    made = backup is None
    backup = _saved(node, backup, wanted, params)
    try:
        with stopped_by_sigterm():
            files.make_folders(backup.manifest["folders"])
            for path in to_write:
                data, mode = wanted.files[path]
                if data is not None:
                    record = wanted.files_now[path][0]
                    files.stage(
                        path, data, {**{key: record[key] for key in ("uid", "gid") if key in record}, "mode": mode}
                    )
            data_of = {path: wanted.files[path][0] for path in to_write if wanted.files[path][0] is not None}
            if wanted.chronyd:
                validate(wanted.chronyd["config"], data_of, notes)
            # The next boot empties /run.
            backup.note_written({path: data_of[path] for path in data_of if not _in_run(node, path)})
    except BaseException as error:
        for path in to_write:
            with suppress(OSError):  # on a file system that is mounted read-only, by now
                files.remove(files.staged(path))
        files.remove_folders(backup.manifest["folders"])
        if made:
            backup.discard()
        raise _nothing_changed(None if made else backup, error) from error
    return backup


def validate(config: str, data_of: dict, notes: list) -> None:
    """Has ``chronyd -p`` read the configuration with the files that are staged; RemediationError with what it says.

    The main file, staged or as it is, and the staged fragments that it draws in; what else it draws in is read as it is.
    A copy elsewhere would not do: Debian's AppArmor profile lets chronyd read its own folder alone.
    """
    text = (data_of[config] if config in data_of else files.read(config) or b"").decode("utf-8", "replace")
    fragments = [path for path in data_of if path != config and draws_in(text, path)]
    if not installed("chronyd") or not (fragments or config in data_of):
        return
    read = [files.staged(path) if path in data_of else path for path in [config, *fragments]]
    answer = run(["chronyd", "-p", *(f"include {path}" for path in read)], TIMEOUT_S)
    said = answer.get("error") or answer["stderr"].strip()
    if "invalid option" in said:
        notes.append(
            "The configuration was not tried with chronyd -p, which this chronyd, older than 4.0, does not have."
        )
    elif answer.get("rc") != 0:
        for path in data_of:
            said = said.replace(files.staged(path), path)
        raise RemediationError(f"chronyd refuses the new configuration: {said}. Correct it and run again.")


def draws_in(text: str, path: str) -> bool:
    """Whether chrony.conf's text names the file, or the folder that it is in (chrony.conf(5): confdir, sourcedir, include).

    >>> draws_in("confdir /etc/chrony/conf.d\\n", "/etc/chrony/conf.d/50-site.conf")
    True
    >>> draws_in("include /etc/chrony.d/*.conf\\n", "/etc/systemd/system/kubelet.service.d/order.conf")
    False
    """
    folder = os.path.dirname(path)
    for directive, *named in (line.split() for line in text.splitlines() if line.strip()):
        if directive.lower() in ("confdir", "sourcedir") and folder in [name.rstrip("/") for name in named]:
            return True
        if directive.lower() == "include" and any(
            os.path.dirname(pattern) == folder and fnmatch(path, pattern) for pattern in named
        ):
            return True
    return False


def _restored(node: Node, backup: Backup, error: BaseException) -> RemediationError:
    """Puts all back, and what to tell about it."""
    # Packages are still to be put back, by who has changed them: until then there is something to undo.
    problems = restore(node, backup, [], state="open" if backup.manifest["packages"] else "undone")
    if problems:
        return _about(
            backup,
            f"What failed: {reason(error)} The former state was not restored in full: {' '.join(problems)} Run "
            f"node_remediate with state=undone again; what was saved is in {backup.path}.",
        )
    return _about(backup, f"The former state was restored. What failed: {reason(error)}")


def _nothing_changed(backup, error: BaseException) -> RemediationError:
    text = f"Nothing was changed. {reason(error)}"
    if backup:
        text += (
            f" The backup {backup.id}, which was there before, is still open: state=undone takes the node back to it."
        )
    return _about(backup, text)


def _about(backup, text: str) -> RemediationError:
    error = RemediationError(text)
    error.backup_id = backup.id if backup else None
    return error


def _to_undo(node: Node, params: dict):
    """The backup by its id, or the newest but those that runs undid themselves; None where there is none and there may be none.

    One that was undone by hand is taken again: to undo twice is not to undo what an earlier run did.
    """
    if params["backup_id"]:
        return _by_id(node, params)
    found = next((b for b in node.backups.all() if b.state != "undone" or b.manifest["by_hand"]), None)
    if found or params["missing_ok"]:
        return found
    raise _no_backup(node, "nothing to undo")


def _by_id(node: Node, params: dict):
    found = node.backups.get(params["backup_id"])
    if found is None and not params["missing_ok"]:
        raise _no_backup(node, f"no backup {params['backup_id']}")
    latest = found.manifest["runs"][-1] if found else None
    if params["only_latest"] and latest not in (None, params["backup_id"]):
        raise TakenOverError(
            f"Another run, {latest}, has gone on with the backup {found.id} since, which is for that one to undo or to close. "
            "Two controllers are at work on this node, or were: see how the other one ends."
        )
    return found


def _no_backup(node: Node, what: str) -> RemediationError:
    known = ", ".join(f"{backup.id} ({backup.state})" for backup in node.backups.all())
    there = f"backups there: {known}. Give one of these as backup_id." if known else "no backup is there."
    return RemediationError(f"There is {what} in {node.backups.folder}; {there}")


def _result(backup, changes=(), diff=(), notes=()) -> dict:
    return {
        "changed": bool(changes),
        "changes": list(changes),
        "diff": list(diff),
        "backup": backup.path if backup else None,
        "backup_id": backup.id if backup else None,
        "backup_state": backup.state if backup else None,
        "packages": backup.manifest["packages"] if backup else {},
        "notes": list(notes),
    }


def _difference(path: str, before, after) -> dict:
    return {
        "before": (before or b"").decode("utf-8", "replace"),
        "after": (after or b"").decode("utf-8", "replace"),
        "before_header": path if before is not None else f"{path} (absent)",
        "after_header": path if after is not None else f"{path} (absent)",
    }


def _run(node: Node, commands: list) -> None:
    for verb, units in commands:
        node.systemd.systemctl(verb, units)


def _has_units(paths: list) -> bool:
    return any("/systemd/system/" in path for path in paths)


def _in_run(node: Node, path: str) -> bool:
    return path.startswith(f"{node.root}/run/")


def _is_missing(state: dict) -> bool:
    return state["load_state"] == "not-found"


@contextmanager
def _unless(condition: bool, lock):
    """``lock()``, but nothing where ``condition`` holds: check mode makes no folder for it."""
    if condition:
        yield
    else:
        with lock():
            yield
