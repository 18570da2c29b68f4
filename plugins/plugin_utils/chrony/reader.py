"""chrony's configuration: from the evidence's section `chrony` to directives and sources, each
with its file and line.

There are two readers, and each knows what the other cannot know:

- chronyd itself decides what it accepts. For the file and the files that it includes,
  `chronyd -p -f FILE` shows it (chrony 4.0 and later). `-p` does not open `.sources` files: for
  these, the sources that run show it. Only chronyd knows the directives and options of its version,
  so its answer counts, even against the tables here (`unjudged`).
- This parser gives file and line. If chronyd could not be asked, it uses the tables to decide which
  lines chronyd would refuse (`invalid`) or drop (`dropped`). For a chrony that is newer than the
  tables this is not certain.

The parser follows chronyd's behaviour, read in chrony's source: conf.c (CNF_ReadFile,
CNF_ParseLine, search_dirs, parse_include, load_source_file) and cmdparse.c (CPS_NormalizeLine,
CPS_ParseNTPSourceAdd).
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from .config import ChronyConfig, Directive, Problem, Source, Unread, UnreadKind
from .options import SOURCES, TABLES_OF, directive_problem, parse_version, read_options, source_problem
from .running import running_names
from .sources import host_key

MAX_LINE_BYTES = 2048
MAX_FOLLOWED = 100
"""How many files and folders a configuration may include: more than the probe reads."""

_SPACE = re.compile(r"[ \t\n\v\f\r]+")
_COMMENT = "!;#%"
_FAMILIES = {"include": "", "confdir": ".conf", "sourcedir": ".sources"}
_FOLDERS_SINCE = (4, 0)
_REFCLOCK_FLAGS = ("noselect", "optional", "prefer", "require", "trust")

_BOM = "\ufeff"
_UNSEEN = {
    _BOM: "a byte order mark",
    **dict.fromkeys("\u00a0\u2007\u202f", "a non-breaking space"),
}
"""The most usual of the characters that an editor does not show, or shows as a space."""


def read_config(section: Mapping[str, Any]) -> ChronyConfig:
    """Read the evidence's section `chrony`: ``config``, ``printed``, ``version``, ``features``,
    ``defaults``, ``fips``, ``keyfile``, ``named``.

    Any text is read; no content raises an error.
    """
    return _Reader(section).read()


def _beside_the_files(section: Mapping[str, Any]) -> dict[str, Any]:
    """The other data of the section, beside the files."""
    mode = (section.get("keyfile") or {}).get("mode")
    named = section.get("named") or {"error": "not shown"}
    return {
        "keyfile_mode": int(mode, 8) if mode else None,
        "fips": _fips(section),
        "named": None if "error" in named else named,
        "not_built_in": frozenset(f[1:] for f in section.get("features") or [] if f.startswith("-")),
        "defaults": {file["path"]: file["text"] for file in section.get("defaults") or []},
    }


_WITHOUT_FIPS = re.compile(r"^[^\S\n]*GNUTLS_FORCE_FIPS_MODE=0", re.MULTILINE)


def _fips(section: Mapping[str, Any]) -> bool:
    """Whether the machine is in FIPS mode, and chronyd's environment does not switch it off
    for GnuTLS (RHEL).
    """
    environment = "\n".join(file["text"] for file in section.get("defaults") or [])
    return bool(section.get("fips")) and not _WITHOUT_FIPS.search(environment)


def matches(path: str, pattern: str) -> bool:
    """Whether a path matches a path or glob of the configuration;
    a relative one starts where chronyd starts.
    """
    # glob(3) knows [^a] too, Python's fnmatch only [!a].
    have, want = PurePosixPath(path).parts, PurePosixPath(pattern.replace("[^", "[!")).parts
    if not want or (pattern.startswith("/") and len(have) != len(want)) or len(have) < len(want):
        return False
    return all(fnmatchcase(*pair) for pair in zip(reversed(have), reversed(want), strict=False))


class _Reader:
    """Walks the files from the first one on, each once."""

    def __init__(self, section: Mapping[str, Any]) -> None:
        self.section = section
        config: Mapping[str, Any] = section["config"]
        self.path: str | None = config.get("path")
        self.texts = {file["path"]: file["text"] for file in config.get("files") or []}
        self.unread = {file["path"]: _unread(file) for file in config.get("unread") or []}
        self.version = parse_version(section.get("version"))
        started_s = section.get("started_s")
        self.rewritten = tuple(
            file["path"] for file in config.get("files") or [] if started_s and file.get("mtime_s", 0) > started_s
        )
        self.walked: list[str] = []
        self.directives: list[Directive] = []
        self.dropped: list[Problem] = []
        self.unjudged: list[Problem] = []
        self.unmatched: list[Directive] = []
        self.beyond_limit: set[Directive] = set()
        self.source_dirs: list[Directive] = []
        self.followed = 0
        self.printed: Mapping[str, Any] | None = section.get("printed")

    @cached_property
    def running(self) -> frozenset[str] | None:
        """The sources that run; they decide about a line that chronyd should drop."""
        return running_names(self.section)

    @property
    def tables_know(self) -> bool:
        """Whether the tables here are complete for this chrony."""
        return self.version is not None and self.version[: len(TABLES_OF)] <= TABLES_OF

    def read(self) -> ChronyConfig:
        if self.path is not None and self.path in self.texts:
            self._walk(self.path)
        main, main_files = list(self.directives), set(self.walked)
        # chronyd reads these last, and again at each `reload sources`.
        for directive in self.source_dirs:
            for path in self._found(directive):
                self._walk_sources(path)
        knows_p = self.version is None or self.version >= (4, 0)
        answer = self.printed if self.printed and "rc" in self.printed and knows_p else None
        refusal = _refusal(answer) if answer else None
        asked = answer is not None and not self._kept_out(refusal)
        against = [p for d in main if (p := self._problem(d))]
        accepted = asked and refusal is None
        refused_files = set() if accepted else main_files
        unseen = [one for path in self.walked for one in self._unseen(path, refused=path in refused_files)]
        return ChronyConfig(
            path=self.path,
            files=tuple(self.walked),
            directives=tuple(self.directives),
            sources=tuple(_sources(self.directives)),
            dropped=tuple(self.dropped),
            invalid=() if accepted else (*([] if asked else against), *self._not_there(refusal if asked else None)),
            refused=refusal if asked else None,
            unjudged=(*(against if accepted else []), *self.unjudged),
            unseen=tuple(problem for problem, lost in unseen if not lost),
            unseen_lost=tuple(problem for problem, lost in unseen if lost),
            unread=self.unread,
            unmatched=tuple(d for d in self.unmatched if accepted or not self._ends_chronyd(d, refusal)),
            rewritten=self.rewritten,
            version=self.version,
            **_beside_the_files(self.section),
        )

    def _problem(self, directive: Directive) -> Problem | None:
        why = directive_problem(directive, self.version)
        return Problem(directive, why, certain=self.tables_know) if why else None

    def _ends_chronyd(self, include: Directive, refusal: str | None) -> bool:
        """Whether an `include` that matches no file keeps chronyd from starting.

        chronyd ignores a glob that matches nothing (conf.c, parse_include). It does not
        ignore a plain path, a glob in a folder that does not exist, or a link to nowhere: it
        reports these itself.
        """
        if include in self.beyond_limit:
            return False
        pattern, said = include.arguments[0], refusal or ""
        if not glob.has_magic(pattern) or said.endswith(f" {pattern}"):
            return True
        return any(path in said and matches(path, pattern) for path in self.unread)

    def _not_there(self, refusal: str | None) -> Iterator[Problem]:
        """`include` lines that end chronyd, without the one that chronyd named."""
        for directive in self.unmatched:
            pattern = directive.arguments[0]
            if not glob.has_magic(pattern) and directive not in self.beyond_limit and pattern not in (refusal or ""):
                yield Problem(directive, "the file does not exist, and chronyd does not start without it")

    def _unseen(self, path: str, *, refused: bool) -> Iterator[tuple[Problem, bool]]:
        """The lines of a file with characters that an editor does not show,
        and whether these lines are lost.
        """
        text = self.texts[path]
        if text.replace("\n", "").replace("\t", "").isprintable():
            return  # the usual
        lines = _lines(text)
        if "\0" in text:
            line = next(number for number, line in enumerate(lines, 1) if "\0" in line)
            words = "it has NUL bytes, like a UTF-16 text: chronyd reads each line only up to the first one"
            yield Problem(Directive("", (), path, line, lines[line - 1].split("\0")[0][:80]), words), True
            return
        dropped = {problem.directive.line for problem in self.dropped if problem.directive.file == path}
        for line, line_text in enumerate(lines, 1):
            directive = _directive(path, line, line_text)
            if directive and (found := _not_seen(directive.text)):
                why = f"it has {found}, which chronyd takes for a letter"
                nameless = directive.name in SOURCES and not "".join(directive.arguments[:1]).isprintable()
                yield Problem(directive, why), refused or nameless or line in dropped

    def _kept_out(self, refusal: str | None) -> bool:
        """Whether `chronyd -p` only lacked the right to read a file, like the module:
        it then proves nothing.
        """
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
            if directive.name != "include" and self.version is not None and self.version < _FOLDERS_SINCE:
                continue
            if directive.name == "sourcedir":
                self.source_dirs.append(directive)
            elif directive.name in _FAMILIES and directive.arguments:
                for found in self._found(directive):
                    if found not in self.walked:
                        self._walk(found)

    def _walk_sources(self, path: str) -> None:
        """As load_source_file does: it drops lines that it cannot use, and a last
        line without a newline.

        The latter is so in 4.3, 4.6 and 4.9, but not in 4.0. 4.1 and 4.2 were not tried: they are
        assumed to use such a line, and config_in_use shows which lines run.
        """
        if path in self.walked:
            return
        self.walked.append(path)
        lines = _lines(self.texts[path])
        for line, text in enumerate(lines, 1):
            directive = _directive(path, line, text)
            cut = "\0" in text and (self.version is None or self.version >= (4, 3))
            if len(text.encode(errors="replace")) + 1 > MAX_LINE_BYTES or cut:
                why = "it has NUL bytes, like a UTF-16 text" if cut else "the line is too long"
                broken = directive or Directive("", (), path, line, text.replace("\0", "")[:80])
                self.dropped.append(Problem(broken, f"{why}, and chronyd reads no further in this file"))
                return
            if directive is None or (text.startswith(_BOM) and _directive(path, line, text[len(_BOM) :]) is None):
                continue
            if problem := self._dropped_because(directive, last=line == len(lines)):
                self._drop_or_take(directive, problem)
            else:
                self.directives.append(directive)

    def _dropped_because(self, directive: Directive, *, last: bool) -> str | None:
        """``last``: the text after the last newline."""
        if last and (self.version is None or self.version >= (4, 3)):
            return "it does not end with a newline"
        if directive.name not in SOURCES:
            marks = _not_seen(directive.name)
            return (
                f"it has {marks} in its first word"
                if marks
                else "a .sources file may only have server, pool and peer lines"
            )
        return source_problem(directive, self.version)

    def _drop_or_take(self, directive: Directive, why: str) -> None:
        """A line that chronyd should drop according to the tables is a source
        nevertheless if chronyd runs it.

        If the file was written after the start, chronyd may run its former lines: if the tables
        know this chrony, it is then assumed not to use the line.
        """
        named = directive.name in SOURCES and directive.arguments
        if self.running is None or not named:
            self.dropped.append(Problem(directive, why, certain=not named or self.tables_know))
        elif host_key(directive.arguments[0]) not in self.running:
            self.dropped.append(Problem(directive, f"{why}, and chronyd does not run it"))
        elif self.tables_know and directive.file in self.rewritten:
            older = "chronyd runs the name, and the file was written after its start"
            self.dropped.append(Problem(directive, f"{why}; {older}", certain=False))
        else:
            self.directives.append(directive)
            self.unjudged.append(Problem(directive, why))

    def _found(self, directive: Directive) -> list[str]:
        """The files that a directive includes, in chronyd's order; none beyond MAX_FOLLOWED."""
        self.followed += len(directive.arguments)
        if self.followed > MAX_FOLLOWED:
            self.unmatched.append(directive)
            self.beyond_limit.add(directive)
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


