from __future__ import annotations

import doctest
import os
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import files as config_files
from ansible_collections.skewgate.preflight.plugins.module_utils.node import run
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import chrony

from tests.node_parts import names, write


def read(path: Path) -> dict:
    return chrony.read_configuration(str(path), "/")


def test_the_docstrings_example_holds():
    tested = doctest.testmod(chrony)
    assert tested.attempted > 0
    assert tested.failed == 0


def test_the_configuration_is_followed_in_the_order_in_which_chronyd_reads_it(tmp_path: Path):
    main = write(
        tmp_path / "chrony.conf",
        f"# include {tmp_path}/commented.conf\nINCLUDE {tmp_path}/inc/*.conf\nserver a.example\n"
        f"confdir {tmp_path}/etc {tmp_path}/usr\nsourcedir {tmp_path}/run\nkeyfile {tmp_path}/chrony.keys\n",
    )
    write(tmp_path / "commented.conf", "")
    write(tmp_path / "chrony.keys", "1 SHA1 HEX:00112233")
    write(tmp_path / "inc/b.conf", "driftfile /b\n")
    write(tmp_path / "inc/a.conf", f"include {tmp_path}/deep.conf\n")
    write(tmp_path / "deep.conf", "makestep 1 3\n")
    write(tmp_path / "etc/20-x.conf", "of etc")
    write(tmp_path / "usr/20-x.conf", "of usr")
    write(tmp_path / "usr/10-y.conf", "")
    write(tmp_path / "etc/readme.txt", "")
    write(tmp_path / "run/eth0.sources", "server b.example")
    write(tmp_path / "run/eth0.conf", "")

    configuration = read(main)

    assert names(configuration, tmp_path) == [
        "chrony.conf",
        "inc/a.conf",
        "deep.conf",
        "inc/b.conf",
        "usr/10-y.conf",
        "etc/20-x.conf",
        "run/eth0.sources",
    ]
    assert configuration["unread"] == []
    assert configuration["files"][5]["text"] == "of etc"
    assert configuration["sources_dirs"] == [
        {"path": f"{tmp_path}/etc", "exists": True},
        {"path": f"{tmp_path}/usr", "exists": True},
        {"path": f"{tmp_path}/run", "exists": True},
    ]


def test_a_folder_of_sources_that_is_not_there_is_named(tmp_path: Path):
    main = write(tmp_path / "chrony.conf", f"sourcedir {tmp_path}/dhcp\n")
    assert read(main)["sources_dirs"] == [{"path": f"{tmp_path}/dhcp", "exists": False}]
    assert read(main)["unread"] == []


def test_the_key_files_permissions_are_told_and_it_is_not_read(tmp_path: Path):
    (tmp_path / "chrony.keys").write_text("1 MD5 sesame")
    (tmp_path / "chrony.keys").chmod(0o644)
    (tmp_path / "chrony.conf").write_text("keyfile /elsewhere\nkeyfile chrony.keys\n")
    read = chrony.read_configuration(str(tmp_path / "chrony.conf"), str(tmp_path))
    told = chrony.key_file(read["files"], str(tmp_path))
    assert told == {"path": str(tmp_path / "chrony.keys"), "mode": "0644"}
    (tmp_path / "chrony.keys").unlink()
    assert chrony.key_file(read["files"], str(tmp_path)) is None
    assert chrony.key_file([]) is None


def test_files_that_include_each_other_are_read_once(tmp_path: Path):
    first = write(tmp_path / "a.conf", f"include {tmp_path}/b.conf\n")
    write(tmp_path / "b.conf", f"include {tmp_path}/a.conf\n")
    assert names(read(first), tmp_path) == ["a.conf", "b.conf"]


def test_what_cannot_be_read_is_named_and_the_rest_is_read(tmp_path: Path):
    main = write(
        tmp_path / "chrony.conf", f"include {tmp_path}/none-*.conf\ninclude {tmp_path}/big\ninclude {tmp_path}/ok\n"
    )
    write(tmp_path / "big", "#" * (config_files.MAX_FILE_BYTES + 1))
    write(tmp_path / "ok", "rtcsync\n")

    configuration = read(main)

    assert names(configuration, tmp_path) == ["chrony.conf", "ok"]
    missing, big = configuration["unread"]
    assert missing["path"] == f"{tmp_path}/none-*.conf"
    assert missing["kind"] == "missing"
    assert "No such file" in missing["error"]
    assert big == {
        "path": f"{tmp_path}/big",
        "error": f"it is larger than {config_files.MAX_FILE_BYTES} bytes",
        "kind": "other",
    }


def test_the_number_of_files_is_bounded(tmp_path: Path):
    main = write(tmp_path / "chrony.conf", f"confdir {tmp_path}/d\n")
    for number in range(config_files.MAX_FILES + 3):
        write(tmp_path / f"d/{number:03}.conf", "")

    configuration = read(main)

    assert len(configuration["files"]) == config_files.MAX_FILES
    assert len(configuration["unread"]) == 4


def test_the_configuration_is_the_one_that_the_running_chronyd_was_given():
    def started(*argv: str) -> list[dict]:
        return [{"pid": os.getpid(), "comm": "chronyd", "argv": ["chronyd", *argv], "contained": False}]

    here = str(Path.cwd())
    assert chrony.configuration(started("-F", "1", "-f", "/srv/c.conf")) == ("/srv/c.conf", here)
    assert chrony.configuration(started("-fsub/c.conf")) == (f"{here}/sub/c.conf", here)
    for leaves_the_clock_alone in (["-x", "-f", "/srv/server.conf"], ["-dxf", "/srv/server.conf"]):
        serving = started(*leaves_the_clock_alone)
        assert chrony.configuration(serving + started("-f", "/srv/c.conf"))[0] == "/srv/c.conf"


