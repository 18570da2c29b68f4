"""A folder for reports while processes are killed in it, and while it can't be written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from skewgate import cli

WRITER = """
import sys
from pathlib import Path
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.saved import (
    SavedFileError, begin_folder, replace_files
)

folder, first = Path(sys.argv[1]), int(sys.argv[2])
print("ready", flush=True)
for run in range(first, first + 10_000):
    while True:
        try:
            begin_folder(folder, ["report.json", "report.txt"])
            break
        except SavedFileError:  # the other one has it
            pass
    text = '{"run_id": %d, "long": "%s"}' % (run, "x" * 20_000)
    files = dict.fromkeys(("evidence.json", "report.json", "report.txt"), lambda file: file.write(text))
    replace_files(folder, files, sign=lambda prepared: (prepared / "report.json").read_text())
"""


def run_of(path: Path) -> int | None:
    """Of which run a file is, read whole; None where it is not there."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        return None
    number: int = json.loads(text)["run_id"]
    return number


def writer(folder: Path, first: int) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", WRITER, folder, str(first)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_a_run_that_is_killed_at_any_moment_leaves_a_report_with_its_own_evidence_or_none(tmp_path: Path) -> None:
    reports = 0
    for attempt in range(40):
        process = writer(tmp_path, attempt * 10_000)
        time.sleep(0.001 * attempt)
        process.send_signal(signal.SIGKILL)
        process.wait()
        found = {name: run_of(tmp_path / f"{name}.json") for name in ("report", "evidence", "signature")}
        assert found["report"] in (None, found["evidence"])
        assert found["report"] in (None, found["signature"])
        assert run_of(tmp_path / "report.txt") in (None, found["evidence"])
        reports += found["report"] is not None
    assert reports < 40, "it was never killed between two runs"


def test_no_reader_finds_the_report_of_one_run_beside_the_evidence_of_another(tmp_path: Path) -> None:
    writers = [writer(tmp_path, first) for first in (0, 10_000_000)]
    seen: set[int | None] = set()
    try:
        reads, ends_s = 0, time.monotonic() + 60  # on a busy machine the writers begin late
        while (reads < 2000 or len(seen) < 3) and time.monotonic() < ends_s:
            reads += 1
            before, evidence, after = (run_of(tmp_path / f"{name}.json") for name in ("report", "evidence", "report"))
            if before == after is not None:
                assert evidence == before
                seen.add(before)
    finally:
        for process in writers:
            process.kill()
            process.wait()
    assert len(seen) > 2


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    path = tmp_path / "hosts.json"
    node = {"ansible_connection": "local", "gate_ntp_servers": ["127.0.0.1"], "gate_checks": ["clock_skew"]}
    path.write_text(json.dumps({"all": {"hosts": {"node1": node}}}))
    return path


def test_a_full_disk_is_found_before_any_node_is_asked(tmp_path: Path, inventory: Path) -> None:
    if os.geteuid():
        pytest.skip("mounting a separate file system needs root")
    (tmp_path / "full").mkdir()
    script = (
        'mount -t tmpfs -o size=200k tmpfs "$1/full" && head -c 180k /dev/zero > "$1/full/other"; '
        'exec "$2" -m skewgate check -i "$3" --report-dir "$1/full"'
    )
    argv = ["unshare", "--mount", "sh", "-c", script, "sh", tmp_path, sys.executable, inventory]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stdout + done.stderr
    assert f" {tmp_path}/full: No space left on device" in done.stderr
    assert done.stdout == ""


def test_a_folder_that_others_own_is_found_before_any_node_is_asked(tmp_path: Path, inventory: Path) -> None:
    if os.geteuid():
        pytest.skip("to be another user needs root")
    (tmp_path / "theirs").mkdir()
    script = 'mount --bind -o ro "$1" "$1" && exec "$2" -m skewgate check -i "$3" --report-dir "$1/new"'
    argv = ["unshare", "--mount", "sh", "-c", script, "sh", tmp_path / "theirs", sys.executable, inventory]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Read-only file system" in done.stderr


MAKE = {"a pipe": os.mkfifo, "a folder": os.mkdir, "no text": lambda path: path.write_bytes(b"\xff")}


@pytest.mark.parametrize("shape", MAKE)
def test_report_and_verify_answer_2_to_what_is_no_file_of_theirs(tmp_path: Path, shape: str) -> None:
    for name in ("evidence.json", "report.json"):
        MAKE[shape](tmp_path / name)
    assert cli.main(["report", str(tmp_path / "evidence.json")]) == 2
    assert cli.main(["verify", str(tmp_path)]) == 2
