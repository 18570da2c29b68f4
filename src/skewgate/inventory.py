"""The nodes of an inventory, as Ansible reads it: each of them must have evidence."""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.wording import clean

from .errors import SkewgateError
from .passwords import ask, handed_on
from .run import ENVIRONMENT, ansible_messages

READ_WITHIN_S = 120.0
"""The time limit for reading the inventory: its scripts and plugins ask other machines, and may
never end."""

_ENVIRONMENT = {
    **ENVIRONMENT,
    # Of a misspelt --limit Ansible only warns; fewer nodes than were meant would look complete.
    "ANSIBLE_HOST_PATTERN_MISMATCH": "error",
    "ANSIBLE_VERBOSITY": "0",
    "ANSIBLE_LOCALHOST_WARNING": "false",
}

_LISTED = re.compile(r"^  hosts \((\d+)\):\n((?:    [^\n]+\n)*)", re.MULTILINE)
"""Ansible's output for ``--list-hosts``. It reads no variables, so no secrets."""


def nodes_of(args: argparse.Namespace) -> list[str]:
    """The names of the nodes that ``-i`` and ``--limit`` name, at least one.

    Raises SkewgateError if Ansible can't read the inventory, all of it, in time.
    """
    options = [f"--inventory={each}" for each in args.inventory]
    options += [f"--limit={args.limit}"] if args.limit is not None else []
    options += [f"--vault-password-file={each}" for each in args.vault_password_file]
    options += [f"--vault-id={each}" for each in args.vault_id]
    answers = ask(args)
    with (
        tempfile.TemporaryDirectory(prefix="skewgate-") as private_dir,
        handed_on(Path(private_dir), answers) as asking,
    ):
        status, printed, said = _listed([*options, *asking], READ_WITHIN_S)
    found = _LISTED.search(printed)
    names = [line[4:] for line in found[2].splitlines()] if found else []
    if status == 0 and found and len(names) == int(found[1]) and names:
        return names
    lines = ansible_messages(said.splitlines()) or said.splitlines()[-5:]
    if status == 0 and found and found[1] == "0":
        lines = ["it has no node"]
    raise _unread(lines or [f"ansible ended with status {status} and named no nodes"])


def _listed(options: Sequence[str], within_s: float) -> tuple[int, str, str]:
    """The status of ``ansible all --list-hosts``, its standard output and its standard error."""
    # The ansible-core of this very Python; -P: the user's directory is no place for modules.
    argv = [sys.executable, "-P", "-m", "ansible", "adhoc", "all", "--list-hosts", *options]
    environment: Mapping[str, str] = {**os.environ, **_ENVIRONMENT}
    # A session: without a terminal nothing waits for an answer, and all its processes end with it.
    with subprocess.Popen(  # noqa: S603 - options of the user's own Ansible
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="backslashreplace",
        env=environment,
        start_new_session=True,
    ) as process:
        try:
            printed, said = process.communicate(timeout=within_s)
        except subprocess.TimeoutExpired:
            raise _unread([f"it was not read within {within_s:g} s"]) from None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    return process.returncode, printed, said


def _unread(lines: Sequence[str]) -> SkewgateError:
    what = "the inventory can't be read, so whether evidence of a node is missing is not known, and nothing was judged:"
    next_step = (
        "Correct what -i, --limit and the options of Ansible Vault name; `ansible all --list-hosts -i INVENTORY` has to list the "
        "nodes."
    )
    return SkewgateError(clean("\n  ".join([what, *lines]) + f"\n{next_step}"))
