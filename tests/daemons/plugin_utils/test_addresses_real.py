"""Addresses and names as people write them, and what each version of a real chronyd shows of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import run
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import chrony
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import config_in_use
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.reader import read_config
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.sources import host_key, source_count

from tests.builders import record
from tests.daemons.plugin_utils.test_config_in_use_real import eventually, running
from tests.findings import finding_of
from tests.node_parts import add_command, process

WRITTEN = ("FD00:9:0::1", "0:0:0:0:0:0:0:2", "192.0.2.7", "010.0.0.1", "10.9", "::ffff:10.0.0.2")
SHOWN = ("fd00:9::1", "::2", "192.0.2.7", "8.0.0.1", "10.0.0.9", "::ffff:10.0.0.2")
AGAIN = ("fd00:9::0:1", "::2")


def test_each_form_runs(each_chrony_tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = tmp_path / "node"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/chronyd").symlink_to(each_chrony_tree / "usr/sbin/chronyd")
    # Before it asks, the chronyc of 4.9 takes the user that chronyd has; the package's is not on this machine.
    asked_as = "-u root" if each_chrony_tree.name.endswith("4.9") else ""
    add_command(
        tmp_path / "bin", "chronyc", f'exec {each_chrony_tree}/usr/bin/chronyc {asked_as} -h {folder}/sock "$@"'
    )
    monkeypatch.setattr(run, "PATH", f"{tmp_path}/bin:{run.PATH}")
    text = "".join(f"server {name}\n" for name in (*WRITTEN, *AGAIN)) + "port 0\nmakestep 1 3\n"
    with running(each_chrony_tree, folder, text) as config:

        def shown() -> list[str]:
            said = run.run(["chronyc", "-c", "-n", "sources"], 5).get("stdout", "")
            return [row.split(",")[2] for row in said.splitlines()]

        eventually("the resolver gave no address", lambda: len(shown()) == len(SHOWN))
        taken = chrony.collect(5, [process("chronyd", "-f", str(config))])
        assert sorted(shown()) == sorted(SHOWN)

    finding = finding_of(config_in_use, record(chrony=taken))
    assert finding.state == "pass", finding.summary
    assert {host_key(name) for name in finding.seen["running"]} == {host_key(name) for name in SHOWN}
    assert source_count(read_config(taken)) == len(SHOWN)