@pytest.mark.parametrize(
    ("text", "shown", "path"),
    [
        ('DAEMON_OPTS="-F 1"\n', 'DAEMON_OPTS="-F 1"\n', None),
        (
            "# OPTIONS='-f /srv/old.conf'\nOPTIONS=\"-F 2 -f /srv/c.conf\"  # of Red Hat\n",
            'OPTIONS="-F 2 -f /srv/c.conf"  # of Red Hat\n',
            "/srv/c.conf",
        ),
        ("CFGFILE=/etc/chrony/chrony.conf\nARGS=-f/srv/c.conf\n", "ARGS=-f/srv/c.conf\n", "/srv/c.conf"),
        ('OPTIONS="-f /srv/c.conf \\\n-F 2"\n', 'OPTIONS="-f /srv/c.conf \\\n', "/srv/c.conf"),
        ("http_proxy=http://user:sesame@proxy\nGNUTLS_FORCE_FIPS_MODE=0\n", "GNUTLS_FORCE_FIPS_MODE=0\n", None),
    ],
)
def test_without_a_running_chronyd_its_options_of_the_distribution_tell(
    text: str, shown: str, path: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    options = write(tmp_path / "default/chrony", text)
    own = write(tmp_path / "chrony.conf", "")
    monkeypatch.setattr(chrony, "DEFAULTS", (str(tmp_path / "none"), str(options)))
    monkeypatch.setattr(chrony, "CONFIGURATIONS", (str(own),))
    monkeypatch.setattr(run, "PATH", str(tmp_path))

    taken = chrony.collect(5, [])

    assert [(file["path"], file["text"]) for file in taken["defaults"]] == [(str(options), shown)]
    assert taken["config"]["path"] == (path or str(own))
    running = [
        {"pid": os.getpid(), "comm": "chronyd", "argv": ["chronyd", "-F", "1"], "contained": False}
    ]  # started before they were written
    assert chrony.configuration(running, taken["defaults"])[0] == str(own)


def test_without_a_running_chronyd_it_is_the_distributions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    red_hat = write(tmp_path / "chrony.conf", "")
    monkeypatch.setattr(chrony, "CONFIGURATIONS", (str(tmp_path / "chrony/chrony.conf"), str(red_hat)))
    assert chrony.configuration([]) == (str(red_hat), "/")
    red_hat.unlink()
    assert chrony.configuration([]) == (None, "/")


def test_a_node_without_chrony_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(run, "PATH", str(tmp_path))
    monkeypatch.setattr(chrony, "CONFIGURATIONS", ())
    monkeypatch.setattr(chrony, "DEFAULTS", (str(tmp_path / "none"),))

    taken = chrony.collect(5, [])

    assert taken["present"] is False
    assert taken["version"] is None
    assert taken["printed"] is None
    assert taken["config"] == {"path": None, "files": [], "unread": [], "sources_dirs": []}
    assert taken["defaults"] == []
    assert taken["commands"]["tracking"] == {"error": "chronyc is not installed"}


def test_options_beyond_a_limit_are_not_taken_for_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    defaults = write(tmp_path / "chrony", "#" * config_files.MAX_FILE_BYTES + "\nDAEMON_OPTS=-x\n")
    monkeypatch.setattr(chrony, "DEFAULTS", (str(defaults),))
    with pytest.raises(ValueError, match="it is larger than"):
        chrony.default_files()
    with pytest.raises(ValueError, match="DAEMON_OPTS has more than"):
        chrony._options("DAEMON_OPTS=" + "x" * (chrony.MAX_OPTIONS_CHARS + 1))


def defaults(text: str) -> list:
    return [{"path": "/etc/default/chrony", "text": text, "mtime_s": 0.0}]


def running(*options: str) -> dict:
    return {"pid": 1, "comm": "chronyd", "argv": ["/usr/sbin/chronyd", *options], "contained": False}


def test_the_options_that_may_end_the_next_start_stand_in_its_file_or_are_those_of_what_runs():
    of_file = {"F": {"value": "1", "from": "/etc/default/chrony"}, "u": {"value": "ntp", "from": "/etc/default/chrony"}}
    assert chrony.ending_options([running("-l", "/x")], defaults('DAEMON_OPTS="-F 1 -untp"\n')) == of_file
    assert chrony.ending_options([running("-P", "1", "-4")], defaults('DAEMON_OPTS=""\n')) == {
        "P": {"value": "1", "from": "chronyd's command line"}
    }
    assert chrony.ending_options([running("-x", "-P", "1"), {**running("-P", "1"), "contained": True}], []) == {}


def test_an_option_that_chronyd_does_not_know_is_named():
    assert "-Z" in chrony.ending_options([], defaults('DAEMON_OPTS="-F 1 -Z"\n'))["?"]["value"]
    assert "?" not in chrony.ending_options([], defaults('DAEMON_OPTS="-F 1 -N 3"\n'))


def test_what_the_configuration_names_is_shown_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    config = write(tmp_path / "chrony.conf", f"pidfile {tmp_path}/none/pid\nhwtimestamp nosuch0\n")
    monkeypatch.setattr(run, "PATH", str(tmp_path))
    monkeypatch.setattr(chrony, "DEFAULTS", ())
    assert chrony.collect(5, [running("-f", str(config))])["named"] == {
        "paths": {f"{tmp_path}/none": "missing", f"{tmp_path}/none/pid": "missing"},
        "interfaces": {"nosuch0": "absent"},
        "users": {},
        "options": {},
    }
