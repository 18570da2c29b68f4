"""ClockBound's shared memory while another process writes it: a stand-in for the daemon, which
writes as its documentation says.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import clockbound
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons.clockbound import parse_segment

from tests.node_parts import process
from tests.shared_memory import segment

WRITER = """
import mmap, struct, sys, time
with open(sys.argv[1], "r+b") as file:
    shared = mmap.mmap(file.fileno(), 0)
print("ready", flush=True)
for number in range(1, 1_000_000):
    struct.pack_into("=H", shared, 14, 2 * number % 65534 + 1)
    struct.pack_into("=q", shared, 72, number)
    time.sleep(0.0005)
    struct.pack_into("=Q", shared, 80, number)
    struct.pack_into("=H", shared, 14, 2 * number % 65534 + 2)
    time.sleep(0.0005)
"""
"""It writes one number into two fields, and waits in between: half of an update is there to see."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What /var/run/clockbound is on a node."""
    monkeypatch.setattr(clockbound, "SEGMENTS", (str(tmp_path / "shm0"), str(tmp_path / "shm1")))
    return tmp_path


@pytest.fixture
def busy(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A daemon that writes shm1 a thousand times a second."""
    (folder / "shm1").write_bytes(segment(3, as_of_ns=time.monotonic_ns(), bound_nsec=0, disruption_marker=0))
    command = [sys.executable, "-c", WRITER, str(folder / "shm1")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout
        assert writer.stdout.readline() == "ready\n"
        yield writer
        writer.kill()


def test_no_half_of_an_update_is_read_of_a_daemon_that_writes_on_and_on(busy: subprocess.Popen[str], folder: Path):
    def numbers(octets: bytes) -> tuple[int, int]:
        return (int.from_bytes(octets[72:80], sys.byteorder), int.from_bytes(octets[80:88], sys.byteorder))

    until_s = time.monotonic() + 30
    while len({*numbers((folder / "shm1").read_bytes())}) == 1:  # without the generation, halves are read
        assert time.monotonic() < until_s
    for _ in range(50):
        shown = clockbound.collect(5, [process("/usr/bin/clockbound", pid=busy.pid)])["segments"][1]
        bound, marker = numbers(bytes.fromhex(shown["hex"]))
        assert bound == marker
        assert shown["pids"] == [busy.pid]
        assert parse_segment(bytes.fromhex(shown["hex"])).marker == marker
