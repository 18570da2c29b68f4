"""Where a secret is found: in bytes, in files and their names, and in what is packed in them."""

from __future__ import annotations

import bz2
import io
import lzma
import os
import re
import subprocess
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.reliability.secrets.forms import Secret

LARGE = 16 << 20
MOST_UNPACKED = 64 << 20
DEEPEST = 4
PIECE = 1 << 14
LEAST_UNPACKED = 64
"""By chance, two bytes begin a stream of some bytes."""
LINE_ENDS = re.compile(rb"=?\r?\n|\\r\\n|\\n")
#: gzip, and zlib at its four levels.
STREAM = re.compile(rb"\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]")


@dataclass(frozen=True, order=True)
class Leak:
    """A secret where it must not be; nothing of it is the secret."""

    place: str
    secret: str
    form: str

    def __str__(self) -> str:
        return f"{self.secret} as {self.form} in {self.place}"


class Search:
    """Looks for secrets; it knows them all, in all their forms."""

    def __init__(self, secrets: Sequence[Secret]) -> None:
        self._needles: dict[bytes, tuple[str, str]] = {}
        for secret in secrets:
            for needle, form in secret.needles():
                self._needles.setdefault(needle, (secret.name, form))

    def in_bytes(self, place: str, content: bytes, depth: int = 0) -> set[Leak]:
        """What is found in them, with and without their line ends, and in what they pack."""
        leaks = {Leak(place, *self._needles[needle]) for needle in self._found(content)}
        if LINE_ENDS.search(content):
            joined = LINE_ENDS.sub(b"", content)
            leaks |= {Leak(place, *self._needles[needle]) for needle in self._found(joined)}
        if depth < DEEPEST:
            for name, inner in unpacked(content):
                leaks |= self.in_bytes(f"{place}: {name}", inner, depth + 1)
        return leaks

    def _found(self, content: bytes) -> Iterator[bytes]:
        return (needle for needle in self._needles if needle in content)

    def in_file(self, path: Path, place: str | None = None) -> set[Leak]:
        """What is found in a file; of a large one what is packed is not looked at."""
        if path.stat().st_size <= LARGE:
            return self.in_bytes(place or str(path), path.read_bytes())
        return {Leak(place or str(path), *self._needles[needle]) for needle in self._grepped(path)}

    def _grepped(self, path: Path) -> set[bytes]:
        """The needles in a file, but for those that have the end of a line in them."""
        lines = b"\n".join(needle for needle in self._needles if b"\n" not in needle and b"\0" not in needle)
        argv = ["grep", "-a", "-o", "-F", "-f", "-", path]
        done = subprocess.run(argv, input=lines, capture_output=True, env={**os.environ, "LC_ALL": "C"}, check=False)
        if done.returncode not in (0, 1):
            raise RuntimeError(done.stderr.decode(errors="replace"))
        return set(done.stdout.splitlines()) & self._needles.keys()

    def below(self, *folders: Path) -> set[Leak]:
        """What is found in all files below the folders, in their names and where links lead."""
        leaks: set[Leak] = set()
        for folder in folders:
            for path in sorted(folder.rglob("*")):
                named = str(path.relative_to(folder)) + (f" {path.readlink()}" if path.is_symlink() else "")
                leaks |= self.in_bytes(f"the name of a file in {folder}", named.encode())
                if path.is_file() and not path.is_symlink():
                    leaks |= self.in_file(path)
        return leaks


def unpacked(content: bytes) -> Iterator[tuple[str, bytes]]:
    """What is packed in bytes: streams of gzip and zlib wherever they begin, and archives."""
    view = memoryview(content)
    for found in STREAM.finditer(content):
        inner = _inflated(view[found.start() :])
        if len(inner) > LEAST_UNPACKED:
            yield f"packed at {found.start()}", inner
    for magic, unpack in ((b"BZh", bz2.decompress), (b"\xfd7zXZ", lzma.decompress)):
        if content.startswith(magic):
            with suppress(OSError, ValueError, lzma.LZMAError):
                yield "packed", unpack(content)
    if b"PK\x03\x04" in content:
        yield from _of_zip(content)
    if content[257:262] == b"ustar":
        yield from _of_tar(content)


def _inflated(view: memoryview) -> bytes:
    """What a stream of gzip or zlib has, as far as it is one."""
    stream, inner = zlib.decompressobj(47), b""
    with suppress(zlib.error):
        for at in range(0, len(view), PIECE):
            inner += stream.decompress(view[at : at + PIECE])
            if stream.eof or len(inner) > MOST_UNPACKED:
                break
    return inner


def _of_zip(content: bytes) -> Iterator[tuple[str, bytes]]:
    broken = (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, zlib.error, ValueError)
    with suppress(*broken), zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            yield name, archive.read(name)


def _of_tar(content: bytes) -> Iterator[tuple[str, bytes]]:
    with suppress(tarfile.TarError, OSError, EOFError), tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isfile() else None
            if file is not None:
                yield member.name, file.read()


def texts(leaks: Iterable[Leak]) -> list[str]:
    """As a row's faults have them: one of each secret and place."""
    return [str(leak) for leak in sorted({(leak.place, leak.secret): leak for leak in sorted(leaks)}.values())]
