from __future__ import annotations

import doctest
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import files as config_files
from ansible_collections.skewgate.preflight.plugins.module_utils.node import run
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import chrony

from tests.unit.module_utils.probes.boxed import wait_for


def read(path: Path) -> dict:
    return chrony.read_configuration(str(path), "/")


def names(configuration: dict, below: Path) -> list[str]:
    return [os.path.relpath(file["path"], below) for file in configuration["files"]]


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


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
    monkeypatch.setattr(chrony, "time_daemons", list)
    monkeypatch.setattr(run, "PATH", str(tmp_path))

    taken = chrony.collect(5)

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
    monkeypatch.setattr(chrony, "time_daemons", list)
    monkeypatch.setattr(chrony, "CONFIGURATIONS", ())
    monkeypatch.setattr(chrony, "DEFAULTS", (str(tmp_path / "none"),))

    taken = chrony.collect(5)

    assert taken["present"] is False
    assert taken["version"] is None
    assert taken["printed"] is None
    assert taken["config"] == {"path": None, "files": [], "unread": [], "sources_dirs": []}
    assert taken["defaults"] == []
    assert taken["commands"]["tracking"] == {"error": "chronyc is not installed"}


@pytest.fixture
def synchronised_chrony(chrony_tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A real chronyd with a real server on loopback, neither touching the clock; its ``chrony.conf``."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    configurations = {
        "server": f"local stratum 5\nallow\nport {port}\nbindaddress 127.0.0.1\n",
        "client": f"server 127.0.0.1 port {port} iburst minpoll -2 maxpoll 0\nport 0\nmakestep 1 3\n",
    }
    processes = []
    for role, text in configurations.items():
        folder = tmp_path / role
        folder.mkdir(mode=0o700)
        own = f"cmdport 0\nbindcmdaddress {folder}/sock\npidfile {folder}/pid\ndriftfile {folder}/drift\n"
        path = write(folder / "chrony.conf", text + own)
        command = [chrony_tree / "usr/sbin/chronyd", "-x", "-d", "-u", "root", "-f", path]
        processes.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    # The node's own chronyc needs no -h: there its socket is the default one.
    chronyc = write(
        tmp_path / "bin/chronyc", f'#!/bin/sh\nexec {chrony_tree}/usr/bin/chronyc -h {tmp_path}/client/sock "$@"\n'
    )
    chronyc.chmod(0o755)
    (tmp_path / "bin/chronyd").symlink_to(chrony_tree / "usr/sbin/chronyd")
    monkeypatch.setattr(run, "PATH", f"{tmp_path}/bin:{run.PATH}")
    monkeypatch.setattr(chrony, "time_daemons", list)
    monkeypatch.setattr(chrony, "CONFIGURATIONS", (str(tmp_path / "client/chrony.conf"),))
    try:
        asked = ["chronyc", "-c", "-n", "sources"]
        wait_for(lambda: "^,*," in run.run(asked, 5).get("stdout", ""), "chronyd selected no source")
        yield tmp_path / "client/chrony.conf"
    finally:
        for process in processes:
            process.terminate()
            process.wait(10)


def test_a_real_chronyd_is_seen_with_all_its_commands(synchronised_chrony: Path):
    taken = chrony.collect(5)

    assert taken["present"] is True
    assert taken["version"].split(".")[0].isdigit()
    assert taken["config"]["path"] == str(synchronised_chrony)
    assert taken["config"]["files"][0]["text"] == synchronised_chrony.read_text()
    assert taken["printed"]["rc"] == 0
    assert "makestep 1 3" in taken["printed"]["stdout"]
    assert {name: answer["rc"] for name, answer in taken["commands"].items()} == dict.fromkeys(chrony.COMMANDS, 0)
    fields = {name: len(answer["stdout"].splitlines()[0].split(",")) for name, answer in taken["commands"].items()}
    assert {
        key: fields[key] for key in ("tracking", "sources", "sourcestats", "activity", "authdata", "selectdata")
    } == {
        "tracking": 14,
        "sources": 10,
        "sourcestats": 8,
        "activity": 5,
        "authdata": 10,
        "selectdata": 18,
    }


def test_when_a_real_chronyd_started_is_told_by_the_clock_of_its_files(
    synchronised_chrony: Path, monkeypatch: pytest.MonkeyPatch
):
    pid_file = synchronised_chrony.parent / "pid"
    monkeypatch.setattr(chrony, "PID_FILES", (str(pid_file.parent / "none"), str(pid_file)))

    taken = chrony.collect(5)
    assert taken["config"]["files"][0]["mtime_s"] == synchronised_chrony.stat().st_mtime
    assert taken["config"]["files"][0]["mtime_s"] <= taken["started_s"] == pid_file.stat().st_mtime

    pid_file.write_text("4194305\n")  # more than there can be: left from a chronyd that is gone
    assert chrony.started_s() is None


def test_what_a_real_chronyd_refuses_in_its_configuration_is_recorded(synchronised_chrony: Path):
    synchronised_chrony.write_text("sever 127.0.0.1\n")
    printed = chrony.collect(5)["printed"]
    assert printed["rc"] == 1
    assert "Invalid directive" in printed["stdout"] + printed["stderr"]


def test_the_fragments_read_are_those_that_a_real_chronyd_reads(chrony_tree: Path, tmp_path: Path):
    main = write(tmp_path / "chrony.conf", f"confdir {tmp_path}/etc {tmp_path}/usr\ninclude {tmp_path}/inc/*.conf\n")
    for name in ("etc/b.conf", "usr/a.conf", "usr/b.conf", "inc/2.conf", "inc/1.conf"):
        write(tmp_path / name, f"driftfile /{name}\n")

    printed = subprocess.run(
        [chrony_tree / "usr/sbin/chronyd", "-p", "-f", main], capture_output=True, text=True, check=True, timeout=10
    ).stdout
    texts = [file["text"] for file in read(main)["files"][1:]]

    assert [line for line in printed.splitlines() if line.startswith("driftfile")] == "".join(texts).splitlines()
    assert len(texts) == 4
