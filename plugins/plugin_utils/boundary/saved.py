"""A report's folder.

Its files change together, are on disk, and are read only in the expected form.

``evidence.json`` holds what every node showed. ``skewgate report`` makes the same findings from it
again. The ``report.json`` in a folder always belongs to the evidence beside it. While the evidence
of a new run is written, there is no report in the folder. If the run signs its report,
``signature.json`` is beside it.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import math
import os
import shutil
import stat
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TextIO

from .forms import RECORD, misfit
from .holder import FolderInUseError, Holder, hold, release
from .stored import Check, OtherFormError, read_head, read_nodes
from .times import read_time

REPORT_FILE = "report.json"
REPORT_SCHEMA = "skewgate/report/1"
EVIDENCE_FILE = "evidence.json"
EVIDENCE_SCHEMA = "skewgate/evidence-set/1"
SIGNATURE_FILE = "signature.json"

MAX_BYTES = 2 * 1024**3
"""The most bytes of a saved file. The evidence of 10,000 nodes has a third of that."""

MAX_WHOLE_BYTES = 32 * 1024**2
"""The most bytes of a file that is not in the form in which it was written. It is read into memory
as a whole."""

MAX_SIGNATURE_BYTES = 64 * 1024**2
"""The most bytes of a signature. It has some 200 bytes for each node."""

ROOM_BYTES = 1024**2
"""The room that a folder needs for the files of a few nodes."""

_PART_BYTES = 1024**2
"""So much of a file is copied at once."""

_PREPARED = ".skewgate-"
"""The name of the folder, within the report's folder, in which files are prepared. If a killed run
left one, the next run removes it."""


Writer = Callable[[TextIO], object]
"""Writes the text of a file."""

Signer = Callable[[Path], str]
"""The text of a report's signature, from the folder in which its files are complete."""


class SavedFileError(ValueError):
    """A saved file can't be used, or a folder can't be written.

    The text has the path and the reason.
    """


def read_report(directory: Path, copy: Copy | None = None) -> dict[str, Any]:
    """The content of the folder's ``report.json``, or of the ``copy`` of it: verdicts under
    ``nodes``, each with its time; raises SavedFileError.

    As in ``read_evidence``, the nodes stay in the file, and only one at a time is in memory.
    """
    path = directory / REPORT_FILE
    if copy is None and not path.exists() and (directory / EVIDENCE_FILE).exists():
        raise SavedFileError(
            f"there is no {path}. A run into this folder is still going on, or it ended without a report. Run the check again"
        )
    return _read(path, REPORT_SCHEMA, "judged_at", copy=copy)


def read_evidence(path: Path, see: Check = lambda _name, _record: None, copy: Copy | None = None) -> dict[str, Any]:
    """The content of an evidence file, or of the ``copy`` of it: records of their form under
    ``nodes``, each with its time; raises SavedFileError.

    A record's ``evidence`` and ``policy`` are not checked here. ``see`` gets each record as it is
    read. It gets some of them twice if the file has another form.
    """

    def check(name: str, record: Any) -> None:
        if wrong := misfit(record, RECORD):
            raise SavedFileError(f"{path}: node {name!r}, {wrong}")
        see(name, record)

    return _read(path, EVIDENCE_SCHEMA, "collected_at", check, copy)


def evidence_of(records: Mapping[str, Any], judged_at: str, run_id: str | None = None) -> dict[str, Any]:
    """The content of ``evidence.json`` for the nodes' records by name."""
    return {"schema": EVIDENCE_SCHEMA, "run_id": run_id, "judged_at": judged_at, "nodes": records}


def begin_folder(
    directory: Path, reports: Iterable[str], room_bytes: int = ROOM_BYTES, holder: Holder | None = None
) -> None:
    """Take an earlier report out of force, and prove that the next one can be written.

    Call it before any node is asked. The folder is created if it is missing. ``reports`` are the
    files with the results of an earlier run; they are removed, and its signature too. Its evidence
    stays: it admits no node, and the next run measures the drift with it. The ``holder`` (by
    default this process) has the folder until its report is written or its process has ended.
    Raises SavedFileError, also if another run has the folder.
    """
    try:
        with _alone(directory) as prepared:
            hold(directory, holder or Holder.of())
            for name in (*reports, SIGNATURE_FILE):
                (directory / name).unlink(missing_ok=True)
            _prove_room(prepared / "room", room_bytes)
    except OSError as error:
        raise unwritable(directory, error) from error


