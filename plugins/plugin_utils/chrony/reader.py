"""chrony's configuration: from the evidence's section `chrony` to directives and sources, each with its file and line.

Two readers, each for what it alone can tell:

- `chronyd -p -f FILE` on the node (chrony 4.0 and later) says whether this very version accepts the file: only it knows
  that version's directives. Its word is taken for that (`refused`), and nothing else: it prints no file and no line.
- This parser gives file and line, and reads the `.sources` files of `sourcedir` (DHCP's too), which `-p` does not open. Where
  there is no `-p`, it also says which lines chronyd would refuse (`invalid`).

What counts is what chronyd does, read in chrony's source: conf.c (CNF_ReadFile, CNF_ParseLine, search_dirs, parse_include,
load_source_file) and cmdparse.c (CPS_NormalizeLine, CPS_ParseNTPSourceAdd).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any

from .config import ChronyConfig, Directive, Problem, Source, Unread, UnreadKind
from .options import DIRECTIVES, SOURCES, options_of, parse_version, source_problem

MAX_LINE_BYTES = 2048
MAX_FOLLOWED = 100
"""How many files and folders a configuration may name to be drawn in: more than the probe reads files."""

_SPACE = re.compile(r"[ \t\n\v\f\r]+")
_COMMENT = "!;#%"
_FAMILIES = {"include": "", "confdir": ".conf", "sourcedir": ".sources"}


def read_config(section: Mapping[str, Any]) -> ChronyConfig:
    """Read the evidence's section `chrony`: ``config``, ``printed``, ``version``, ``defaults``, ``fips``, ``keyfile``, ``named``.

    Any text is read; nothing is raised for what stands in it.
    """
    read = _Reader(section["config"], parse_version(section.get("version"))).read(section.get("printed"))
    mode = (section.get("keyfile") or {}).get("mode")
    named = section.get("named") or {"error": "not shown"}
    return replace(
        read,
        keyfile_mode=int(mode, 8) if mode else None,
        fips=_fips(section),
        version=parse_version(section.get("version")),
        named=None if "error" in named else named,
    )


def _fips(section: Mapping[str, Any]) -> bool:
    """Whether the machine is in FIPS mode and chronyd's environment does not take GnuTLS out of it (RHEL's documentation)."""
    environment = "\n".join(file["text"] for file in section.get("defaults") or [])
    return bool(section.get("fips")) and not re.search(r"^[^\S\n]*GNUTLS_FORCE_FIPS_MODE=0", environment, re.MULTILINE)


def matches(path: str, pattern: str) -> bool:
    """Whether a file's path answers to a path or glob of the configuration; a relative one starts wherever chronyd does."""
    have, want = PurePosixPath(path).parts, PurePosixPath(pattern).parts
    if not want or (pattern.startswith("/") and len(have) != len(want)) or len(have) < len(want):
        return False
    return all(fnmatchcase(*pair) for pair in zip(reversed(have), reversed(want), strict=False))


