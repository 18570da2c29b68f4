"""The wanted files of an archive or of an unpacked folder, in one pass and within bounds.

Nothing is unpacked to disk. tarfile alone is not enough for archives of strangers: it reads a long
name, or the records of a PAX header, into memory whatever their size. So only its reading of a
header (512 bytes) is used here. Links are followed by name, among the wanted files only.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import posixpath
import re
import stat
import tarfile
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NamedTuple

from ansible_collections.skewgate.preflight.plugins.module_utils.node.files import MAX_FILE_BYTES
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.wording import one_line

BLOCK = tarfile.BLOCKSIZE
CHUNK = 1 << 16
MAX_UNPACKED = 16 << 30
MAX_MEMBERS = 1_000_000
MAX_DEPTH = 8
"""No wanted file is in a deeper folder, and os.walk calls itself for each."""
MAX_HEADERS = 3 * MAX_MEMBERS
"""A member may have a long name and a long link before it."""
MAX_HEADER = 64 << 10
MAX_FILE = MAX_FILE_BYTES
"""What a node sends of a file, too."""
MAX_FILES = 500
MAX_KEPT = 4 << 20
MAX_LINES = 200
MAX_LINE = 4096
MAX_LINKS = 8
MAX_SHOWN = 200
"""Characters of a name that an error shows."""
MAX_XZ_MEMORY = 256 << 20

_COMMANDS = r"(?:sos_commands/[^/]+|insights_commands)/"
_TEXT = re.compile(
    rf"{_COMMANDS}(?:chronyc(?:_-[nNav])*_(?:tracking|sources)(?:_-v)?|date(?:_--utc)?|timedatectl(?:_status)?"
    r"|systemctl_list-units(?:_--all)?|systemctl_list-unit-files|hostname)"
    r"|etc/hostname|etc/chrony\.conf|etc/chrony(?:\.d)?/(?:[^/]+/)?[^/]+\.(?:conf|sources)"
    r"|run/chrony-dhcp/[^/]+\.sources"
)
_LOG = re.compile(
    rf"{_COMMANDS}journalctl_[^/]*|var/log/(?:messages|syslog)"
    r"|installed-rpms|sos_commands/rpm/sh_-c_rpm_[^/]*|sos_commands/dpkg/dpkg_-l|insights_commands/rpm_-qa[^/]*"
)
_LOG_NOT = re.compile(r".*journalctl_--(?:list-boots|verify|disk-usage)")
_LINE = re.compile(rb"\bchronyd\[\d+\]: |Time jumped backwards|\bchrony-\d|\bchrony +\d")
_ROOT = re.compile(r"((?:[^/]+/)?(?:data/)?)(?=(?:sos_commands|insights_commands|etc|run|var|installed-rpms)(?:/|$))")


class ArchiveError(Exception):
    """It is no archive, or not one report."""


@dataclass
class Contents:
    """What was taken. ``texts`` and ``lines``: by the path on the node.
    ``cut``: why not all was read.
    """

    texts: dict[str, str] = field(default_factory=dict)
    lines: dict[str, list[str]] = field(default_factory=dict)
    """Of logs and lists of packages: the last lines that are of interest."""
    shortened: set[str] = field(default_factory=set)
    """Files of which only the beginning was read."""
    links: dict[str, str] = field(default_factory=dict)
    dangling: dict[str, str] = field(default_factory=dict)
    """Wanted files that are links to something that was not read."""
    roots: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    """Folders of chrony's configuration that are there, with files or without."""
    archives: list[str] = field(default_factory=list)
    kept: int = 0
    cut: str = ""

    def wanted(self, name: str) -> str | None:
        """The path on the node if the member is wanted; it is noted which report it is of."""
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if name.startswith("/") or ".." in parts:
            return None
        name = "/".join(parts)
        if name.endswith((".tar", ".tar.gz", ".tar.xz", ".tar.bz2")) and len(self.archives) < MAX_LINKS:
            self.archives.append(one_line(name, MAX_SHOWN))
        root = _ROOT.match(name)
        path = name[root.end() :] if root else ""
        if path.startswith(("etc/chrony", "run/chrony-dhcp")) and len(self.folders) < MAX_FILES:
            self.folders |= {path, posixpath.dirname(path)}
        if root is None or not (_TEXT.fullmatch(path) or (_LOG.fullmatch(path) and not _LOG_NOT.fullmatch(path))):
            return None
        if len(self.texts) + len(self.lines) >= MAX_FILES:
            self.cut = f"it has more than {MAX_FILES} files of the clock"
            return None
        if len(self.roots) <= 1:  # a second one is refused
            self.roots.add(root[1])
        return path

    def take(self, path: str, chunks: Iterable[bytes]) -> None:
        """Keep a file, or of a log the lines of interest."""
        if _TEXT.fullmatch(path):
            most = max(0, min(MAX_FILE, MAX_KEPT - self.kept))
            data = b"".join(_at_most(chunks, most + 1))
            if len(data) > most:
                self.shortened.add(path)
            self.kept += len(data)
            self.texts[path] = data[:most].decode(errors="replace")
        else:
            found = deque((line for line in _lines(chunks) if _LINE.search(line)), MAX_LINES)
            self.lines[path] = [line.decode(errors="replace") for line in found if self.kept < MAX_KEPT]
            self.kept += sum(map(len, found))

    def link(self, path: str, target: str, *, hard: bool = False) -> None:
        """Note a link. A symbolic one is relative to its folder, an absolute one to the report."""
        if len(self.links) < MAX_FILES and len(target) <= MAX_LINE:
            start = "" if hard or target.startswith("/") else posixpath.dirname(path)
            if hard and (root := _ROOT.match(target)):
                target = target[root.end() :]
            self.links[path] = posixpath.normpath(posixpath.join(start, target.lstrip("/")))

    def follow(self) -> None:
        """Give each link what it names, if that was read."""
        for path in self.links:
            target = path
            for _ in range(MAX_LINKS):
                target = self.links.get(target, target)
            if target in self.texts:
                self.texts.setdefault(path, self.texts[target])
            elif target in self.lines:
                self.lines.setdefault(path, self.lines[target])
            elif path not in self.texts and path not in self.lines:
                self.dangling[path] = target


