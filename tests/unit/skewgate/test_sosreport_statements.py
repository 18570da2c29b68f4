"""`skewgate explain --sosreport`: what it says of an archive, and that it never admits."""

from __future__ import annotations

import json
import os
import stat
import time
from pathlib import Path

import pytest

from skewgate import cli
from skewgate.sosreport.archive import MAX_FILE, Contents
from skewgate.sosreport.statements import Statement, host, statements, taken
from tests.unit.skewgate.sosreports import CONF, TIMEDATECTL, UNITS, healthy, member, members, sample, tar


def contents(files: dict[str, str]) -> Contents:
    found = Contents()
    for name, text in files.items():
        path = found.wanted(f"report/{name}")
        assert path == name
        found.take(path, [text.encode()])
    return found


def said(**changed: str | None) -> list[Statement]:
    return statements(contents(healthy(**changed)))


def states(found: list[Statement]) -> set[tuple[str, str]]:
    """Of all that is not as it should be: the state and the check."""
    return {(statement.state, statement.check) for statement in found if statement.state != "seen"}


def test_of_a_healthy_node_nothing_looks_wrong() -> None:
    found = said()

    assert states(found) == set()
    assert {statement.check for statement in found} >= {"time_service", "sync_state", "ntp_sources", "next_boot"}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"tracking": sample("tracking.starting")}, ("problem", "sync_state")),
        ({"tracking": sample("tracking.down")}, ("problem", "time_service")),
        ({"tracking": "chronyc: command not found"}, ("problem", "time_service")),
        ({"tracking": "garbage"}, ("unknown", "sync_state")),
        ({"tracking": ""}, ("unknown", "sync_state")),
        ({"tracking": None}, ("unknown", "sync_state")),
        ({"tracking": sample("tracking.sync").replace("7F000002", "7F7F0101")}, ("problem", "sync_state")),
        (
            {"tracking": sample("tracking.sync").replace("0.000002161 seconds fast", "1.5 seconds slow")},
            ("problem", "sync_state"),
        ),
        ({"tracking": sample("tracking.sync").replace("0.000001896", "1.1")}, ("problem", "sync_state")),
        ({"date": "Sun Nov 29 13:11:15 UTC 2026"}, ("problem", "sync_state")),
        ({"date": "Sun Nov 29 12:12:15 UTC 2026"}, ("unknown", "sync_state")),
        ({"date": "Sun Nov 29 11:11:15 UTC 2026"}, ("problem", "sync_state")),
        ({"date": "Sun Nov 29 12:11:15 CET 2026", "timedatectl": None}, ("unknown", "sync_state")),
        ({"sources": sample("sources.sync")}, ("problem", "ntp_sources")),
        ({"sources": sample("sources.starting")}, ("problem", "ntp_sources")),
        ({"sources": sample("sources.lost")}, ("problem", "ntp_sources")),
        ({"sources": sample("sources.down")}, ("problem", "time_service")),
        ({"sources": "garbage"}, ("unknown", "ntp_sources")),
        ({"sources": None}, ("unknown", "ntp_sources")),
        ({"timedatectl": TIMEDATECTL.replace("synchronized: yes", "synchronized: no")}, ("problem", "sync_state")),
        ({"timedatectl": TIMEDATECTL.replace("TZ: no", "TZ: yes")}, ("problem", "next_boot")),
        (
            {"timedatectl": TIMEDATECTL.replace("RTC time: Sun 2026-11-29 12", "RTC time: Sun 2026-11-29 14")},
            ("problem", "next_boot"),
        ),
        (
            {"timedatectl": TIMEDATECTL.replace("RTC time: Sun 2026-11-29 12:11:15", "RTC time: n/a")},
            ("unknown", "next_boot"),
        ),
        ({"timedatectl": "Failed to connect to bus\n"}, ("unknown", "sync_state")),
        ({"timedatectl": None}, ("unknown", "next_boot")),
        ({"units": UNITS.replace("chrony.service", "cron.service")}, ("problem", "time_service")),
        ({"units": UNITS.replace("ssh.service", "ntpsec.service")}, ("problem", "time_service")),
        ({"units": UNITS.replace("chrony.service", "ntpsec.service")}, ("unknown", "time_service")),
        ({"units": UNITS.replace("ssh.service", "ptp4l.service")}, ("unknown", "time_service")),
        ({"units": "garbage"}, ("unknown", "time_service")),
        ({"units": None}, ("unknown", "time_service")),
        ({"conf": CONF.replace("server 127.0.0.2 iburst", "sevrer 127.0.0.2")}, ("unknown", "CHR006")),
        ({"conf": CONF + "\ufeffserver a.example\n"}, ("problem", "CHR007")),
        ({"conf": CONF + "confdir /etc/chrony/conf.d\n"}, ("unknown", "CHR002")),
        ({"conf": CONF + "include /etc/chrony/site.conf\n"}, ("unknown", "CHR002")),
        ({"conf": None}, ("unknown", "chrony_config")),
        (
            {"journal": "Nov 29 12:00:01 vm chronyd[7]: System clock wrong by -612.006 seconds\n"},
            ("problem", "next_boot"),
        ),
        (
            {"journal": "Nov 29 12:00:01 vm chronyd[7]: Can't synchronise: no selectable sources\n"},
            ("problem", "ntp_sources"),
        ),
        (
            {"journal": "Nov 29 12:00:01 vm systemd-journald[1]: Time jumped backwards, rotating.\n"},
            ("problem", "clock_movers"),
        ),
    ],
)
def test_what_is_wrong_or_not_shown_is_said_with_the_check_that_says_more(
    changed: dict, expected: tuple[str, str]
) -> None:
    assert expected in states(said(**changed))


