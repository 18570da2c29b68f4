"""The probe of ntpd asks a real NTPsec."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import run
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import ntpd

from tests.daemons.boxed import Box, unpacked, wait_for
from tests.node_parts import names, write

Daemon = tuple[Path, list[dict]]
"""Its ``ntp.conf``, and the processes that a scan finds."""


@pytest.fixture
def ntpsec(box: Box, tmp_path: Path) -> Daemon:
    """A real NTPsec ntpd whose server is silent."""
    daemon, tools = unpacked("ntpsec"), unpacked("python3-ntp")
    conf = write(tmp_path / "ntp.conf", "restrict 127.0.0.1\nrestrict ::1\nserver 192.0.2.9 iburst\nincludefile inc\n")
    write(tmp_path / "inc/more.conf", "server 192.0.2.8\n")
    process = box.start(daemon / "usr/sbin/ntpd", "-n", "-g", "-c", conf, "-p", tmp_path / "pid")
    # Installed, ntpq finds its library by the linker's cache; unpacked, beside its own module.
    shutil.copytree(tools / "usr/lib/python3/dist-packages/ntp", tmp_path / "python/ntp")
    (library,) = tools.glob("usr/lib/*/ntp/libntpc.so")
    (tmp_path / "python/ntp/libntpc.so").symlink_to(library)
    box.command("ntpq", "env", f"PYTHONPATH={tmp_path}/python", "/usr/bin/python3", daemon / "usr/bin/ntpq")
    wait_for(lambda: run.run(["ntpq", "-pn"], 5).get("stdout", "").count("192.0.2.") == 2, "ntpd did not come up")
    # Where the tests run, nobody may set the clock.
    return conf, [{**found, "may_set_clock": True} for found in box.daemons(process)]


def test_a_real_ntpsec_is_seen_with_its_configuration_and_its_own_words(ntpsec: Daemon):
    conf, running = ntpsec
    taken = ntpd.collect(5, running)

    assert taken["present"] is True
    assert taken["config"]["path"] == str(conf)
    assert names(taken["config"], conf.parent) == ["ntp.conf", "inc/more.conf"]
    assert taken["commands"]["rv"]["rc"] == 0
    assert "leap_alarm" in taken["commands"]["rv"]["stdout"]
    assert "ntpsec" in taken["commands"]["rv"]["stdout"]
    assert "192.0.2.9" in taken["commands"]["peers"]["stdout"]
    assert "192.0.2.8" in taken["commands"]["peers"]["stdout"]