def read(path: Path) -> Contents:
    """Read an archive or a folder. Raises ArchiveError, and OSError if it cannot be read."""
    contents = Contents()
    if path.is_dir():
        _read_folder(path, contents)
    else:
        _read_tar(path, contents)
    if len(contents.roots) > 1:
        roots = " and ".join(one_line(root or ".", MAX_SHOWN) for root in sorted(contents.roots))
        raise ArchiveError(f"it has several reports: {roots}; give one of them")
    contents.follow()
    return contents


def _read_folder(folder: Path, contents: Contents) -> None:
    """An unpacked report; no link is followed by the system."""
    count = 0

    def not_read(error: OSError) -> None:
        contents.cut = f"{error.filename}: {error.strerror}"

    for at, folders, names in os.walk(folder, onerror=not_read):
        here = Path(at).relative_to(folder)
        for name in (*names, *folders):
            count += 1
            if count > MAX_MEMBERS:
                contents.cut = f"it has more than {MAX_MEMBERS} files"
                return
            file = Path(at, name)
            path = contents.wanted((here / name).as_posix())
            if path is None:
                continue
            if file.is_symlink():
                contents.link(path, str(file.readlink()))
            elif name in names:
                try:
                    _read_file(file, path, contents)
                except OSError as error:
                    contents.cut = f"{path}: {error.strerror}"
        if len(here.parts) >= MAX_DEPTH:
            folders.clear()


def _read_file(file: Path, path: str, contents: Contents) -> None:
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb") as opened:  # noqa: PTH123 - a descriptor
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            contents.take(path, iter(lambda: opened.read(CHUNK), b""))


class _Cut(Exception):  # noqa: N818 - it ends the reading, and what was read counts
    """No more can be read, or may be."""


class _Stream:
    """The unpacked bytes, forward only and not more than MAX_UNPACKED."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.left = file, MAX_UNPACKED

    def read(self, size: int) -> bytes:
        """Exactly ``size`` bytes, which must be few; none at the end. Raises _Cut."""
        self.left -= size
        if self.left < 0:
            raise _Cut(f"it unpacks to more than {MAX_UNPACKED >> 30} GiB")
        data = b""
        try:
            while len(data) < size and (more := self.file.read(size - len(data))):
                data += more
        except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
            raise _Cut(f"it is cut off or damaged ({type(error).__name__})") from error
        if 0 < len(data) < size:
            raise _Cut("it ends in the middle of a file")
        return data

    def data(self, size: int) -> Iterator[bytes]:
        """The data of a member, in chunks, with what fills its last block."""
        padded = size + -size % BLOCK
        while padded > 0:
            chunk = self.read(min(CHUNK, padded))
            if not chunk:
                raise _Cut("it ends in the middle of a file")
            yield chunk[:size] if size < len(chunk) else chunk
            padded, size = padded - len(chunk), max(0, size - len(chunk))


class _Xz:
    """lzma.LZMAFile has no bound for the memory that an archive may ask for."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.one = file, self._new()

    @staticmethod
    def _new() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(memlimit=MAX_XZ_MEMORY)

    def read(self, size: int) -> bytes:
        """At most ``size`` bytes; none at the end."""
        while True:
            if self.one.eof:
                rest = (self.one.unused_data or self.file.read(CHUNK)).lstrip(b"\0")
                if not rest:
                    return b""
                self.one = self._new()
            else:
                rest = self.file.read(CHUNK) if self.one.needs_input else b""
                if self.one.needs_input and not rest:
                    raise EOFError
            if data := self.one.decompress(rest, size):
                return data


