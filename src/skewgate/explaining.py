"""``skewgate explain``: what a check asks, or what Argo CD's log says of nodes."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from inspect import cleandoc
from typing import TextIO

from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import discover
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.rules import RULES
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.wording import clean, listed
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.exit_code import ExitCode
from rich.console import Console

from . import argocd_log, screen
from .errors import SkewgateError


def explain(args: argparse.Namespace) -> int:
    """``explain``: a check's own documentation, or what Argo CD's log says of nodes."""
    if args.argocd_log or args.pods:
        return _explain_log(args)
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


def _explain_log(args: argparse.Namespace) -> int:
    """``explain --argocd-log``: which nodes carry the 401s, what that is likely to be, and what to run next."""
    if args.check or not (args.argocd_log and args.pods) or args.argocd_log == args.pods == "-":
        raise SkewgateError(
            "expected --argocd-log FILE with --pods FILE, without CHECK; at most one of the files is - (standard input)"
        )
    nodes = _pods(args.pods)
    with _opened(args.argocd_log) as file:
        summary = argocd_log.summarise(file, nodes)
    if not summary.nodes and not summary.gone:
        raise SkewgateError(
            f"{args.argocd_log}: none of its {summary.lines} lines begins with [pod/NAME/CONTAINER]; expected what this gives:\n"
            f"  {argocd_log.LOG_COMMAND}"
        )
    if not summary.nodes:
        raise SkewgateError(
            clean(
                "could not tell: no pod of the log is in the list of pods.\n"
                f"  {args.argocd_log}: {listed(sorted(summary.gone))}\n"
                f"  {args.pods}: {listed(sorted(nodes))}\n"
                "Take both from the same cluster at the same time:\n"
                f"  {argocd_log.LOG_COMMAND}\n  {argocd_log.PODS_COMMAND}"
            )
        )
    Console(width=screen.width(), highlight=False, markup=False).print(argocd_log.table(summary))
    for line in argocd_log.explanation(summary):
        print(line)
    return ExitCode.ADMITTED


def _pods(path: str) -> dict[str, str]:
    """Each pod's node."""
    with _opened(path) as file:
        try:
            return argocd_log.parse_pods(file.read())
        except ValueError as error:
            raise SkewgateError(
                f"{path}: {error}; expected what this gives, or -o json, -o yaml:\n  {argocd_log.PODS_COMMAND}"
            ) from error


@contextmanager
def _opened(path: str) -> Iterator[TextIO]:
    """A file, or standard input for ``-``; what is not UTF-8 in it does not end the reading. Raises SkewgateError."""
    try:
        # A descriptor of its own, so closing it leaves standard input open.
        name = os.dup(0) if path == "-" else path
        with open(name, encoding="utf-8-sig", errors="replace") as file:  # noqa: PTH123 - a descriptor or a path
            yield file
    except OSError as error:
        raise SkewgateError(f"can't read {path}: {error.strerror}") from error