def test_a_line_that_only_a_missing_file_may_have_is_no_proof_of_a_fault() -> None:
    without = "confdir /etc/chrony/conf.d\nmakestep 1 3\nrtcsync\n"

    assert not [statement for statement in said(conf=without) if statement.state == "problem"]
    assert [statement for statement in said(conf="makestep 1 3\nrtcsync\n") if statement.state == "problem"]


@pytest.mark.parametrize("why", ["a link to nowhere", "cut"])
def test_a_line_that_a_part_that_was_not_read_may_have_is_no_proof_of_a_fault(why: str) -> None:
    files = healthy(conf="confdir /etc/chrony/conf.d\nmakestep 1 3\nrtcsync\n")
    found = contents(files | {"etc/chrony/conf.d/a.conf": "#\n"})
    assert ("problem", "CHR101") in states(statements(found))

    if why == "cut":
        found.cut = "it ends in the middle of a file"
    else:
        found.link("etc/chrony/conf.d/servers.conf", "/opt/site/servers.conf")
        found.follow()

    assert not [statement for statement in statements(found) if statement.state == "problem"]


def test_files_that_the_configuration_includes_are_read_from_the_archive() -> None:
    started = "2026-11-29T12:11:00Z vm chronyd[7]: chronyd version 4.3 starting (+CMDMON +NTP)\n"
    files = healthy(conf=CONF + "sourcedir /etc/chrony/sources.d\n", journal=started) | {
        "etc/chrony/sources.d/a.sources": "server 10.0.0.9 iburst"
    }

    assert ("problem", "CHR004") in states(statements(contents(files))), "its line has no newline"


def test_without_chronys_version_such_a_line_is_not_judged() -> None:
    files = healthy(conf=CONF + "sourcedir /etc/chrony/sources.d\n") | {
        "etc/chrony/sources.d/a.sources": "server 10.0.0.9"
    }

    assert states(statements(contents(files))) == {("unknown", "CHR006")}


@pytest.mark.parametrize("line", ["chrony-4.3-1.el9.x86_64   Mon Nov 2", "ii  chrony   4.3-2+deb12u1   amd64"])
def test_chronys_version_is_also_in_the_list_of_packages(line: str) -> None:
    name = "installed-rpms" if line.startswith("chrony") else "sos_commands/dpkg/dpkg_-l"
    files = healthy(conf=CONF + "sourcedir /etc/chrony/sources.d\n") | {
        "etc/chrony/sources.d/a.sources": "server 10.0.0.9",
        name: line,
    }

    assert states(statements(contents(files))) == {("problem", "CHR004")}


