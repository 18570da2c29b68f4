"""A real ConnMan stores that it sets no clock where the probe looks for it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import time_services

from tests.daemons.boxed import Box, unpacked, wait_for

BUS = """\
<busconfig><type>system</type><listen>unix:path={folder}/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/><allow user="*"/></policy>
</busconfig>
"""


@pytest.mark.nightly
@pytest.mark.skipif(not (shutil.which("dbus-daemon") and shutil.which("busctl")), reason="ConnMan takes a D-Bus")
def test_what_the_remedy_sets_is_what_the_probe_shows(box: Box, tmp_path: Path):
    connmand = unpacked("connman") / "usr/sbin/connmand"
    if "not found" in subprocess.run(["ldd", connmand], capture_output=True, text=True, check=False).stdout:
        pytest.skip("ConnMan's libraries are not here")
    (tmp_path / "bus.conf").write_text(BUS.format(folder=tmp_path))
    stored = tmp_path / "var"
    stored.mkdir()
    for command in (
        ["mount", "-t", "tmpfs", "none", "/var/lib"],
        ["mount", "-t", "tmpfs", "none", "/run"],
        ["mkdir", "/var/lib/connman", "/run/connman"],
        ["mount", "--bind", stored, "/var/lib/connman"],
        ["mount", "--bind", "/etc", "/etc"],
        ["mount", "-o", "remount,ro,bind", "/etc"],
    ):
        box.run(*command)
    box.start("dbus-daemon", f"--config-file={tmp_path}/bus.conf", "--nofork", "--nopidfile")
    wait_for((tmp_path / "bus").exists, "dbus-daemon did not start")
    address = f"unix:path={tmp_path}/bus"
    process = box.start("unshare", "-u", "env", f"DBUS_SYSTEM_BUS_ADDRESS={address}", connmand, "-n", "-r")
    settings = stored / "settings"
    wait_for(settings.exists, "connmand did not start")
    (found,) = box.daemons(process)

    assert (found["comm"], found["may_set_clock"]) == ("connmand", False)
    assert time_services.connman_time_updates([found], str(settings)) is None
    clock = ["net.connman", "/", "net.connman.Clock"]
    box.run("busctl", f"--address={address}", "call", *clock, "SetProperty", "sv", "TimeUpdates", "s", "manual")
    wait_for(lambda: time_services.connman_time_updates([found], str(settings)) == "manual", "it was not stored")
