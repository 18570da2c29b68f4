"""Makes docs/reference/command.md from the command's parser. `make docs` runs it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from docs.writing import ROOT, head, listed, table, wrapped
from skewgate.arguments import VARIABLES, commands_of, parser
from skewgate.environment import flag_of, variable_of

MORE = """
An empty variable counts as not set. If a flag may be repeated, its variable holds one value; `SKEWGATE_ONLY`,
`SKEWGATE_ADVISORY` and `SKEWGATE_NTP_SERVER` take several with commas between them. For a flag without a value the variable
is 1 or 0, for `-v` a number. `SKEWGATE_DEBUG=1` shows where an internal error comes from. Any other variable `SKEWGATE_*` is
refused. [How to run the command](../how-to/run-the-command.md) says more about passwords, output and first runs.
"""

PAGE = ROOT / "docs/reference/command.md"


def page() -> str:
    """The text of docs/reference/command.md: a section for each command of the parser."""
    parts = [
        head("The command", "src/skewgate/arguments.py"),
        wrapped(" ".join(VARIABLES.partition("\n")[2].split())),
        wrapped(MORE),
        "## Exit status\n\n[Exit codes](exit-codes.md): 0 if every node is admitted.",
        *(_command(name, command) for name, command in commands_of(parser()).items()),
    ]
    return "\n\n".join(parts) + "\n"


def _command(name: str, command: argparse.ArgumentParser) -> str:
    usage = " ".join(command.format_usage().removeprefix("usage: ").split())
    rows = [row for action in command._actions if action.dest != "help" for row in _row(action)]
    parts = [f"## {name}", wrapped(command.description or ""), f"```\n{usage}\n```"]
    return "\n\n".join([*parts, table(("flag", "variable", "meaning"), rows)])


def _row(action: argparse.Action) -> Iterator[tuple[str, str, str]]:
    value = "" if action.nargs == 0 else str(action.metavar or "{" + ",".join(map(str, action.choices or ())) + "}")
    if value == "{}":
        value = action.dest.upper()
    forms = listed(action.option_strings)
    flag = " ".join(filter(None, (forms, f"`{value}`" if value else "")))
    yield flag, f"`{variable_of(action)}`" if flag_of(action) else "", action.help or ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE.relative_to(ROOT))
