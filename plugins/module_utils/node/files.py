# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Configuration as text: a daemon's files in the order in which it reads them, bounded."""

from __future__ import annotations

import glob
import os
import stat

MAX_FILE_BYTES = 256 * 1024
MAX_CONFIGURATION_BYTES = 1024 * 1024
"""Of all files of one daemon's configuration together."""
MAX_FILES = 64
MAX_UNREAD = 64
MAX_SMALL_BYTES = 4096
"""Of a file of /proc or /sys, and of others that hold a line or a few."""


def read_files(paths: list, drawn_in=None) -> dict:
    """The files at ``paths`` and all that they draw in: ``{"files": [{"path", "text", "mtime_s"}],
    "unread": [...]}``.

    ``drawn_in(text)`` gives the paths that a file's text names; they are read right after it. None
    is read twice. ``unread`` is ``[{"path", "error", "kind"}]``, and ``kind`` is "missing",
    "denied" or "other". A file that would go beyond a limit is there and not in ``files``, because
    half of it would pass for all. Key files are never read: what names them is not followed.
    """
    files: list = []
    unread: list = []
    left_bytes = MAX_CONFIGURATION_BYTES
    waiting = list(paths)
    seen = set()
    while waiting and len(unread) < MAX_UNREAD:
        current = waiting.pop(0)
        if current in seen:
            continue
        seen.add(current)
        try:
            if len(files) == MAX_FILES:
                raise ValueError(f"the configuration has more than {MAX_FILES} files")
            text, mtime_s = read_text(current), os.stat(current).st_mtime
            if len(text.encode()) > left_bytes:
                raise ValueError(f"the configuration is larger than {MAX_CONFIGURATION_BYTES} bytes")
        except (OSError, ValueError) as error:
            kind = "missing" if isinstance(error, FileNotFoundError) else "other"
            kind = "denied" if isinstance(error, PermissionError) else kind
            unread.append({"path": current, "error": str(error), "kind": kind})
            continue
        left_bytes -= len(text.encode())
        files.append({"path": current, "text": text, "mtime_s": mtime_s})
        if drawn_in:
            waiting[:0] = drawn_in(text)
    return {"files": files, "unread": unread}


def fragments(directories: list, suffix: str) -> list:
    """The files of several directories by file name; of two with the same name, the one in the
    earlier directory.
    """
    by_name: dict = {}
    for directory in directories:
        for path in glob.glob(os.path.join(glob.escape(directory), "*" + suffix)):
            by_name.setdefault(os.path.basename(path), path)
    return [by_name[name] for name in sorted(by_name)]


def first_existing(paths):
    """The first of ``paths`` that is there, or None."""
    return next(filter(os.path.exists, paths), None)


def text_or_none(path: str):
    """What a small file shows, of /proc or /sys for instance; None if it may not be read, is not
    there or is not small.
    """
    try:
        return read_text(path, MAX_SMALL_BYTES).strip()
    except (OSError, ValueError):
        return None


def read_text(path: str, max_bytes: int = MAX_FILE_BYTES) -> str:
    """A file's text; ValueError if it is larger than ``max_bytes``, or not a file that ends: a pipe
    or a device.
    """
    # Opening a pipe that nobody writes to would wait for ever.
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("it is not a regular file")
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise ValueError(f"it is larger than {max_bytes} bytes")
    return content.decode("utf-8", "replace")
