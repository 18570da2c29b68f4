"""The pages of the documentation, their fenced blocks, and the commands of a console block.

A block's first line says what it is. ```` ```console ```` has commands with their output,
```` ```yaml title="join.yml" ```` a file that the commands below it use, and
```` ```python check ```` a block that a test takes by this name.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.paths import ROOT

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *ROOT.glob("roles/*/README.md")])

_FENCED = re.compile(
    r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<text>.*?)^(?P=indent)```[ ]*$", re.MULTILINE | re.DOTALL
)
_TITLE = re.compile(r'title="([^"]+)"')
LEFT_OUT = "..."


@dataclass(frozen=True)
class Block:
    """A fenced block; ``begin`` and ``end`` enclose its text in the page."""

    page: str
    language: str
    info: str
    text: str
    begin: int
    end: int

    @property
    def title(self) -> str | None:
        """The name of the file that this block is, if it is one."""
        found = _TITLE.search(self.info)
        return found[1] if found else None

    @property
    def name(self) -> str:
        """How tables call it: by its page and first line."""
        return f"{self.page}: {self.text.strip().partition(chr(10))[0]}"


@dataclass(frozen=True)
class Command:
    """A command as bash takes it, as the page has it, and the output below it:
    None if the page shows none.
    """

    command: str
    shown: str
    output: str | None


def name_of(page: Path) -> str:
    """A page's path from the root."""
    return str(page.relative_to(ROOT))


def blocks(page: Path, text: str | None = None) -> list[Block]:
    """The fenced blocks of a page, or of another text for it, in order."""
    text = page.read_text(encoding="utf-8") if text is None else text
    return [
        Block(
            name_of(page),
            (found["info"].split() or [""])[0],
            found["info"].strip().partition(" ")[2],
            textwrap.dedent(found["text"]),
            found.start("text"),
            found.end("text"),
        )
        for found in _FENCED.finditer(text)
    ]


def all_blocks() -> Iterator[Block]:
    """The fenced blocks of all pages."""
    for page in PAGES:
        yield from blocks(page)


def commands(text: str) -> list[Command]:
    r"""The commands of a console block.

    A line that ends with a backslash or a pipe goes on; so does one before ``> ``.

    >>> commands("$ echo a \\\n    b\na b\n$ true\n")[0]
    Command(command='echo a \\\n    b', shown='$ echo a \\\n    b', output='a b')
    """
    found: list[tuple[list[str], list[str]]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append(([line], []))
        elif not found:
            raise ValueError(f"a console block begins with a command (`$ ...`), found {line!r}")
        elif not found[-1][1] and (line.startswith("> ") or line == ">" or found[-1][0][-1].endswith(("\\", "|"))):
            found[-1][0].append(line)
        else:
            found[-1][1].append(line)
    return [
        Command(
            "\n".join(re.sub(r"^[$>] ?", "", line) for line in asked),
            "\n".join(asked),
            "\n".join(answer).strip("\n") if answer else None,
        )
        for asked, answer in found
    ]
