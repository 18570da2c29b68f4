"""The command line's arguments, a function a command."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TypeAlias

from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.saved import EVIDENCE_FILE
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import discover
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.admission import MAX_AGE_S
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.exit_code import ExitCode
from ansible_collections.skewgate.preflight.plugins.plugin_utils.version import VERSION

from . import argocd_log

REPORT_DIR = Path("skewgate-report")

EXIT_STATUS = "exit status:\n" + "".join(f"  {code.value}  {code.meaning}\n" for code in ExitCode)

EXPLAIN_LOG = f"""which nodes GitHub answers with 401, from Argo CD's log:
  {argocd_log.LOG_COMMAND}
  {argocd_log.PODS_COMMAND}
  skewgate explain --argocd-log repo-server.log --pods pods.txt

The pods may be -o json or -o yaml too. Exit status: 0 whether there are 401s or not, for it explains and judges no node; 2
where the files could not be read, or have no pod in common.
"""

_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
_RAW = argparse.RawDescriptionHelpFormatter


def parser() -> argparse.ArgumentParser:
    """The parser of all commands; ``command`` names the one that was given."""
    whole = argparse.ArgumentParser(
        prog="skewgate",
        description="Proves on a node that its clock and its GitHub App credentials will work, before it joins a cluster.",
        epilog=EXIT_STATUS,
        formatter_class=_RAW,
    )
    whole.add_argument("--version", action="version", version=f"skewgate {VERSION}")
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_run(commands, "check", "check the nodes, change nothing")
    _add_run(commands, "gate", "check the nodes, fix their clocks where that can help, check again")
    _add_report(commands)
    _add_explain(commands)
    _add_verify(commands)
    return whole


def _add_run(commands: _Commands, name: str, text: str) -> None:
    command = commands.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        usage=f"skewgate {name} -i INVENTORY [options] [-- ansible-playbook's options]",
        epilog=EXIT_STATUS,
        formatter_class=_RAW,
    )
    command.add_argument("-i", "--inventory", action="append", default=[], help="as ansible's; may be repeated")
    command.add_argument("-l", "--limit", help="only these nodes (a pattern of ansible's)")
    command.add_argument("-e", "--extra-vars", action="append", default=[], metavar="VARS", help="key=value or @FILE")
    _add_report_dir(command, default=REPORT_DIR)
    command.add_argument("--forks", type=int, metavar="N", help="how many nodes at a time")
    command.add_argument(
        "-v", "--verbose", action="count", default=0, help="show ansible's own output too (-v to -vvvv)"
    )


def _add_report(commands: _Commands) -> None:
    command = commands.add_parser("report", help="judge saved evidence again", epilog=EXIT_STATUS, formatter_class=_RAW)
    command.add_argument("evidence", nargs="+", type=Path, metavar="EVIDENCE.json", help="of one run or of several")
    _add_report_dir(command, default=None)


def _add_report_dir(command: argparse.ArgumentParser, default: Path | None) -> None:
    files = ", ".join([EVIDENCE_FILE, *(each.FILE for each in discover().values())])
    command.add_argument(
        "--report-dir",
        type=Path,
        default=default,
        metavar="DIR",
        help=f"where {files} go; default: {default or 'nowhere'}",
    )


def _add_explain(commands: _Commands) -> None:
    command = commands.add_parser(
        "explain",
        help="what a check asks, why, and what to do (without CHECK: list them); or what Argo CD's log says of nodes",
        epilog=EXPLAIN_LOG,
        formatter_class=_RAW,
    )
    command.add_argument("check", nargs="?", metavar="CHECK", help="a check, or a rule of chrony_config, as CHR101")
    command.add_argument("--argocd-log", metavar="FILE", help="repo-server log; - for standard input")
    command.add_argument("--pods", metavar="FILE", help="the pods and their nodes; - for standard input")


def _add_verify(commands: _Commands) -> None:
    command = commands.add_parser(
        "verify", help="exit 0 only if a report still admits", epilog=EXIT_STATUS, formatter_class=_RAW
    )
    command.add_argument("report_dir", type=Path, metavar="REPORT_DIR")
    command.add_argument("--node", metavar="NAME", help="this node alone; default: every node of the report")
    command.add_argument("--max-age", type=float, default=MAX_AGE_S, metavar="SECONDS", help="default: %(default)s")
