"""Lines for people: verdicts, states and headings in colour on a terminal, plain elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from shutil import get_terminal_size
from typing import TextIO

from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import report_text
from rich.console import Console
from rich.highlighter import RegexHighlighter
from rich.theme import Theme

STYLES = {
    "said.good": "green",
    "said.bad": "bold red",
    "said.unknown": "bold yellow",
    "said.heading": "bold",
}

_BEFORE = r"(?:(?<=: )|(?<=  )|(?<=became )|(?<=still ))"
_AFTER = r"(?=[,:]|  | at |$)"


def _words(group: str, verdict: str, state: str = "") -> str:
    """Finds a verdict in the first line, in a table and near a name; and a finding's state."""
    found = rf"^(?P<{group}>{verdict.upper()})(?=: )|{_BEFORE}(?P<{group}_one>{verdict}){_AFTER}"
    return found + (rf"|^  \w+: (?P<{group}_state>{state})$" if state else "")


class Verdicts(RegexHighlighter):
    """Finds verdicts, states and headings. A colour says nothing that the words don't say."""

    base_style = "said."
    highlights = (
        _words("good", "admitted"),
        _words("bad", "refused", "fail"),
        _words("unknown", "not judged", "inconclusive"),
        r"^(?P<heading>Cause(?: \d+ of \d+)?:|Next:|Fixed:|Settings:|All nodes together:)",
        r"^  (?P<heading>(?:skewgate (?:gate|check|report|verify)|jq -r) .*)$",
    )


def show(lines: Iterable[str], stream: TextIO | None = None) -> None:
    """Write lines to standard output, or to this stream, at once."""
    to = stream or sys.stdout
    if not to.isatty() or os.environ.get("NO_COLOR"):
        for line in lines:
            print(line, file=to, flush=True)
        return
    styles = {f"{name}{part}": style for name, style in STYLES.items() for part in ("", "_one", "_state")}
    console = Console(file=to, theme=Theme(styles), highlighter=Verdicts(), markup=False, emoji=False)
    for line in lines:
        console.print(line, soft_wrap=True)


def width() -> int:
    """How many columns to write: those of the terminal, but not more than a report has."""
    return min(get_terminal_size().columns, report_text.WIDTH) if sys.stdout.isatty() else report_text.WIDTH
