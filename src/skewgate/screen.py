"""Lines for people: the words of verdicts and states in colour on a terminal, plain everywhere else."""

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
    "verdict.good": "green",
    "verdict.bad": "bold red",
    "verdict.unknown": "bold yellow",
}


_BEFORE = r"(?:(?<=: )|(?<=  )|(?<=nodes )|(?<=; ))"
_AFTER = r"(?=[,:]|  | at |$)"


class Verdicts(RegexHighlighter):
    """Finds verdicts and states where a report has them, as in `node1: refused,`; a colour says nothing that they don't say."""

    base_style = "verdict."
    highlights = (
        rf"{_BEFORE}(?P<good>admitted){_AFTER}",
        rf"{_BEFORE}(?P<bad>refused){_AFTER}|^  \w+: (?P<bad_state>fail)$",
        rf"{_BEFORE}(?P<unknown>not judged){_AFTER}|^  \w+: (?P<unknown_state>inconclusive)$",
    )


def show(lines: Iterable[str], stream: TextIO | None = None) -> None:
    """Write lines to standard output, or to this stream, at once."""
    to = stream or sys.stdout
    if not to.isatty() or os.environ.get("NO_COLOR"):
        for line in lines:
            print(line, file=to, flush=True)
        return
    styles = {**STYLES, "verdict.bad_state": STYLES["verdict.bad"], "verdict.unknown_state": STYLES["verdict.unknown"]}
    console = Console(file=to, theme=Theme(styles), highlighter=Verdicts(), markup=False, emoji=False)
    for line in lines:
        console.print(line, soft_wrap=True)


def width() -> int:
    """How many columns to write: those of the terminal, but not more than a report has."""
    return min(get_terminal_size().columns, report_text.WIDTH) if sys.stdout.isatty() else report_text.WIDTH
