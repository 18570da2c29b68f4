"""``skewgate report`` and ``skewgate verify``: what saved evidence and a saved report say now."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.saved import (
    EVIDENCE_FILE,
    REPORT_FILE,
    SavedFileError,
    evidence_of,
    read_evidence,
    read_report,
    unwritable,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.times import now, read_time
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import discover
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import report_text, write
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.policy import Policy
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.wording import clean
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.admission import (
    FUTURE_TOLERANCE,
    MAX_AGE_S,
    age_text,
    stale_because,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.again import earlier_readings
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.exit_code import ExitCode, exit_code_of
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.report import judge_records

from . import screen
from .errors import SkewgateError
from .output import Output


def report_again(args: argparse.Namespace) -> int:
    """``report``: judge the evidence of one or more runs by the checks of today."""
    at = datetime.now(UTC)
    output = Output(args)
    records: dict[str, Any] = {}
    for path in map(_evidence_in, args.evidence):
        for name, record in read_evidence(path)["nodes"].items():
            _refuse_future(path, name, record, at)
            known = records.get(name)
            if known is None or read_time(record["collected_at"]) >= read_time(known["collected_at"]):
                records[name] = {**record, "earlier": earlier_readings({name: known}).get(name)} if known else record
    judged_at = now()
    report = _judged(records, judged_at)
    files: list[Path] = []
    if args.report_dir:
        directory = args.report_dir.expanduser().absolute()
        try:
            files = write(directory, report, evidence_of(records, judged_at))
        except OSError as error:
            raise unwritable(directory, error) from error
    output.begin()
    status = show_report(report, files, output)
    output.show(age_lines(records, at, screen.width()))
    return status


def _evidence_in(path: Path) -> Path:
    """The evidence of a run whose folder is given, or a file of it."""
    if path.is_dir():
        return path / EVIDENCE_FILE
    return path.with_name(EVIDENCE_FILE) if path.name == REPORT_FILE else path


def _refuse_future(path: Path, name: str, record: Mapping[str, Any], at: datetime) -> None:
    """What is dated in the future would outlast every later check of the node, and never grow too old."""
    for each in filter(None, (record, record.get("before"))):
        try:
            ahead = read_time(each["collected_at"]) - at
        except ValueError as error:
            raise SavedFileError(f"{path}: node {name!r}, before.collected_at: {error}") from error
        if ahead > FUTURE_TOLERANCE:
            raise SavedFileError(
                f"{path}: node {name!r} was checked at {each['collected_at']}, which is {ahead.total_seconds():.0f} s in the "
                "future: compare this machine's clock with that of the machine that took the evidence"
            )


def _judged(records: Mapping[str, Any], judged_at: str) -> dict[str, Any]:
    try:
        return judge_records(records, judged_at)
    except (ValueError, RecursionError) as error:
        raise SkewgateError(clean(error)) from error


def age_lines(records: Mapping[str, Mapping[str, Any]], at: datetime, width: int) -> Iterator[str]:
    """How old each node's evidence is, the youngest first; nodes of one age share a line."""
    ages_s = {name: (at - read_time(record["collected_at"])).total_seconds() for name, record in records.items()}
    names_by_age: dict[str, list[str]] = {}
    for name, age_s in sorted(ages_s.items(), key=lambda item: (item[1], item[0])):
        old = "" if age_s <= MAX_AGE_S else f" (too old to join by: more than {MAX_AGE_S} s)"
        names_by_age.setdefault(f"{age_text(age_s)} ago{old}", []).append(name)
    yield "Evidence was taken:"
    for age, names in names_by_age.items():
        yield from textwrap.wrap(
            clean(f"{age}: {', '.join(names)}"),
            width,
            initial_indent="  ",
            subsequent_indent="    ",
            break_long_words=False,
            break_on_hyphens=False,
        )


