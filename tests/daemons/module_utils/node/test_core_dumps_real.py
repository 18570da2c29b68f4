"""A process that aborts with a secret in its memory, and what the kernel writes."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT

#: Takes a secret from standard input, and aborts.
CRASH = """
import os, sys
from ansible_collections.skewgate.preflight.plugins.module_utils.node import core_dumps
secret = sys.stdin.read()
{before}
if {forks}:
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
        sys.exit()
os.abort()
"""
FORBID = "core_dumps.forbid_core_dumps()"
UNDUMPABLE = "core_dumps.make_undumpable()"
# Of a handler such as systemd-coredump, to which the limit is no hindrance.
DUMPABLE_ALONE = f"{FORBID}; import resource; resource.setrlimit(resource.RLIMIT_CORE, ({resource.RLIM_INFINITY},) * 2)"
LIMIT_ALONE = f"sys.modules['ctypes'] = None; {FORBID}"
SECRET = "5b1f0e-secret-of-the-core"


@pytest.fixture
def dumps(tmp_path: Path) -> Path:
    """Where the kernel puts a core dump."""
    pattern = Path("/proc/sys/kernel/core_pattern").read_text().strip()
    if pattern != "core":
        pytest.skip(f"this machine gives core dumps to {pattern}")
    if resource.getrlimit(resource.RLIMIT_CORE)[1] != resource.RLIM_INFINITY:
        pytest.skip("core dumps are forbidden here")
    return tmp_path


def dumped(folder: Path, before: str, *, forks: bool = False) -> list[bytes]:
    """The core dumps of the process that aborts."""
    subprocess.run(
        ["prlimit", "--core=unlimited", sys.executable, "-c", CRASH.format(before=before, forks=forks)],
        input=SECRET.encode(),
        cwd=folder,
        env={"PYTHONPATH": str(ROOT / "collections")},
        check=False,
        capture_output=True,
        timeout=60,
    )
    return [path.read_bytes() for path in folder.glob("core*")]


def test_a_process_that_forbids_nothing_leaves_the_secret_in_a_file(dumps: Path) -> None:
    (core,) = dumped(dumps, "pass")
    assert SECRET.encode() in core


@pytest.mark.parametrize(
    "before", [FORBID, UNDUMPABLE, DUMPABLE_ALONE, LIMIT_ALONE], ids=["both", "not dumpable", "raised", "limit"]
)
@pytest.mark.parametrize("forks", [False, True], ids=["itself", "its fork"])
def test_no_core_dump_is_left(dumps: Path, before: str, *, forks: bool) -> None:
    assert dumped(dumps, before, forks=forks) == []
