"""What people see and paste: the report under a real terminal, and its commands in a real shell."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import shlex
import shutil
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.saved import evidence_of
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.times import now
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.next_step import (
    MOST_NAMES,
    RETRY,
    Action,
    Commands,
    next_steps,
)

from tests.builders import record, time_services, unreached
from tests.reports import admitted, finding, refused, report, unreachable

SEQUENCE = re.compile(r"\x1b\[[0-9;]*m")
AGE = re.compile(r"\d+ s ago")
HELPED = [{**finding("clock_skew", "fail"), "remediable": True}]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The evidence of three nodes: one is admitted, one is refused, one was not reached."""
    records = {"good": record(), "bad": record(-612.0, time_services=time_services()), "gone": unreached("no route")}
    path = tmp_path / "evidence.json"
    path.write_text(
        json.dumps(evidence_of({name: {**each, "collected_at": now()} for name, each in records.items()}, now()))
    )
    return path


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    return {**kept, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **more}


def on_a_terminal(argv: list[str], columns: int, **more: str) -> str:
    """What the command writes to a pseudo-terminal of this width."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    with subprocess.Popen(argv, stdin=follower, stdout=follower, stderr=follower, env=environment(**more)) as process:
        os.close(follower)
        text = b""
        while True:
            try:
                part = os.read(leader, 65536)
            except OSError:  # EIO: the other end is closed
                break
            if not part:
                break
            text += part
        process.wait(60)
    os.close(leader)
    return text.decode().replace("\r\n", "\n")


def test_a_terminal_gets_colours_a_pipe_gets_none_and_the_words_are_the_same(run: Path) -> None:
    argv = [sys.executable, "-m", "skewgate", "report", str(run)]
    piped = subprocess.run(argv, env=environment(), capture_output=True, text=True, timeout=60, check=False).stdout
    coloured = on_a_terminal(argv, 100)
    assert "\x1b" not in piped
    assert AGE.sub("", SEQUENCE.sub("", coloured)) == AGE.sub("", piped)
    words = {
        word for sequence, word in re.findall(r"(\x1b\[[0-9;]+m)([^\x1b]+)\x1b", coloured) if sequence != "\x1b[0m"
    }
    assert {"REFUSED", "admitted", "refused", "not judged", "fail", "Next:"} <= words


def test_a_terminal_that_wants_no_colour_gets_none_and_a_narrow_one_gets_lines_that_fit(run: Path) -> None:
    plain = on_a_terminal([sys.executable, "-m", "skewgate", "report", str(run)], 72, NO_COLOR="1")
    assert "\x1b" not in plain
    assert [line for line in plain.splitlines() if len(line) > 72 and "--limit" not in line] == []


@pytest.mark.parametrize(("action", "prefix"), [(Action.GATE, "bad"), (Action.FIX_AND_CHECK, "gone")])
def test_a_command_for_many_nodes_has_the_shell_read_their_names_from_the_report(
    tmp_path: Path, action: Action, prefix: str
) -> None:
    if shutil.which("jq") is None:
        pytest.skip("jq is not installed")
    bad = {f"bad{n}": refused(findings=HELPED) for n in range(MOST_NAMES + 1)}
    gone = {f"gone{n}": unreachable() for n in range(MOST_NAMES + 1)}
    content = report(**bad, **gone, good=admitted())
    (tmp_path / "the report").mkdir()
    (tmp_path / "the report/report.json").write_text(json.dumps(content))
    [step] = [step for step in next_steps(content) if step.action is action]
    command = Commands(gate="echo gate", check="echo check", directory=str(tmp_path / "the report")).of(step)
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60)
    assert shlex.split(done.stdout)[1:] == ["--limit", f"@{RETRY}"]
    names = (tmp_path / RETRY).read_text().split()
    assert sorted(names) == [*step.nodes]
    assert all(name.startswith(prefix) for name in names)