def _unread(file: Mapping[str, Any]) -> Unread:
    kind = file.get("kind")
    known = (
        _kind_by_words(file["error"]) if kind is None else next((k for k in UnreadKind if k == kind), UnreadKind.OTHER)
    )
    return Unread(file["path"], known, file["error"])


def _kind_by_words(error: str) -> UnreadKind:
    """For older saved evidence without the kind:
    from the kernel's words for ENOENT and EACCES (strerror(3)).
    """
    if "No such file" in error:
        return UnreadKind.MISSING
    return UnreadKind.DENIED if "Permission denied" in error else UnreadKind.OTHER


def _lines(text: str) -> list[str]:
    """As fgets gives them: a newline ends a line, and nothing else does."""
    return text.split("\n")


def _directive(path: str, line: int, text: str) -> Directive | None:
    if text[:1] in _COMMENT:  # as most lines are, or empty
        return None
    words = _SPACE.sub(" ", text.partition("\0")[0]).strip(" ")
    if not words or words[0] in _COMMENT:
        return None
    name, *arguments = words.split(" ")
    return Directive(name.lower(), tuple(arguments), path, line, words)


def _not_seen(text: str) -> str:
    """The characters that an editor does not show;
    for chronyd they are letters (it splits at isspace(3)).
    """
    odd = [character for character in text if not character.isprintable()]
    return " and ".join(
        dict.fromkeys(_UNSEEN.get(character, f"the character U+{ord(character):04X}") for character in odd)
    )


def _sources(directives: Iterable[Directive]) -> Iterator[Source]:
    for directive in directives:
        if directive.name in (*SOURCES, "refclock") and directive.arguments:
            name, *words = directive.arguments
            if directive.name == "refclock":
                flags = {word.lower(): "" for word in words if word.lower() in _REFCLOCK_FLAGS}
                yield Source("refclock", " ".join([name, *words[:1]]), flags, directive)
            else:
                yield Source(directive.name, name, read_options(words, None).known, directive)


def _refusal(printed: Mapping[str, Any]) -> str | None:
    """The error of `chronyd -p` if it did not accept the file, without the time before it."""
    if printed["rc"] == 0:
        return None
    said = str(printed.get("stderr") or printed.get("stdout") or "").strip().rsplit("\n", maxsplit=1)[-1]
    said = re.sub(r"^\S+Z ", "", said)
    return said.removeprefix("Fatal error : ") or f"chronyd -p ended with {printed['rc']} and printed nothing"
