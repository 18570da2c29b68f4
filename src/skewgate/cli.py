"""The command ``skewgate``: from its arguments to an exit status."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence

from ansible_collections.skewgate.preflight.plugins.module_utils.node.core_dumps import make_undumpable
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.libraries import missing
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.saved import SavedFileError
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.exit_code import ExitCode

from .arguments import read
from .checking import check
from .comparing import compare
from .completion import complete
from .environment import DEBUG
from .errors import SkewgateError
from .explaining import explain
from .initialising import init
from .reporting import report_again
from .verifying import verify

OWN_FLAGS = {
    **dict.fromkeys(("-k", "--ask-pass"), "-k"),
    **dict.fromkeys(("-K", "--ask-become-pass"), "-K"),
    **dict.fromkeys(("-J", "--ask-vault-password", "--ask-vault-pass"), "-J"),
}
"""Options of ansible-playbook that ask a question, and the flags of this command that ask it before
the run. In the run, nobody could answer."""


def report(args: argparse.Namespace) -> int:
    """``report``, with ``--diff`` or without."""
    return compare(args) if args.diff else report_again(args)


COMMANDS = {"report": report, "explain": explain, "verify": verify, "init": init, "completion": complete}
"""The commands that run no playbook."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status; no traceback unless SKEWGATE_DEBUG=1."""
    make_undumpable()  # it reads inventories, whose variables may have private keys
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr] # a character that the locale lacks
    try:
        if lacking := missing():
            raise SkewgateError(lacking)
        return _dispatch(sys.argv[1:] if argv is None else list(argv))
    except SkewgateError as error:
        print(f"skewgate: {error}", file=sys.stderr)
        return error.code
    except SavedFileError as error:
        print(f"skewgate: {error}", file=sys.stderr)
        return ExitCode.USAGE_ERROR
    except KeyboardInterrupt:
        print("skewgate: interrupted", file=sys.stderr)
    except BrokenPipeError:  # whoever read the output has gone, as in `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:  # noqa: BLE001 - the last resort: a line that can be reported, and a status that admits nothing
        if os.environ.get(DEBUG) == "1":
            traceback.print_exc()
        print(f"internal error: {type(error).__name__}: {error}", file=sys.stderr)
        print(f"{DEBUG}=1 in the environment shows where; please report it.", file=sys.stderr)
    return ExitCode.INTERNAL_ERROR


def _dispatch(argv: list[str]) -> int:
    own, extra = (argv[: argv.index("--")], argv[argv.index("--") + 1 :]) if "--" in argv else (argv, [])
    given = read(own, os.environ)
    name = given.args.command
    if name not in COMMANDS:
        if asking := [option for option in extra if option in OWN_FLAGS]:
            flags = ", ".join(dict.fromkeys(OWN_FLAGS[option] for option in asking))
            given.command.error(
                f"{', '.join(asking)} after --: nobody could answer the question in the run; give {flags} before the --, and "
                "it is asked first"
            )
        return check(given, extra)
    if extra:
        given.command.error(f"{name} takes nothing after --")
    return COMMANDS[name](given.args)
