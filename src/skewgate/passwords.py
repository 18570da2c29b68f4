"""Asks for passwords before a run. ansible-playbook reads them once, from a pipe.

They are in no argument, no environment and no file. Ansible's own questions are not answered in
its terminal instead: what a node prints could look like such a question, and would be given the
answer.
"""

from __future__ import annotations

import argparse
import getpass
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import SkewgateError

QUESTIONS = {
    "ask_pass": ("Password of the login: ", "--connection-password-file"),
    "ask_become_pass": ("Password of sudo: ", "--become-password-file"),
    "ask_vault_pass": ("Password of Ansible Vault: ", "--vault-password-file"),
}
"""What is asked for each flag, and the option of ansible-playbook that takes the answer."""


def ask(args: argparse.Namespace) -> dict[str, str]:
    """The answers to the user's questions, by the option that takes each; not the empty ones.

    Raises SkewgateError if there is no terminal to ask on.
    """
    wanted = [question for dest, question in QUESTIONS.items() if getattr(args, dest, False)]
    if wanted and not _has_terminal():
        files = " or ".join(option for _, option in wanted)
        raise SkewgateError(f"there is no terminal to ask for a password on; give a file with {files}")
    answers = {option: getpass.getpass(question) for question, option in wanted}
    return {option: answer for option, answer in answers.items() if answer}


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


@contextmanager
def handed_on(folder: Path, answers: Mapping[str, str]) -> Iterator[list[str]]:
    """Options with which ansible-playbook reads each answer once; ``folder`` must be private."""
    pipes = {option: folder / f"answer{number}" for number, option in enumerate(answers)}
    for option, pipe in pipes.items():
        os.mkfifo(pipe, 0o600)
        threading.Thread(target=_write_once, args=(pipe, answers[option]), name=option, daemon=True).start()
    try:
        yield [f"{option}={pipe}" for option, pipe in pipes.items()]
    finally:
        for pipe in pipes.values():
            with suppress(FileNotFoundError):  # of one that nobody read, the writer is waiting
                os.close(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK))


def _write_once(pipe: Path, answer: str) -> None:
    """Wait for the reader, and leave no pipe for a second one."""
    with suppress(OSError), os.fdopen(os.open(pipe, os.O_WRONLY), "w", encoding="utf-8") as file:
        pipe.unlink()
        file.write(answer)
