"""ClockBound's shared memory, read from real files that real processes map. The tests write them:
no ClockBound did.
"""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import clockbound
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.evidence import parse_record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.judge import judge_record

from tests.builders import CHRONY_UNIT, record, time_services, unit
from tests.node_parts import process
from tests.shared_memory import SYNCHRONIZED, UNKNOWN, segment
from tests.unit.plugin_utils.daemons import recorded

OWN = os.getpid()
"""The test is the daemon: it maps the files."""

Write = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What /var/run/clockbound is on a node."""
    monkeypatch.setattr(clockbound, "SEGMENTS", (str(tmp_path / "shm0"), str(tmp_path / "shm1")))
    return tmp_path


@pytest.fixture
def write(folder: Path) -> Iterator[Write]:
    """Writes a segment and maps it as the daemon does."""
    maps = []

    def write_segment(name: str, layout: int, access: int = mmap.ACCESS_WRITE, **fields: Any) -> Path:
        path = folder / name
        path.write_bytes(segment(layout, **{"as_of_ns": time.monotonic_ns(), **fields}))
        with path.open("r+b") as file:
            maps.append(mmap.mmap(file.fileno(), 0, access=access))
        return path

    yield write_segment
    for each in maps:
        each.close()


def collect(*pids: int) -> dict[str, Any]:
    return clockbound.collect(5, [process("/usr/bin/clockbound", pid=pid) for pid in pids or (OWN,)])


def test_where_it_does_not_run_nothing_is_read(folder: Path):
    os.mkfifo(folder / "shm1")
    nothing = {"present": False, "processes": [], "segments": []}
    assert clockbound.collect(5, [process("/usr/sbin/chronyd"), process("/usr/bin/clockboundd")]) == nothing
    assert clockbound.collect(5, [{**process("/usr/bin/clockbound"), "contained": True}]) == nothing


def test_the_segments_are_read_as_they_are_and_it_is_known_who_writes_them(write: Write):
    octets = {name: write(name, layout).read_bytes() for name, layout in (("shm0", 2), ("shm1", 3))}
    before_ns = time.monotonic_ns()
    taken = collect()
    assert taken["processes"] == [{"pid": OWN, "writes": ["shm0", "shm1"]}]
    for shown in taken["segments"]:
        assert (shown["hex"], shown["pids"]) == (octets[Path(shown["path"]).name].hex(), [OWN])
        assert before_ns <= shown["mono_ns"] <= time.monotonic_ns()


@pytest.mark.parametrize("access", [mmap.ACCESS_READ, mmap.ACCESS_COPY])
def test_a_process_that_only_reads_a_segment_does_not_write_it(write: Write, access: int):
    write("shm1", 3, access)
    taken = collect()
    assert taken["processes"] == [{"pid": OWN, "writes": []}]
    assert taken["segments"][1]["pids"] == []


def test_a_file_that_took_the_place_of_the_daemons_is_not_its(write: Write, folder: Path):
    write("shm1", 3).unlink()
    (folder / "shm1").write_bytes(segment(3, as_of_ns=time.monotonic_ns()))
    taken = collect()
    assert taken["processes"] == [{"pid": OWN, "writes": ["shm1"]}]
    assert taken["segments"][1]["pids"] == []


def test_a_process_that_has_ended_or_that_hides_its_files_writes_none_that_is_known(write: Write):
    write("shm1", 3)
    taken = collect(2**22 + 1, OWN)
    assert [(each["pid"], each["writes"]) for each in taken["processes"]] == [(2**22 + 1, []), (OWN, ["shm1"])]
    assert taken["segments"][1]["pids"] == [OWN]


def test_a_daemon_that_was_just_started_has_no_segments(folder: Path):
    for shown, path in zip(collect()["segments"], clockbound.SEGMENTS, strict=True):
        assert (shown["path"], shown["kind"]) == (path, "missing")
        assert "hex" not in shown
    assert str(folder) in path


def put_symlink(path: Path) -> None:
    path.with_name("elsewhere").write_bytes(segment())
    path.symlink_to(path.with_name("elsewhere"))


@pytest.mark.parametrize(
    ("put", "error"),
    [
        (os.mkfifo, "not a regular file"),
        (put_symlink, "symbolic links"),
        (Path.mkdir, "not a regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "symbolic links"),
    ],
    ids=["FIFO", "symlink", "folder", "symlink to a device"],
)
def test_what_is_no_file_is_an_error_at_once(folder: Path, put: Callable[[Path], Any], error: str):
    put(folder / "shm1")
    begun_s = time.monotonic()
    shown = collect()["segments"][1]
    assert time.monotonic() - begun_s < 1
    assert shown["kind"] == "other"
    assert error in shown["error"]


def test_a_file_that_may_not_be_read_is_denied(write: Write, monkeypatch: pytest.MonkeyPatch):
    write("shm1", 3)

    def refuse(*_: Any) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(clockbound.os, "open", refuse)
    assert [shown["kind"] for shown in collect()["segments"]] == ["denied", "denied"]


def test_of_a_large_file_only_the_beginning_is_read(folder: Path):
    (folder / "shm1").write_bytes(segment() + bytes(10_000_000))
    assert len(bytes.fromhex(collect()["segments"][1]["hex"])) == clockbound.MAX_BYTES


@pytest.mark.parametrize("length", [0, 1, 15, 16, 103])
def test_a_file_that_is_cut_off_is_shown_as_it_is(folder: Path, length: int):
    (folder / "shm1").write_bytes(segment()[:length])
    assert collect()["segments"][1]["hex"] == segment()[:length].hex()


def test_a_segment_whose_writer_died_in_the_middle_costs_a_moment(write: Write):
    write("shm1", 3, generation=4243)
    begun_s = time.monotonic()
    shown = collect()["segments"][1]
    assert time.monotonic() - begun_s < 3
    assert not {"hex"} & shown.keys()
    assert "being written" in shown["error"]


# To the end: real files, the real probe, and the judge


def verdict_on(beside_chronyd: bool = False) -> tuple[str, dict[str, str]]:
    """The verdict on a node with this shared memory, and the states of its findings."""
    own = {**process("/usr/bin/clockbound"), "may_set_clock": True}
    chronyd = {**process("/usr/sbin/chronyd", pid=731), "may_set_clock": True}
    shown = {**recorded.CLOCKBOUND, "clockbound": collect()}
    shown["time_services"] = time_services(unit("clockbound.service", main_pid=OWN), processes=[own])
    shown["chrony"] = {"present": False, "config": {"path": None, "files": [], "unread": []}, "commands": {}}
    if beside_chronyd:
        shown = {"clockbound": shown["clockbound"]}
        shown["time_services"] = time_services(
            CHRONY_UNIT, unit("clockbound.service", main_pid=OWN), processes=[chronyd, own]
        )
    judged = judge_record(parse_record(record(**shown)))
    return judged["verdict"], {finding["check"]: finding["state"] for finding in judged["findings"]}


def test_a_clockbound_3_that_is_synchronised_passes(write: Write):
    write("shm0", 2)
    write("shm1", 3)
    _verdict, states = verdict_on()
    assert [states[check] for check in ("time_service", "ntp_sources", "sync_state")] == ["pass"] * 3


@pytest.mark.parametrize(
    "fields",
    [
        {"clock_status": UNKNOWN},
        {"as_of_ns": 0, "lasts_s": 10},
        {"generation": 4243},
        {"generation": 0},
        {"version": 9},
        {"bound_nsec": 10**12},
    ],
    ids=str,
)
def test_one_that_is_not_is_refused(write: Write, fields: dict[str, Any]):
    write("shm1", 3, **fields)
    verdict, states = verdict_on()
    assert verdict == "refuse"
    assert states["sync_state"] != "pass"


def test_one_of_which_nothing_can_be_read_is_refused(folder: Path):
    os.mkfifo(folder / "shm1")
    verdict, states = verdict_on()
    assert verdict == "refuse"
    assert states["sync_state"] != "pass"


def test_clockbound_2_beside_chronyd_is_admitted_and_3_is_one_too_many(write: Write):
    write("shm0", 2, clock_status=SYNCHRONIZED)
    assert verdict_on(beside_chronyd=True)[0] == "admit"
    write("shm1", 3)
    verdict, states = verdict_on(beside_chronyd=True)
    assert (verdict, states["time_service"]) == ("refuse", "fail")


def test_clockbound_3_whose_segment_was_taken_away_does_not_pass_for_2(write: Write, folder: Path):
    write("shm0", 2)
    write("shm1", 3).unlink()
    os.mkfifo(folder / "shm1")
    assert verdict_on(beside_chronyd=True)[1]["time_service"] == "fail"
