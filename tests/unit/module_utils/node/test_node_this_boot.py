"""What a node shows of the boot it is in, and of its hypervisor's VMClock."""

from __future__ import annotations

import mmap
import os
import re
import struct
import threading
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import this_boot

MARKER, GENERATION = 0x0123_4567_89AB_CDEF, 2**64 - 1


def abi_page(*, magic: int = 0x4B4C4356, size: int = 4096, version: int = 1, sequence: int = 2, flags: int = 1 << 8):
    """A page as include/uapi/linux/vmclock-abi.h lays it out, field by field."""
    constant = struct.pack("<IIHBB", magic, size, version, 0xFF, 0)
    changing = struct.pack("<IQQ", sequence, MARKER, flags)
    status = struct.pack("<2xBBhBB", 2, 0, 37, 0, 0)
    time = struct.pack("<QQQQ", 1, 2, 3, 4) + struct.pack("<QQQQ", 5, 6, 7, 8)
    return (constant + changing + status + time + struct.pack("<Q", GENERATION)).ljust(mmap.PAGESIZE, b"\0")


@pytest.fixture
def vmclock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the only VMClock would be."""
    monkeypatch.setattr(this_boot, "VMCLOCKS", f"{tmp_path}/vmclock*")
    monkeypatch.setattr(this_boot, "_BETWEEN_TRIES_S", 0)
    return tmp_path / "vmclock0"


def shown(path: Path) -> dict:
    (clock,) = this_boot.observe()["vmclocks"]
    assert clock.pop("device") == str(path)
    return clock


def test_a_vmclock_shows_its_marker_and_its_generation(vmclock: Path):
    vmclock.write_bytes(abi_page())
    assert shown(vmclock) == {"disruption_marker": "0123456789abcdef", "vm_generation_counter": "f" * 16}


@pytest.mark.parametrize("lacking", [{"flags": 0}, {"size": 104}], ids=["the flag is not set", "an older structure"])
def test_a_generation_that_the_hypervisor_does_not_give_is_none(vmclock: Path, lacking: dict):
    vmclock.write_bytes(abi_page(**lacking))
    assert shown(vmclock)["vm_generation_counter"] is None


@pytest.mark.parametrize(
    ("content", "error"),
    [
        pytest.param(abi_page(magic=1), "ValueError: expected VMClock of version 1, found 0x1 of", id="another magic"),
        pytest.param(abi_page(version=2), "ValueError: .* of version 2", id="another version"),
        pytest.param(abi_page(sequence=3), "ValueError: it was being written each of 100 times", id="never written"),
        pytest.param(abi_page()[:100], "ValueError: ", id="less than a page"),
    ],
)
def test_a_vmclock_that_cannot_be_read_says_why(vmclock: Path, content: bytes, error: str):
    vmclock.write_bytes(content)
    found = shown(vmclock)
    assert set(found) == {"error"}
    assert re.match(error, found["error"])


def test_a_pipe_at_its_place_is_not_waited_for(vmclock: Path):
    os.mkfifo(vmclock)
    assert set(shown(vmclock)) == {"error"}


def test_what_the_hypervisor_is_writing_is_read_when_it_has_written(vmclock: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(this_boot, "_BETWEEN_TRIES_S", 0.01)
    vmclock.write_bytes(abi_page(sequence=3))

    def written() -> None:
        with vmclock.open("r+b") as file:
            file.write(abi_page(sequence=4))

    timer = threading.Timer(0.1, written)
    timer.start()
    found = shown(vmclock)
    timer.join()
    assert found["disruption_marker"] == "0123456789abcdef"


def test_a_machine_without_vmclock_has_none_and_the_rest_is_shown(vmclock: Path):
    assert not vmclock.exists()
    found = this_boot.observe()
    assert found["vmclocks"] == []
    assert found["boot_id"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def test_what_a_kernel_does_not_show_is_none(vmclock: Path, monkeypatch: pytest.MonkeyPatch):
    assert not vmclock.exists()
    for name in ("BOOT_ID", "SUSPENDS"):
        monkeypatch.setattr(this_boot, name, "/nonexistent")
    assert this_boot.observe() == {"boot_id": None, "suspends": None, "vmclocks": []}


def test_resumes_are_counted(vmclock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert not vmclock.exists()
    (tmp_path / "success").write_text("2\n")
    monkeypatch.setattr(this_boot, "SUSPENDS", str(tmp_path / "success"))
    assert this_boot.observe()["suspends"] == 2