def test_of_a_configuration_that_is_too_large_the_rest_counts_as_not_read() -> None:
    more = {f"etc/chrony/conf.d/{number}.conf": "#" * 200_000 for number in range(6)}
    found = said_of(healthy(conf=CONF + "confdir /etc/chrony/conf.d\n") | more)

    assert ("unknown", "CHR002") in found


def test_a_configuration_full_of_includes_is_judged_in_seconds() -> None:
    many = {f"etc/chrony/conf.d/{number}.conf": "" for number in range(450)}
    start = time.process_time()
    found = said_of(healthy(conf=CONF + "".join(f"include /a/{number}\n" for number in range(15_000))) | many)

    assert ("unknown", "CHR002") in found
    assert time.process_time() - start < 15, "each include against each file takes a minute"


def test_that_chronyd_stepped_the_clock_is_no_fault_alone() -> None:
    found = said(journal="Nov 29 12:00:01 vm chronyd[7]: System clock was stepped by 0.7 seconds\n")

    assert states(found) == set()
    assert any("stepped by 0.7" in statement.seen and "it was behind" in statement.why for statement in found)


@pytest.mark.parametrize(("rtc", "expected"), [("12:11:10", "seen"), ("12:11:21", "problem"), ("12:09:00", "problem")])
def test_an_rtc_looks_wrong_beyond_what_the_strictest_client_tolerates(rtc: str, expected: str) -> None:
    found = said(
        timedatectl=TIMEDATECTL.replace("RTC time: Sun 2026-11-29 12:11:15", f"RTC time: Sun 2026-11-29 {rtc}")
    )

    assert [statement.state for statement in found if "the RTC was" in statement.seen] == [expected]


def test_of_a_list_of_units_that_was_cut_nothing_is_concluded() -> None:
    cut = UNITS.replace("chrony.service", "cron.service  ") + "#" * MAX_FILE

    assert states(said(units=cut)) == {("unknown", "time_service")}


def said_of(files: dict[str, str]) -> set[tuple[str, str]]:
    return states(statements(contents(files)))


def test_a_unit_that_a_boot_does_not_start() -> None:
    files = healthy() | {
        "sos_commands/systemd/systemctl_list-unit-files": "UNIT FILE STATE PRESET\nchrony.service disabled enabled\n"
    }

    assert ("problem", "next_boot") in states(statements(contents(files)))


def test_an_insights_archive_has_other_names() -> None:
    files = {
        "insights_commands/chronyc_sources": sample("sources.sync"),
        "insights_commands/date_--utc": "Sun Nov 29 12:11:15 UTC 2026",
        "insights_commands/timedatectl_status": TIMEDATECTL,
        "insights_commands/systemctl_list-units": UNITS.replace("chrony.service ", "chronyd.service"),
        "insights_commands/hostname": "node-7.example",
        "etc/chrony.conf": CONF,
    }
    found = contents(files)

    assert host(found) == "node-7.example"
    assert taken(found) is not None
    assert states(statements(found)) == {("problem", "ntp_sources"), ("unknown", "sync_state")}


# --- the command


def explain(tmp_path: Path, files: dict[str, str]) -> int:
    return cli.main(["explain", "--sosreport", str(tar(tmp_path / "report.tar.xz", members(files), "w:xz"))])


