"""A report's folder: its files change as one, are on disk, and are read only in the form that is expected.

``evidence.json`` holds what every node showed, and ``skewgate report`` makes the same findings from it again. It is no format
of a report: a report is made from it. Whoever finds ``report.json`` in a folder finds the evidence of the same run beside it:
between the evidence of one run and that of the next there is no report in the folder.
"""

from __future__ import annotations

import errno
import fcntl
import json
import math
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .forms import RECORD, misfit
from .holder import FolderInUseError, Holder, hold, release
from .times import read_time

REPORT_FILE = "report.json"
REPORT_SCHEMA = "skewgate/report/1"
EVIDENCE_FILE = "evidence.json"
EVIDENCE_SCHEMA = "skewgate/evidence-set/1"

MAX_BYTES = 2 * 1024**3
"""No saved file is larger; the evidence of 10,000 nodes is a third of it."""

ROOM_BYTES = 1024**2
"""The room that a folder needs for the files of a few nodes."""

_PREPARED = ".skewgate-"
"""How the folder is called, within the report's, in which files lie until they are complete. One that a killed run left is
removed by the next."""


class SavedFileError(ValueError):
    """A saved file can't be used, or a folder can't be written: its path, what was found and what was expected."""


def read_report(directory: Path) -> dict[str, Any]:
    """The content of the folder's ``report.json``: verdicts under ``nodes``, each with its time; raises SavedFileError."""
    path = directory / REPORT_FILE
    if not path.exists() and (directory / EVIDENCE_FILE).exists():
        raise SavedFileError(
            f"there is no {path}: a run into this folder goes on, or ended without a report; run it again"
        )
    return _read(path, REPORT_SCHEMA, "judged_at")


def read_evidence(path: Path) -> dict[str, Any]:
    """The content of an evidence file: records of their form under ``nodes``, each with its time; raises SavedFileError.

    What is in a record's ``evidence`` and ``policy`` is for others to judge.
    """
    content = _read(path, EVIDENCE_SCHEMA, "collected_at")
    for name, record in content["nodes"].items():
        if wrong := misfit(record, RECORD):
            raise SavedFileError(f"{path}: node {name!r}, {wrong}")
    return content


def evidence_of(records: Mapping[str, Any], judged_at: str, run_id: str | None = None) -> dict[str, Any]:
    """The content of ``evidence.json`` for the nodes' records by name."""
    return {"schema": EVIDENCE_SCHEMA, "run_id": run_id, "judged_at": judged_at, "nodes": dict(records)}


def evidence_text(evidence: Mapping[str, Any]) -> str:
    """``evidence.json`` as text: one node a line, so a large fleet's file can still be searched with grep."""
    head = {key: value for key, value in evidence.items() if key != "nodes"}
    nodes = ",\n".join(f"{json.dumps(name)}: {json.dumps(record)}" for name, record in evidence["nodes"].items())
    return json.dumps(head)[:-1] + ',\n"nodes": {\n' + nodes + "\n}}\n"


def begin_folder(
    directory: Path, reports: Iterable[str], room_bytes: int = ROOM_BYTES, holder: Holder | None = None
) -> None:
    """Take an earlier report out of force, and prove that the next one can be written: before any node is asked.

    The folder is made if it is missing. ``reports`` are the files that say what an earlier run found; they are removed. Its
    evidence stays: it admits nothing, and the next run finds the drift by it. Until its report is written, or its process has
    ended, the ``holder`` has the folder; by default this process. Raises SavedFileError, also if another run has it.
    """
    try:
        with _alone(directory) as prepared:
            hold(directory, holder or Holder.of())
            for name in reports:
                (directory / name).unlink(missing_ok=True)
            _prove_room(prepared / "room", room_bytes)
    except OSError as error:
        raise unwritable(directory, error) from error