def show_report(report: dict[str, Any], files: Sequence[Path], output: Output) -> int:
    """Show the report as people read it and which files were written, and write it where it is wanted; the exit status."""
    if not output.to_standard_output:
        output.show(["", *report_text.lines(report, files, screen.width())])
    elif files:
        output.show([report_text.files_line(files)])
    output.write(report)
    return int(report["exit_code"])


def verify(args: argparse.Namespace) -> int:
    """``verify``: whether a report admits, now, each node or the one that is named, by its evidence and not by its text."""
    reported, records = _of_one_run(args.run if args.run.is_dir() or not args.run.exists() else args.run.parent)
    names = [args.node] if args.node else sorted({*reported, *records})
    known = [name for name in names if name in records]
    judged = _judged({name: records[name] for name in known}, now())["nodes"] if known else {}
    codes = []
    for name in names:
        if name in records:
            code, text = _admission(judged[name], reported.get(name), args.max_age)
        elif name in reported:
            code, text = (
                ExitCode.NOT_JUDGED,
                f"{REPORT_FILE} has this node, and {EVIDENCE_FILE} does not: check it again",
            )
        else:
            code, text = (
                ExitCode.NOT_JUDGED,
                f"the report does not have this node (it has: {', '.join(sorted(reported))})",
            )
        screen.show([clean(f"{name}: {text}")])
        codes.append(code)
    screen.show(map(clean, _policy_lines([records[name] for name in known])))
    return max(codes, default=ExitCode.NOT_JUDGED)


def _of_one_run(directory: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the report says of each node, and each node's record; raises SavedFileError if they are not of one run."""
    report, evidence = read_report(directory), read_evidence(directory / EVIDENCE_FILE)
    for key in ("run_id", "judged_at"):
        if report.get(key) != evidence.get(key):
            raise SavedFileError(
                f"{directory}: {REPORT_FILE} and {EVIDENCE_FILE} are not of one run: {key} is {report.get(key)!r} in one and "
                f"{evidence.get(key)!r} in the other; check the nodes again"
            )
    return report["nodes"], evidence["nodes"]


def _admission(node: Mapping[str, Any], reported: Mapping[str, Any] | None, max_age_s: float) -> tuple[ExitCode, str]:
    """Whether a node's evidence, judged now, and its entry of the report both admit it, and if not, why."""
    said = reported and reported.get("verdict")
    if node["verdict"] != "admit":
        differs = f" ({REPORT_FILE} admits it: it was changed, or made by another version)" if said == "admit" else ""
        text = f"{report_text.verdict_text(node)}: {report_text.reason(node)}{differs}"
        return exit_code_of([node["refused_because"]]), text
    if reported is None or said != "admit" or reported["judged_at"] != node["judged_at"]:
        found = "does not have it" if reported is None else f"says {said!r} of {reported['judged_at']}"
        return ExitCode.NOT_JUDGED, (
            f"not admitted: its evidence of {node['judged_at']} would be, but {REPORT_FILE} {found}; check it again"
        )
    if stale := stale_because(node["judged_at"], max_age_s, datetime.now(UTC)):
        return ExitCode.NOT_JUDGED, stale
    return ExitCode.ADMITTED, f"admitted at {node['judged_at']}"


def _policy_lines(records: Iterable[Mapping[str, Any]]) -> list[str]:
    """Which checks the nodes' policies left out or made advisory: an admission says nothing about them."""
    lines: dict[str, int] = {}
    records = list(records)
    for record in records:
        policy = Policy.from_json(record["policy"])
        left_out = [name for name in discover() if name not in (*policy.checks, "reachable")]
        for what, names in (("left out", left_out), ("advisory, and refused no node", policy.advisory_checks)):
            if names and policy.checks:
                line = f"checks {what}: {', '.join(names)}"
                lines[line] = lines.get(line, 0) + 1
    return [line if count == len(records) else f"{line} ({count} of the nodes)" for line, count in lines.items()]
