from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import run
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import ptp


def running(*argv: str) -> dict:
    return {"pid": os.getpid(), "comm": argv[0], "argv": list(argv), "exe": None, "cgroup": None, "contained": False}


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A node without linuxptp and with a pmc that notes that it was asked."""
    monkeypatch.setattr(run, "PATH", f"{tmp_path}:{run.PATH}")
    monkeypatch.setattr(ptp, "time_daemons", list)
    monkeypatch.setattr(ptp, "PTP4L", (str(tmp_path / "ptp4l.conf"),))
    monkeypatch.setattr(ptp, "TIMEMASTER", (str(tmp_path / "timemaster.conf"),))
    (tmp_path / "pmc").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n')
    (tmp_path / "pmc").chmod(0o755)
    return tmp_path


def test_where_linuxptp_is_not_or_is_only_configured_nothing_is_run(bare: Path):
    assert ptp.collect(5) == {"present": False, "config": {"path": None, "files": [], "unread": []}, "commands": {}}

    (bare / "ptp4l.conf").write_text("[global]\n")
    taken = ptp.collect(5)
    assert taken["present"] is True
    assert taken["config"]["path"] == f"{bare}/ptp4l.conf"
    assert taken["commands"] == {}
    assert not (bare / "asked").exists()


def test_pmc_is_told_the_file_that_ptp4l_was_given(bare: Path, monkeypatch: pytest.MonkeyPatch):
    conf = bare / "own.conf"
    conf.write_text("[global]\ndomainNumber 24\n")
    phc2sys = running("phc2sys", "-w", "-s", "eth0")
    monkeypatch.setattr(ptp, "time_daemons", lambda: [phc2sys, running("ptp4l", "-mf", str(conf), "-i", "eth0")])

    taken = ptp.collect(5)

    assert [file["path"] for file in taken["config"]["files"]] == [str(conf)]
    assert sorted((bare / "asked").read_text().splitlines()) == [
        f"-u -b 0 -f {conf} GET PORT_DATA_SET",
        f"-u -b 0 -f {conf} GET TIME_STATUS_NP",
    ]
