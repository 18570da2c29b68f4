"""``skewgate check`` and ``skewgate gate``: run the playbook, and show its report."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import socket
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.holder import Holder
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.saved import (
    SavedFileError,
    end_folder,
    read_report,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.sources import FROM_COMMAND
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import begin
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.wording import clean, listed
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.exit_code import ExitCode

from .arguments import REPORT_DIR, SETTINGS, Given
from .errors import SkewgateError
from .next_commands import Here, commands_of_run
from .output import Output
from .passwords import ask
from .progress import Progress
from .reporting import show_report
from .run import PlaybookRun, run_playbook
from .timings import timing_lines


def check(given: Given, extra: list[str]) -> int:
    """Run the playbook of the command's name; return the exit status of its report."""
    output = Output(given.args)
    report_dir = (given.args.report_dir or REPORT_DIR).expanduser().absolute()
    run_id = str(uuid.uuid4())
    # Here too, and not in the playbook alone: a run may end before its first task.
    holder = Holder.of(run_id=run_id)
    begin(report_dir, holder)
    try:
        output.begin()
        return _checked(given, extra, run_id, report_dir, output)
    finally:
        end_folder(report_dir, holder)


def _checked(given: Given, extra: list[str], run_id: str, report_dir: Path, output: Output) -> int:
    args = given.args
    progress = Progress(gate=args.command == "gate")

    def show(event: dict[str, Any], printed: list[str]) -> None:
        # What ansible prints may be a node's words, of any module that the role runs.
        output.show([*(map(clean, printed) if args.verbose else []), *progress.lines(event)])

    here = getattr(args, "here", False)
    if here and not _becomes_root(args):
        output.show(["not root: some checks need root and will be inconclusive; run it with sudo, or with -K"])
    ended = run_playbook(
        f"skewgate.preflight.{args.command}",
        [*(HERE if here else []), *ansible_options(args, extra)],
        {
            "gate_run_id": run_id,
            **settings_given(given),
            **(variables_here(args) if here else {}),
            **({"gate_run_timings": True} if args.timings else {}),
        },
        show,
        on_second=lambda: output.show(progress.waiting()),
        answers=ask(args),
    )
    report_dir = progress.report_dir or report_dir
    report = _report_of(run_id, report_dir)
    if report is None:
        raise interrupted(args.command, progress, report_dir) if ended.interrupted else _no_report(ended, progress)
    for message in ended.messages:
        if message.startswith("Could not match supplied host pattern"):
            output.show([f"warning: {clean(message)}"])
    output.show(f"configuration: {clean(error)}" for error in progress.configuration_errors)
    commands = commands_of_run(given, extra, report_dir, _named_here(args) if here else None)
    exit_code = show_report(report, progress.files, output, commands)
    if args.timings:
        output.show(["", *timing_lines(progress.phases_s, progress.timings)])
    return exit_code


def this_machine() -> str:
    """What this machine is called in its report."""
    name = socket.gethostname()
    return name if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name) else "localhost"


def settings_given(given: Given) -> dict[str, Any]:
    """The settings that flags or the environment gave, as variables, and their sources."""
    values = {SETTINGS[dest]: getattr(given.args, dest) for dest in given.sources if dest in SETTINGS}
    paths = {name: value for name, value in values.items() if isinstance(value, Path)}
    values |= {name: str(path.expanduser().absolute()) for name, path in paths.items()}
    sources = {SETTINGS[dest]: source for dest, source in given.sources.items() if dest in SETTINGS}
    if getattr(given.args, "here", False):  # there may be no GitHub App; then nothing is admitted
        values["gate_key_elsewhere"] = True
        sources["gate_key_elsewhere"] = given.sources["here"]
    return {**values, FROM_COMMAND: sources} if sources else {}


HERE = (f"--inventory={this_machine()},", "--connection=local")
"""The options for this machine without an inventory."""


def variables_here(args: argparse.Namespace) -> dict[str, Any]:
    """The variables for this machine, whose Python is this one."""
    become = {} if _becomes_root(args) else {"ansible_become": False}
    return {"ansible_python_interpreter": sys.executable, **become}


def _named_here(args: argparse.Namespace) -> Here:
    """This machine for the gate, which has no ``--here``."""
    values = (f"ansible_python_interpreter={sys.executable}", "gate_key_elsewhere=True")
    return Here(this_machine(), shlex.join(values), _becomes_root(args))


def _becomes_root(args: argparse.Namespace) -> bool:
    return bool(os.geteuid() == 0 or args.ask_become_pass or args.become_password_file)


PASSED_ON = ("limit", "forks", "user", "private_key", "connection_password_file", "become_password_file")
"""Flags that ansible-playbook has by the same name."""

PASSED_ON_REPEATED = ("inventory", "extra_vars", "vault_password_file", "vault_id")


def ansible_options(args: argparse.Namespace, extra: Sequence[str]) -> list[str]:
    """Return the options of ansible-playbook; the values of ``-e`` are passed on and never read."""
    options = [(name, value) for name in PASSED_ON_REPEATED for value in getattr(args, name)]
    options += [(name, getattr(args, name)) for name in PASSED_ON if getattr(args, name) is not None]
    return [
        *(f"--{name.replace('_', '-')}={value}" for name, value in options),
        *(["-" + "v" * args.verbose] if args.verbose else []),
        *extra,
    ]


def interrupted(command: str, progress: Progress, report_dir: Path) -> SkewgateError:
    """What is known, what may be half-way, and what to do."""
    lines = [
        f"interrupted. {progress.so_far()} This run leaves no report in {report_dir}, so nothing is admitted by it."
    ]
    if command == "gate" and progress.fixing:
        lines += [
            f"Being fixed, and maybe half-way: {listed(progress.fixing)}. `skewgate gate` goes on there; what was done is not "
            "done twice."
        ]
    elif command == "gate":
        lines += ["No node was being fixed."]
    lines += [f"Run `skewgate {command}` again."]
    return SkewgateError(clean("\n".join(lines)), ExitCode.INTERNAL_ERROR)


def _no_report(ended: PlaybookRun, progress: Progress) -> SkewgateError:
    """Why a run left no report: the settings, the options, the inventory, or an internal error."""
    if progress.configuration_errors:
        lines = ["the settings are wrong, nothing was judged:", *progress.configuration_errors]
        return SkewgateError(clean("\n  ".join(lines)))
    if not progress.tasks_ran:
        lines = ["no node was checked:", *(ended.messages or ended.output[-10:] or ["ansible-playbook said nothing"])]
        next_step = "Look at what -i, -l, -e and the options after -- name; `ansible-inventory -i INVENTORY --graph` lists nodes."
        return SkewgateError(clean("\n  ".join(lines) + f"\n{next_step}"))
    lines = [
        f"ansible-playbook ended with status {ended.rc} and without a report; its last lines:",
        *ended.output[-20:],
    ]
    return SkewgateError(clean("\n  ".join(lines)), ExitCode.INTERNAL_ERROR)


def _report_of(run_id: str, report_dir: Path) -> dict[str, Any] | None:
    """Return report.json if this run wrote it; one of an earlier run says nothing of this one."""
    try:
        report = read_report(report_dir)
    except SavedFileError:
        return None
    return report if report.get("run_id") == run_id and report["nodes"] else None
