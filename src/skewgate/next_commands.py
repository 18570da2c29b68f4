"""The commands that a report names as the next step, with the flags that this run was given."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.variables import (
    may_be_shown,
    settings_of_roles,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.next_step import Commands

from .arguments import Given
from .environment import flags_of

OF_ONE_RUN = frozenset({"limit", "timings", "verbose", "output", "here", "extra_vars"})
"""Flags that are not repeated as they are."""

LEFT_OUT = "This run had variables (-e) that may be secret. The commands do not have them: add them."


class Here(NamedTuple):
    """This machine, after ``check --here``."""

    host: str
    variables: str
    """Those with which the gate finds it, for ``-e``."""
    is_root: bool
    """Whether the check was root's. The gate has to be."""


def commands_of_run(given: Given, extra: Sequence[str], directory: Path, here: Here | None = None) -> Commands:
    """The commands after ``check`` or ``gate``.

    A flag of this run is repeated. A variable of the environment is still set in the user's shell.
    """
    args, flags = given.args, list(_repeated(given))
    rest = [] if _has_variables(extra) else list(extra)
    gate, check, rest_of_gate = flags, flags, rest
    if here:  # the gate needs an inventory; one that ends with a comma is a list of names
        gate = ["-i", f"{here.host},", *([] if here.is_root else ["-K"]), *flags, "-e", here.variables]
        check, rest_of_gate = ["--here", *flags], ["--connection=local", *rest]
    return Commands(
        gate=shlex.join(["skewgate", "gate", *gate]),
        check=shlex.join(["skewgate", "check", *check]),
        directory=_short(directory),
        limit=shlex.quote(args.limit) if args.limit is not None else "",
        after_gate=_after(rest_of_gate),
        after_check=_after(rest),
        here=here is not None,
        note=LEFT_OUT if _has_variables(extra) or not all(map(_is_shown, args.extra_vars)) else "",
    )


def _after(options: Sequence[str]) -> str:
    return f" -- {shlex.join(options)}" if options else ""


def commands_of_report(args: argparse.Namespace) -> Commands:
    """The commands after ``report``, which knows no more of the nodes than their inventory."""
    inventory = shlex.join(word for each in args.inventory for word in ("-i", each)) or "-i INVENTORY"
    runs = [args.report_dir] if args.report_dir else args.evidence
    run = runs[0] if runs[0].is_dir() or args.report_dir else runs[0].parent
    where = _short(run) if len(runs) == 1 else Commands.directory
    return Commands(gate=f"skewgate gate {inventory}", check=f"skewgate check {inventory}", directory=where)


def _repeated(given: Given) -> Iterator[str]:
    """The flags of the command line; of ``-e`` what holds no secret."""
    for flag in flags_of(given.command):
        if not given.sources.get(flag.dest, "").startswith("flag ") or flag.dest in OF_ONE_RUN:
            continue
        name, value = flag.option_strings[0], getattr(given.args, flag.dest)
        if flag.nargs == 0:
            yield name
            continue
        for each in value if isinstance(value, list) else [value]:
            yield from (name, str(each))
    for each in given.args.extra_vars:
        if _is_shown(each):
            yield from ("-e", each)


def _is_shown(variables: str) -> bool:
    """Whether ``-e`` was given a file, or only settings of this collection that hold no secret."""
    if variables.startswith("@"):
        return True
    try:
        names = [word.partition("=")[0] for word in shlex.split(variables)]
    except ValueError:
        return False
    return all(name in settings_of_roles() and may_be_shown(name) for name in names)


def _has_variables(extra: Sequence[str]) -> bool:
    """Whether ansible-playbook's options, after ``--``, have variables."""
    return any(re.match(r"-[a-zA-Z]*e|--e", option) for option in extra)


def _short(path: Path) -> str:
    """A path as it is written from the current folder, if it is in there."""
    whole, here = path.expanduser().absolute(), Path.cwd()
    return str(whole.relative_to(here)) if whole.is_relative_to(here) else str(whole)
