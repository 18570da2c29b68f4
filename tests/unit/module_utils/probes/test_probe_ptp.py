from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import ptp

from tests.node_parts import add_command, process


@pytest.fixture
def without_linuxptp(commands: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A node without linuxptp and with a pmc that notes that it was asked."""
    monkeypatch.setattr(ptp, "PTP4L", (str(commands / "ptp4l.conf"),))
    monkeypatch.setattr(ptp, "TIMEMASTER", (str(commands / "timemaster.conf"),))
    add_command(commands, "pmc", f'echo "$@" >> {commands}/asked')
    return commands


def test_if_linuxptp_is_not_or_is_only_configured_nothing_is_run(without_linuxptp: Path):
    assert ptp.collect(5, []) == {"present": False, "config": {"path": None, "files": [], "unread": []}, "commands": {}}

    (without_linuxptp / "ptp4l.conf").write_text("[global]\n")
    taken = ptp.collect(5, [])
    assert taken["present"] is True
    assert taken["config"]["path"] == f"{without_linuxptp}/ptp4l.conf"
    assert taken["commands"] == {}
    assert not (without_linuxptp / "asked").exists()


def test_pmc_is_given_the_file_that_ptp4l_was_given(without_linuxptp: Path):
    conf = without_linuxptp / "own.conf"
    conf.write_text("[global]\ndomainNumber 24\n")
    phc2sys = process("phc2sys", "-w", "-s", "eth0")
    taken = ptp.collect(5, [phc2sys, process("ptp4l", "-mf", str(conf), "-i", "eth0")])

    assert [file["path"] for file in taken["config"]["files"]] == [str(conf)]
    assert sorted((without_linuxptp / "asked").read_text().splitlines()) == [
        f"-u -b 0 -f {conf} GET PORT_DATA_SET",
        f"-u -b 0 -f {conf} GET TIME_STATUS_NP",
    ]
