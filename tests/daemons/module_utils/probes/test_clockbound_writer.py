"""ClockBound's shared memory while another process writes it: a stand-in for the daemon, which
writes as its documentation says.

ClockBound itself could not be had. It writes to /var/run/clockbound, and so does the stand-in, in
mounts and a PID namespace that no other test sees.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import clockbound
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.evidence import parse_record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons.clockbound import parse_segment
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.judge import judge_record

from tests.builders import CHRONY_UNIT, record, unit
from tests.node_parts import process
from tests.paths import ROOT
from tests.shared_memory import FREE_RUNNING, segment
from tests.unit.plugin_utils.daemons import recorded

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


STAND_IN = """#!{python}
import mmap, sys, time
from tests.shared_memory import segment
open("/proc/self/comm", "w").write("clockbound")
maps = []
for name, layout in (("shm0", 2), ("shm1", 3))[: int(sys.argv[1])]:
    path = f"/var/run/clockbound/{{name}}"
    with open(path, "w+b") as file:
        file.write(segment(layout, as_of_ns=time.monotonic_ns(), clock_status=int(sys.argv[2])))
        file.flush()
        maps.append(mmap.mmap(file.fileno(), 0))
print("ready", flush=True)
time.sleep(60)
"""
"""It calls itself clockbound."""

NODE = """
import json, os, subprocess, sys
subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
os.mkdir("/run/clockbound")
with subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE) as daemon:
    assert daemon.stdout.readline() == b"ready\\n"
    from ansible_collections.skewgate.preflight.plugins.modules.node_evidence import collect
    sections = ["clock", "clockbound", "time_services"]
    print(json.dumps(collect({"sections": sections, "timeout_s": 5})))
    daemon.kill()
"""


def evidence_beside(folder: Path, *arguments: int) -> dict[str, Any]:
    """What the module shows of a node on which the stand-in runs, with a real look at /proc."""
    if os.geteuid() != 0 or os.path.realpath("/var/run") != "/run":
        pytest.skip("separate mounts take root, and /run where ClockBound looks for it")
    daemon = folder / "clockbound"
    daemon.write_text(STAND_IN.format(python=sys.executable))
    daemon.chmod(0o755)
    ended = subprocess.run(
        ["unshare", "--pid", "--fork", "--mount", "--mount-proc", "--", sys.executable, "-c", NODE, daemon]
        + [str(argument) for argument in arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'collections'}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    evidence: dict[str, Any] = json.loads(ended.stdout)
    return evidence


def states(shown: dict[str, Any], *, chronyd: bool = False) -> dict[str, str]:
    """The states of the findings on a healthy node that shows this of ClockBound."""
    (found,) = shown["time_services"]["processes"]
    found["may_set_clock"] = True  # where the tests run, nobody may
    units = [unit("clockbound.service", main_pid=found["pid"]), *[CHRONY_UNIT] * chronyd]
    of_chronyd = [{**found, "pid": 731, "comm": "chronyd", "argv": ["/usr/sbin/chronyd"]}] * chronyd
    services = {"manager": "systemd", "units": units, "processes": [found, *of_chronyd]}
    sections = {**(recorded.CLOCKBOUND if not chronyd else {}), "clockbound": shown["clockbound"]}
    judged = judge_record(parse_record(record(**{**sections, "time_services": services})))
    return {finding["check"]: finding["state"] for finding in judged["findings"]}


def test_a_clockbound_3_that_runs_is_found_and_asked(tmp_path: Path):
    shown = evidence_beside(tmp_path, 2, 1)
    (found,) = shown["time_services"]["processes"]
    assert shown["clockbound"]["processes"] == [{"pid": found["pid"], "writes": ["shm0", "shm1"]}]
    assert [each["pids"] for each in shown["clockbound"]["segments"]] == [[found["pid"]]] * 2
    assert [states(shown)[check] for check in ("time_service", "ntp_sources", "sync_state")] == ["pass"] * 3
    assert states(shown, chronyd=True)["time_service"] == "fail"


def test_one_that_has_lost_its_sources_is_refused(tmp_path: Path):
    found = states(evidence_beside(tmp_path, 2, FREE_RUNNING))
    assert (found["time_service"], found["ntp_sources"], found["sync_state"]) == ("pass", "fail", "skipped")


def test_a_clockbound_2_beside_chronyd_only_reads(tmp_path: Path):
    shown = evidence_beside(tmp_path, 1, 1)
    assert states(shown, chronyd=True)["time_service"] == "pass"
    assert states(shown)["time_service"] == "fail"
