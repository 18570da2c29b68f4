"""Finds words that plain English does without, and lines of prose that are too long.

`make lint-python` runs it over all files in git; ``python docs/check_words.py PATH...`` looks at
these files and folders.
Exit status: 0 if nothing was found, 1 if something was found, 2 if a path cannot be read.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tokenize
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[1]
COLUMNS = 100

OWNER = r"(?:its|their|his|her|our|your|my|one's)"
BANNED = {
    r"mend[a-z]*": "fix",
    r"bears?|bearing|borne": "tolerate, carry or hold",
    r"tells?|telling": "say, report, show or distinguish",
    r"told": "said, reported, showed or distinguished",
    r"whereof|whereby|wherein|thereof|therein": "of which, with which or in which",
    rf"for {OWNER} (?:own )?sake": "the purpose",
    rf"of {OWNER} own": "what it is, or whose",
    r"so that": "so",
}
"""Each banned word or phrase, as a pattern in which a space is any gap,
and what to write for it.
"""

GAP = r"[ \t]*\n?[ \t]*"  # a phrase may go on in the next line
LETTER = r"[^\W_]"  # \b would take the underscores of a name for letters
PATTERNS = [
    (re.compile(rf"(?<!{LETTER})(?:{phrase.replace(' ', GAP)})(?!{LETTER})", re.IGNORECASE), write)
    for phrase, write in BANNED.items()
]
ANY = re.compile("|".join(pattern.pattern for pattern, _ in PATTERNS), re.IGNORECASE)

EXCEPTIONS = {
    ("plugins/plugin_utils/boundary/stored.py", "tell"): "the method of Python's files",
    ("src/skewgate/kubectl.py", "tell"): "the method of Python's files",
    ("tests/benchmarks/replay/recorded.json", "*"): "what a node answered, as it was recorded",
    ("LICENSE", "*"): "the licence's text is not ours",
    ("tests/samples/*", "*"): "what other projects and programs wrote, byte for byte",
    ("docs/check_words.py", "*"): "the table of banned words",
    ("tests/unit/docs/test_check_words.py", "*"): "the banned words, to see that each is found",
    ("changelogs/*", "mend"): "former names, which the changelog gives",
    ("changelogs/*", "mended"): "former names, which the changelog gives",
    ("CHANGELOG.md", "mend"): "former names, which the changelog gives",
    ("CHANGELOG.md", "mended"): "former names, which the changelog gives",
    ("CHANGELOG.md", "columns"): "antsibull-changelog makes it, and writes each fragment on one line",
}
"""What is not looked for: a pattern of paths, and a banned word, ``columns``, or ``*`` for all.

Each with its reason.
"""


@dataclass(frozen=True)
class Fault:
    """One banned word or one long line: which file and line, and what to do about it."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        """As compilers write it: ``FILE:LINE: what was found``."""
        return f"{self.path}:{self.line}: {self.message}"


Piece = tuple[int, str]
"""The number of a line, and the prose that begins there."""


def _of_markdown(text: str) -> Iterator[Piece]:
    """Markdown without its code blocks, code spans and addresses."""
    for code in (
        r"(?ms)^[ >]*(```+|~~~+).*?(?:^[ >]*\1`*[ \t]*$|\Z)",
        r"(?s)(?<!`)(`+)(?!`)(?:(?!\n\s*\n).)+?(?<!`)\1(?!`)",
        r"\]\([^)\s]*",
        r"\b\w+://\S+",
    ):
        text = re.sub(code, lambda found: "\0" + "\n" * found[0].count("\n"), text)
    yield 1, text


def _of_python(text: str) -> Iterator[Piece]:
    """Comments and strings, those that follow each other in one piece, and names,
    each by itself.
    """
    piece: list[Piece] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        row = token.start[0]
        if token.type == tokenize.COMMENT:
            piece.append((row, token.string.lstrip("#:")))
        elif token.type == tokenize.STRING:
            piece.append((row, re.sub(r"^\w*['\"]+|['\"]+$", "", token.string)))
        elif token.type in {tokenize.OP, tokenize.NAME, tokenize.NUMBER, tokenize.ENDMARKER}:
            yield from _joined(piece)
            piece = []
            if token.type == tokenize.NAME:
                yield row, token.string.replace("_", " ")


def _joined(pieces: list[Piece]) -> Iterator[Piece]:
    """One piece, with as many ends of lines between the given ones as the file has."""
    if not pieces:
        return
    first = pieces[0][0]
    text = ""
    for row, part in pieces:
        text += "\n" * (row - first - text.count("\n")) + " " + part
    yield first, text


def _of_others(text: str) -> Iterator[Piece]:
    """All of a file, without the signs that begin a line of a comment."""
    yield 1, re.sub(r"(?m)^[ \t]*(?:#+|//+|/?\*+)", "", text)


READERS: dict[str, Callable[[str], Iterator[Piece]]] = {".md": _of_markdown, ".py": _of_python}
SUFFIXES = {
    *READERS,
    *(".yml", ".yaml", ".j2", ".sh", ".css", ".js", ".mjs", ".html", ".svg", ".toml", ".json", ".cfg", ".txt"),
    *(".conf", ".tmpl", ".go", ".hcl", ".service", ".rules", ""),
}


def _allowed(path: str) -> set[str]:
    """What is not looked for in a file."""
    return {word for pattern, word in EXCEPTIONS if fnmatch(path, pattern)}


def banned_words(path: str, text: str) -> Iterator[Fault]:
    """Each banned word and phrase in a file's prose."""
    for first, prose in READERS.get(Path(path).suffix, _of_others)(text):
        if not ANY.search(prose):
            continue
        for pattern, write in PATTERNS:
            for found in pattern.finditer(prose):
                word = " ".join(found[0].split())
                if word.lower() not in _allowed(path):
                    line = first + prose.count("\n", 0, found.start())
                    yield Fault(path, line, f'found "{word}"; write {write}')


