from __future__ import annotations

import doctest
import time
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import run
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import time_services

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


def test_units_that_are_there_are_listed_once_each_by_their_own_name(commands: Path):
    add_command(commands, "systemctl", f'echo "$@" >> {commands}/calls; cat {commands}/shown')
    (commands / "shown").write_text(SHOWN)

    units = {unit["unit"]: unit for unit in time_services._units("systemd", 5)}

    assert set(units) == {"chrony.service", "systemd-timesyncd.service", "time-sync.target"}
    assert units["chrony.service"]["names"] == ["chrony.service", "chronyd.service"]
    assert units["chrony.service"]["main_pid"] == 231
    assert units["systemd-timesyncd.service"]["load_state"] == "masked"
    assert units["time-sync.target"]["main_pid"] == 0
    # All in one command, and instances by a pattern.
    (asked,) = (commands / "calls").read_text().splitlines()
    assert {"ntpsec.service", "phc2sys@*.service", "time-sync.target"} < set(asked.split())


def test_a_systemctl_that_fails_or_hangs_is_recorded_with_what_it_said(commands: Path):
    add_command(commands, "systemctl", "echo 'Failed to connect to bus' >&2; exit 1")
    assert time_services._units("systemd", 5) == {"error": "systemctl show: Failed to connect to bus"}

    add_command(commands, "systemctl", "exec sleep 30")
    begun_s = time.monotonic()
    assert "did not end within 0.2 s" in time_services._units("systemd", 0.2)["error"]
    assert time.monotonic() - begun_s < 5


def add_openrc(root: Path, name: str, *, runlevel: str | None = None, state: str | None = None, pid: int = 0) -> None:
    """A service as OpenRC notes it: links to its script, and the PID file of its daemon."""
    script = root / "etc/init.d" / name
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text("#!/sbin/openrc-run\n")
    for folder in [f"etc/runlevels/{runlevel}"] * bool(runlevel) + [f"run/openrc/{state}"] * bool(state):
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / name).symlink_to(f"/etc/init.d/{name}")
    if pid:
        daemon = root / f"run/openrc/daemons/{name}/001"
        daemon.parent.mkdir(parents=True)
        daemon.write_text(f"exec=/usr/sbin/{name}\nargv_0=/usr/sbin/{name}\npidfile=/run/{name}.pid\n")
        (root / f"run/{name}.pid").write_text(f"{pid}\n")


def openrc(root: Path) -> dict[str, tuple]:
    return {
        unit["unit"]: (unit["active_state"], unit["sub_state"], unit["unit_file_state"], unit["main_pid"])
        for unit in time_services.openrc_units(str(root))
    }


def test_openrcs_services_are_told_like_systemds(tmp_path: Path):
    (tmp_path / "proc/412").mkdir(parents=True)
    add_openrc(tmp_path, "chronyd", runlevel="default", state="started", pid=412)
    add_openrc(tmp_path, "ntpd")
    add_openrc(tmp_path, "openntpd", runlevel="shutdown", state="stopping")
    add_openrc(tmp_path, "ntp-client", runlevel="boot", state="failed")
    add_openrc(tmp_path, "sshd", runlevel="default", state="started")

    assert openrc(tmp_path) == {
        "chronyd": ("active", "started", "enabled", 412),
        "ntpd": ("inactive", "stopped", "disabled", 0),
        "openntpd": ("deactivating", "stopping", "disabled", 0),
        "ntp-client": ("failed", "failed", "enabled", 0),
    }
    (chronyd,) = [unit for unit in time_services.openrc_units(str(tmp_path)) if unit["unit"] == "chronyd"]
    assert (chronyd["names"], chronyd["load_state"]) == (["chronyd"], "loaded")


def test_a_service_of_openrc_whose_daemon_has_ended_is_crashed(tmp_path: Path):
    add_openrc(tmp_path, "chronyd", runlevel="default", state="started", pid=412)
    assert openrc(tmp_path) == {"chronyd": ("failed", "crashed", "enabled", 0)}

    (tmp_path / "run/chronyd.pid").unlink()
    assert openrc(tmp_path) == {"chronyd": ("failed", "crashed", "enabled", 0)}
