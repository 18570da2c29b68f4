"""``skewgate completion``: completion for shells, made from the parser.

A library would be one more dependency in every execution environment, for three short texts.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.exit_code import ExitCode

from .arguments import commands_of, names_of, parser


class Word(NamedTuple):
    """A flag with its forms, or an argument; ``choices``: its values, ``takes_file``: a path."""

    forms: Sequence[str]
    text: str
    takes_value: bool
    choices: Sequence[str]
    takes_file: bool


Commands: TypeAlias = Mapping[str, tuple[str, Sequence[Word]]]
"""Each command with its text and its words."""


def complete(args: argparse.Namespace) -> int:
    """``completion``: print the shell's text."""
    print(SHELLS[args.shell](words_of(parser())), end="")
    return ExitCode.ADMITTED


def words_of(whole: argparse.ArgumentParser) -> Commands:
    """All that can be completed, from the parser."""
    return {
        name: (command.description or "", [_word(action) for action in command._actions])
        for name, command in commands_of(whole).items()
    }


def _word(action: argparse.Action) -> Word:
    return Word(
        forms=action.option_strings,
        text=(action.help or "").replace("%%", "%"),
        takes_value=action.nargs != 0,
        choices=[str(choice) for choice in action.choices or names_of(action)],
        takes_file=action.nargs != 0
        and (action.metavar in ("FILE", "DIR", "RUN", "VARS") or action.dest == "inventory"),
    )


def bash(commands: Commands) -> str:
    """The text for ``source <(skewgate completion bash)``. By default, bash completes files."""
    after, first = [], []
    for name, (_, words) in commands.items():
        for word in words:
            if word.forms and word.takes_value:
                patterns = "|".join(f'"{name} {form}"' for form in word.forms)
                after.append(f"    {patterns}) words={shlex.quote(' '.join(word.choices))} ;;")
        flags = [form for word in words for form in word.forms]
        free = [choice for word in words if not word.forms for choice in word.choices]
        first.append(f"    {name}) flags={shlex.quote(' '.join(flags))} words={shlex.quote(' '.join(free))} ;;")
    return "\n".join(
        [
            "# Made by `skewgate completion bash`",
            "_skewgate() {",
            '  local current="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" flags="" words=""',
            '  if [[ "$current" == "=" ]]; then current=""',
            '  elif [[ "$before" == "=" ]]; then before="${COMP_WORDS[COMP_CWORD-2]}"; fi',
            '  case "${COMP_WORDS[1]}" in',
            *first,
            "  esac",
            f"  if [[ $COMP_CWORD -eq 1 ]]; then words={shlex.quote(' '.join(commands))}",
            '  elif [[ "$current" == -* ]]; then words="$flags"',
            "  fi",
            '  case "${COMP_WORDS[1]} $before" in',
            *after,
            "  esac",
            '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
            "}",
            "complete -o default -F _skewgate skewgate",
            "",
        ]
    )


def zsh(commands: Commands) -> str:
    """The same for zsh, which reads bash's after its own ``compinit``."""
    return "#compdef skewgate\nautoload -U +X bashcompinit && bashcompinit\n" + bash(commands)


def fish(commands: Commands) -> str:
    """The text for ``skewgate completion fish | source``."""
    lines = ["# Made by `skewgate completion fish`", "complete -c skewgate -f"]
    for name, (text, words) in commands.items():
        lines.append(f"complete -c skewgate -n __fish_use_subcommand -a {name} -d {_quoted(text)}")
        for word in words:
            parts = [f"complete -c skewgate -n '__fish_seen_subcommand_from {name}'"]
            parts += [f"-l {form[2:]}" if form.startswith("--") else f"-s {form[1:]}" for form in word.forms]
            if word.takes_file:
                parts.append("-r -F" if word.forms else "-F")
            elif word.forms and word.takes_value:
                parts.append("-x")
            if word.choices:
                parts.append(f"-a {_quoted(' '.join(word.choices))}")
            if word.forms:
                parts.append(f"-d {_quoted(word.text)}")
            lines.append(" ".join(parts))
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A word of fish, which knows no other escapes within single quotes."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


SHELLS: Mapping[str, Callable[[Commands], str]] = {"bash": bash, "zsh": zsh, "fish": fish}
