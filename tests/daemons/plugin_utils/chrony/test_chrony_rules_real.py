"""What the rules say of a configuration is what a real chronyd makes of it."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.reader import read_config
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.rules import RULES

from tests.unit.plugin_utils.chrony.test_chrony_rules import EXAMPLES, MAIN, matched, read


@pytest.fixture(scope="session")
def chronyd(chrony_tree: Path) -> Path:
    return chrony_tree / "usr/sbin/chronyd"


@pytest.mark.parametrize("rule", EXAMPLES)
def test_chronyd_itself_accepts_what_the_other_rules_are_about(rule: str, chronyd: Path, tmp_path: Path):
    """So none of them is one that `chronyd -p` would report."""
    config = tmp_path / "chrony.conf"
    config.write_text(EXAMPLES[rule][0][0].replace(MAIN, str(config)).replace("/etc/", f"{tmp_path}/"))

    done = subprocess.run([chronyd, "-p", "-f", config], capture_output=True, text=True, timeout=10, check=False)

    assert done.returncode == (rule == "CHR001")
    printed = {"rc": done.returncode, "stdout": done.stdout, "stderr": done.stderr}
    read_again = read_config(
        {
            "config": {"path": str(config), "files": [{"path": str(config), "text": config.read_text()}], "unread": []},
            "printed": printed,
            "version": "4.3",
        }
    )
    refusals = list(RULES["CHR001"].find(read_again))
    assert [(place.file, place.line) for place in refusals] == ([(str(config), 7)] if rule == "CHR001" else [])


class Running:
    """A chronyd -x in its own folder, and its chronyc."""

    def __init__(self, chronyd: Path, folder: Path, text: str, port: int = 0) -> None:
        self.folder = folder
        self.chronyc = chronyd.parents[1] / "bin/chronyc"
        folder.mkdir(mode=0o700, exist_ok=True)
        own = f"port {port}\ncmdport 0\nbindcmdaddress {folder}/sock\npidfile {folder}/pid\n"
        (folder / "chrony.conf").write_text(text + own)
        self.process = subprocess.Popen(
            [chronyd, "-x", "-d", "-u", "root", "-f", folder / "chrony.conf"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def ask(self, *command: str) -> list[list[str]]:
        argv = [self.chronyc, "-h", f"{self.folder}/sock", "-c", "-N", *command]
        deadline_s = time.monotonic() + 10
        while True:
            done = subprocess.run(argv, capture_output=True, text=True, timeout=10, check=False)
            if done.returncode == 0:
                return [line.split(",") for line in done.stdout.splitlines()]
            assert time.monotonic() < deadline_s, done.stdout
            time.sleep(0.1)

    def stop(self) -> str:
        self.process.terminate()
        return self.process.communicate(timeout=10)[0]


@pytest.fixture
def start(chronyd: Path, tmp_path: Path) -> Iterator[Any]:
    started: list[Running] = []

    def begin(text: str) -> Running:
        started.append(Running(chronyd, tmp_path / "chronyd", text))
        return started[-1]

    yield begin
    for running in started:
        if running.process.poll() is None:
            running.stop()


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        pytest.param("server 127.0.0.1 ibrust\nserver 127.0.0.2\n", ["127.0.0.2"], id="a bad option"),
        pytest.param("server 127.0.0.1\nserver 127.0.0.2", ["127.0.0.1"], id="no newline at the end"),
        pytest.param("makestep 1 3\nserver 127.0.0.1 minpoll x\nserver 127.0.0.2\n", ["127.0.0.2"], id="a bad value"),
        pytest.param("server 127.0.0.1 ipv4\nserver 127.0.0.2 copy\n", ["127.0.0.2"], id="an option of a later chrony"),
    ],
)
def test_a_real_chronyd_drops_the_lines_that_are_reported_and_logs_nothing(text, asked, start, tmp_path: Path):
    folder = tmp_path / "sources.d"
    folder.mkdir()
    (folder / "ntp.sources").write_text(text)
    running = start(f"sourcedir {folder}\n")

    names = [row[2] for row in running.ask("sources", "-a")]
    log = running.stop()

    assert names == asked
    assert "127.0.0.1" not in log.replace("Added", "") or "127.0.0.1" in asked
    config = read("sourcedir /etc/chrony/sources.d\n", sources=text, version=running_version(running))
    assert [source.name for source in config.sources] == asked
    assert list(RULES["CHR004"].find(config))


def running_version(running: Running) -> str:
    done = subprocess.run([running.chronyc, "-v"], capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.split("version ")[1].split()[0]


def test_a_real_chronyd_does_not_start_with_rtcfile_and_rtcsync(start, tmp_path: Path):
    running = start(f"rtcfile {tmp_path}/rtc\nrtcsync\n")
    log, _none = running.process.communicate(timeout=10)
    assert running.process.returncode != 0
    assert "rtcfile directive cannot be used with rtcsync" in log


def test_a_real_chronyd_has_no_second_source_at_an_address_that_stands_twice(start):
    running = start("server 127.0.0.1\nserver 127.0.0.1\n")
    assert len(running.ask("sources")) == 1
    assert "Could not add source 127.0.0.1" in running.stop()


@pytest.mark.parametrize(
    ("text", "options"),
    [
        pytest.param("server 127.0.0.1\nauthselectmode require\n", ["N----"], id="CHR102 require"),
        pytest.param(
            "server 127.0.0.1 nts\nserver 127.0.0.2\nauthselectmode prefer\n", ["-----", "N----"], id="CHR104"
        ),
        pytest.param("server 127.0.0.1 nts\nserver 127.0.0.2\n", ["--TR-", "-----"], id="CHR401 mix"),
        pytest.param(
            "server 127.0.0.1 nts\nserver 127.0.0.2\nauthselectmode ignore\n", ["-----"] * 2, id="CHR401 ignore"
        ),
    ],
)
def test_a_real_chronyd_makes_of_authselectmode_what_the_rules_say(text, options, start):
    rows = start(text).ask("selectdata")
    # name, state, authentication, 5 configured options, 5 in effect
    assert sorted("".join(row[8:13]) for row in rows) == sorted(options), rows


@pytest.fixture
def server(chronyd: Path, tmp_path: Path) -> Iterator[str]:
    """A server line for a chronyd on loopback that answers at once."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = Running(chronyd, tmp_path / "server", "local stratum 5\nallow\nbindaddress 127.0.0.1\n", port=port)
    running.ask("tracking")
    yield f"server 127.0.0.1 port {port} iburst minpoll -2 maxpoll -2"
    running.stop()


