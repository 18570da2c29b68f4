"""Flags and their environment variables: ``--report-dir`` is SKEWGATE_REPORT_DIR. A flag wins."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any

from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.settings import meant

from .errors import SkewgateError

PREFIX = "SKEWGATE_"
DEBUG = f"{PREFIX}DEBUG"

NEW_SIGNING_KEY = "new_signing_key"
"""The ``dest`` of a flag without a variable: SKEWGATE_SIGNING_KEY names a key to use, never one to
make."""

INSTEAD = (
    ("ask_pass", "connection_password_file"),
    ("ask_become_pass", "become_password_file"),
    ("ask_vault_pass", "vault_password_file"),
    ("here", "inventory", "limit"),
    ("diff", "report_dir", "format", "output", "signing_key", "inventory", "limit"),
)
"""A flag, and the flags that it excludes. If it is given, their variables are not read; if one of
them is given, its variable is not read."""

_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


def flag_of(action: argparse.Action) -> str:
    """The long form of a flag that has a variable; empty for anything else."""
    long = [option for option in action.option_strings if option.startswith("--")]
    return long[0] if long and action.dest not in ("help", "version", NEW_SIGNING_KEY) else ""


def variable_of(action: argparse.Action) -> str:
    """The environment variable of a flag."""
    return PREFIX + flag_of(action).removeprefix("--").replace("-", "_").upper()


def flags_of(command: argparse.ArgumentParser) -> list[argparse.Action]:
    """The flags of a command that have a variable."""
    return [action for action in command._actions if flag_of(action)]


def refuse_unknown(commands: Iterable[argparse.ArgumentParser], environment: Mapping[str, str]) -> None:
    """Raise SkewgateError for variables SKEWGATE_* that no command reads."""
    known = sorted({DEBUG, *(variable_of(flag) for command in commands for flag in flags_of(command))})
    unknown = [name for name in sorted(environment) if name.startswith(PREFIX) and name not in known]
    if unknown:
        lines = [f"{name} in the environment: no flag has this variable; {meant(name, known)}" for name in unknown]
        raise SkewgateError("\n".join(lines))


@contextlib.contextmanager
def only_what_is_given(commands: Iterable[argparse.ArgumentParser]) -> Iterator[None]:
    """Meanwhile the parsers note the flags that they are given, and no default of the others."""
    defaults = {flag: flag.default for command in commands for flag in flags_of(command)}
    for flag in defaults:
        flag.default = argparse.SUPPRESS
    try:
        yield
    finally:
        for flag, default in defaults.items():
            flag.default = default


def complete(
    command: argparse.ArgumentParser, args: argparse.Namespace, environment: Mapping[str, str]
) -> dict[str, str]:
    """Give ``args`` the value of each flag that was not given, from its variable or its default.

    Returns the source of each value that is no default, by the flag's ``dest``. Ends with the
    command's usage if a variable has no value for its flag, or if flags exclude each other.
    """
    flags = flags_of(command)
    sources = {flag.dest: f"flag {flag_of(flag)}" for flag in flags if hasattr(args, flag.dest)}
    given = frozenset(sources)
    for flag in flags:
        if flag.dest in given:
            continue
        text = environment.get(variable_of(flag), "")
        setattr(args, flag.dest, flag.default)
        if text and not _is_replaced(flag.dest, given):
            setattr(args, flag.dest, _read(command, flag, text))
            sources[flag.dest] = f"environment {variable_of(flag)}"
    for first, *others in INSTEAD:
        for other in others:
            if getattr(args, first, None) and getattr(args, other, None):
                command.error(f"expected one of two, found {sources[first]} and {sources[other]}")
    return sources


def _is_replaced(dest: str, given: Set[str]) -> bool:
    """Whether a flag was given that excludes this one."""
    return any(
        (dest == first and not given.isdisjoint(others)) or (dest in others and first in given)
        for first, *others in INSTEAD
    )


def _read(command: argparse.ArgumentParser, flag: argparse.Action, text: str) -> Any:
    """What the flag would have as its value for this text."""
    kind: Any
    if flag.const is True:
        kind, expected = _switch, "1 or 0"
    elif flag.nargs == 0:
        kind, expected = int, "a whole number"
    else:
        kind, expected = flag.type or str, "a whole number" if flag.type is int else "a value of the flag"
    try:
        value = kind(text)
    except argparse.ArgumentTypeError as error:
        command.error(f"{variable_of(flag)} in the environment: {error}")
    except ValueError:
        command.error(f"{variable_of(flag)} in the environment: expected {expected}, found {text!r}")
    is_list = isinstance(flag.default, list)
    return [value] if is_list and not isinstance(value, list) else value


def _switch(text: str) -> bool:
    if text.lower() not in (*_TRUE, *_FALSE):
        raise ValueError(text)
    return text.lower() in _TRUE
