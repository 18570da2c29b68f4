"""Each version of chrony that is tried: what it accepts, drops and runs is what is said of it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import run
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import chrony
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import chrony_config, config_in_use, ntp_sources
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony import options
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.config import Directive
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.options import (
    DIRECTIVE_SINCE,
    OPTION_RANGES,
    SOURCE_OPTIONS,
    directive_problem,
    parse_version,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.reader import read_config
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.rules import RULES
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.finding import Finding

from tests.builders import record
from tests.daemons.plugin_utils.test_config_in_use_real import Node, eventually, free_port, running
from tests.findings import finding_of, unsaid
from tests.node_parts import own_chronyd

REST = "driftfile /d\nmakestep 1 3\nrtcsync\npool 127.0.0.1\n"


class Chrony:
    """An unpacked chrony, which is what the probe finds on its path."""

    def __init__(self, tree: Path, folder: Path) -> None:
        self.tree = tree
        self.folder = folder
        self.version = self.chronyd("-v").stdout.split("version ")[1].split()[0]
        # From 4.8 on chronyc drops root's rights for those of a user whom this
        # machine does not have.
        user = "-u root " if tuple(map(int, self.version.split(".")[:2])) >= (4, 8) else ""
        (folder / "bin").mkdir()
        chronyc = folder / "bin/chronyc"
        chronyc.write_text(f'#!/bin/sh\nexec {tree}/usr/bin/chronyc {user}-h {folder}/node/sock "$@"\n')
        chronyc.chmod(0o755)
        own_chronyd(folder / "bin", tree / "usr/sbin/chronyd", folder / "node/chrony.conf")

    def chronyd(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        argv = [self.tree / "usr/sbin/chronyd", *arguments]
        return subprocess.run(argv, capture_output=True, text=True, timeout=10, check=False, errors="replace")

    def accepts(self, text: str) -> bool:
        config = self.folder / "tried.conf"
        config.write_text(text)
        return self.chronyd("-p", "-f", config).returncode == 0


@pytest.fixture
def it(each_chrony_tree: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Chrony]:
    """In a folder with a short path: a socket's may have 107 characters,
    and newer chronycs add to it.
    """
    with TemporaryDirectory(prefix="c") as path:
        folder = Path(path)
        monkeypatch.setattr(run, "PATH", f"{folder}/bin:{run.PATH}")
        monkeypatch.setattr(chrony, "PID_FILES", (str(folder / "node/pid"),))
        yield Chrony(each_chrony_tree, folder)


@pytest.fixture
def start(it: Chrony) -> Iterator[Callable[[str], Node]]:
    """``start(text)`` runs a chronyd with this configuration;
    ``{port}`` in it is that of a good server on 127.0.0.1.
    """
    port = free_port()
    with ExitStack() as daemons:
        daemons.enter_context(running(it.tree, it.folder / "server", f"local stratum 5\nallow\nport {port}\n"))

        def begin(text: str) -> Node:
            config = running(it.tree, it.folder / "node", text.replace("{port}", str(port)) + "port 0\n")
            return Node(daemons.enter_context(config), port)

        yield begin


def judged(check: object = config_in_use) -> Finding:
    return finding_of(check, record(chrony=chrony.collect(5, [])))


# The tables


def _values(option: str) -> list[str]:
    if SOURCE_OPTIONS[option] is None:
        return [""]
    if option == "extfield":
        return ["F323", "0xf323", "1", "-F323", "x"]
    least, most = OPTION_RANGES.get(option, (0, 9))
    beyond = [least, least - 1, most, most + 1, 2**32] if option in OPTION_RANGES or option == "key" else [1]
    return [*map(str, beyond), "2iburst", "x", ""]


def test_the_tables_refuse_an_option_and_its_values_if_chronyd_does(it: Chrony):
    version = parse_version(it.version)
    for option in SOURCE_OPTIONS:
        for value in _values(option):
            words = ("127.0.0.1", option, *value.split())
            line = f"server {' '.join(words)}"
            problem = directive_problem(Directive("server", words, "f", 1, line), version)
            assert it.accepts(f"{line}\n") is (problem is None), (line, problem)


def test_the_tables_refuse_a_directive_that_this_version_does_not_have_yet(it: Chrony):
    version = parse_version(it.version)
    for name in DIRECTIVE_SINCE:
        known = not it.chronyd("-p", name).stderr.count("Invalid directive")
        assert (directive_problem(Directive(name, (), "f", 1, name), version) is None) is known, name
    assert it.chronyd("-p", "servre a").stderr.count("Invalid directive")


# Newer than the tables


def test_an_option_that_is_newer_than_the_tables_hides_neither_its_source_nor_those_that_follow(
    it: Chrony, start, monkeypatch: pytest.MonkeyPatch
):
    if not it.accepts("server 127.0.0.1 maxntsretry 8\n"):
        pytest.skip(f"chrony {it.version} does not know maxntsretry")
    older = {name: form for name, form in SOURCE_OPTIONS.items() if name != "maxntsretry"}
    monkeypatch.setattr(options, "SOURCE_OPTIONS", older)
    (it.folder / "d").mkdir()
    (it.folder / "d/ntp.sources").write_text("server 127.0.0.3 maxntsretry 8 iburst\nserver 127.0.0.4 maxntsretyr 8\n")
    start(f"{REST}server 127.0.0.2 maxntsretry 8 iburst\nsourcedir {it.folder}/d\n")

    lint, in_use = judged(chrony_config), judged()

    assert [row["line"] for row in lint.seen["rules"] if row["id"] == "CHR005"] == [5, 1]
    assert [row["line"] for row in lint.seen["rules"] if row["id"] == "CHR004"] == [2]
    assert in_use.keys == (config_in_use.Key.DROPPED_LINE,)
    assert not unsaid(in_use.summary, "127.0.0.4", "ntp.sources:2")
    assert unsaid(in_use.summary, "127.0.0.3", "127.0.0.2") == ["127.0.0.3", "127.0.0.2"]


# .sources files

BOM, NBSP = "\ufeff", "\u00a0"
FILES = {
    "a": f"{BOM}server 127.1.0.1\nserver 127.1.0.2\n",
    "b": f"{BOM}# comment\nserver 127.1.0.3\n",
    "c": "server 127.1.0.4\r\nserver 127.1.0.5 iburst\r\n",
    "d": f"server 127.1.0.6 iburst{NBSP}\nserver 127.1.0.7\n",
    "e": "server 127.1.0.8 maxpoll 40\nserver 127.1.0.9 minpoll 4iburst\nserver 127.1.0.10",
    "f": "server 127.1.0.11 minpoll 10 maxpoll 4\nserver 127.1.0.12 version 9\nserver 127.1.0.13 port 99999\n",
    "g": "server 127.1.0.14 ipv4\nserver 127.1.0.15 maxunreach 5\nserver 127.1.0.16 maxntsretry 8\n",
    "h": "server 127.1.0.17 copy\nserver 127.1.0.18 maxdelay inf\nserver 127.1.0.19 extfield f323\n",
}


def test_of_sources_files_by_the_tables_and_by_chronyd_the_lines_count_that_it_runs(it: Chrony, start):
    (it.folder / "d").mkdir()
    for name, text in FILES.items():
        (it.folder / f"d/{name}.sources").write_bytes(text.encode())
    (it.folder / "d/i.sources").write_bytes("server 127.1.0.20\nserver 127.1.0.21\n".encode("utf-16-le"))
    start(f"sourcedir {it.folder}/d\n")

    section = chrony.collect(5, [])
    runs = {row.split(",")[2] for row in section["commands"]["sources_all"]["stdout"].splitlines()}
    believed, by_tables = read_config(section), read_config({**section, "commands": {}})

    assert runs
    assert {source.name for source in believed.sources} == runs
    assert {source.name for source in by_tables.sources} == runs
    assert [p.directive for p in believed.dropped] == [p.directive for p in by_tables.dropped]
    assert {Path(place.file).stem for place in RULES["CHR007"].find(believed)} == {"a", "d", "i"}
    assert {Path(place.file).stem for place in RULES["CHR008"].find(believed)} == {"b"}


# The main file


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        pytest.param(f"{BOM}{REST}", ["CHR001", "CHR007"], id="a byte order mark"),
        pytest.param(f"{BOM}# comment\n{REST}", ["CHR001", "CHR007"], id="before a comment"),
        pytest.param(f"{REST}server{NBSP}127.0.0.2\n", ["CHR001", "CHR007"], id="a non-breaking space"),
        pytest.param(f"# a{NBSP}comment\n{REST}", [], id="in a comment"),
        pytest.param(REST.replace("\n", "\r\n"), [], id="line ends of Windows"),
        pytest.param(REST.replace("\n", "\r"), ["CHR001"], id="line ends of an old Macintosh"),
        pytest.param(f"include {{folder}}/absent.conf\n{REST}", ["CHR001"], id="a path that is not there"),
        pytest.param(
            f"include {{folder}}/absent.conf\ninclude {{folder}}/b.conf\n{REST}", ["CHR001"], id="two of them"
        ),
        pytest.param(f"include {{folder}}/none/*.conf\n{REST}", ["CHR001"], id="a glob in a folder that is not there"),
        pytest.param(f"include {{folder}}/*.none\n{REST}", ["CHR003"], id="a glob that nothing answers to"),
        pytest.param(f"include {{folder}}/*.link\n{REST}", ["CHR001"], id="a glob that a link to nowhere answers to"),
        pytest.param(
            f"include {{folder}}/n?/*.conf\n{REST}", ["CHR003"], id="a glob in folders of which none is there"
        ),
        pytest.param(f"newdirective 5\n{REST}", ["CHR001"], id="an unknown directive"),
    ],
)
def test_of_the_main_file_is_said_what_chronyd_makes_of_it(it: Chrony, text: str, rules: list[str]):
    (it.folder / "node").mkdir()
    (it.folder / "dangling.link").symlink_to(it.folder / "nowhere")
    config = it.folder / "node/chrony.conf"
    config.write_bytes(text.replace("{folder}", str(it.folder)).encode())

    found = read_config(chrony.collect(5, []))

    assert (it.chronyd("-p", "-f", config).returncode != 0) is ("CHR001" in rules)
    assert [rule.id for rule in RULES.values() if rule.id < "CHR100" and list(rule.find(found))] == rules


def test_a_text_of_utf_16_is_nothing_to_chronyd_and_is_named(it: Chrony):
    (it.folder / "node").mkdir()
    (it.folder / "node/chrony.conf").write_bytes(f"# c\n{REST}".encode("utf-16-be"))
    finding = judged(chrony_config)
    assert finding.about == ("CHR007", "CHR101")
    assert "UTF-16" in finding.summary


# What can never work


def test_a_pool_whose_name_has_too_few_addresses_for_minsources_is_named_and_resolves(start):
    node = start("pool localhost port {port} iburst minpoll 0 maxpoll 0 maxsources 4\nminsources 3\n")
    eventually("localhost does not resolve", lambda: "localhost" in node.chronyc("-c", "-N", "sources"))
    finding = judged()
    assert finding.keys == (config_in_use.Key.MINSOURCES,)
    assert finding.seen["without_address"] == []
    assert "not resolved" not in judged(ntp_sources).summary
    assert "unresolved" not in judged(ntp_sources).summary


def test_a_key_that_chronyd_does_not_have_holds_a_plain_server_back(start):
    node = start("server 127.0.0.1 port {port} iburst minpoll -2 maxpoll 0\nserver 127.0.0.2 key 7\n")
    eventually("the plain server is not held back", lambda: "\nW,127.0.0.1," in "\n" + node.chronyc("-c", "selectdata"))
    finding = judged()
    assert finding.keys == (config_in_use.Key.KEY_MISSING,)
    assert not unsaid(finding.summary, "127.0.0.1", "127.0.0.2", "key 7")
    assert "CHR401" in judged(chrony_config).summary


def test_a_reference_clock_that_is_optional_may_be_absent(it: Chrony, start):
    text = "server 127.0.0.1 port {port} iburst minpoll -2 maxpoll 0\nmakestep 1 3\nrefclock PHC /dev/ptp99 optional\n"
    if not it.accepts(text.replace("{port}", "123")):
        pytest.skip(f"chrony {it.version} has no optional reference clocks")
    start(text)
    finding = judged()
    assert (finding.state, finding.keys) == ("pass", ()), finding.summary
    assert "optional" in finding.summary


def test_a_chronyd_that_still_asks_the_servers_of_initstepslew_is_not_called_changed(start):
    start("server 127.0.0.1 port {port} iburst\nmakestep 1 3\ninitstepslew 30 127.0.0.9\n")
    taken = record(chrony=chrony.collect(5, []))
    taken["evidence"]["collected"]["wall_ns"] = time.time_ns()
    finding = finding_of(config_in_use, taken)
    assert (finding.state, finding.keys) == ("inconclusive", (config_in_use.Key.INITSTEPSLEW,)), finding.summary


def test_a_line_with_a_list_of_hosts_is_a_name_without_an_address(start):
    node = start("server 127.0.0.1 port {port} iburst minpoll -2 maxpoll 0\nserver 127.0.0.2,127.0.0.3 iburst\n")
    node.wait_until_selected()
    in_use, sources = judged(), judged(ntp_sources)
    assert (in_use.state, sources.state) == ("pass", "pass")
    assert not unsaid(in_use.summary, "127.0.0.2,127.0.0.3")
    assert not unsaid(sources.summary, "not resolved: 127.0.0.2,127.0.0.3")


def test_a_name_with_letters_beyond_ascii_gets_no_source_and_no_restart(start):
    name = "\u201cntp.example\u201d"
    node = start(f"server 127.0.0.1 port {{port}} iburst\npool {name} iburst\n")
    assert name not in node.chronyc("-N", "sources", "-a")
    assert judged().state == "pass"
    assert "CHR406" in judged(chrony_config).summary


def test_a_glob_that_leaves_characters_out_draws_in_what_chronyd_reads(it: Chrony, start):
    for number, name in enumerate("abc", 2):
        (it.folder / f"{name}.conf").write_text(f"server 127.0.0.{number}\n")
    start(f"server 127.0.0.1\ninclude {it.folder}/[^b].conf\n")
    finding = judged()
    assert finding.state == "pass"
    assert finding.seen["running"] == ["127.0.0.1", "127.0.0.2", "127.0.0.4"]
    assert len(finding.seen["written"]) == 3
