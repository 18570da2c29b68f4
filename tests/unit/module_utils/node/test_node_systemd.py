"""systemctl is asked once for all units, and what it says is parsed in one place."""

from __future__ import annotations

import doctest
import time
from functools import partial
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import systemd

from tests.node_parts import add_command, write

# systemctl 252 on Debian 12 with chrony; ntp.service is not there, chronyd.service is an alias.
SHOWN = """\
Id=chrony.service
Names=chrony.service chronyd.service
LoadState=loaded

Id=chrony.service
Names=chrony.service chronyd.service
LoadState=loaded

Id=ntp.service
Names=ntp.service
LoadState=not-found

Id=systemd-timesyncd.service
Names=systemd-timesyncd.service
LoadState=masked
"""


@pytest.fixture(autouse=True)
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of unit files, the only one of a systemd with an ordinary environment."""
    folder = tmp_path / "units"
    folder.mkdir()
    for unit in ("a", "chrony", "chronyd", "ntp", "systemd-timesyncd", "ntpd@"):
        (folder / f"{unit}.service").touch()
    (tmp_path / "environ").write_bytes(b"HOME=/\0TERM=linux\0")
    with_files = partial(systemd.with_files, folders=[str(folder)], manager=str(tmp_path / "environ"))
    monkeypatch.setattr(systemd, "with_files", with_files)
    return folder


def test_the_docstrings_examples_hold():
    tested = doctest.testmod(systemd)
    assert tested.attempted > 1
    assert tested.failed == 0


def test_all_units_are_asked_for_in_one_command_and_shown_once_each_by_their_own_name(commands: Path):
    add_command(commands, "systemctl", f'echo "$@" >> {commands}/calls; cat {commands}/shown')
    write(commands / "shown", SHOWN)
    units = ["chrony.service", "chronyd.service", "ntp.service", "systemd-timesyncd.service"]

    shown = {unit["Id"]: unit for unit in systemd.show(units, ["Names"], 5)}

    assert set(shown) == {"chrony.service", "systemd-timesyncd.service"}
    assert shown["chrony.service"]["Names"] == "chrony.service chronyd.service"
    assert (commands / "calls").read_text() == f"show --property Id,LoadState,Names -- {' '.join(units)}\n"


def test_units_that_are_missing_are_shown_if_that_is_asked_for(commands: Path):
    add_command(commands, "systemctl", f"cat {commands}/shown")
    write(commands / "shown", SHOWN)
    shown = {unit["Id"]: unit["LoadState"] for unit in systemd.show(["ntp.service"], ["Names"], 5, missing=True)}
    assert shown["ntp.service"] == "not-found"


def test_a_systemctl_that_fails_or_hangs_is_recorded_with_what_it_said(commands: Path):
    add_command(commands, "systemctl", "echo 'Failed to connect to bus' >&2; exit 1")
    assert systemd.show(["a.service"], [], 5) == {"error": "systemctl show: Failed to connect to bus"}

    add_command(commands, "systemctl", "exit 4")
    assert systemd.show(["a.service"], [], 5) == {"error": "systemctl show: exit code 4"}

    add_command(commands, "systemctl", "exec sleep 30")
    begun_s = time.monotonic()
    assert "did not end within 0.2 s" in systemd.show(["a.service"], [], 0.2)["error"]
    assert time.monotonic() - begun_s < 5


UNITS = ["chrony.service", "kubelet.service", "ntpd@eth0.service", "timesync@eth0.service", "chronyd@*.service"]
KNOWN = ["chrony.service", "ntpd@eth0.service", "chronyd@*.service"]


def test_only_units_that_have_a_file_are_asked_for_and_patterns():
    assert systemd.with_files(UNITS) == KNOWN


def test_systemd_is_not_asked_if_no_unit_has_a_file(commands: Path):
    add_command(commands, "systemctl", "exit 1")
    assert systemd.show(["kubelet.service"], ["Names"], 5) == []


def test_all_units_are_asked_for_if_systemd_may_look_in_other_folders(tmp_path: Path):
    environ = tmp_path / "environ"
    environ.write_bytes(b"HOME=/\0SYSTEMD_UNIT_PATH=/srv/units:\0")
    assert systemd.with_files(UNITS) == UNITS
    environ.unlink()
    assert systemd.with_files(UNITS) == UNITS


def test_a_folder_that_is_not_there_has_no_units(etc: Path):
    assert systemd.with_files(UNITS, folders=[str(etc), str(etc / "absent")]) == KNOWN


def test_all_units_are_asked_for_if_a_folder_cannot_be_read(etc: Path):
    a_file = str(etc / "chrony.service")
    assert systemd.with_files(UNITS, folders=[str(etc), a_file]) == UNITS
