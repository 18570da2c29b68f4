from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import processes, run
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import openntpd

from tests.unit.module_utils.probes.boxed import Box, unpacked, wait_for


def running(*argv: str, comm: str = "ntpd", pid: int = 0) -> dict:
    return {
        "pid": pid or os.getpid(),
        "comm": comm,
        "argv": list(argv),
        "exe": None,
        "cgroup": None,
        "contained": False,
    }


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A node with no ntpd and an ntpctl that notes that it was asked."""
    monkeypatch.setattr(run, "PATH", str(tmp_path))
    monkeypatch.setattr(openntpd, "time_daemons", list)
    monkeypatch.setattr(openntpd, "CONFIGURATIONS", (str(tmp_path / "openntpd/ntpd.conf"), str(tmp_path / "ntpd.conf")))
    (tmp_path / "ntpctl").write_text(f"#!/bin/sh\necho asked >> {tmp_path}/asked\n")
    (tmp_path / "ntpctl").chmod(0o755)
    return tmp_path


def test_where_no_openntpd_is_nothing_is_run(bare: Path):
    assert openntpd.collect(5) == {
        "present": False,
        "config": {"path": None, "files": [], "unread": []},
        "commands": {},
    }
    assert not (bare / "asked").exists()


def test_its_configuration_is_the_distributions_or_the_one_that_it_was_given(bare: Path):
    (bare / "ntpd.conf").write_text("servers pool.example\n")
    taken = openntpd.collect(5)
    assert taken["present"] is True
    assert [(file["path"], file["text"]) for file in taken["config"]["files"]] == [
        (f"{bare}/ntpd.conf", "servers pool.example\n")
    ]

    engine = running("ntpd: ntp engine")
    assert openntpd.configuration([running("/usr/sbin/ntpd", "-s", "-f", "/srv/ntpd.conf"), engine]) == "/srv/ntpd.conf"


def test_ntp_orgs_ntpd_is_not_asked_by_ntpctl(bare: Path, monkeypatch: pytest.MonkeyPatch):
    (bare / "ntpd.conf").write_text("")  # left from a package that was removed
    monkeypatch.setattr(openntpd, "time_daemons", lambda: [running("/usr/sbin/ntpd", "-g")])
    assert openntpd.collect(5)["present"] is False
    assert not (bare / "asked").exists()


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
