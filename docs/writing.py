"""How the pages that are made from the code are written:
text in Markdown, wrapped at 100 columns, and tables.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
WIDTH = 100

_BULLET = re.compile(r"(?:[-*+]|\d+[.)]) ")


def head(title: str, source: str) -> str:
    """The first lines of a page that `make docs` makes from ``source``."""
    return f"<!-- Made by `make docs` from {source} -->\n\n# {title}"


def page(*parts: str) -> str:
    """A page of these parts, with an empty line between them; empty parts are left out."""
    return "\n\n".join(filter(None, parts)) + "\n"


def wrapped(text: str) -> str:
    """Paragraphs and lists of Markdown with lines of at most 100 columns."""
    return "\n\n".join(_paragraph(paragraph) for paragraph in re.split(r"\n{2,}", text.strip("\n")))


def _paragraph(text: str) -> str:
    if text.startswith(("    ", "|", "#", "```")):
        return text
    items: list[str] = []
    for line in text.splitlines():
        if items and not _BULLET.match(line):
            items[-1] += f" {line.strip()}"
        else:
            items.append(line.strip())
    return "\n".join(map(_fill, items))


def _fill(text: str) -> str:
    indent = "  " if _BULLET.match(text) else ""
    words = re.sub(r" (?=(?:[-*+>#|]|\d+[.)]) )", "\0", text[len(indent) :])  # these stay behind the word before
    lines = textwrap.wrap(
        text[: len(indent)] + words,
        WIDTH,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(lines).replace("\0", " ")


def table(heads: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of phrases; a vertical bar in one does not end its cell."""
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines)


def listed(names: Iterable[str]) -> str:
    """Names as code, with commas between them."""
    return ", ".join(f"`{name}`" for name in names)


def sentence(text: str) -> str:
    """The text with a capital letter at its beginning and a full stop at its end."""
    return text[:1].upper() + ended(text)[1:]


def ended(text: str) -> str:
    """The text with a full stop at its end, unless it ends a sentence already."""
    text = text.strip()
    return text if text.endswith((".", "?", "!", ":", ".)")) else f"{text}."


def of_ansible(text: str) -> str:
    """Ansible's marks in documentation, such as ``C(name)``, as Markdown."""
    plain = re.sub(r"[CVO]\((?:github_apps\[\]\.)?((?:[^()]|\([^()]*\))*)\)", r"`\1`", text)
    return re.sub(r"M\(skewgate\.preflight\.(\w+)\)", r"`\1`", plain)
