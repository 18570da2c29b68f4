"""A page's commands, run in order in one shell: what each printed, and how it ended."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.benchmarks import nodes
from tests.documentation.outputs import differs, parts, renewed
from tests.documentation.pages import Block, Command, blocks, commands
from tests.documentation.tables import World, why_not_run
from tests.documentation.world import LIBFAKETIME
from tests.lab.host import NO_CLOCK, unpack_package
from tests.paths import ROOT

#: After each command's output: its number and exit status.
MARK = "\x1e"
SPACES = ("--mount", "--net", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc")


@dataclass(frozen=True)
class Ran:
    """A command that was run."""

    block: Block
    command: Command
    status: int
    printed: str


def script(page_blocks: list[Block], folder: Path, before: tuple[str, ...] = ()) -> str:
    """The commands of the console blocks, for bash, with the files of the others
    where the page has them.

    ``before``: commands that come first, and print nothing.
    """
    lines = [
        "set -e",
        *(f"eval {shlex.quote(each)} </dev/null >/dev/null" for each in before),
        "set +e",
        "STATUS_BEFORE=0",
    ]
    for number, block in enumerate(page_blocks):
        if block.title:
            file = folder / f"file{number}"
            file.write_text(block.text, encoding="utf-8")
            target = shlex.quote(block.title)
            lines += [f'mkdir -p "$(dirname {target})"', f"cp {file} {target}"]
        elif block.language == "console":
            for each in commands(block.text):
                # eval and no subshell: `cd` and `export` hold for the commands that follow.
                lines += [
                    "(exit $STATUS_BEFORE)",
                    f"eval {shlex.quote(each.command)} </dev/null",
                    "STATUS_BEFORE=$?",
                    r"printf '\n\036%d\036' $STATUS_BEFORE",
                ]
    return "\n".join([*lines, ""])


def run_page(
    page: Path, folder: Path, world: World, page_blocks: list[Block] | None = None, *, timeout_s: float = 600
) -> list[Ran]:
    """Run a page's blocks in this world (`world.py`); ``folder``: a new one."""
    page_blocks = [block for block in page_blocks or blocks(page) if not why_not_run(block)]
    unpack_package("libfaketime", LIBFAKETIME)
    nodes.prepare()
    (folder / "bin").mkdir(parents=True)
    (folder / "script").write_text(script(page_blocks, folder, world.before), encoding="utf-8")
    for name, text in world.stand_ins.items():
        (folder / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / "bin" / name).chmod(0o755)
    job = folder / "job.json"
    job.write_text(json.dumps(asdict(world)))
    argv = [*NO_CLOCK, "unshare", *SPACES, sys.executable, "-m", "tests.documentation.world", str(job)]
    python = os.pathsep.join([str(ROOT), str(ROOT / "src"), str(ROOT / "collections")])
    return ran(page_blocks, argv, {**os.environ, "PYTHONPATH": python}, timeout_s)


def ran(page_blocks: list[Block], argv: list[str], environment: dict[str, str], timeout_s: float) -> list[Ran]:
    """What became of each command of these blocks, whose script ``argv`` runs."""
    done = subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=ROOT,
        env=environment,
        timeout=timeout_s,
        check=False,
    )
    answers = done.stdout.decode(errors="replace").split(MARK)
    asked = [(b, c) for b in page_blocks if b.language == "console" for c in commands(b.text)]
    if len(answers) != 2 * len(asked) + 1:
        raise RuntimeError(f"{len(answers) // 2} of {len(asked)} commands were run:\n{''.join(answers)[-3000:]}")
    return [
        Ran(block, command, int(answers[2 * number + 1]), answers[2 * number].strip("\n"))
        for number, (block, command) in enumerate(asked)
    ]


def problems(done: list[Ran]) -> list[str]:
    """What the page shows otherwise.

    A command ends with 0, or `echo $?` follows it and shows its exit status.
    """
    found = []
    for number, each in enumerate(done):
        follows = done[number + 1].command.command if number + 1 < len(done) else ""
        if each.status and follows != "echo $?":
            found.append(f"{each.command.shown}\nended with {each.status}:\n{each.printed}")
        elif each.command.output is not None and (how := differs(each.command.output, each.printed)):
            found.append(f"{each.command.shown}\nprinted (+) and not (-):\n{how}")
    return found


def updated(text: str, page_blocks: list[Block], done: list[Ran]) -> tuple[str, list[str]]:
    """The page's text with the outputs that it shows as they were printed, and the commands whose
    output is not cut any more.

    Their output has changed so much that what the page leaves out of it is not known.
    """
    whole = []
    for block in reversed(page_blocks):
        lines = []
        for each in done:
            if each.block is block:
                lines.append(each.command.shown)
                shown = each.command.output
                if shown is not None and differs(shown, each.printed):
                    new = renewed(shown, each.printed)
                    whole += (
                        [each.command.shown] if new == each.printed and shown != new and len(parts(shown)) > 1 else []
                    )
                    shown = new
                lines += [shown] if shown is not None else []
        if lines:
            text = text[: block.begin] + "\n".join(lines) + "\n" + text[block.end :]
    return text, whole
