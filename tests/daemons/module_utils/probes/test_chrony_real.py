"""The probe of chrony asks a real chronyd, and reads the files that a real chronyd reads."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import run
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import chrony

from tests.daemons.boxed import wait_for
from tests.node_parts import own_chronyd, process, write


def read(path: Path) -> dict:
    return chrony.read_configuration(str(path), "/")


@pytest.fixture
def synchronised_chrony(chrony_tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A real chronyd with a real server on loopback, neither touching the clock;
    its ``chrony.conf``.
    """
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
    own_chronyd(tmp_path / "bin", chrony_tree / "usr/sbin/chronyd", tmp_path / "client/chrony.conf")
    monkeypatch.setattr(run, "PATH", f"{tmp_path}/bin:{run.PATH}")
    try:
        asked = ["chronyc", "-c", "-n", "sources"]
        wait_for(lambda: "^,*," in run.run(asked, 5).get("stdout", ""), "chronyd selected no source")
        yield tmp_path / "client/chrony.conf"
    finally:
        for process in processes:
            process.terminate()
            process.wait(10)


def test_a_real_chronyd_is_seen_with_all_its_commands(synchronised_chrony: Path):
    taken = chrony.collect(5, [])

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


def test_the_start_of_a_real_chronyd_is_known_by_the_clock_of_its_files(
    synchronised_chrony: Path, monkeypatch: pytest.MonkeyPatch
):
    pid_file = synchronised_chrony.parent / "pid"
    monkeypatch.setattr(chrony, "PID_FILES", (str(pid_file.parent / "none"), str(pid_file)))

    taken = chrony.collect(5, [])
    assert taken["config"]["files"][0]["mtime_s"] == synchronised_chrony.stat().st_mtime
    assert taken["config"]["files"][0]["mtime_s"] <= taken["started_s"] == pid_file.stat().st_mtime

    pid_file.write_text("4194305\n")  # more than there can be: left from a chronyd that is gone
    assert chrony.started_s() is None


def test_what_a_real_chronyd_refuses_in_its_configuration_is_recorded(synchronised_chrony: Path):
    synchronised_chrony.write_text("sever 127.0.0.1\n")
    printed = chrony.collect(5, [])["printed"]
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


@pytest.fixture
def own(each_chrony_tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chronyd of each version, first on PATH."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/chronyd").symlink_to(each_chrony_tree / "usr/sbin/chronyd")
    monkeypatch.setattr(run, "PATH", f"{tmp_path}/bin:{run.PATH}")


@pytest.mark.usefixtures("own")
def test_a_real_chronyd_names_the_file_that_it_reads_whatever_else_is_there():
    assert chrony.configuration([process("chronyd", "-F", "1")]).path == "/etc/chrony/chrony.conf"
    assert chrony.configuration([]).path == "/etc/chrony/chrony.conf"


@pytest.mark.usefixtures("own")
def test_directives_on_the_command_line_are_what_a_real_chronyd_reads(tmp_path: Path):
    more = write(tmp_path / "more/a.conf", "server c.example\n")
    given = ["server\ta.example  iburst", f"confdir {more.parent}", "-F", "1", "server b.example"]
    config = chrony.collect(5, [process("chronyd", *given[:4])])["config"]
    assert (config["path"], [file["path"] for file in config["files"]]) == (
        chrony.COMMAND_LINE,
        [chrony.COMMAND_LINE, str(more)],
    )
    assert config["files"][0]["text"] == f"server a.example iburst\nconfdir {more.parent}\n"

    taken = chrony.collect(5, [process("chronyd", *given[:4])])["printed"]
    assert taken["rc"] == 0
    assert "server c.example" in taken["stdout"]
    refused = chrony.collect(5, [process("chronyd", *given, "sever d.example")])["printed"]
    assert refused["rc"] == 1
    assert "at line 4" in refused["stdout"] + refused["stderr"]


@pytest.mark.usefixtures("own")
def test_what_a_real_chronyd_was_built_with_is_shown():
    features = chrony.collect(5, [])["features"]
    assert {"+CMDMON", "+NTS", "+SECHASH", "+IPV6", "-DEBUG"} <= {*features}


def test_the_very_program_that_runs_is_asked(chrony_tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Another chronyd is first on PATH, and calls another file its own."""
    own_chronyd(tmp_path / "bin", chrony_tree / "usr/sbin/chronyd", tmp_path / "chrony.conf")
    monkeypatch.setattr(run, "PATH", f"{tmp_path}/bin:{run.PATH}")
    own = tmp_path / "sbin/chronyd"
    own.parent.mkdir()
    shutil.copyfile(chrony_tree / "usr/sbin/chronyd", own)
    own.chmod(0o755)
    config = write(tmp_path / "own.conf", f"server 127.0.0.1\ncmdport 0\nbindcmdaddress /\npidfile {tmp_path}/pid\n")
    chronyd = subprocess.Popen([own, "-x", "-d", "-u", "root", "-f", config], stderr=subprocess.DEVNULL)
    try:
        wait_for((tmp_path / "pid").exists, "chronyd did not start")
        running = process("chronyd", exe=str(own), pid=chronyd.pid)
        assert chrony.configuration([running])[:2] == (str(own), "/etc/chrony/chrony.conf")
        for mode in (0o775, 0o757):
            own.parent.chmod(mode)
            assert chrony.configuration([running])[:2] == ("chronyd", f"{tmp_path}/chrony.conf")
        own.parent.chmod(0o755)
        for exe in (f"{own} (deleted)", "/bin/sleep", f"{tmp_path}/bin/chronyd", None):
            assert chrony.configuration([{**running, "exe": exe}]).program == "chronyd"
    finally:
        chronyd.terminate()
        chronyd.wait(10)
