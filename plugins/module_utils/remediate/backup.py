# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Backups: what was on the node before it was fixed, on the disk before anything is changed.

A backup is ``FOLDER/backups/ID/manifest.json`` and, in the folder ``files`` beside it, the files
that it names. ID is a time in UTC, so names sort by age. A folder without a manifest is a backup
that was interrupted before anything was changed.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import shutil
from dataclasses import dataclass

from . import files
from .files import RemediationError

SCHEMA = "skewgate/backup/1"
CONTINUED_FOR = datetime.timedelta(hours=24)


def id_time(backup_id: str) -> datetime.datetime:
    """The time in a backup's id; RemediationError if it is not a time."""
    try:
        return datetime.datetime.strptime(backup_id, "%Y%m%dT%H%M%SZ")
    except ValueError:
        raise RemediationError(f"backup_id is {backup_id!r}; expected a time in UTC like 20261122T152134Z.") from None


class TakenOverError(RemediationError):
    """A later run has gone on with this run's backup."""


@dataclass(frozen=True)
class Backup:
    """One backup. ``manifest`` is what stands in its manifest.json:

    ``{"schema", "id", "runs": [its own id, and those of the runs that continued it], "state":
    "open"|"confirmed"|"undone", "files": {path: what files.describe gives}, "written": {path:
    [SHA-256 of each content that a run wrote there]}, "folders": [those that are made for files],
    "units": {unit: what systemd.Systemd.show gives}, "restarted": unit or None, "packages": {},
    "by_hand": whether it was undone by hand}``
    """

    path: str
    manifest: dict

    @property
    def id(self) -> str:
        """The name of its folder: the time of the run that began it."""
        return self.manifest["id"]

    @property
    def state(self) -> str:
        """``open`` while a run may continue it, then ``confirmed`` or ``undone``."""
        return self.manifest["state"]

    def saved(self, path: str):
        """The bytes of a file as they were, or None if there was no file."""
        record = self.manifest["files"][path]
        return files.read(self._saved(path)) if record["existed"] and "link" not in record else None

    def note_written(self, data_of: dict) -> None:
        """Has on the disk what is about to be written, {path: bytes}."""
        written = self.manifest["written"]
        self.update(written={**written, **{path: [*written.get(path, []), _digest(data_of[path])] for path in data_of}})

    def is_as_left(self) -> bool:
        """Whether each file that a run wrote is as that run, or the state before it, has it: nobody
        else's since.
        """
        return all(
            _digest(files.read(path)) in (*digests, _digest(self.saved(path)))
            for path, digests in self.manifest["written"].items()
        )

    def lacks(self, paths, units, packages) -> bool:
        """Whether one of these files, units and facts about packages is not in it."""
        wanted = {"files": paths, "units": units, "packages": packages}
        return any(set(names) - set(self.manifest[kind]) for kind, names in wanted.items())

    def add(self, paths, units: dict, packages: dict) -> None:
        """Saves files and units' states, and has them on the disk.

        What is in it already stays as it is.
        """
        folders = list(self.manifest["folders"])
        for path in paths:
            if path in self.manifest["files"]:
                continue
            record = files.describe(path)
            if "mode" in record:
                files.make_folders(files.missing_folders(self._saved(path)))
                files.write(self._saved(path), files.read(path), {"mode": "0600"})
            self.manifest["files"][path] = record
            folders += [folder for folder in files.missing_folders(path) if folder not in folders]
        self.manifest["units"] = {**units, **self.manifest["units"]}
        self.manifest["packages"] = {**packages, **self.manifest["packages"]}
        self.update(folders=folders)

    def update(self, **changed) -> None:
        """Changes keys of the manifest, on the disk."""
        self.manifest.update(changed)
        text = json.dumps(self.manifest, indent=2, sort_keys=True) + "\n"
        files.write(os.path.join(self.path, "manifest.json"), text.encode(), {"mode": "0600"})

    def discard(self) -> None:
        """Removes it from the disk, with all that it saved."""
        files.remove(
            os.path.join(self.path, "manifest.json")
        )  # first, because a part of a backup must never count as a backup
        shutil.rmtree(self.path, ignore_errors=True)

    def _saved(self, path: str) -> str:
        return os.path.join(self.path, "files") + path


