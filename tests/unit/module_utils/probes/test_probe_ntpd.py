from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import ntpd

from tests.node_parts import add_command, names, process, write


def test_files_and_folders_are_included_and_ntp_d_comes_last_as_ntpsec_does_it(tmp_path: Path):
    main = write(
        tmp_path / "ntp.conf",
        f"# includefile {tmp_path}/commented\nincludefile inc # a folder\nincludefile {tmp_path}/one.conf\n"
        "includefile missing.conf\nkeys ntp.keys\nserver a.example iburst\n",
    )
    write(tmp_path / "commented", "")
    write(tmp_path / "ntp.keys", "1 SHA1 00112233445566778899aabbccddeeff00112233\n")
    write(tmp_path / "inc/b.conf", "")
    write(tmp_path / "inc/a.conf", "")
    write(tmp_path / "inc/readme", "")
    write(tmp_path / "one.conf", 'includefile "two.conf"\n')
    write(tmp_path / "two.conf", "server b.example\n")
    write(tmp_path / "ntp.d/local.conf", "server c.example\n")

    configuration = ntpd.read_configuration(str(main))

    assert configuration["path"] == str(main)
    assert names(configuration, tmp_path) == [
        "ntp.conf",
        "inc/a.conf",
        "inc/b.conf",
        "one.conf",
        "two.conf",
        "ntp.d/local.conf",
    ]
    assert [entry["path"] for entry in configuration["unread"]] == [f"{tmp_path}/missing.conf"]


def test_the_password_of_a_private_key_is_not_in_the_evidence(tmp_path: Path):
    main = write(
        tmp_path / "ntp.conf", "crypto host a.example pw s3cret ident x\n  crypto pw s3cret\nserver pw.example\n"
    )
    assert ntpd.read_configuration(str(main))["files"][0]["text"] == (
        "crypto host a.example pw [redacted] ident x\n  crypto pw [redacted]\nserver pw.example\n"
    )


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('crypto pw "my s3cret" ident x', "crypto pw [redacted] ident x"),
        ("crypto pw 'my s3cret'", "crypto pw [redacted]"),
        ('crypto pw "my s3cret', "crypto pw [redacted]"),
        ("crypto pw s3cret pw s3cret", "crypto pw [redacted] pw [redacted]"),
        ("\tcrypto\tpw\ts3cret\r", "\tcrypto\tpw\t[redacted]\r"),
        ("crypto host pw.example", "crypto host pw.example"),
        ("crypto pw", "crypto pw"),
    ],
)
def test_a_password_is_found_in_every_form_and_nothing_else_is(line: str, shown: str):
    assert ntpd.without_passwords(f"\n{line}\nserver pw x") == f"\n{shown}\nserver pw x"


def test_a_process_that_may_not_set_the_clock_does_not_say_which_file_root_reads():
    other = {**process("/srv/ntpd", "-c", "/etc/shadow"), "may_set_clock": False}
    assert ntpd.configuration([other, process("/usr/sbin/ntpd", "-c", "/srv/ntp.conf")]) == "/srv/ntp.conf"
    assert ntpd.configuration([other]) != "/etc/shadow"


def test_the_configuration_is_the_last_that_the_running_ntpd_was_given():
    # Debian's start script gives its own first, so the administrator's counts.
    debian = process(
        "/usr/sbin/ntpd", "-p", "/run/ntpd.pid", "-c", "/etc/ntpsec/ntp.conf", "-g", "-N", "-c", "/srv/ntp.conf"
    )
    assert ntpd.configuration([debian]) == "/srv/ntp.conf"
    assert ntpd.configuration([process("ntpd", "-g", "--configfile=own.conf")]) == str(Path.cwd() / "own.conf")


@pytest.fixture
def without_ntpd(bare: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A node with no ntpd and an ntpq that notes that it was asked."""
    monkeypatch.setattr(ntpd, "CONFIGURATIONS", (str(bare / "ntp.conf"),))
    add_command(bare, "ntpq", f"echo asked >> {bare}/asked")
    return bare


def test_a_file_that_another_ntpd_would_read_stands_beside(without_ntpd: Path, monkeypatch: pytest.MonkeyPatch):
    """As where a tool takes NTPsec for ntp.org's ntpd."""
    own = write(without_ntpd / "ntpsec.conf", "server a.example\n")
    other = write(without_ntpd / "ntp.conf", "server b.example\ncrypto pw secret\n")
    monkeypatch.setattr(ntpd, "CONFIGURATIONS", (str(own), str(without_ntpd / "gone.conf"), str(other)))
    taken = ntpd.collect(5, [process("/usr/sbin/ntpd", "-c", str(own))])
    assert names(taken["config"], without_ntpd) == ["ntpsec.conf"]
    assert [(file["path"], file["text"]) for file in taken["beside"]] == [
        (str(other), "server b.example\ncrypto pw [redacted]\n")
    ]


def test_if_no_ntpd_is_nothing_is_run(without_ntpd: Path):
    assert ntpd.collect(5, []) == {
        "present": False,
        "config": {"path": None, "files": [], "unread": []},
        "beside": [],
        "commands": {},
    }
    assert not (without_ntpd / "asked").exists()


@pytest.mark.parametrize(
    "other",
    [
        process("/usr/sbin/ntpd", "-N", exe="/bin/busybox"),  # it reads /etc/ntp.conf as well
        process("ntpd: ntp engine", comm="ntpd"),
    ],
)
def test_anothers_ntpd_is_not_asked_by_ntpq(without_ntpd: Path, other: dict):
    write(without_ntpd / "ntp.conf", "server a.example\n")
    assert ntpd.collect(5, [])["present"] is True

    (without_ntpd / "asked").unlink()
    assert ntpd.collect(5, [other])["present"] is False
    assert not (without_ntpd / "asked").exists()


def test_what_is_configured_and_has_no_ntpq_says_so(without_ntpd: Path):
    write(without_ntpd / "ntp.conf", "server a.example\n")
    (without_ntpd / "ntpq").unlink()
    assert ntpd.collect(5, [])["commands"] == {
        "rv": {"error": "ntpq is not installed"},
        "peers": {"error": "ntpq is not installed"},
    }
