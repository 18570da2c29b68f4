from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import timesyncd

from tests import paths
from tests.node_parts import add_command, process, write

SAMPLES = paths.SAMPLES / "daemons"


def test_the_configuration_is_the_first_file_and_the_drop_ins_of_all_folders_by_name(tmp_path: Path):
    write(tmp_path / "usr/lib/systemd/timesyncd.conf", "of usr")
    write(tmp_path / "etc/systemd/timesyncd.conf", "of etc")
    write(tmp_path / "usr/lib/systemd/timesyncd.conf.d/10-vendor.conf", "")
    write(tmp_path / "usr/lib/systemd/timesyncd.conf.d/50-ntp.conf", "of usr")
    write(tmp_path / "run/systemd/timesyncd.conf.d/50-ntp.conf", "of run")
    write(tmp_path / "usr/local/lib/systemd/timesyncd.conf.d/20-site.conf", "")
    write(tmp_path / "etc/systemd/timesyncd.conf.d/readme", "")

    configuration = timesyncd.read_configuration(str(tmp_path))

    assert configuration["path"] == f"{tmp_path}/etc/systemd/timesyncd.conf"
    assert [file["path"][len(str(tmp_path)) :] for file in configuration["files"]] == [
        "/etc/systemd/timesyncd.conf",
        "/usr/lib/systemd/timesyncd.conf.d/10-vendor.conf",
        "/usr/local/lib/systemd/timesyncd.conf.d/20-site.conf",
        "/run/systemd/timesyncd.conf.d/50-ntp.conf",
    ]
    assert [configuration["files"][place]["text"] for place in (0, 3)] == ["of etc", "of run"]


def test_drop_ins_are_read_without_a_main_file_too(tmp_path: Path):
    write(tmp_path / "etc/systemd/timesyncd.conf.d/ntp.conf", "[Time]\nNTP=a.example\n")
    configuration = timesyncd.read_configuration(str(tmp_path))
    assert configuration["path"] is None
    assert [file["text"] for file in configuration["files"]] == ["[Time]\nNTP=a.example\n"]


@pytest.fixture
def node(commands: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A node without timesyncd, whose timedatectl answers as a real one did and notes
    that it was asked.
    """
    monkeypatch.setattr(timesyncd, "FOLDERS", (str(commands / "systemd"),))
    answer = SAMPLES / "timesyncd_synchronised.timesync.txt"
    add_command(commands, "timedatectl", f'echo "$@" >> {commands}/asked\ncat {answer}')
    return commands


def test_a_timesyncd_that_runs_is_asked(node: Path):
    running = [process("/lib/systemd/systemd-timesyncd")]
    taken = timesyncd.collect(5, running)
    assert taken["present"] is True
    assert "ServerAddress=10.99.0.1" in taken["commands"]["timesync"]["stdout"]
    assert (node / "asked").read_text() == "show-timesync --all\n"


def test_one_that_is_installed_and_does_not_run_is_not_woken_by_the_question(node: Path):
    assert timesyncd.collect(5, [])["present"] is False
    write(node / "systemd/systemd-timesyncd", "")
    write(node / "systemd/timesyncd.conf", "[Time]\n")

    taken = timesyncd.collect(5, [])

    assert taken["present"] is True
    assert taken["config"]["path"] == f"{node}/systemd/timesyncd.conf"
    assert taken["commands"] == {}
    assert not (node / "asked").exists()
