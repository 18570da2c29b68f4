"""The command ``skewgate``: arguments, and what each command does with them."""

from __future__ import annotations

import argparse
import json
import os
import sys
import traceback
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from inspect import cleandoc
from pathlib import Path
from typing import Any, TextIO

from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import discover
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.rules import RULES
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import write_reports
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.drift import earlier_reading
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.wording import listed
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.report import (
    EVIDENCE_SCHEMA,
    SCHEMA,
    judge_records,
    now,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.version import VERSION
from rich.console import Console

from . import argocd_log, render
from .exit_codes import ExitCode, SkewgateError
from .progress import Progress
from .run import PlaybookRun, run_playbook

REPORT_DIR = Path("skewgate-report")
WIDTH = 100
FUTURE_TOLERANCE = timedelta(seconds=60)
ASKING_OPTIONS = {"-k", "--ask-pass", "-K", "--ask-become-pass", "-J", "--ask-vault-password", "--ask-vault-pass"}

EXIT_STATUS = """exit status:
  0  every node is admitted
  1  internal error, or interrupted
  2  wrong usage or configuration: nothing was judged
  3  some node could not be judged, and none was refused for a failure
  4  some node was refused for a failure
"""

EXPLAIN_LOG = f"""which nodes GitHub answers with 401, from Argo CD's log:
  {argocd_log.LOG_COMMAND}
  {argocd_log.PODS_COMMAND}
  skewgate explain --argocd-log repo-server.log --pods pods.txt

The pods may be -o json or -o yaml too. Exit status: 0 whether there are 401s or not, for it explains and judges no node; 2
where the files could not be read, or have no pod in common.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status; no traceback unless SKEWGATE_DEBUG=1."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr] # what a locale can't show must not end the run
    try:
        return _dispatch(sys.argv[1:] if argv is None else list(argv))
    except SkewgateError as error:
        print(f"skewgate: {error}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        print("skewgate: interrupted", file=sys.stderr)
    except BrokenPipeError:  # whoever read the output has gone, as in `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:  # noqa: BLE001 - the last resort: a line that can be reported, and a status that admits nothing
        if os.environ.get("SKEWGATE_DEBUG") == "1":
            traceback.print_exc()
        print(f"internal error: {type(error).__name__}: {error}", file=sys.stderr)
        print("SKEWGATE_DEBUG=1 in the environment shows where; please report it.", file=sys.stderr)
    return ExitCode.INTERNAL_ERROR


def _dispatch(argv: list[str]) -> int:
    own, extra = (argv[: argv.index("--")], argv[argv.index("--") + 1 :]) if "--" in argv else (argv, [])
    parser = _parser()
    args = parser.parse_args(own)
    if args.command in ("check", "gate"):
        if asking := ASKING_OPTIONS.intersection(extra):
            parser.error(
                f"{', '.join(sorted(asking))}: nobody could answer the question; give a file instead: "
                "--connection-password-file, --become-password-file or --vault-password-file"
            )
        return run(args, extra)
    if extra:
        parser.error(f"{args.command} takes nothing after --")
    return int(COMMANDS[args.command](args))


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="skewgate",
        description="Proves on a node that its clock and its GitHub App credentials will work, before it joins a cluster.",
        epilog=EXIT_STATUS,
        formatter_class=raw,
    )
    parser.add_argument("--version", action="version", version=f"skewgate {VERSION}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in (
        ("check", "check the nodes, change nothing"),
        ("gate", "check the nodes, fix their clocks where that can help, check again"),
    ):
        command = commands.add_parser(
            name,
            help=text,
            description=f"{text[0].upper()}{text[1:]}.",
            usage=f"skewgate {name} -i INVENTORY [options] [-- ansible-playbook's options]",
            epilog=EXIT_STATUS,
            formatter_class=raw,
        )
        command.add_argument("-i", "--inventory", action="append", default=[], help="as ansible's; may be repeated")
        command.add_argument("-l", "--limit", help="only these nodes (a pattern of ansible's)")
        command.add_argument(
            "-e", "--extra-vars", action="append", default=[], metavar="VARS", help="key=value or @FILE"
        )
        _add_report_dir(command, default=REPORT_DIR)
        command.add_argument("--forks", type=int, metavar="N", help="how many nodes at a time")
        command.add_argument(
            "-v", "--verbose", action="count", default=0, help="show ansible's own output too (-v to -vvvv)"
        )

    report = commands.add_parser("report", help="judge saved evidence again", epilog=EXIT_STATUS, formatter_class=raw)
    report.add_argument("evidence", nargs="+", type=Path, metavar="EVIDENCE.json", help="of one run or of several")
    _add_report_dir(report, default=None)

    explain = commands.add_parser(
        "explain",
        help="what a check asks, why, and what to do (without CHECK: list them); or what Argo CD's log says of nodes",
        epilog=EXPLAIN_LOG,
        formatter_class=raw,
    )
    explain.add_argument("check", nargs="?", metavar="CHECK", help="a check, or a rule of chrony_config, as CHR101")
    explain.add_argument("--argocd-log", metavar="FILE", help="repo-server log; - for standard input")
    explain.add_argument("--pods", metavar="FILE", help="the pods and their nodes; - for standard input")

    verify = commands.add_parser(
        "verify", help="exit 0 only where a report still admits", epilog=EXIT_STATUS, formatter_class=raw
    )
    verify.add_argument("report_dir", type=Path, metavar="REPORT_DIR")
    verify.add_argument("--node", metavar="NAME", help="this node alone; default: every node of the report")
    verify.add_argument("--max-age", type=float, default=3600, metavar="SECONDS", help="default: %(default)s")
    return parser


def _add_report_dir(command: argparse.ArgumentParser, default: Path | None) -> None:
    command.add_argument(
        "--report-dir",
        type=Path,
        default=default,
        metavar="DIR",
        help=f"where report.json and evidence.json go; default: {default or 'nowhere'}",
    )


def run(args: argparse.Namespace, extra: list[str]) -> int:
    """``check`` and ``gate``: run the playbook and show what its report says."""
    report_dir = args.report_dir.absolute()
    run_id = str(uuid.uuid4())
    progress = Progress(gate=args.command == "gate")

    def show(event: dict[str, Any], printed: list[str]) -> None:
        for line in [*(printed if args.verbose else []), *progress.lines(event)]:
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
        raise no_report(ended, progress)
    for message in ended.messages:
        if message.startswith("Could not match supplied host pattern"):
            print(f"warning: {message}")
    for error in progress.configuration_errors:
        print(f"configuration: {render.clean(error)}")
    return show_report(report, report_dir)


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


def no_report(ended: PlaybookRun, progress: Progress) -> SkewgateError:
    """Say why a run left no report: the settings, the options or inventory, or else something internal."""
    if progress.configuration_errors:
        lines = ["the settings are wrong, nothing was judged:", *progress.configuration_errors]
        return SkewgateError(render.clean("\n  ".join(lines)))
    if not progress.tasks_ran:
        lines = ["no node was checked:", *(ended.messages or ended.output[-10:] or ["ansible-playbook said nothing"])]
        next_step = "Look at what -i, -l, -e and the options after -- name; `ansible-inventory -i INVENTORY --graph` lists nodes."
        return SkewgateError(render.clean("\n  ".join(lines) + f"\n{next_step}"))
    lines = [
        f"ansible-playbook ended with status {ended.rc} and without a report; its last lines:",
        *ended.output[-20:],
    ]
    return SkewgateError(render.clean("\n  ".join(lines)), ExitCode.INTERNAL_ERROR)


def _report_of(run_id: str, report_dir: Path) -> dict[str, Any] | None:
    """Return report.json if this run wrote it; one of an earlier run says nothing of this one."""
    try:
        report = _read(report_dir / "report.json", SCHEMA)
    except SkewgateError:
        return None
    return report if report.get("run_id") == run_id and report["nodes"] else None


def show_report(report: dict[str, Any], report_dir: Path | None) -> int:
    """Print the table, the refusals, where the files are and the outcome; return the exit status."""
    console = _console()
    console.print()
    console.print(render.table(report))
    for line in (*render.refusals(report, console.width), *render.fleet(report, console.width)):
        print(line)
    print()
    if report_dir:
        print(f"Reports: {report_dir}/report.json and evidence.json")
    print(render.outcome(report))
    return ExitCode(report["exit_code"])


def _console() -> Console:
    width = min(Console().width, WIDTH) if sys.stdout.isatty() else WIDTH
    return Console(width=width, highlight=False, markup=False)


def report_again(args: argparse.Namespace) -> int:
    """``report``: judge the evidence of one or more runs by the checks of today."""
    records: dict[str, Any] = {}
    for path in args.evidence:
        for name, record in _read(path, EVIDENCE_SCHEMA)["nodes"].items():
            known = records.get(name)
            if known is None or _time(record["collected_at"]) >= _time(known["collected_at"]):
                records[name] = {**record, "earlier": earlier_reading(known)} if known else record
    judged_at = now()
    try:
        report = judge_records(records, judged_at)
    except ValueError as error:
        raise SkewgateError(str(error)) from error
    if args.report_dir:
        evidence = {"schema": EVIDENCE_SCHEMA, "run_id": None, "judged_at": judged_at, "nodes": records}
        try:
            write_reports(args.report_dir, report, evidence)
        except OSError as error:
            raise SkewgateError(
                f"can't write to {args.report_dir}: {error.strerror}; give another --report-dir"
            ) from error
    return show_report(report, args.report_dir)


def explain(args: argparse.Namespace) -> int:
    """``explain``: a check's own documentation, or what Argo CD's log says of nodes."""
    if args.argocd_log or args.pods:
        return explain_log(args)
    checks = discover()
    if args.check is None:
        for name, check in checks.items():
            print(f"{name:20} {cleandoc(check.__doc__ or '').partition(chr(10))[0]}")
        return ExitCode.ADMITTED
    if rule := RULES.get(args.check.upper()):
        print(
            f"{rule.id} {rule.name} ({rule.severity})\n\n{rule.why}\n\nWhat to do: {rule.remedy}\n\nSource: {rule.source}"
        )
        return ExitCode.ADMITTED
    if args.check not in checks:
        raise SkewgateError(
            f"no check is called {args.check!r}; known: {', '.join(checks)}; and the rules {min(RULES)} to {max(RULES)}, which "
            "`skewgate explain chrony_config` lists"
        )
    print(cleandoc(checks[args.check].__doc__ or ""))
    return ExitCode.ADMITTED


def explain_log(args: argparse.Namespace) -> int:
    """``explain --argocd-log``: which nodes carry the 401s, what that is likely to be, and what to run next."""
    if args.check or not (args.argocd_log and args.pods) or args.argocd_log == args.pods == "-":
        raise SkewgateError(
            "expected --argocd-log FILE with --pods FILE, without CHECK; at most one of the files is - (standard input)"
        )
    with _opened(args.pods) as file:
        try:
            nodes = argocd_log.parse_pods(file.read())
        except ValueError as error:
            raise SkewgateError(
                f"{args.pods}: {error}; expected what this gives, or -o json, -o yaml:\n  {argocd_log.PODS_COMMAND}"
            ) from error
    with _opened(args.argocd_log) as file:
        summary = argocd_log.summarise(file, nodes)
    if not summary.nodes and not summary.gone:
        raise SkewgateError(
            f"{args.argocd_log}: none of its {summary.lines} lines begins with [pod/NAME/CONTAINER]; expected what this gives:\n"
            f"  {argocd_log.LOG_COMMAND}"
        )
    if not summary.nodes:
        raise SkewgateError(
            render.clean(
                "could not tell: no pod of the log is in the list of pods.\n"
                f"  {args.argocd_log}: {listed(sorted(summary.gone))}\n"
                f"  {args.pods}: {listed(sorted(nodes))}\n"
                "Take both from the same cluster at the same time:\n"
                f"  {argocd_log.LOG_COMMAND}\n  {argocd_log.PODS_COMMAND}"
            )
        )
    _console().print(argocd_log.table(summary))
    for line in argocd_log.explanation(summary):
        print(line)
    return ExitCode.ADMITTED


@contextmanager
def _opened(path: str) -> Iterator[TextIO]:
    """A file, or standard input for ``-``; what is not UTF-8 in it does not end the reading. Raises SkewgateError."""
    try:
        # A descriptor of its own, so that closing it leaves standard input open.
        name = os.dup(0) if path == "-" else path
        with open(name, encoding="utf-8-sig", errors="replace") as file:  # noqa: PTH123 - a descriptor or a path
            yield file
    except OSError as error:
        raise SkewgateError(f"can't read {path}: {error.strerror}") from error


def verify(args: argparse.Namespace) -> int:
    """``verify``: whether a report admits, now, each node or the one named."""
    nodes = _read(args.report_dir / "report.json", SCHEMA)["nodes"]
    names = [args.node] if args.node else sorted(nodes)
    worst = ExitCode.ADMITTED if names else ExitCode.NOT_JUDGED
    for name in names:
        code, text = admission(nodes.get(name), args.max_age, datetime.now(UTC))
        if name not in nodes:
            text += f" (it has: {', '.join(sorted(nodes))})"
        print(render.clean(f"{name}: {text}"))
        worst = max(worst, code)
    return worst


def admission(node: dict[str, Any] | None, max_age_s: float, at: datetime) -> tuple[ExitCode, str]:
    """Say whether a node's entry of a report admits it at the time ``at``, and why not.

    The age is that of the node's evidence, not of the report: evidence that is judged again does not become younger.
    """
    if node is None:
        return ExitCode.NOT_JUDGED, "the report does not have this node"
    if node["verdict"] != "admit":
        code = ExitCode.NOT_JUDGED if node["refused_because"] == "not_judged" else ExitCode.REFUSED
        return code, f"{render.verdict_text(node)}: {render.reason(node)}"
    age = at - _time(node["judged_at"])
    if age < -FUTURE_TOLERANCE:
        return (
            ExitCode.NOT_JUDGED,
            f"admitted at {node['judged_at']}, which is in the future: compare the two machines' clocks",
        )
    if not age.total_seconds() <= max_age_s:
        return ExitCode.NOT_JUDGED, (
            f"admitted at {node['judged_at']}, {age.total_seconds():.0f} s ago, but at most {max_age_s:g} s are allowed: "
            "check it again"
        )
    return ExitCode.ADMITTED, f"admitted at {node['judged_at']}"


def _time(text: str) -> datetime:
    """RFC 3339 to a datetime; raises SkewgateError."""
    try:
        time = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        time = None
    if time is None or time.tzinfo is None:
        raise SkewgateError(f"found the time {text!r}; expected RFC 3339 with a zone, as 2026-01-31T12:00:00Z")
    return time


def _read(path: Path, schema: str) -> dict[str, Any]:
    """Read a JSON file of ``schema``; raises SkewgateError with what was found instead."""
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SkewgateError(f"can't read {path}: {error.strerror}; expected what `skewgate check` wrote") from error
    except ValueError as error:
        raise SkewgateError(f"{path} is not JSON: {error}") from error
    found = content.get("schema") if isinstance(content, dict) else None
    if not isinstance(content, dict) or found != schema or not isinstance(content.get("nodes"), dict):
        raise SkewgateError(f"{path}: expected schema {schema!r} with nodes, found schema {found!r}")
    return content


COMMANDS = {"report": report_again, "explain": explain, "verify": verify}
