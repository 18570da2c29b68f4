"""Addresses and names as people write them, and what each version
of a real chronyd shows of them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import run
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import chrony
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import config_in_use
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.reader import read_config
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.rules import RULES
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.sources import host_key, source_count

from tests.builders import record
from tests.daemons.plugin_utils.test_config_in_use_real import eventually, running
from tests.findings import finding_of
from tests.node_parts import add_command, process

WRITTEN = ("FD00:9:0::1", "0:0:0:0:0:0:0:2", "192.0.2.7", "010.0.0.1", "10.9", "::ffff:10.0.0.2")
SHOWN = ("fd00:9::1", "::2", "192.0.2.7", "8.0.0.1", "10.0.0.9", "::ffff:10.0.0.2")
AGAIN = ("fd00:9::0:1", "::2")


@pytest.fixture
def taken_of(
    each_chrony_tree: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, Callable[[str], bool]], dict[str, Any]]:
    """``taken_of(text, is_ready)``: the section of a chronyd with this configuration,
    once the sources it shows are ready.
    """
    tmp_path = tmp_path_factory.mktemp("c")  # chronyc takes a path of some 90 characters for its socket
    folder = tmp_path / "node"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/chronyd").symlink_to(each_chrony_tree / "usr/sbin/chronyd")
    # Before it asks, the chronyc of 4.9 takes the user that chronyd has; the package's is
    # not on this machine.
    asked_as = "-u root" if each_chrony_tree.name.endswith("4.9") else ""
    asking = f'exec {each_chrony_tree}/usr/bin/chronyc {asked_as} -h {folder}/sock "$@"'
    add_command(tmp_path / "bin", "chronyc", asking)
    monkeypatch.setattr(run, "PATH", f"{tmp_path}/bin:{run.PATH}")

    def take(text: str, is_ready: Callable[[str], bool]) -> dict[str, Any]:
        with running(each_chrony_tree, folder, text + "port 0\nmakestep 1 3\n") as config:
            asked = ["chronyc", "-c", "-n", "sources"]
            eventually("its sources are not ready", lambda: is_ready(run.run(asked, 5).get("stdout", "")))
            return chrony.collect(5, [process("chronyd", "-f", str(config))])

    return take


def test_each_form_runs(taken_of):
    text = "".join(f"server {name}\n" for name in (*WRITTEN, *AGAIN))
    taken = taken_of(text, lambda shown: shown.count("\n") == len(SHOWN))
    assert sorted(row.split(",")[2] for row in taken["commands"]["sources"]["stdout"].splitlines()) == sorted(SHOWN)

    finding = finding_of(config_in_use, record(chrony=taken))
    assert finding.state == "pass", finding.summary
    assert {host_key(name) for name in finding.seen["running"]} == {host_key(name) for name in SHOWN}
    assert source_count(read_config(taken)) == len(SHOWN)


def test_an_address_with_a_zone_gets_no_source(taken_of):
    taken = taken_of("server fe80::1%lo\nserver 127.0.0.1\n", lambda shown: "127.0.0.1" in shown)
    assert "fe80" not in taken["commands"]["sources"]["stdout"]
    assert list(RULES["CHR406"].find(read_config(taken)))