def test_the_command_begins_and_ends_with_never_an_admission(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain(tmp_path, healthy()) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("report.tar.xz: what the node vm showed at 2026-11-29 12:11:15 UTC")
    text = " ".join(lines)
    assert text.count("ever an admission") == 2
    assert "`skewgate check -i INVENTORY --limit vm`" in text
    assert "What looks wrong" not in text


def test_each_statement_names_its_file_and_the_next_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(tmp_path, healthy(sources=sample("sources.lost"), conf="server 127.0.0.2\nmakestep 1 3\n")) == 0

    text = " ".join(capsys.readouterr().out.split())
    assert (
        "- sos_commands/chrony/chronyc_-n_sources: falsetickers: 127.0.0.5 (NTP time was 5.000000 s behind it)" in text
    )
    assert "Next: `skewgate explain ntp_sources`" in text
    assert "etc/chrony/chrony.conf" in text
    assert "More: `skewgate explain CHR" in text


def test_text_of_the_archive_cannot_steer_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evil = "\x1b[2J\x1b]0;evil\x07\u202e\r"
    files = healthy(
        hostname=f"{evil}\n",
        tracking=sample("tracking.sync").replace("127.0.0.2", evil.strip("\r")),
        conf=f"sevrer {evil}\n",
        journal=f"Nov 29 vm chronyd[7]: Can't synchronise {evil}\n",
        timedatectl=TIMEDATECTL.replace("RTC time: Sun 2026-11-29 12:11:15", f"RTC time: {evil}"),
    )
    assert explain(tmp_path, files | {f"etc/chrony/conf.d/{evil}.conf": f"sevrer {evil}"}) == 0

    assert capsys.readouterr().out.replace("\n", "").isprintable()


def test_the_name_of_a_file_that_cannot_be_read_cannot_either(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, text in (healthy() | {"etc/chrony/conf.d/a.conf": ""}).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    os.mknod(tmp_path / "etc/chrony/conf.d/\x1b[2J.conf", 0o600 | stat.S_IFSOCK)

    assert cli.main(["explain", "--sosreport", str(tmp_path)]) == 0

    out = capsys.readouterr().out
    assert "Not all of it was read: etc/chrony/conf.d/\\x1b[2J.conf" in out
    assert out.replace("\n", "").isprintable()


def test_the_folder_may_be_the_current_one_or_in_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tar(tmp_path / "report.tar", members(healthy()))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    assert cli.main(["explain", "--sosreport=~/report.tar"]) == 0
    assert cli.main(["explain", "--sosreport=."]) == 2, "a folder with an archive is no report"
    (tmp_path / "date").mkdir()
    for name, text in healthy().items():
        (tmp_path / "date" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "date" / name).write_text(text)
    monkeypatch.chdir(tmp_path / "date")
    assert cli.main(["explain", "--sosreport=."]) == 0
    assert "\ndate: what the node vm showed" in capsys.readouterr().out


def test_a_line_of_any_length_is_shown_shortened(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(tmp_path, healthy(conf="sevrer " + "x " * 50_000)) == 0

    assert len(capsys.readouterr().out) < 10_000


def test_a_hostname_that_is_none_gets_into_no_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(tmp_path, healthy(hostname="vm; rm -rf /\n")) == 0

    assert "rm -rf" not in capsys.readouterr().out


def test_an_archive_that_is_cut_off_is_explained_and_said_to_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = tar(tmp_path / "whole", members(healthy())).read_bytes()
    (tmp_path / "a").write_bytes(whole[:4000])

    assert cli.main(["explain", "--sosreport", str(tmp_path / "a")]) == 0
    assert "Not all of it was read" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([member("sosreport-vm/etc/hostname", b"vm\n")], "no file about the clock"),
        ([member("collector/sosreport-a.tar.xz", b"x")], "sosreport-a.tar.xz"),
        ([*members(healthy()), *members(healthy(), "other/")], "several reports"),
    ],
)
def test_an_archive_without_one_report_of_the_clock_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: list, words: str
) -> None:
    assert cli.main(["explain", "--sosreport", str(tar(tmp_path / "a", content))]) == 2
    assert words in capsys.readouterr().err


def test_what_cannot_be_read_or_is_no_archive_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "evidence.json").write_text(json.dumps({}))

    assert cli.main(["explain", "--sosreport", str(tmp_path / "missing")]) == 2
    assert cli.main(["explain", "--sosreport", str(tmp_path / "evidence.json")]) == 2
    assert cli.main(["explain", "clock_skew", "--sosreport", str(tmp_path)]) == 2
    assert "no tar archive" in capsys.readouterr().err
