from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import openntpd

from tests.node_parts import add_command, process


@pytest.fixture
def without_ntpd(bare: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A node with no ntpd and an ntpctl that notes that it was asked."""
    monkeypatch.setattr(openntpd, "CONFIGURATIONS", (str(bare / "openntpd/ntpd.conf"), str(bare / "ntpd.conf")))
    add_command(bare, "ntpctl", f"echo asked >> {bare}/asked")
    return bare


def test_if_no_openntpd_is_nothing_is_run(without_ntpd: Path):
    assert openntpd.collect(5, []) == {
        "present": False,
        "config": {"path": None, "files": [], "unread": []},
        "commands": {},
    }
    assert not (without_ntpd / "asked").exists()


def test_its_configuration_is_the_distributions_or_the_one_that_it_was_given(without_ntpd: Path):
    (without_ntpd / "ntpd.conf").write_text("servers pool.example\n")
    taken = openntpd.collect(5, [])
    assert taken["present"] is True
    assert [(file["path"], file["text"]) for file in taken["config"]["files"]] == [
        (f"{without_ntpd}/ntpd.conf", "servers pool.example\n")
    ]

    engine = process("ntpd: ntp engine", comm="ntpd")
    assert openntpd.configuration([process("/usr/sbin/ntpd", "-s", "-f", "/srv/ntpd.conf"), engine]) == "/srv/ntpd.conf"


@pytest.mark.usefixtures("without_ntpd")
def test_a_process_that_may_not_set_the_clock_does_not_say_which_file_root_reads():
    other = {**process("/srv/ntpd", "-f", "/etc/shadow"), "may_set_clock": False}
    own = process("/usr/sbin/ntpd", "-f", "/srv/ntpd.conf")
    assert openntpd.configuration([other, own]) == "/srv/ntpd.conf"
    assert openntpd.configuration([other]) is None


def test_ntp_orgs_ntpd_is_not_asked_by_ntpctl(without_ntpd: Path):
    (without_ntpd / "ntpd.conf").write_text("")  # left from a package that was removed
    assert openntpd.collect(5, [process("/usr/sbin/ntpd", "-g")])["present"] is False
    assert not (without_ntpd / "asked").exists()
