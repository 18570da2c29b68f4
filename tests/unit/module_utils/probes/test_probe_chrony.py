from __future__ import annotations

import doctest
import os
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import files as config_files
from ansible_collections.skewgate.preflight.plugins.module_utils.node import run
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import chrony

from tests.node_parts import add_command, names, process, write


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


def test_the_key_files_permissions_are_shown_and_it_is_not_read(tmp_path: Path):
    (tmp_path / "chrony.keys").write_text("1 MD5 sesame")
    (tmp_path / "chrony.keys").chmod(0o644)
    (tmp_path / "chrony.conf").write_text("keyfile /elsewhere\nkeyfile chrony.keys\n")
    read = chrony.read_configuration(str(tmp_path / "chrony.conf"), str(tmp_path))
    found = chrony.key_file(read["files"], str(tmp_path))
    assert found == {"path": str(tmp_path / "chrony.keys"), "mode": "0644"}
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
    here = str(Path.cwd())

    def started(*argv: str) -> tuple:
        start = chrony.configuration([process("chronyd", *argv)])
        return start.path, start.directory

    assert started("-F", "1", "-f", "/srv/c.conf") == ("/srv/c.conf", here)
    assert started("-fsub/c.conf") == (f"{here}/sub/c.conf", here)
    for leaves_the_clock_alone in (["-x", "-f", "/srv/server.conf"], ["-dxf", "/srv/server.conf"]):
        serving = process("chronyd", *leaves_the_clock_alone)
        assert chrony.configuration([serving, process("chronyd", "-f", "/srv/c.conf")]).path == "/srv/c.conf"


def test_a_process_that_may_not_set_the_clock_does_not_say_which_file_root_reads():
    other = {**process("chronyd", "-f", "/etc/shadow"), "may_set_clock": False}
    own = {**process("chronyd", "-f", "/srv/c.conf"), "may_set_clock": True}
    assert chrony.configuration([other, own]).path == "/srv/c.conf"
    assert "/etc/shadow" not in str(chrony.configuration([other]))
    assert chrony.ending_options([{**running("-u", "x"), "may_set_clock": False}], []) == {}


