"""``skewgate check`` and ``skewgate gate``: run the playbook, and show what its report says."""

from __future__ import annotations

import argparse
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
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import begin
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.wording import clean
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.exit_code import ExitCode

from .errors import SkewgateError
from .progress import Progress
from .reporting import show_report
from .run import PlaybookRun, run_playbook


def check(args: argparse.Namespace, extra: list[str]) -> int:
    """Run the playbook of the command's name; return the exit status of the report that it wrote."""
    report_dir = args.report_dir.expanduser().absolute()
    run_id = str(uuid.uuid4())
    # Here too, and not in the playbook alone: a run may end before its first task.
    holder = Holder.of(run_id=run_id)
    begin(report_dir, holder)
    try:
        return _checked(args, extra, run_id, report_dir)
    finally:
        end_folder(report_dir, holder)


def _checked(args: argparse.Namespace, extra: list[str], run_id: str, report_dir: Path) -> int:
    progress = Progress(gate=args.command == "gate")

    def show(event: dict[str, Any], printed: list[str]) -> None:
        # What ansible prints may be a node's words, of any module that the role runs.
        for line in [*(map(clean, printed) if args.verbose else []), *progress.lines(event)]:
            print(line, flush=True)

    ended = run_playbook(
        f"skewgate.preflight.{args.command}",
        ansible_options(args, extra),
        {"gate_run_id": run_id, "gate_report_dir": str(report_dir)},
        show,
    )
    report = _report_of(run_id, report_dir)
    if ended.interrupted and report is None:
        raise SkewgateError(
            "interrupted: nothing was judged, and a node that was being fixed may be half-way.\n"
            f"Run `skewgate {args.command}` again: what was done is not done twice.",
            ExitCode.INTERNAL_ERROR,
        )
    if report is None:
        raise _no_report(ended, progress)
    for message in ended.messages:
        if message.startswith("Could not match supplied host pattern"):
            print(f"warning: {clean(message)}")
    for error in progress.configuration_errors:
        print(f"configuration: {clean(error)}")
    return show_report(report, progress.files)


def ansible_options(args: argparse.Namespace, extra: Sequence[str]) -> list[str]:
    """Return the options of ansible-playbook; what ``-e`` was given is handed on, never read."""
    return [
        *(f"--inventory={inventory}" for inventory in args.inventory),
        *([f"--limit={args.limit}"] if args.limit else []),
        *(f"--extra-vars={variables}" for variables in args.extra_vars),
        *([f"--forks={args.forks}"] if args.forks is not None else []),
        *(["-" + "v" * args.verbose] if args.verbose else []),
        *extra,
    ]


def _no_report(ended: PlaybookRun, progress: Progress) -> SkewgateError:
    """Say why a run left no report: the settings, the options or inventory, or else something internal."""
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
