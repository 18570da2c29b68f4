"""``skewgate explain``: a check's documentation, the nodes that fail in Argo CD's log, or what an
archive shows of its node's clock.
"""

from __future__ import annotations

import argparse
import codecs
import io
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from inspect import cleandoc
from pathlib import Path
from typing import TextIO

from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import discover
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.rules import RULES
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.wording import clean, listed
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.exit_code import ExitCode
from rich.console import Console

from . import screen
from .argocd_log.counting import Summary, summarise
from .argocd_log.lines import read_lines
from .argocd_log.meaning import explanation, table
from .argocd_log.pods import LOG_COMMAND, PODS_COMMAND, parse_pods
from .errors import SkewgateError
from .kubectl import Cluster, KubectlError
from .sosreport.archive import ArchiveError, read
from .sosreport.wording import lines


def explain(args: argparse.Namespace) -> int:
    """``explain``: a check's documentation, Argo CD's log, or an archive."""
    if args.sosreport:
        return _explain_sosreport(args)
    if args.argocd or args.argocd_log or args.pods or args.pod:
        return _explain_argocd(args)
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


def _explain_sosreport(args: argparse.Namespace) -> int:
    """``explain --sosreport``: what an archive shows of its node's clock."""
    if args.check or args.argocd or args.argocd_log or args.pods or args.pod:
        raise SkewgateError("expected --sosreport FILE alone: an archive, or the folder of an unpacked one")
    try:
        path = args.sosreport.expanduser()
        text = "\n".join(lines(path.name or path.resolve().name, read(path)))
    except ArchiveError as error:
        raise SkewgateError(clean(f"{args.sosreport}: {error}")) from error
    except OSError as error:
        raise SkewgateError(f"can't read {args.sosreport}: {error.strerror}") from error
    print(text)
    return ExitCode.ADMITTED  # it judges no node, as for the log


def _explain_argocd(args: argparse.Namespace) -> int:
    """``explain --argocd`` and ``--argocd-log``: which nodes GitHub refuses, and why."""
    files = [*args.argocd_log, *filter(None, [args.pods])]
    if args.check or (args.argocd and (files or args.pod)):
        raise SkewgateError(_EXPECTED)
    summary = _of_cluster(args) if args.argocd else _of_files(args)
    Console(width=screen.width(), highlight=False, markup=False).print(table(summary))
    for line in explanation(summary):
        print(line)
    return ExitCode.ADMITTED


def _of_cluster(args: argparse.Namespace) -> Summary:
    """The log from kubectl. If it does not give the log of a pod, that pod is named."""
    cluster = Cluster(args.namespace, args.context, args.kubeconfig)
    try:
        pods = cluster.repo_servers()
    except KubectlError as error:
        raise SkewgateError(f"{error}\n{_BY_FILES}") from error
    nodes = {pod.name: pod.node for pod in pods if pod.node}
    summary, failed = Summary(), []
    for pod in pods:
        try:
            with cluster.log(pod, args.since) as log:
                # kubectl may be a wrapper that gives several pods, or no prefix.
                lines = (line for line in read_lines(log) if not _is_of_another(line, pod.name))
                summary = summarise(lines, nodes, pod.name, into=summary)
        except KubectlError as error:
            failed.append(f"{clean(pod.name)}: {error}")
    if not summary.nodes:
        why = "\n".join(failed[:3]) or "their logs are empty"
        raise SkewgateError(f"no log of {len(pods)} pods could be read.\n{why}\n{_BY_FILES}")
    for line in failed:
        print(f"skewgate: not read: {line}", file=sys.stderr)
    return summary


def _is_of_another(line: str, pod: str) -> bool:
    return line.startswith("[pod/") and not line.startswith(f"[pod/{pod}/")


_EXPECTED = (
    "expected --argocd-log FILE with --pods FILE, or --argocd alone, and no CHECK; at most one of the files is - (standard "
    "input)"
)
_BY_FILES = f"""Without --argocd, two files are enough, from a machine with kubectl (namespace argocd: yours):
  {LOG_COMMAND}
  {PODS_COMMAND}
  skewgate explain --argocd-log repo-server.log --pods pods.txt"""


def _of_files(args: argparse.Namespace) -> Summary:
    logs = args.argocd_log
    if not (logs and args.pods) or [*logs, args.pods].count("-") > 1:
        raise SkewgateError(_EXPECTED)
    nodes = _pods(args.pods)
    summary = Summary()
    for log in logs:
        with _opened(log) as file:
            summary = summarise(read_lines(file), nodes, _pod_of(log, nodes) or args.pod or "", into=summary)
    names = ", ".join(logs)
    if not summary.nodes and not summary.gone:
        raise SkewgateError(
            f"{names}: none of its {summary.lines} lines begins with [pod/NAME/CONTAINER]; expected what this gives:\n"
            f"  {LOG_COMMAND}\n"
            "stern's output is good too. If the log is of one pod, --pod NAME says of which, or the file's name: NAME.log"
        )
    if not summary.nodes:
        raise SkewgateError(
            clean(
                "no pod of the log is in the list of pods.\n"
                f"  {names}: {listed(sorted(summary.gone))}\n"
                f"  {args.pods}: {listed(sorted(nodes))}\n"
                "Take both from the same cluster at the same time:\n"
                f"  {LOG_COMMAND}\n  {PODS_COMMAND}"
            )
        )
    return summary


def _pod_of(path: str, nodes: Mapping[str, str]) -> str:
    """The pod that a file is named after, as in NAME.log; empty if there is none."""
    return next((name for name in (Path(path).name, Path(path).stem) if name in nodes), "")


def _pods(path: str) -> dict[str, str]:
    """Each pod's node."""
    with _opened(path) as file:
        try:
            return parse_pods(file.read())
        except ValueError as error:
            raise SkewgateError(
                f"{path}: {error}; expected what this gives, or -o json, -o yaml:\n  {PODS_COMMAND}"
            ) from error


@contextmanager
def _opened(path: str) -> Iterator[TextIO]:
    """A file, or standard input for ``-``; bytes that are no text are replaced.

    What PowerShell redirects to a file is UTF-16. Raises SkewgateError.
    """
    try:
        # A copy of the descriptor: closing it leaves standard input open.
        name = os.dup(0) if path == "-" else path
        with open(name, "rb") as raw:  # noqa: PTH123 - a descriptor or a path
            utf_16 = raw.peek(2).startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
            encoding = "utf-16" if utf_16 else "utf-8-sig"
            with io.TextIOWrapper(raw, encoding=encoding, errors="replace", newline="\n") as file:
                yield file
    except OSError as error:
        raise SkewgateError(f"can't read {path}: {error.strerror}") from error