HELP = "echo '  -f FILE\tSpecify configuration file ({})'"
"""Of `chronyd -h`, a line as chrony 4.0 to 4.9 print it."""


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A node with two files that chronyd might read, and what one of SUSE might;
    its commands are in bin.
    """
    for name in ("chrony/chrony.conf", "chrony.conf", "usr/chrony.conf"):
        write(tmp_path / name, "")
    monkeypatch.setattr(run, "PATH", f"{tmp_path}/bin:{run.PATH}")
    monkeypatch.setattr(chrony, "DEFAULTS", (str(tmp_path / "default"),))
    monkeypatch.setattr(chrony, "CONFIGURATIONS", (f"{tmp_path}/chrony/chrony.conf", f"{tmp_path}/chrony.conf"))
    monkeypatch.setattr(chrony, "OF_SUSE", f"{tmp_path}/usr/chrony.conf")
    monkeypatch.setattr(chrony, "PACKAGE_DATABASES", ((f"{tmp_path}/dpkg",), (f"{tmp_path}/rpm",)))
    return tmp_path


def in_effect(node: Path, *processes: dict) -> str | None:
    path = chrony.configuration([*processes]).path
    return os.path.relpath(path, node) if path else None


@pytest.mark.parametrize("named", ["chrony.conf", "chrony/chrony.conf", "elsewhere.conf"])
def test_chronyd_itself_says_which_file_it_reads(named: str, node: Path):
    add_command(node / "bin", "chronyd", HELP.format(node / named))
    assert in_effect(node) == named
    assert in_effect(node, process("chronyd", "-F", "1")) == named
    assert in_effect(node, process("chronyd", "-f", "/srv/c.conf")) == os.path.relpath("/srv/c.conf", node)


def test_suses_own_file_stands_in_for_one_that_is_absent(node: Path):
    add_command(node / "bin", "chronyd", HELP.format(node / "chrony.conf"))
    (node / "chrony.conf").unlink()
    assert in_effect(node) == "usr/chrony.conf"
    (node / "usr/chrony.conf").unlink()
    assert in_effect(node) == "chrony.conf"


@pytest.mark.parametrize(
    ("databases", "there", "path"),
    [
        pytest.param([], ["chrony.conf"], "chrony.conf", id="one file"),
        pytest.param([], ["chrony/chrony.conf"], "chrony/chrony.conf", id="the other file"),
        pytest.param([], [], "usr/chrony.conf", id="SUSE"),
        pytest.param(["dpkg"], ["chrony.conf", "chrony/chrony.conf"], "chrony/chrony.conf", id="both, dpkg"),
        pytest.param(["rpm"], ["chrony.conf", "chrony/chrony.conf"], "chrony.conf", id="both, rpm"),
    ],
)
def test_the_package_shows_it_if_chronyd_does_not(databases: list, there: list, path: str, node: Path):
    """As 3.5 does: its usage is one line."""
    add_command(node / "bin", "chronyd", "echo 'Usage: chronyd [-4|-6] [-n|-d] [-q|-Q] [-f FILE|COMMAND...]'")
    for name in {"chrony.conf", "chrony/chrony.conf"} - {*there}:
        (node / name).unlink()
    for name in databases:
        write(node / name, "")
    assert in_effect(node) == path


@pytest.mark.parametrize("databases", [[], ["dpkg", "rpm"]])
def test_if_nothing_shows_which_of_two_files_is_read_none_is(databases: list, node: Path):
    for name in databases:
        write(node / name, "")
    config = chrony.collect(5, [process("chronyd", "-F", "1")])["config"]
    assert config["files"] == []
    assert config["unread"][0]["path"] == config["path"]
    assert config["unread"][0]["kind"] == "other"
    assert f"{node}/chrony.conf" in config["unread"][0]["error"]


def test_directives_on_the_command_line_are_read_in_place_of_a_file(node: Path):
    more = write(node / "more.conf", "makestep 1 3\n")
    to_come = "-Z"  # an option of a later version
    given = ["server a.example iburst", "-F", "1", f"INCLUDE\t{more}", "rtcsync", to_come]
    taken = chrony.collect(5, [process("chronyd", *given)])
    assert taken["config"]["path"] == chrony.COMMAND_LINE
    assert [(file["path"], file["text"]) for file in taken["config"]["files"]] == [
        (chrony.COMMAND_LINE, f"server a.example iburst\nINCLUDE {more}\nrtcsync\n"),
        (str(more), "makestep 1 3\n"),
    ]


def test_directives_in_the_file_of_its_options_count_if_it_does_not_run(node: Path):
    write(node / "default", "DAEMON_OPTS=\"-F 1 'server a.example iburst' rtcsync\"\n")
    assert chrony.configuration([], chrony.default_files()).directives == ("server a.example iburst", "rtcsync")


def unit(exec_start: str, main_pid: int = 0) -> dict:
    return {
        "Id": "chrony.service",
        "Names": "chrony.service chronyd.service",
        "ExecStart": f"{{ path=/usr/sbin/chronyd ; argv[]={exec_start} ; ignore_errors=no ; pid=0 }}",
        "MainPID": str(main_pid),
        "UnitFileState": "enabled",
    }


@pytest.mark.parametrize(
    ("exec_start", "options", "path"),
    [
        ("/usr/sbin/chronyd -n $DAEMON_OPTS", "-F 1", "chrony.conf"),
        ("/usr/sbin/chronyd -n $DAEMON_OPTS", "-F 1 -f /srv/d.conf", "/srv/d.conf"),
        ("/usr/sbin/chronyd -n -f /srv/c.conf", "-f /srv/d.conf", "/srv/c.conf"),
        ("/usr/lib/systemd/scripts/chronyd-starter.sh ${DAEMON_OPTS}", "-f /srv/d.conf", "/srv/d.conf"),
        ("/usr/sbin/chronyd $OPTIONS", "-f /srv/d.conf", "chrony.conf"),
        ("/usr/sbin/chronyd $DAEMON_OPTS", "'server a.example' rtcsync", chrony.COMMAND_LINE),
        ("/bin/sh -c start-chronyd", "-f /srv/d.conf", "/srv/d.conf"),
    ],
)
def test_a_unit_says_what_chronyd_would_read(exec_start: str, options: str, path: str, node: Path):
    add_command(node / "bin", "chronyd", HELP.format(node / "chrony.conf"))
    write(node / "default", f'DAEMON_OPTS="{options}"\n')
    start = chrony.configuration([], chrony.default_files(), lambda: [unit(exec_start)])
    assert start.path == (str(node / path) if path == "chrony.conf" else path)


@pytest.mark.parametrize("words", ["server a.example iburst", "-f ${FILE}"])
def test_a_unit_that_does_not_show_what_chronyd_would_read_is_not_guessed_at(words: str):
    start = chrony.configuration([], [], lambda: [unit(f"/usr/sbin/chronyd {words}")])
    assert "chrony.service" in start.unknown
    assert chrony.read_configuration(*start[1:])["files"] == []


@pytest.mark.parametrize(
    ("running", "options", "expected"),
    [
        (["-F", "1"], "-F 1", ("chrony.conf", "")),
        (["-F", "1", "-f", "/srv/c.conf"], "-F 1", ("chrony.conf", "")),
        (["-F", "1"], "-F 1 -f /srv/d.conf", ("/srv/d.conf", "")),
        (
            ["rtcsync"],
            "'server a.example  iburst' rtcsync",
            (chrony.COMMAND_LINE, "server a.example iburst\nrtcsync\n"),
        ),
    ],
)
def test_what_the_next_start_reads_is_its_units(running: list, options: str, expected: tuple, node: Path):
    add_command(node / "bin", "chronyd", HELP.format(node / "chrony.conf"))
    write(node / "default", f'DAEMON_OPTS="{options}"\n')
    its = unit("/usr/sbin/chronyd $DAEMON_OPTS", os.getpid())
    said = chrony.collect(5, [process("chronyd", *running)], lambda: [its])["next_start"]
    path = expected[0] if expected[0] != "chrony.conf" else str(node / "chrony.conf")
    assert said == {"unit": "chrony.service", "path": path, "text": expected[1], "unfit": None}
    for option in ("-x", "-Q", "-q", "-nt60"):
        write(node / "default", f'DAEMON_OPTS="-F 1 {option}"\n')
        unfit = chrony.collect(5, [process("chronyd", *running)], lambda: [its])["next_start"]["unfit"]
        assert unfit == option.replace("n", "")[:2]
    by_hand = unit("/usr/sbin/chronyd $DAEMON_OPTS", os.getpid() + 1)
    assert chrony.collect(5, [process("chronyd", *running)], lambda: [by_hand])["next_start"] is None


@pytest.mark.parametrize(
    ("shown", "known"),
    [
        ({"Environment": "LANG=C", "EnvironmentFiles": "DEFAULT (ignore_errors=yes)"}, True),
        ({"EnvironmentFiles": "/run/skewgate-slew.env (ignore_errors=yes)"}, True),
        ({"Environment": 'LANG=C "OPTIONS=-f /srv/c.conf"'}, False),
        ({"EnvironmentFiles": "/srv/chronyd.env (ignore_errors=no)"}, False),
    ],
)
def test_options_that_the_unit_has_from_elsewhere_are_not_taken_for_none(shown: dict, known: bool, node: Path):
    add_command(node / "bin", "chronyd", HELP.format(node / "chrony.conf"))
    own = {key: value.replace("DEFAULT", str(node / "default")) for key, value in shown.items()}
    its = {**unit("/usr/sbin/chronyd $OPTIONS", os.getpid()), **own}
    taken = chrony.collect(5, [process("chronyd", "-f", "/srv/c.conf")], lambda: [its])
    assert (taken["next_start"] is not None) is known
    assert (chrony.configuration([], [], lambda: [its]).unknown == "") is known


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
        ('OPTIONS="-F 2 \\\n-f /srv/c.conf"\n', 'OPTIONS="-F 2 -f /srv/c.conf"\n', "/srv/c.conf"),
        ("http_proxy=http://user:sesame@proxy\nGNUTLS_FORCE_FIPS_MODE=0\n", "GNUTLS_FORCE_FIPS_MODE=0\n", None),
    ],
)
def test_without_a_running_chronyd_the_distributions_options_count(
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
    running = process("chronyd", "-F", "1")  # started before they were written
    assert chrony.configuration([running], taken["defaults"]).path == str(own)


def test_a_node_without_chrony_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(run, "PATH", str(tmp_path))
    monkeypatch.setattr(chrony, "CONFIGURATIONS", ())
    monkeypatch.setattr(chrony, "OF_SUSE", str(tmp_path / "none"))
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
