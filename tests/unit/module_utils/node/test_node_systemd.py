"""systemctl is asked once for all units, and what it says is parsed in one place."""

from __future__ import annotations

import doctest
import time
from pathlib import Path

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
