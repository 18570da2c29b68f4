from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import run
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import openntpd


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
