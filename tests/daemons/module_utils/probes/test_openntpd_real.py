"""The probe of OpenNTPD asks a real one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import processes, run
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import openntpd

from tests.daemons.boxed import Box, unpacked, wait_for


@pytest.fixture
def real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A real OpenNTPD whose server is silent; its ``ntpd.conf``."""
    package = unpacked("openntpd")
    box = Box(tmp_path)
    try:
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
        monkeypatch.setattr(run, "PATH", f"{tmp_path}:{run.PATH}")
        monkeypatch.setattr(openntpd, "time_daemons", lambda: box.daemons(process))
        wait_for(
            lambda: run.run(["ntpctl", "-s", "all"], 5).get("rc") == 0 and len(box.daemons(process)) > 1,
            "OpenNTPD did not come up",
        )
        yield conf
    finally:
        box.close()


def test_a_real_openntpd_is_known_by_its_children_and_seen_with_its_own_words(real: Path):
    assert len(processes.ntpds(openntpd.time_daemons())["openntpd"]) >= 2

    taken = openntpd.collect(5)

    assert taken["present"] is True
    assert taken["config"]["path"] == str(real)
    assert taken["config"]["files"][0]["text"] == "server 192.0.2.9\n"
    assert taken["commands"]["all"]["rc"] == 0
    assert "0/1 peers valid, clock unsynced" in taken["commands"]["all"]["stdout"]
