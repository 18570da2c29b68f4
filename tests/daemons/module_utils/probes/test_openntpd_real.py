"""The probe of OpenNTPD asks a real one."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import processes, run
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import openntpd

from tests.daemons.boxed import Box, unpacked, wait_for

Daemon = tuple[Path, list[dict]]
"""Its ``ntpd.conf``, and the processes that a scan finds."""


@pytest.fixture
def real(box: Box, tmp_path: Path) -> Daemon:
    """A real OpenNTPD whose server is silent."""
    package = unpacked("openntpd")
    # It gives up root for a user of Debian's package, and has its socket below /var/lib.
    for file, line in {"passwd": "ntpd:x:64001:64001::/run:/bin/false", "group": "ntpd:x:64001:"}.items():
        (tmp_path / file).write_text(f"{Path('/etc', file).read_text()}{line}\n")
        box.run("mount", "--bind", tmp_path / file, f"/etc/{file}")
    box.run("mount", "-t", "tmpfs", "none", "/var/lib")
    box.run("mkdir", "-p", "/var/lib/openntpd/db", "/var/lib/openntpd/run")
    conf = tmp_path / "ntpd.conf"
    conf.write_text("server 192.0.2.9\n")
    process = box.start(package / "usr/sbin/ntpd", "-d", "-f", conf)
    box.command("ntpctl", package / "usr/sbin/ntpctl")
    wait_for(
        lambda: run.run(["ntpctl", "-s", "all"], 5).get("rc") == 0 and len(box.daemons(process)) > 1,
        "OpenNTPD did not come up",
    )
    # Where the tests run, nobody may set the clock.
    return conf, [{**found, "may_set_clock": True} for found in box.daemons(process)]


def test_a_real_openntpd_is_known_by_its_children_and_seen_with_its_own_words(real: Daemon):
    conf, running = real
    assert len(processes.ntpds(running)["openntpd"]) >= 2

    taken = openntpd.collect(5, running)

    assert taken["present"] is True
    assert taken["config"]["path"] == str(conf)
    assert taken["config"]["files"][0]["text"] == "server 192.0.2.9\n"
    assert taken["commands"]["all"]["rc"] == 0
    assert "0/1 peers valid, clock unsynced" in taken["commands"]["all"]["stdout"]
