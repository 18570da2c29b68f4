"""A file of JSON that the processes of one run share. One of them at a time reads and writes it.

Ansible runs each task of each host in a process that ends with the task. It creates a folder for
temporary files when it starts, and removes it when it ends. Put such a file there.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO


class SharedFile:
    """The content of the file, while no other process has it."""

    def __init__(self, file: TextIO) -> None:
        """``file`` is open for reading and appending, and locked."""
        self._file = file

    def read(self) -> Any:
        """The last content; None if nothing was written, or if the writing was interrupted."""
        self._file.seek(0)
        try:
            return json.load(self._file)
        except ValueError:
            return None

    def write(self, content: Any) -> None:
        """Replace the content."""
        self._file.seek(0)
        self._file.truncate()
        json.dump(content, self._file)


@contextmanager
def shared_file(path: Path) -> Iterator[SharedFile]:
    """Wait until no other process has the file, then have it; it is created if missing.

    Raises OSError.
    """
    with path.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield SharedFile(file)


def file_name(*of: str) -> str:
    """A safe file name for a host or an ID, which may have any characters and any length."""
    return hashlib.sha256(" ".join(of).encode(errors="surrogatepass")).hexdigest()


def replace_file(path: Path, text: str) -> None:
    """Write a file that others read without a lock: they read the old text or all of this one.

    Raises OSError.
    """
    prepared = path.with_name(f"{path.name}.{os.getpid()}")
    prepared.write_text(text, encoding="utf-8")
    prepared.replace(path)