class _Member(NamedTuple):
    name: str
    link: str
    kind: bytes
    size: int


def _read_tar(path: Path, contents: Contents) -> None:
    with path.open("rb") as raw:
        stream = _Stream(_unpacked(raw))
        count = 0
        try:
            for member in _members(stream):
                count += 1
                if count > MAX_MEMBERS:
                    raise _Cut(f"it has more than {MAX_MEMBERS} members")
                _take_member(member, stream, contents)
        except _Cut as cut:
            if count == 0:
                raise ArchiveError(f"it is no tar archive: {cut}") from cut
            contents.cut = str(cut)
        except tarfile.TarError as error:
            if count == 0:
                raise ArchiveError("it is no tar archive (.tar, .tar.gz, .tar.xz, .tar.bz2), and no folder") from error
            contents.cut = "it is damaged: a header cannot be read"
        if count == 0:
            raise ArchiveError("it is empty")


def _unpacked(raw: IO[bytes]) -> IO[bytes]:
    magic = raw.read(6)
    raw.seek(0)
    if magic.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=raw)  # type: ignore[return-value]
    if magic.startswith(b"BZh"):
        return bz2.BZ2File(raw)
    return _Xz(raw) if magic == b"\xfd7zXZ\0" else raw  # type: ignore[return-value]


def _take_member(member: _Member, stream: _Stream, contents: Contents) -> None:
    path = contents.wanted(member.name)
    if path is not None and member.kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
        contents.link(path, member.link, hard=member.kind == tarfile.LNKTYPE)
    data = stream.data(member.size)
    if path is not None and member.kind in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE):
        contents.take(path, data)
    for _ in data:
        pass  # what nobody wants


_DEVICES = (tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE)
_NAMES = {tarfile.GNUTYPE_LONGNAME: "path", tarfile.GNUTYPE_LONGLINK: "linkpath"}


def _members(stream: _Stream) -> Iterator[_Member]:
    """Each member. Whoever takes it reads its data before the next one."""
    extra: dict[str, str] = {}
    headers = 0
    while block := stream.read(BLOCK):
        if block == bytes(BLOCK):
            return
        headers += 1
        if headers > MAX_HEADERS:
            raise _Cut(f"it has more than {MAX_HEADERS} headers")
        header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        if header.size < 0:
            raise tarfile.HeaderError
        if header.type in _NAMES:
            extra[_NAMES[header.type]] = _header(stream, header.size).rstrip(b"\0").decode(errors="replace")
        elif header.type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE):
            extra |= _pax(_header(stream, header.size))
        elif header.type == tarfile.XGLTYPE:
            _header(stream, header.size)
        else:
            more = header.type == tarfile.GNUTYPE_SPARSE and block[482]
            while more:
                more = stream.read(BLOCK)[504:505] not in (b"\0", b"")
            size = extra.get("size", "")
            has_data = header.type not in (tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.DIRTYPE, *_DEVICES)
            yield _Member(
                extra.get("path", header.name),
                extra.get("linkpath", header.linkname),
                header.type,
                (int(size) if re.fullmatch(r"[0-9]{1,18}", size) else header.size) if has_data else 0,
            )
            extra = {}


def _header(stream: _Stream, size: int) -> bytes:
    if size > MAX_HEADER:
        raise _Cut(f"a name in it is longer than {MAX_HEADER >> 10} KiB")
    return b"".join(stream.data(size))


def _pax(data: bytes) -> dict[str, str]:
    """The records that matter: `LENGTH KEY=VALUE` and a newline (POSIX pax, extended header)."""
    found = {}
    while (length := re.match(rb"([0-9]{1,6}) ", data)) and length.end() < int(length[1]) <= len(data):
        key, _, value = data[length.end() : int(length[1]) - 1].partition(b"=")
        if key in (b"path", b"linkpath", b"size"):
            found[key.decode()] = value.decode(errors="replace")
        data = data[int(length[1]) :]
    return found


def _at_most(chunks: Iterable[bytes], most: int) -> Iterator[bytes]:
    for chunk in chunks:
        yield chunk[:most]
        most -= len(chunk)
        if most <= 0:
            return


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The lines, each up to MAX_LINE bytes."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line[:MAX_LINE] for line in lines)
        rest = rest[:MAX_LINE]
    yield rest
