"""Options are read as the real programs of linuxptp read them,
and what they steer is what they really steer.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.probes.ptp import LETTERS
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons.common.options import options
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons.common.units import leaves_clock_alone
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import Record

from tests.builders import record
from tests.daemons.boxed import Box, unpacked, wait_for


@pytest.mark.parametrize("name", LETTERS)
def test_the_letters_are_those_of_the_real_program(name):
    program = (unpacked("linuxptp") / "usr/sbin" / name).read_bytes()
    assert f"\0{LETTERS[name]}\0".encode() in program


@pytest.mark.parametrize(
    "words",
    ["-v", "-amv", "-sv -a", "-s -v", "-aE pi -v", "-Epiv", "--clock_servo -v", "--clock_servo=pi -v", "-- -v", "x -v"],
)
def test_options_are_found_where_the_real_program_finds_them(words):
    """It prints its version and ends, if ``-v`` is an option and not a value."""
    program = unpacked("linuxptp") / "usr/sbin/phc2sys"
    ended = subprocess.run([program, *words.split()], capture_output=True, text=True, check=False, timeout=10)
    assert (ended.returncode == 0) == (("-v", "") in options(words.split(), LETTERS["phc2sys"]))


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    """A network where a real ptp4l may run, and may set no clock."""
    box = Box(tmp_path)
    try:
        yield box
    finally:
        box.close()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("-S", ""),
        ("", "time_stamping software\n"),
        ("--free_running 1", "time_stamping software\n"),
        ("-S", "free_running 1\n"),
        ("-mS", "free_running 1\nfree_running 0\n"),
    ],
)
def test_a_real_ptp4l_tries_to_steer_the_system_clock_where_we_say_so(
    box: Box, tmp_path: Path, arguments: str, text: str
):
    """The kernel refuses it here, and it says so as it starts:
    it sets the clock's frequency (clock.c, clock_create).
    """
    program = unpacked("linuxptp") / "usr/sbin/ptp4l"
    conf, log = tmp_path / "ptp4l.conf", tmp_path / "box.log"
    conf.write_text(f"[global]\n{text}network_transport L2\nuds_address {tmp_path}/uds\n")
    argv = [str(program), "-i", "lo", "-m", "-q", "-f", str(conf), *arguments.split()]
    process = box.start(*argv)
    wait_for(lambda: process.poll() is not None or "INITIALIZING" in log.read_text(), "ptp4l did not start")
    shown = {"pid": process.pid, "comm": "ptp4l", "argv": argv, "contained": False}
    taken = Record(record(ptp={"present": True, "config": {"files": [{"path": str(conf), "text": conf.read_text()}]}}))
    assert ("failed to adjust the clock" in log.read_text()) == (leaves_clock_alone(shown, taken) == "")