def replace_files(
    directory: Path, files: Mapping[str, Writer], holder: Holder | None = None, sign: Signer | None = None
) -> list[Path]:
    """Write a report's files, each whole, and return their paths; everybody may read them.

    Raises OSError, and what ``sign`` raises.

    ``files`` has a writer for each name. The signature is made from these files; without ``sign``
    there is none afterwards. The new files are on disk before the old report is removed.
    ``report.json`` is removed first and written last. If writing fails, the old files stay. Either
    the ``holder`` (by default this process) or nobody must have the folder. Afterwards it is free.
    """
    holder = holder or Holder.of()
    with _alone(directory) as prepared:
        hold(directory, holder)
        try:
            for name, write in files.items():
                _write(prepared / name, write)
            if sign:
                signature = sign(prepared)
                _write(prepared / SIGNATURE_FILE, lambda file: file.write(signature))
            names = [*files, *([SIGNATURE_FILE] if sign else [])]
            for name in (REPORT_FILE, SIGNATURE_FILE):
                (directory / name).unlink(missing_ok=True)
            _sync(directory)
            for name in sorted(names, key=lambda name: name == REPORT_FILE):
                if name == REPORT_FILE:
                    _sync(directory)
                (prepared / name).replace(directory / name)
        finally:
            release(directory, holder)
    return [directory / name for name in names]


def sha256_of(path: Path) -> str:
    """The SHA-256 of a saved file, in hexadecimal; raises SavedFileError."""
    try:
        with _opened(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type] # a BufferedReader
    except OSError as error:
        raise _unreadable(path, error) from error


@dataclass(frozen=True)
class Copy:
    """A saved file as it was at one time, in a file without a name: nobody else can change it."""

    sha256: str
    file: IO[bytes]


def copied(path: Path) -> Copy:
    """Copy a saved file, so what is judged is what was hashed; raises SavedFileError."""
    try:
        file = _opened(path)
    except OSError as error:
        raise _unreadable(path, error) from error
    digest, size = hashlib.sha256(), 0
    try:
        with file:
            copy = tempfile.TemporaryFile()  # noqa: SIM115 - who has the copy reads it for as long as it is needed
            while part := file.read(_PART_BYTES):
                size += len(part)
                if size > MAX_BYTES:
                    raise OSError(errno.EFBIG, f"it grew to more than {MAX_BYTES} bytes meanwhile")
                digest.update(part)
                copy.write(part)
            copy.seek(0)
    except OSError as error:
        raise SavedFileError(
            f"can't copy {path} to {tempfile.gettempdir()}, to verify it: {error.strerror}. Make room there, or set TMPDIR to "
            "another folder"
        ) from error
    return Copy(digest.hexdigest(), copy)


def read_signature(directory: Path) -> bytes:
    """The bytes of the folder's signature; raises OSError."""
    with _opened(directory / SIGNATURE_FILE, MAX_SIGNATURE_BYTES) as file:
        return file.read()


def end_folder(directory: Path, holder: Holder) -> None:
    """Release the folder if a run that left no report still has it. Raises nothing."""
    with suppress(OSError), _alone(directory):
        release(directory, holder)


def unwritable(directory: Path, error: OSError) -> SavedFileError:
    """The error for a report's folder that can't be written."""
    if isinstance(error, FolderInUseError):
        return SavedFileError(str(error))
    why = "it is not a folder" if isinstance(error, FileExistsError | NotADirectoryError) else error.strerror
    return SavedFileError(
        f"can't write to {directory}: {why}; expected a folder on the controller that this user can write, with "
        "room for them"
    )


@contextmanager
def _alone(directory: Path) -> Iterator[Path]:
    """A folder within ``directory`` to prepare files in. Afterwards everything is on disk.

    Meanwhile no other process changes the files of ``directory``.
    """
    is_new = not directory.exists()
    directory.mkdir(parents=True, exist_ok=True)
    if is_new:
        _sync(directory.parent)
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):  # a file system without locks; a reader of both files notices if they don't fit
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


def _write(path: Path, write: Writer) -> None:
    with path.open("w", encoding="utf-8") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    path.chmod(0o644)


