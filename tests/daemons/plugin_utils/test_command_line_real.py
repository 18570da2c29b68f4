"""A real chronyd that was started with directives in place of a file,
and what the checks make of it.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import run
from ansible_collections.skewgate.preflight.plugins.module_utils.node.names import COMMAND_LINE
from ansible_collections.skewgate.preflight.plugins.module_utils.node.processes import scan
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import chrony
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import chrony_config, config_in_use
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import MissingEvidenceError

from tests.builders import record
from tests.daemons.plugin_utils.test_config_in_use_real import eventually
from tests.findings import finding_of
from tests.node_parts import add_command, process, write


@pytest.fixture
def given(
    each_chrony_tree: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[str]]:
    """The directives of a chronyd that runs with them and reads no file."""
    folder = tmp_path_factory.mktemp("c")
    folder.chmod(0o700)
    more = write(folder / "more.conf", "server 127.0.0.2\n")
    own = [f"bindcmdaddress {folder}/sock", f"pidfile {folder}/pid", "cmdport 0", "port 0"]
    directives = ["server 127.0.0.1 iburst", "makestep 1 3", f"include {more}", *own]
    asked_as = "-u root" if each_chrony_tree.name.endswith("4.9") else ""
    chronyc = f'exec {each_chrony_tree}/usr/bin/chronyc {asked_as} -h {folder}/sock "$@"'
    add_command(folder / "bin", "chronyc", chronyc)
    (folder / "bin/chronyd").symlink_to(each_chrony_tree / "usr/sbin/chronyd")
    monkeypatch.setattr(run, "PATH", f"{folder}/bin:{run.PATH}")
    chronyd = subprocess.Popen(
        [folder / "bin/chronyd", "-x", "-d", "-u", "root", *directives], stderr=subprocess.DEVNULL
    )
    try:
        eventually("chronyd does not start", (folder / "sock").exists)
        yield directives
    finally:
        chronyd.terminate()
        chronyd.wait(10)


def test_what_runs_is_what_its_command_line_says(given: list[str]):
    taken = chrony.collect(5, [process("chronyd", *given, "-F", "1")])
    in_use = finding_of(config_in_use, record(chrony=taken))
    assert in_use.state == "pass", in_use.summary
    assert in_use.seen["running"] == ["127.0.0.1", "127.0.0.2"]
    assert in_use.seen["written"][f"{COMMAND_LINE}:1"] == given[0]

    rules = finding_of(chrony_config, record(chrony=taken)).seen["rules"]
    assert not [row for row in rules if row["severity"] != "warning"]
    assert [(row["file"], row["line"]) for row in rules if row["id"] == "CHR010"] == [(COMMAND_LINE, 1)]


def test_a_line_that_chronyd_refuses_at_its_next_start_is_named_by_its_place(given: list[str]):
    taken = chrony.collect(5, [process("chronyd", *given, "servre 127.0.0.3")])
    finding = finding_of(chrony_config, record(chrony=taken))
    assert (finding.state, finding.about) == ("fail", ("CHR001",))
    assert f"{COMMAND_LINE}:{len(given) + 1}" in finding.summary


def test_what_chronyd_made_of_its_command_line_is_read_as_it_was_given(given: list[str]):
    """It puts a NUL behind each word, and /proc shows that."""
    shown = [found for found in scan().time_daemons if given[-2].split()[1] in " ".join(found["argv"])]
    for found in shown:
        found["argv"].remove("-x")
    assert "server" in shown[0]["argv"]
    taken = chrony.collect(5, shown)
    assert taken["config"]["files"][0]["text"].splitlines() == given
    assert finding_of(config_in_use, record(chrony=taken)).state == "pass"
    assert finding_of(chrony_config, record(chrony=taken)).state == "pass"


def test_what_chronyd_spoiled_of_its_command_line_is_not_held_against_it(given: list[str]):
    """It puts the word after some values, of a refclock's refid for one, right behind these."""
    spoiled = [*" ".join(given).split(), "refclock", "SHM", "0", "refid", "GPSpoll", " 3"]
    taken = chrony.collect(5, [process("chronyd", *spoiled)])
    assert taken["config"]["unread"] == [{"path": COMMAND_LINE, "error": chrony.PIECED, "kind": "other"}]
    for check in (chrony_config, config_in_use):
        with pytest.raises(MissingEvidenceError, match="chronyd -f"):
            finding_of(check, record(chrony=taken))
