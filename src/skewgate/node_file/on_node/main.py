"""The check of this node, without a token and without Ansible; the node's file runs it.

The evidence is taken and judged by the code that the playbooks use.
"""

from __future__ import annotations

import argparse
import json
import os
import stat
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from ansible_collections.skewgate.preflight.plugins.modules import node_evidence
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.evidence import parse_evidence, read_json
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.forms import ABOVE_ZERO, OBJECT, TEXT, misfit
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.saved import (
    SavedFileError,
    evidence_of,
    read_evidence,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.times import now
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import discover, sections_of
from ansible_collections.skewgate.preflight.plugins.plugin_utils.collection import (
    Collection,
    nts_answers,
    with_nts_tried,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import prometheus, report_json
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.policy import Policy
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.wording import one_line
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.exit_code import ExitCode
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.judge import judge_record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.node_words import outcome, reason
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.nts_clients import to_try
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.report import judge_records, refusing_findings
from ansible_collections.skewgate.preflight.plugins.plugin_utils.version import VERSION

SETTINGS_SCHEMA = "skewgate/node-settings/1"
CONFIG = "/etc/skewgate/node.json"

_SETTINGS = {"schema": TEXT, "policy": OBJECT, "ntp_servers": [TEXT], "nts_servers": [TEXT], "timeout_s": ABOVE_ZERO}

MAX_CONDITION = 200
"""The most characters of a condition's text; node-problem-detector cuts it to its own limit."""


class UsageError(Exception):
    """What to correct before anything can be judged."""


class Judged:
    """A report, the evidence that it rests on, and how long after the boot it was begun."""

    def __init__(self, records: Mapping[str, Any], judged_at: str, begun_s: int) -> None:
        """Judge these records, by the nodes' names."""
        self.records, self.begun_s = records, begun_s
        self.judged_at = judged_at
        self.report = judge_records(records, judged_at)

    @property
    def status(self) -> int:
        """How the command ends if nothing else goes wrong."""
        return int(self.report["exit_code"])


def main(arguments: Sequence[str]) -> int:
    """The command, with its exit status."""
    args = _parser().parse_args(arguments)
    begun_s = uptime_s()
    try:
        for path in args.output:
            _can_be_written(path)
        judged: Judged = args.judge(args, begun_s)
        for path in args.output:
            _write(path, partial(_FORMATS[_format_of(path)], judged))
        _FORMATS[args.format](judged, sys.stdout)
    except (UsageError, SavedFileError) as error:
        return _failed(args.output, begun_s, str(error), ExitCode.USAGE_ERROR)
    except Exception as error:  # noqa: BLE001 - whatever it is, an earlier result must not stay in force
        traceback.print_exc()
        return _failed(args.output, begun_s, f"{type(error).__name__}: {error}", ExitCode.INTERNAL_ERROR)
    return judged.status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="skewgate-node",
        description="Check this node's clock without a token. It changes nothing on the node.",
        epilog="Exit status: " + "; ".join(f"{each:d} {each.meaning}" for each in ExitCode),
    )
    parser.add_argument("--version", action="version", version=f"skewgate-node {VERSION}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.required = True
    check = commands.add_parser("check", help="take this node's evidence and judge it (as root)")
    check.add_argument("--config", metavar="FILE", default=CONFIG, help=f"the settings (default: {CONFIG})")
    check.set_defaults(judge=_check)
    report = commands.add_parser("report", help="judge saved evidence again")
    report.add_argument("evidence", metavar="EVIDENCE", help="an evidence.json of any run")
    report.set_defaults(judge=_report)
    for each in (check, report):
        each.add_argument(
            "--output",
            metavar="FILE",
            action="append",
            default=[],
            help="write the result to this file too, whole or not at all; its ending says the format: "
            + ", ".join(_ENDINGS),
        )
        each.add_argument(
            "--format", choices=sorted(_FORMATS), default="text", help="what to print (default: %(default)s)"
        )
    return parser


def _check(args: argparse.Namespace, begun_s: int) -> Judged:
    settings = read_settings(args.config)
    policy = Policy.from_json(settings["policy"])
    checks = discover()
    record = Collection(
        policy=policy,
        apps=(),
        sections={section for name in policy.checks for section in sections_of(checks[name])},
        ntp_servers=settings["ntp_servers"],
        nts_servers=settings["nts_servers"],
        timeout_s=settings["timeout_s"],
        same_machine=True,
        call=_taken,
    ).take()
    if clients := to_try(record, judge_record(record)):
        record = with_nts_tried(record, nts_answers(clients, _taken))
    return Judged({os.uname().nodename: record}, now(), begun_s)


def _taken(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """The evidence, in the form that it has after its way from a node to a controller."""
    answer = node_evidence.answer(dict(arguments))
    return {"evidence": parse_evidence(read_json(json.dumps(answer["evidence"])))}


def _report(args: argparse.Namespace, begun_s: int) -> Judged:
    if args.format == "condition" or any(_format_of(path) == "condition" for path in args.output):
        raise UsageError("report writes no condition: saved evidence does not say how the clock is now; use check")
    try:
        return Judged(read_evidence(Path(args.evidence))["nodes"], now(), begun_s)
    except ValueError as error:
        raise UsageError(f"{args.evidence}: {error}") from error


def read_settings(file: str) -> dict[str, Any]:
    """The settings, as skewgate makes them for nodes; raises UsageError."""
    made = "make it with `python -m skewgate.node_file`"
    try:
        with open(file, encoding="utf-8") as opened:  # noqa: PTH123
            _must_be_ours(file, os.fstat(opened.fileno()))
            found: dict[str, Any] = json.loads(opened.read())
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}; {made}") from error
    except ValueError as error:
        raise UsageError(f"{file} is not JSON: {error}; {made}") from error
    if wrong := misfit(found, _SETTINGS):
        raise UsageError(f"{file}: {wrong}; {made}")
    if found["schema"] != SETTINGS_SCHEMA:
        raise UsageError(f"{file}: expected the schema {SETTINGS_SCHEMA}, found {found['schema']!r}; {made}")
    try:
        policy = Policy.from_json(found["policy"])
    except ValueError as error:
        raise UsageError(f"{file}: {error}; {made}") from error
    if unknown := sorted(set(policy.checks) - set(discover())):
        raise UsageError(f"{file}: this version of skewgate has no check called {', '.join(unknown)}; {made}")
    if not found["ntp_servers"]:
        raise UsageError(f"{file}: expected ntp_servers, found none; {made}")
    return found


def _must_be_ours(file: str, about: os.stat_result) -> None:
    """Who writes the settings says what is within the budget; raises UsageError."""
    others = about.st_mode & stat.S_IWOTH or (about.st_mode & stat.S_IWGRP and about.st_gid not in (0, os.getegid()))
    if others or about.st_uid not in (0, os.geteuid()):
        raise UsageError(
            f"{file}: expected a file that nobody but root can write, found mode {stat.S_IMODE(about.st_mode):o} of user "
            f"{about.st_uid} and group {about.st_gid}; run chown root:root {file} && chmod 644 {file}"
        )


def uptime_s() -> int:
    """Whole seconds since the boot; a clock that is set does not change them."""
    return int(float(Path("/proc/uptime").read_text(encoding="ascii").split()[0]))


def _text(judged: Judged, file: TextIO) -> None:
    for name, node in judged.report["nodes"].items():
        file.write(f"{one_line(name)}: {outcome(node, reason(node))}\n")
        for finding in refusing_findings(node) if node["verdict"] == "refuse" else ():
            file.write(f"  {finding['check']}: {one_line(finding['summary'])}\n    {one_line(finding['remedy'])}\n")


def _condition(judged: Judged, file: TextIO) -> None:
    """The status of the Node condition ClockWithinBudget, when its check was begun, and why."""
    [node] = judged.report["nodes"].values()
    status = _STATUS.get(judged.status, "Unknown")
    file.write(_condition_line(status, judged.begun_s, outcome(node, reason(node))))


_STATUS: Mapping[int, str] = {ExitCode.ADMITTED: "True", ExitCode.REFUSED: "False"}


def _condition_line(status: str, begun_s: int, why: str) -> str:
    return f"{status} {begun_s} {one_line(why, MAX_CONDITION)}\n"


def _json(judged: Judged, file: TextIO) -> None:
    report_json.write(judged.report, file)


def _evidence(judged: Judged, file: TextIO) -> None:
    report_json.write(evidence_of(judged.records, judged.judged_at), file)


def _prom(judged: Judged, file: TextIO) -> None:
    prometheus.write(judged.report, file)


_FORMATS: Mapping[str, Callable[[Judged, TextIO], None]] = {
    "condition": _condition,
    "evidence": _evidence,
    "json": _json,
    "prom": _prom,
    "text": _text,
}
_ENDINGS = {".condition": "condition", ".json": "json", ".prom": "prom", ".txt": "text"}


def _format_of(file: str) -> str:
    ending = Path(file).suffix
    if ending not in _ENDINGS:
        raise UsageError(f"--output {file}: expected a name that ends with one of {', '.join(_ENDINGS)}")
    return _ENDINGS[ending]


def _can_be_written(file: str) -> None:
    """Before anything is taken: raises UsageError for a name without a format, and for a folder."""
    _format_of(file)
    if not os.access(Path(file).absolute().parent, os.W_OK | os.X_OK):
        raise UsageError(f"--output {file}: expected a folder that exists and can be written")


def _write(file: str, write: Callable[[TextIO], object]) -> None:
    """A file that everybody may read, whole or not at all; raises UsageError."""
    path = Path(file)
    try:
        handle, whole = tempfile.mkstemp(dir=str(path.parent), prefix=".skewgate-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as opened:
                write(opened)
                os.fchmod(opened.fileno(), 0o644)  # not by its name, which may be another file's by now
            os.replace(whole, path)  # noqa: PTH105
        except BaseException:
            os.unlink(whole)  # noqa: PTH108
            raise
    except OSError as error:
        raise UsageError(f"--output {file}: {error.strerror}") from error


def _failed(outputs: Sequence[str], begun_s: int, why: str, status: ExitCode) -> int:
    """Say why nothing was judged, where the condition is said too. Of the other files none is left,
    as no result stands in them.
    """
    sys.stderr.write(f"skewgate-node: {why}\n")
    for path in outputs:
        try:
            if Path(path).suffix == ".condition":
                _write(path, lambda file: file.write(_condition_line("Unknown", begun_s, why)))
            elif Path(path).suffix in _ENDINGS:
                _remove(path)
        except UsageError as error:
            sys.stderr.write(f"skewgate-node: {error}\n")
    return status


def _remove(file: str) -> None:
    try:
        os.unlink(file)  # noqa: PTH108
    except FileNotFoundError:
        pass
    except OSError as error:
        raise UsageError(f"--output {file}: {error.strerror}") from error
