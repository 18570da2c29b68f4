from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import run
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import ptp

from tests.unit.module_utils.probes.boxed import Box, unpacked, wait_for


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


@pytest.fixture
def ptp4l(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A real ptp4l that hears no master; its configuration."""
    package = unpacked("linuxptp")
    box = Box(tmp_path)
    try:
        box.run("mount", "-t", "tmpfs", "none", "/run")  # for the sockets of ptp4l and pmc
        box.run("ip", "link", "add", "ptp0", "type", "veth", "peer", "name", "ptp1")
        for interface in ("ptp0", "ptp1"):
            box.run("ip", "link", "set", interface, "up")
        conf = tmp_path / "ptp4l.conf"
        conf.write_text(
            "[global]\ndomainNumber 24\nslaveOnly 1\nfree_running 1\ntime_stamping software\n"
            "network_transport L2\n[ptp0]\nlogAnnounceInterval 0\n"
        )
        process = box.start(package / "usr/sbin/ptp4l", "-f", conf)
        box.command("pmc", package / "usr/sbin/pmc")
        monkeypatch.setattr(run, "PATH", f"{tmp_path}:{run.PATH}")
        monkeypatch.setattr(ptp, "time_daemons", lambda: box.daemons(process))
        answer = ["pmc", "-u", "-b", "0", "-d", "24", "GET PORT_DATA_SET"]
        wait_for(lambda: "portState" in run.run(answer, 5).get("stdout", ""), "ptp4l did not come up")
        yield conf
    finally:
        box.close()


def test_a_real_ptp4l_of_another_domain_is_seen_with_its_configuration_and_its_own_words(ptp4l: Path):
    taken = ptp.collect(5)

    assert taken["present"] is True
    assert taken["config"]["files"][0]["text"] == ptp4l.read_text()
    assert "gmPresent                  false" in taken["commands"]["time_status"]["stdout"]
    assert "portState" in taken["commands"]["port_data_set"]["stdout"]
    # Without its file, pmc would get no answer and say nothing of it.
    unaware = run.run(["pmc", "-u", "-b", "0", "GET TIME_STATUS_NP"], 5)
    assert (unaware["rc"], "RESPONSE" in unaware["stdout"]) == (0, False)
