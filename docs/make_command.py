"""Makes docs/reference/command.md from the command's parser. `make docs` runs it."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterator
from pathlib import Path

from skewgate.arguments import EXIT_STATUS, VARIABLES, commands_of, parser
from skewgate.environment import flag_of, variable_of

MORE = """
An empty variable is as none. If a flag may be repeated, its variable holds one value; `SKEWGATE_ONLY`, `SKEWGATE_ADVISORY` and
`SKEWGATE_NTP_SERVER` take several with commas between them. For a flag without a value the variable is 1 or 0, for `-v` a number.
`SKEWGATE_DEBUG=1` shows where an internal error comes from. Any other variable `SKEWGATE_*` is refused.
[How to run the command](../how-to/run-the-command.md) says more of passwords, output and first runs.
"""

PAGE = Path(__file__).parents[1] / "docs/reference/command.md"


def page() -> str:
    """The text of docs/reference/command.md: a section for each command of the parser."""
    parts = [
        "<!-- Made by `make docs` from src/skewgate/arguments.py -->",
        "# The command",
        _prose(VARIABLES.partition("\n")[2]),
        _prose(MORE),
        "## Exit status\n\n" + _exit_status(),
        *(_command(name, command) for name, command in commands_of(parser()).items()),
    ]
    return "\n\n".join(parts) + "\n"


def _prose(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), 100, break_long_words=False, break_on_hyphens=False)


def _exit_status() -> str:
    rows = [line.split(maxsplit=1) for line in EXIT_STATUS.splitlines()[1:]]
    return "\n".join(["| status | meaning |", "| --- | --- |", *(f"| {code} | {meaning} |" for code, meaning in rows)])


def _command(name: str, command: argparse.ArgumentParser) -> str:
    usage = " ".join(command.format_usage().removeprefix("usage: ").split())
    rows = [row for action in command._actions if action.dest != "help" for row in _row(action)]
    head = ["| flag | variable | |", "| --- | --- | --- |"]
    return "\n".join([f"## {name}", "", command.description or "", "", "```", usage, "```", "", *head, *rows])


def _row(action: argparse.Action) -> Iterator[str]:
    value = "" if action.nargs == 0 else str(action.metavar or "{" + ",".join(map(str, action.choices or ())) + "}")
    if value == "{}":
        value = action.dest.upper()
    forms = ", ".join(f"`{form}`" for form in action.option_strings)
    flag = " ".join(filter(None, (forms, f"`{value}`" if value else "")))
    variable = f"`{variable_of(action)}`" if flag_of(action) else ""
    yield f"| {flag} | {variable} | {(action.help or '').replace('|', chr(92) + '|')} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE.relative_to(Path(__file__).parents[1]))