def _prove_room(path: Path, room_bytes: int) -> None:
    """Raises OSError if there is not this much room. Most of it is only reserved, which is fast."""
    _write(path, lambda file: file.write(" " * min(room_bytes, 64 * 1024)))
    with path.open("r+b") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, room_bytes)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                raise
    path.unlink()


def _sync(directory: Path) -> None:
    """Write a folder's names to disk.

    Some network file systems do it at once and refuse to be asked.
    """
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(handle)


def _read(
    path: Path,
    schema: str,
    time_key: str,
    check: Check = lambda _name, _node: None,
    copy: Copy | None = None,
) -> dict[str, Any]:
    """The content of a file or its copy, each node of which has its time and passes the
    ``check``.
    """

    def check_node(name: str, node: Any) -> None:
        try:
            read_time(node.get(time_key) if isinstance(node, dict) else None)
        except ValueError as error:
            raise SavedFileError(f"{path}: node {name!r}, {time_key}: {error}") from error
        check(name, node)

    try:
        file = copy.file if copy else _opened(path)
        try:
            content: dict[str, Any] = read_head(file, _DECODER)
            _check_schema(path, schema, content, has_nodes=True)
            content["nodes"] = read_nodes(file, check_node, _DECODER)
        except OtherFormError as other:
            content = _whole(path, file, other)
            _check_schema(path, schema, content, has_nodes=isinstance(content.get("nodes"), dict))
            for name, node in content["nodes"].items():
                check_node(name, node)
    except OSError as error:
        raise _unreadable(path, error) from error
    return content


def _unreadable(path: Path, error: OSError) -> SavedFileError:
    return SavedFileError(f"can't read {path}: {error.strerror}; expected what `skewgate check` wrote")


def _check_schema(path: Path, schema: str, content: Mapping[str, Any], *, has_nodes: bool) -> None:
    found = content.get("schema")
    if found != schema or not has_nodes:
        raise SavedFileError(f"{path}: expected schema {schema!r} with nodes, found schema {found!r}")


def _whole(path: Path, file: IO[bytes], other: OtherFormError) -> dict[str, Any]:
    """The whole content of a file that was changed to another form; empty if it is not an
    object.
    """
    with file:
        size = file.seek(0, os.SEEK_END)
        if size > MAX_WHOLE_BYTES:
            raise SavedFileError(
                f"{path} is not in the form in which skewgate writes it ({other}). A file in another form may have at most "
                f"{MAX_WHOLE_BYTES} bytes, and this one has {size}. Use the file that the run wrote"
            )
        file.seek(0)
        doubled: dict[int, tuple[str, dict[str, Any]]] = {}

        def as_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            found = dict(pairs)
            if len(found) < len(pairs):
                names = Counter(name for name, _value in pairs)
                doubled[id(found)] = next(name for name, count in names.items() if count > 1), found
            return found

        try:
            content = json.loads(file.read().decode(), object_pairs_hook=as_object, **_NUMBERS)
        except (ValueError, RecursionError) as error:
            raise SavedFileError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        return {}
    for each in (content, content.get("nodes")):
        if id(each) in doubled:  # readers of JSON differ in which of them counts
            raise SavedFileError(f"{path}: {doubled[id(each)][0]!r} is there twice. Use the file that the run wrote")
    return content


def _opened(path: Path, most: int = MAX_BYTES) -> IO[bytes]:
    """A saved file, opened.

    A pipe, a terminal or a file that is too large raises OSError at once.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    file = os.fdopen(handle, "rb")
    about = os.fstat(handle)
    if stat.S_ISREG(about.st_mode) and about.st_size <= most:
        return file
    file.close()
    if not stat.S_ISREG(about.st_mode):
        raise OSError(errno.EINVAL, "it is not a file")
    raise OSError(errno.EFBIG, f"it has {about.st_size} bytes; a file from skewgate has at most {most}")


def _finite(text: str) -> float:
    """A number of JSON. NaN and infinity, which Python reads too, are refused: they limit
    nothing.
    """
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"expected finite numbers, found {text}")
    return number


_NUMBERS: dict[str, Any] = {"parse_constant": _finite, "parse_float": _finite}
_DECODER = json.JSONDecoder(**_NUMBERS)