def _digest(data):
    return None if data is None else hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class Backups:
    """The backups in a folder, /var/lib/skewgate/backups."""

    folder: str

    def all(self) -> list:
        """All backups, the newest first."""
        try:
            names = sorted(os.listdir(self.folder), reverse=True)
        except FileNotFoundError:
            return []
        return [backup for backup in map(self._load, names) if backup]

    def get(self, backup_id: str):
        """The backup that the run of that id made or continued, or None."""
        id_time(backup_id)
        return next((backup for backup in self.all() if backup_id in backup.manifest["runs"]), None)

    def chosen(self, params: dict):
        """The backup of the run ``params["backup_id"]``, or None if there is none and that is
        ``missing_ok``.

        TakenOverError if a later run has gone on with it and ``only_latest`` is set;
        RemediationError if there is none.
        """
        found = self.get(params["backup_id"])
        if found is None and not params["missing_ok"]:
            raise self._missing(f"no backup {params['backup_id']}")
        latest = found.manifest["runs"][-1] if found else None
        if params["only_latest"] and latest not in (None, params["backup_id"]):
            raise TakenOverError(
                f"Another run, {latest}, has continued the backup {found.id} since then. Only that run may undo or close it. "
                "Two controllers work on this node, or did: look how the other run ended."
            )
        return found

    def to_undo(self, params: dict):
        """The ``chosen`` one, or without ``backup_id`` the newest but those that runs undid
        themselves.

        One that was undone by hand is taken again: to undo twice is not to undo what an earlier run
        did.
        """
        if params["backup_id"]:
            return self.chosen(params)
        found = next((b for b in self.all() if b.state != "undone" or b.manifest["by_hand"]), None)
        if found or params["missing_ok"]:
            return found
        raise self._missing("nothing to undo")

    def to_continue(self, backup_id: str, check_mode: bool):
        """The open backup that a run which begins now continues, or None: an interrupted run's,
        less than a day old.

        It has the state from before that run's changes, so it is never begun again. It is found by
        the id of this run, too. If someone has edited what that run wrote, it is not continued:
        undoing this run would take them back beyond their edit.
        """
        now = id_time(backup_id)
        for backup in self.all():
            if backup.state == "open" and abs(now - id_time(backup.id)) < CONTINUED_FOR and backup.is_as_left():
                if backup_id not in backup.manifest["runs"] and not check_mode:
                    backup.update(runs=[*backup.manifest["runs"], backup_id])
                return backup
        closed = self.get(backup_id)
        if closed:
            raise RemediationError(
                f"The backup {backup_id} is {closed.state} and can't be continued. Give a new backup_id."
            )
        return None

    def create(self, backup_id: str) -> Backup:
        """A new one, which is on the disk with the first ``add``."""
        path = os.path.join(self.folder, backup_id)
        shutil.rmtree(path, ignore_errors=True)  # of a run that was interrupted before it changed anything
        files.make_folders(files.missing_folders(os.path.join(path, "manifest.json")))
        manifest: dict = {
            "schema": SCHEMA,
            "id": backup_id,
            "runs": [backup_id],
            "state": "open",
            "files": {},
            "written": {},
            "folders": [],
            "units": {},
            "restarted": None,
            "packages": {},
            "by_hand": False,
        }
        return Backup(path, manifest)

    def _missing(self, what: str) -> RemediationError:
        known = ", ".join(f"{backup.id} ({backup.state})" for backup in self.all())
        there = f"backups there: {known}. Give one of these as backup_id." if known else "no backup is there."
        return RemediationError(f"There is {what} in {self.folder}; {there}")

    def _load(self, name: str):
        path = os.path.join(self.folder, name)
        text = files.read(os.path.join(path, "manifest.json"))
        if text is None:
            return None
        try:
            manifest = json.loads(text.decode())
            schema = manifest["schema"]
        except (ValueError, KeyError, TypeError) as error:
            raise RemediationError(
                f"{path}/manifest.json can't be read ({error}). Check the file, then move {path} away and run again."
            ) from error
        if schema != SCHEMA:
            raise RemediationError(
                f"{path}/manifest.json says {schema}; expected {SCHEMA}. Undo it with the version that wrote it, or move it away."
            )
        return Backup(path, manifest)