def replace_files(directory: Path, texts: Mapping[str, str], holder: Holder | None = None) -> list[Path]:
    """Write a report's files, each whole, and return their paths; everybody may read them. Raises OSError.

    They are on disk before the old report goes, and ``report.json`` is the first to go and the last to come. If writing
    fails, what was there stays. The ``holder``, by default this process, must have the folder, or nobody; after it it is free.
    """
    holder = holder or Holder.of()
    with _alone(directory) as prepared:
        hold(directory, holder)
        try:
            for name, text in texts.items():
                _write(prepared / name, text)
            (directory / REPORT_FILE).unlink(missing_ok=True)
            _sync(directory)
            for name in sorted(texts, key=lambda name: name == REPORT_FILE):
                if name == REPORT_FILE:
                    _sync(directory)
                (prepared / name).replace(directory / name)
        finally:
            release(directory, holder)
    return [directory / name for name in texts]


def end_folder(directory: Path, holder: Holder) -> None:
    """After a run that may have left no report: give the folder up if it still has it. Raises nothing."""
    with suppress(OSError), _alone(directory):
        release(directory, holder)


def unwritable(directory: Path, error: OSError) -> SavedFileError:
    """What to say where a folder for reports can't be written."""
    if isinstance(error, FolderInUseError):
        return SavedFileError(str(error))
    why = "it is not a folder" if isinstance(error, FileExistsError | NotADirectoryError) else error.strerror
    return SavedFileError(
        f"can't write to {directory}: {why}; expected a folder on the controller that this user can write, with "
        "room for them"
    )


@contextmanager
def _alone(directory: Path) -> Iterator[Path]:
    """A folder within ``directory`` to prepare files in, while no other process changes its files; all is on disk after it."""
    is_new = not directory.exists()
    directory.mkdir(parents=True, exist_ok=True)
    if is_new:
        _sync(directory.parent)
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):  # a file system without locks; whoever reads both files finds out if they don't fit
            fcntl.flock(handle, fcntl.LOCK_EX)
        for left in directory.glob(f"{_PREPARED}*"):
            shutil.rmtree(left, ignore_errors=True)
        prepared = Path(tempfile.mkdtemp(dir=directory, prefix=_PREPARED))
        try:
            yield prepared
        finally:
            shutil.rmtree(prepared, ignore_errors=True)
        _sync(directory)
    finally:
        os.close(handle)


def _write(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    path.chmod(0o644)


def _prove_room(path: Path, room_bytes: int) -> None:
    """Raises OSError if so much can't be written; most of it is only reserved, which takes no time."""
    _write(path, " " * min(room_bytes, 64 * 1024))
    with path.open("r+b") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, room_bytes)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                raise
    path.unlink()


def _sync(directory: Path) -> None:
    """Have the names in a folder on disk; some network file systems can't say so, and do it at once."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(handle)


def _read(path: Path, schema: str, time_key: str) -> dict[str, Any]:
    try:
        content: Any = json.loads(_text(path), parse_constant=_finite, parse_float=_finite)
    except OSError as error:
        raise SavedFileError(f"can't read {path}: {error.strerror}; expected what `skewgate check` wrote") from error
    except (ValueError, RecursionError) as error:
        raise SavedFileError(f"{path} is not JSON: {error}") from error
    found = content.get("schema") if isinstance(content, dict) else None
    if not isinstance(content, dict) or found != schema or not isinstance(content.get("nodes"), dict):
        raise SavedFileError(f"{path}: expected schema {schema!r} with nodes, found schema {found!r}")
    for name, node in content["nodes"].items():
        try:
            read_time(node.get(time_key) if isinstance(node, dict) else None)
        except ValueError as error:
            raise SavedFileError(f"{path}: node {name!r}, {time_key}: {error}") from error
    return content


def _text(path: Path) -> str:
    """The text of a file of ours. What is no file (a pipe, a terminal) is not waited for, and what is too large not read."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(handle, encoding="utf-8") as file:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            raise OSError(errno.EINVAL, "it is not a file")
        if about.st_size > MAX_BYTES:
            raise OSError(errno.EFBIG, f"it has {about.st_size} bytes, and no file of ours has more than {MAX_BYTES}")
        return file.read()


def _finite(text: str) -> float:
    """A number that JSON has: NaN and infinity, which Python reads too, are none, and a limit of them would limit nothing."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"it has the number {text}")
    return number
