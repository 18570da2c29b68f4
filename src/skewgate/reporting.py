"""``skewgate report`` and ``skewgate verify``: what saved evidence and a saved report say now."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from shutil import get_terminal_size
from typing import Any

from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.saved import (
    evidence_of,
    read_evidence,
    read_report,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.times import now, read_time
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import report_text, write
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.drift import earlier_reading
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.wording import clean
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.admission import stale_because
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.exit_code import ExitCode, exit_code_of
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.report import judge_records

from .errors import SkewgateError


def report_again(args: argparse.Namespace) -> int:
    """``report``: judge the evidence of one or more runs by the checks of today."""
    records: dict[str, Any] = {}
    for path in args.evidence:
        for name, record in read_evidence(path)["nodes"].items():
            known = records.get(name)
            if known is None or read_time(record["collected_at"]) >= read_time(known["collected_at"]):
                records[name] = {**record, "earlier": earlier_reading(known)} if known else record
    judged_at = now()
    try:
        report = judge_records(records, judged_at)
    except ValueError as error:
        raise SkewgateError(str(error)) from error
    files: list[Path] = []
    if args.report_dir:
        try:
            files = write(args.report_dir.absolute(), report, evidence_of(records, judged_at))
        except OSError as error:
            raise SkewgateError(
                f"can't write to {args.report_dir}: {error.strerror}; give another --report-dir"
            ) from error
    return show_report(report, files)


def show_report(report: dict[str, Any], files: Sequence[Path]) -> int:
    """Print the report as people read it and which files were written; return the exit status."""
    print()
    for line in report_text.lines(report, files, screen_width()):
        print(line)
    return int(report["exit_code"])


def screen_width() -> int:
    """How many columns to write: those of the terminal, but not more than a report has."""
    return min(get_terminal_size().columns, report_text.WIDTH) if sys.stdout.isatty() else report_text.WIDTH


def verify(args: argparse.Namespace) -> int:
    """``verify``: whether a report admits, now, each node or the one that is named."""
    nodes = read_report(args.report_dir)["nodes"]
    names = [args.node] if args.node else sorted(nodes)
    codes = []
    for name in names:
        if name in nodes:
            code, text = _admission(nodes[name], args.max_age)
        else:
            code, text = ExitCode.NOT_JUDGED, f"the report does not have this node (it has: {', '.join(sorted(nodes))})"
        print(clean(f"{name}: {text}"))
        codes.append(code)
    return max(codes, default=ExitCode.NOT_JUDGED)


def _admission(node: dict[str, Any], max_age_s: float) -> tuple[ExitCode, str]:
    """Whether a node's entry of a report admits it now, and if not, why."""
    if node["verdict"] != "admit":
        return exit_code_of([node["refused_because"]]), f"{report_text.verdict_text(node)}: {report_text.reason(node)}"
    if stale := stale_because(node["judged_at"], max_age_s, datetime.now(UTC)):
        return ExitCode.NOT_JUDGED, stale
    return ExitCode.ADMITTED, f"admitted at {node['judged_at']}"