@pytest.mark.parametrize(
    ("more", "state", "errors"),
    [
        pytest.param("", "*", [], id="selected"),
        pytest.param("\nminsources 2", "W", ["CHR108"], id="waits for ever for a second source"),
        pytest.param(" noselect", "N", ["CHR102"], id="is only watched"),
        pytest.param(" maxdelay 0", "M", ["CHR102"], id="no answer counts"),
        pytest.param("\nserver 127.0.0.9 noselect require", "W", ["CHR112"], id="another is required and only watched"),
        pytest.param("\nmaxdistance 0", "d", ["CHR113"], id="none has a distance of 0"),
        pytest.param("\nmaxjitter 0", "~", ["CHR113"], id="none has a jitter of 0"),
    ],
)
def test_a_real_chronyd_follows_a_good_server_only_if_no_rule_of_errors_matches(more, state, errors, server, start):
    running = start(f"{server}{more}\n")
    deadline_s = time.monotonic() + 10
    while (found := running.ask("selectdata")[0][0]) != state:
        assert time.monotonic() < deadline_s, f"{found}, not {state}"
        time.sleep(0.1)
    config = read(f"{server}{more}\n")
    assert [rule for rule in matched(config) if RULES[rule].severity == "error"] == errors


def test_a_real_chronyd_exits_at_an_offset_beyond_maxchange(server, start):
    running = start(f"{server} offset 100\nmaxchange 1 0 0\n")
    log, _none = running.process.communicate(timeout=15)
    assert "exceeds the allowed maximum" in log
    assert "exiting" in log


def test_a_real_chronyd_asks_no_source_that_is_offline(start):
    assert start("server 127.0.0.1 offline\n").ask("activity") == [["0", "1", "0", "0", "0"]]
