from __future__ import annotations

import doctest
import subprocess
import time
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import processes, run, time_services

# systemctl 252 on Debian 12 with chrony; ntp.service is not there, chronyd.service is an alias.
SHOWN = """\
MainPID=231
Id=chrony.service
Names=chrony.service chronyd.service
LoadState=loaded
ActiveState=active
SubState=running
UnitFileState=enabled

MainPID=231
Id=chrony.service
Names=chrony.service chronyd.service
LoadState=loaded
ActiveState=active
SubState=running
UnitFileState=enabled

MainPID=0
Id=ntp.service
Names=ntp.service
LoadState=not-found
ActiveState=inactive
SubState=dead
UnitFileState=

MainPID=0
Id=systemd-timesyncd.service
Names=systemd-timesyncd.service
LoadState=masked
ActiveState=inactive
SubState=dead
UnitFileState=masked

Id=time-sync.target
Names=time-sync.target
LoadState=loaded
ActiveState=active
SubState=active
UnitFileState=static
"""


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose commands are found before the machine's own."""
    monkeypatch.setattr(run, "PATH", f"{tmp_path}:{run.PATH}")
    return tmp_path


def add_command(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_the_docstrings_example_holds():
    tested = doctest.testmod(time_services)
    assert tested.attempted > 0
    assert tested.failed == 0


def test_units_that_are_there_are_listed_once_each_by_their_own_name():
    units = {unit["unit"]: unit for unit in time_services.parse_units(SHOWN)}

    assert set(units) == {"chrony.service", "systemd-timesyncd.service", "time-sync.target"}
    assert units["chrony.service"]["names"] == ["chrony.service", "chronyd.service"]
    assert units["chrony.service"]["main_pid"] == 231
    assert units["systemd-timesyncd.service"]["load_state"] == "masked"
    assert units["time-sync.target"]["main_pid"] == 0


def test_all_units_are_asked_for_in_one_command(commands: Path):
    add_command(commands, "systemctl", f"echo called >> {commands}/calls; cat {commands}/shown")
    (commands / "shown").write_text(SHOWN)

    assert time_services._units(5) == time_services.parse_units(SHOWN)
    assert (commands / "calls").read_text() == "called\n"


def test_a_systemctl_that_fails_or_hangs_is_recorded_with_what_it_said(commands: Path):
    add_command(commands, "systemctl", "echo 'Failed to connect to bus' >&2; exit 1")
    assert time_services._units(5) == {"error": "systemctl show: Failed to connect to bus"}

    add_command(commands, "systemctl", "exec sleep 30")
    begun_s = time.monotonic()
    assert "did not end within 0.2 s" in time_services._units(0.2)["error"]
    assert time.monotonic() - begun_s < 5


def test_timedatectl_is_recorded_as_it_shows_itself(commands: Path):
    add_command(commands, "timedatectl", "printf 'Timezone=Etc/UTC\\nNTP=yes\\nNTPSynchronized=no\\n'")
    assert time_services._timedatectl(5) == {"Timezone": "Etc/UTC", "NTP": "yes", "NTPSynchronized": "no"}


def test_a_running_time_daemon_is_found_among_the_processes(tmp_path: Path):
    daemon = tmp_path / "ntpd"
    daemon.symlink_to("/bin/sleep")  # a process is known by the name that it was started under
    with subprocess.Popen([daemon, "30"]) as process:
        try:
            time.sleep(0.1)
            found = {entry["pid"]: entry for entry in time_services.collect(5)["processes"]}
        finally:
            process.kill()

    assert found[process.pid]["comm"] == "ntpd"
    assert found[process.pid]["cmdline"] == f"{daemon} 30"


def test_busybox_counts_only_as_ntpd(tmp_path: Path):
    for pid, argv in {1: "busybox\0ntpd\0-n", 2: "busybox\0syslogd", 3: "bash"}.items():
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "comm").write_text(argv.split("\0", maxsplit=1)[0] + "\n")
        (tmp_path / str(pid) / "cmdline").write_text(argv + "\0")
    (tmp_path / "4").mkdir()  # it ended between the listing and the reading

    assert processes.time_daemons(str(tmp_path)) == [{"pid": 1, "comm": "busybox", "argv": ["busybox", "ntpd", "-n"]}]