def long_lines(path: str, text: str) -> Iterator[Fault]:
    """Each line of Markdown prose, and each comment of YAML, that is too long and could be broken.

    Not in tables and code blocks. Ruff (W505) sees Python's docstrings and comments.
    """
    suffix = Path(path).suffix
    if suffix not in {".md", ".yml", ".yaml"} or "columns" in _allowed(path):
        return
    fence = ""
    for number, line in enumerate(text.splitlines(), 1):
        if suffix == ".md" and (mark := re.match(r"[ >]*(```+|~~~+)", line)):
            fence = "" if fence and mark[1].startswith(fence) else fence or mark[1]
            continue
        of_prose = not re.match(r"\s*\||\s*\[[^\]]+\]:|<!--", line) if suffix == ".md" else re.match(r"\s*#", line)
        can_break = " " in re.sub(r"^\s*(?:#+|[-*>]|\d+\.)?\s*", "", line).strip()
        if not fence and of_prose and can_break and len(line) > COLUMNS:
            yield Fault(path, number, f"{len(line)} columns; break the line after {COLUMNS} or before")


def faults(path: str, text: str) -> list[Fault]:
    """All faults of a file, whose path is given from the root of the repository,
    in the order of its lines.
    """
    if "*" in _allowed(path):
        return []
    return sorted([*banned_words(path, text), *long_lines(path, text)], key=lambda fault: fault.line)


def files(paths: Sequence[str]) -> list[Path]:
    """These files, and the files in git of these folders; of the repository, if none is given.

    Those that hold prose.
    """
    given = [Path(path) for path in paths if Path(path).is_file()]
    folders = [path for path in paths if Path(path).is_dir()]
    if folders or not paths:
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *folders]
        listed = subprocess.run(  # noqa: S603 - git alone, and the paths stand after --
            command, cwd=None if paths else ROOT, capture_output=True, text=True, check=True
        )
        given += [(Path() if paths else ROOT) / name for name in listed.stdout.split("\0") if name]
    return [each for each in given if each.suffix in SUFFIXES and each.is_file() and not each.is_symlink()]


def _name(path: Path) -> str:
    """A file's path from the root of the repository, or as it was given."""
    return str(path.resolve().relative_to(ROOT)) if path.resolve().is_relative_to(ROOT) else str(path)


def main(arguments: Sequence[str]) -> int:
    """Prints what it finds, and how many of it for each folder; returns the exit status."""
    if missing := [path for path in arguments if not Path(path).exists()]:
        print(f"check_words: no such file or folder: {', '.join(missing)}", file=sys.stderr)
        return 2
    found: list[Fault] = []
    for path in files(arguments):
        found += faults(_name(path), path.read_text(encoding="utf-8"))
    for fault in found:
        print(fault)
    for folder, count in sorted(Counter(str(Path(fault.path).parent) for fault in found).items()):
        print(f"{count:6}  {folder}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
