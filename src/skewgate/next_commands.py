"""The commands that a report names as the next step, with the flags that this run was given."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.next_step import Commands

from .arguments import Given
from .environment import flags_of

OF_ONE_RUN = frozenset({"limit", "timings", "verbose", "output", "here", "extra_vars"})
"""Flags that are not repeated as they are."""

_SHOWN = re.compile(r"(gate|chrony)_\w+=")
_MAY_HOLD_A_SECRET = re.compile(r"(gate_github_apps|gate_environment|chrony_package_environment)=")

LEFT_OUT = "This run had variables (-e) that may be secret. The commands do not have them: add them."


def commands_of_run(
    given: Given, extra: Sequence[str], directory: Path, here: Mapping[str, str] | None = None
) -> Commands:
    """The commands after ``check`` or ``gate``.

    A flag of this run is repeated. A variable of the environment is still set in the user's shell.
    ``here``: this machine's name and variables under ``host`` and ``variables``, after ``--here``.
    """
    args, flags = given.args, list(_repeated(given))
    rest = [] if _has_variables(extra) else list(extra)
    gate, check, rest_of_gate = flags, flags, rest
    if here:  # the gate needs an inventory; one that ends with a comma is a list of names
        gate = ["-i", f"{here['host']},", *flags, "-e", here["variables"]]
        check, rest_of_gate = ["--here", *flags], ["--connection=local", *rest]
    return Commands(
        gate=shlex.join(["skewgate", "gate", *gate]),
        check=shlex.join(["skewgate", "check", *check]),
        directory=_short(directory),
        limit=shlex.quote(args.limit) if args.limit is not None else "",
        after_gate=_after(rest_of_gate),
        after_check=_after(rest),
        names_nodes=not here,
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
    """Whether ``-e`` was given a file, or settings of which none may hold a secret."""
    if variables.startswith("@"):
        return True
    try:
        words = shlex.split(variables)
    except ValueError:
        return False
    return all(_SHOWN.match(word) and not _MAY_HOLD_A_SECRET.match(word) for word in words)


def _has_variables(extra: Sequence[str]) -> bool:
    """Whether ansible-playbook's options, after ``--``, have variables."""
    return any(re.match(r"-[a-zA-Z]*e|--e", option) for option in extra)


def _short(path: Path) -> str:
    """A path as it is written from the current folder, if it is in there."""
    whole, here = path.expanduser().absolute(), Path.cwd()
    return str(whole.relative_to(here)) if whole.is_relative_to(here) else str(whole)
