# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files that are whole at every moment: staged beside their place, flushed to the disk, renamed
in.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress

NEXT_STEPS = {
    errno.ENOSPC: "Make room on that file system (df shows how full it is, df -i counts its inodes)",
    errno.EDQUOT: "Raise root's quota on that file system",
    errno.EROFS: "Mount that file system writable, or fix an image-based system in its image",
    errno.EACCES: "Run as root (become: true)",
    errno.EPERM: "Run as root (become: true), and look with lsattr whether the file is immutable",
}


class RemediationError(Exception):
    """What was found, what was expected and what to do next, as sentences.

    ``backup_id``: the backup it is about.
    """

    backup_id = None


def reason(error: BaseException) -> str:
    """What an exception says, with what to do about it, as sentences.

    >>> reason(OSError(errno.ENOSPC, "No space left on device", "/etc/chrony/.chrony.conf.skewgate-new"))
    '/etc/chrony/.chrony.conf.skewgate-new: No space left on device. Make room on that file system (df shows how full it is, \
df -i counts its inodes).'
    """  # noqa: W505 - an example or a table
    if isinstance(error, RemediationError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        next_step = NEXT_STEPS.get(error.errno or 0)
        what = f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."
        return f"{what} {next_step}." if next_step else what
    return f"{type(error).__name__}: {error}."


def describe(path: str) -> dict:
    """What is at ``path``: ``{"existed": False}``, or True with ``mode``, ``uid``, ``gid`` and
    ``mtime_ns``, or with ``link``.

    A symbolic link is described itself, not what it points to: it is replaced and put back as a
    link.
    """
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return {"existed": False}
    if stat.S_ISLNK(found.st_mode):
        return {"existed": True, "link": os.readlink(path)}
    if not stat.S_ISREG(found.st_mode):
        raise RemediationError(f"{path} is neither a file nor a symbolic link; expected one, or nothing. Move it away.")
    return {
        "existed": True,
        "mode": f"{stat.S_IMODE(found.st_mode):04o}",
        "uid": found.st_uid,
        "gid": found.st_gid,
        "mtime_ns": found.st_mtime_ns,
    }


def read(path: str):
    """The bytes of the file at ``path``, or None if there is none: a link is no file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            return None
        raise
    with open(descriptor, "rb") as file:
        return file.read()


def staged(path: str) -> str:
    """Where what is to be at ``path`` is staged: a hidden name, which no daemon's ``*.conf``
    matches.

    >>> staged("/etc/chrony/chrony.conf")
    '/etc/chrony/.chrony.conf.skewgate-new'
    """
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.skewgate-new")


def stage(path: str, data: bytes, record: dict) -> None:
    """Writes ``data`` beside ``path``, flushed, with the mode, owner and time of ``record`` as far
    as they are in it.
    """
    remove(staged(path))
    descriptor = os.open(staged(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        try:
            file.write(data)
            file.flush()
        except OSError as error:
            error.filename = staged(path)  # write(2) does not set it
            raise
        if "uid" in record:
            os.fchown(descriptor, record["uid"], record["gid"])
        os.fchmod(descriptor, int(record["mode"], 8))
        if "mtime_ns" in record:
            os.utime(descriptor, ns=(record["mtime_ns"], record["mtime_ns"]))
        os.fsync(descriptor)


def move_in(path: str) -> None:
    """Renames in what was staged."""
    os.rename(staged(path), path)
    flush_folder(os.path.dirname(path))


def write(path: str, data: bytes, record: dict) -> None:
    """Has ``data`` at ``path``, whole or not at all."""
    try:
        stage(path, data, record)
        move_in(path)
    except OSError:
        remove(staged(path))
        raise


def put_back(path: str, record: dict, data) -> bool:
    """Makes ``path`` what ``record`` (of ``describe``) says, with ``data``; False if it is that
    already.
    """
    if describe(path) == record and read(path) == data:
        return False
    if not record["existed"]:
        remove(path)
        flush_folder(os.path.dirname(path))
        return True
    make_folders(missing_folders(path))
    if "link" in record:
        remove(staged(path))
        os.symlink(record["link"], staged(path))
        move_in(path)
    else:
        write(path, data, record)
    return True


def remove(path: str) -> None:
    """Removes a file if it exists."""
    with suppress(FileNotFoundError, NotADirectoryError):
        os.unlink(path)


def missing_folders(path: str) -> list:
    """The folders above ``path`` that are not there, the outermost first."""
    missing: list = []
    folder = os.path.dirname(path)
    while not os.path.isdir(folder):
        missing.insert(0, folder)
        folder = os.path.dirname(folder)
    return missing


def make_folders(folders: list) -> None:
    """Makes folders that anyone may read, whatever the umask."""
    for folder in folders:
        if not os.path.isdir(folder):
            os.mkdir(folder)
            os.chmod(folder, 0o755)  # noqa: S103 - chronyd and systemd read there
            flush_folder(os.path.dirname(folder))


def remove_folders(folders: list) -> None:
    """Removes those that are empty, the innermost first."""
    for folder in sorted(folders, key=len, reverse=True):
        with suppress(OSError):  # someone has put something into it, or it is gone
            os.rmdir(folder)


def flush_folder(folder: str) -> None:
    """Has a folder's names on the disk; a folder that is gone has none."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