class _Reader:
    """Walks the files from the first one on, each once."""

    def __init__(self, config: Mapping[str, Any], version: tuple[int, ...] | None) -> None:
        self.path: str | None = config.get("path")
        self.texts = {file["path"]: file["text"] for file in config.get("files") or []}
        self.unread = {file["path"]: _unread(file) for file in config.get("unread") or []}
        self.version = version
        self.walked: list[str] = []
        self.directives: list[Directive] = []
        self.dropped: list[Problem] = []
        self.unmatched: list[Directive] = []
        self.source_dirs: list[Directive] = []
        self.followed = 0

    def read(self, printed: Mapping[str, Any] | None) -> ChronyConfig:
        if self.path is not None and self.path in self.texts:
            self._walk(self.path)
        # chronyd reads these last, and again at each `reload sources`.
        for directive in self.source_dirs:
            for path in self._found(directive):
                self._walk_sources(path)
        knows_p = self.version is None or self.version >= (4, 0)
        told = printed if printed and "rc" in printed and knows_p else None
        refusal = _refusal(told) if told else None
        asked = told is not None and not self._kept_out(refusal)
        return ChronyConfig(
            path=self.path,
            files=tuple(self.walked),
            directives=tuple(self.directives),
            sources=tuple(_sources(self.directives)),
            dropped=tuple(self.dropped),
            invalid=() if asked else tuple(self._invalid()),
            refused=refusal if asked else None,
            unread=self.unread,
            unmatched=tuple(self.unmatched),
        )

    def _kept_out(self, refusal: str | None) -> bool:
        """Whether `chronyd -p` only lacked the right to read a file, as the module itself did: it says nothing of the file."""
        return any(
            unread.kind is UnreadKind.DENIED and unread.path in (refusal or "") for unread in self.unread.values()
        )

    def _walk(self, path: str) -> None:
        self.walked.append(path)
        for line, text in enumerate(_lines(self.texts[path]), 1):
            directive = _directive(path, line, text)
            if directive is None:
                continue
            self.directives.append(directive)
            if directive.name == "sourcedir":
                self.source_dirs.append(directive)
            elif directive.name in _FAMILIES and directive.arguments:
                for found in self._found(directive):
                    if found not in self.walked:
                        self._walk(found)

    def _walk_sources(self, path: str) -> None:
        """As load_source_file does: it leaves out what it can't use, and (4.3, 4.6; not 4.0) ends at a line without a newline.

        What 4.1 and 4.2 do was not tried: they are taken to use such a line, and config_in_use tells what really runs.
        """
        if path in self.walked:
            return
        self.walked.append(path)
        lines = _lines(self.texts[path])
        for line, text in enumerate(lines, 1):
            directive = _directive(path, line, text)
            if len(text.encode(errors="replace")) + 1 > MAX_LINE_BYTES or "\0" in text:
                broken = directive or Directive("", (), path, line, text[:80])
                self.dropped.append(Problem(broken, "the line is too long, and the file is read no further"))
                return
            if directive is None:
                continue
            if line == len(lines) and (self.version is None or self.version >= (4, 3)):  # what follows the last newline
                self.dropped.append(Problem(directive, "no newline ends it"))
            elif directive.name not in SOURCES:
                self.dropped.append(Problem(directive, "a .sources file may only have server, pool and peer lines"))
            elif why := source_problem(directive, self.version):
                self.dropped.append(Problem(directive, why))
            else:
                self.directives.append(directive)

    def _found(self, directive: Directive) -> list[str]:
        """The files that a directive draws in, in chronyd's order; beyond MAX_FOLLOWED none."""
        self.followed += len(directive.arguments)
        if self.followed > MAX_FOLLOWED:
            self.unmatched.append(directive)
            return []
        if directive.name == "include":
            found = sorted(path for path in self.texts if matches(path, directive.arguments[0]))
            tried = (unread.path for unread in self.unread.values() if unread.kind is not UnreadKind.MISSING)
            if not found and not any(matches(path, directive.arguments[0]) for path in tried):
                self.unmatched.append(directive)
            return found
        by_name: dict[str, str] = {}
        for folder in directive.arguments:
            for path in self.texts:
                if path.endswith(_FAMILIES[directive.name]) and matches(str(PurePosixPath(path).parent), folder):
                    by_name.setdefault(PurePosixPath(path).name, path)
        return [by_name[name] for name in sorted(by_name)]

    def _invalid(self) -> Iterator[Problem]:
        for directive in self.directives:
            if directive.name not in DIRECTIVES:
                yield Problem(directive, f"chrony has no directive {directive.name!r}")
            elif directive.name in SOURCES and (why := source_problem(directive, self.version)):
                yield Problem(directive, why)


def _unread(file: Mapping[str, Any]) -> Unread:
    kind = file.get("kind")
    known = (
        _kind_by_words(file["error"]) if kind is None else next((k for k in UnreadKind if k == kind), UnreadKind.OTHER)
    )
    return Unread(file["path"], known, file["error"])


def _kind_by_words(error: str) -> UnreadKind:
    """For evidence that was saved before nodes gave the kind: by the kernel's words for ENOENT and EACCES (strerror(3))."""
    if "No such file" in error:
        return UnreadKind.MISSING
    return UnreadKind.DENIED if "Permission denied" in error else UnreadKind.OTHER


def _lines(text: str) -> list[str]:
    """As fgets gives them: a newline ends a line, and nothing else does."""
    return text.split("\n")


def _directive(path: str, line: int, text: str) -> Directive | None:
    words = _SPACE.sub(" ", text.partition("\0")[0]).strip(" ")
    if not words or words[0] in _COMMENT:
        return None
    name, *arguments = words.split(" ")
    return Directive(name.lower(), tuple(arguments), path, line, words)


def _sources(directives: Iterable[Directive]) -> Iterator[Source]:
    for directive in directives:
        if directive.name in (*SOURCES, "refclock") and directive.arguments:
            name, *words = directive.arguments
            if directive.name == "refclock":
                flags = {
                    word.lower(): "" for word in words if word.lower() in ("noselect", "prefer", "require", "trust")
                }
                yield Source("refclock", " ".join([name, *words[:1]]), flags, directive)
            elif not source_problem(directive, None):
                yield Source(directive.name, name, options_of(words), directive)


def _refusal(printed: Mapping[str, Any]) -> str | None:
    """What `chronyd -p` said where it did not accept the file, without the time that stands before it."""
    if printed["rc"] == 0:
        return None
    said = str(printed.get("stderr") or printed.get("stdout") or "").strip().rsplit("\n", maxsplit=1)[-1]
    said = re.sub(r"^\S+Z ", "", said)
    return said.removeprefix("Fatal error : ") or f"chronyd -p ended with {printed['rc']} and said nothing"
