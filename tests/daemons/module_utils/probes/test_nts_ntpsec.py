"""NTPsec serves NTS, and answers no request that it cannot authenticate: what the node's own
requests show, and what its chronyd gets.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import nts_servers
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.nts import NtsState, detail_of, nts_state
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.judge import judge_record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.nts_clients import to_try

from tests.builders import TRUE_NS, answer, chrony, record
from tests.daemons.boxed import Box, unpacked, wait_for
from tests.findings import finding_of
from tests.paths import ROOT

PROBE = """
import json, sys
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import chrony, nts
nts.configuration = lambda *_asked: chrony.Start("chronyd", sys.argv[1] + "/chrony.conf", sys.argv[1])
print(json.dumps(nts.collect(0.5, [], [])))
"""


@pytest.fixture
def served(box: Box, tmp_path: Path, authority: Any) -> Box:
    """A box with NTPsec as server, and the configuration of a chronyd that asks it."""
    pem, ca = authority.issue(), tmp_path / "ca.pem"
    ca.write_text(authority.pem)
    (tmp_path / "ntp.conf").write_text(
        f"nts enable\nnts key {pem}\nnts cert {pem}\nnts cookie {tmp_path}/cookies\ntos orphan 5 orphanwait 1\n"
    )
    (tmp_path / "chrony.conf").write_text(
        f"server 127.0.0.1 iburst nts minpoll 0 maxpoll 1\nntstrustedcerts {ca}\nnosystemcert\n"
        f"port 0\ncmdport 0\npidfile {tmp_path}/pid\nbindcmdaddress {tmp_path}/run/chronyd.sock\n"
    )
    (tmp_path / "run").mkdir(mode=0o700)
    ntpd = unpacked("ntpsec") / "usr/sbin/ntpd"
    box.start(ntpd, "-n", "-c", tmp_path / "ntp.conf", "-f", tmp_path / "drift")
    return box


def said(box: Box, *argv: str | Path) -> str:
    environment = {"PATH": "/usr/bin:/bin:/usr/sbin", "PYTHONPATH": str(ROOT / "collections")}
    ended = subprocess.run([*box.enter, *argv], env=environment, capture_output=True, text=True, check=True, timeout=30)
    return ended.stdout


def test_a_node_that_gets_its_time_with_nts_from_ntpsec_passes(served: Box, chrony_tree: Path, tmp_path: Path) -> None:
    chronyc = (chrony_tree / "usr/bin/chronyc", "-h", tmp_path / "run/chronyd.sock", "-c", "-n")
    served.start(chrony_tree / "usr/sbin/chronyd", "-x", "-d", "-u", "root", "-f", tmp_path / "chrony.conf")
    wait_for((tmp_path / "run/chronyd.sock").exists, "chronyd does not run")
    wait_for(lambda: ",*,127.0.0.1," in said(served, *chronyc, "sources"), "chronyd has no time", 40)
    (server,) = json.loads(said(served, sys.executable, "-c", PROBE, tmp_path))["servers"]
    assert nts_state(server, TRUE_NS / 1e9, None) is NtsState.LARGE_DROPPED, detail_of(server)
    rows = {name: answer(said(served, *chronyc, name)) for name in ("sources", "authdata")}
    rows |= dict.fromkeys(("sources_named", "sources_all"), rows["sources"])
    text = "server 127.0.0.1 iburst nts\n"
    finding = finding_of(nts_servers, record(nts={"servers": [server]}, chrony=chrony(config=text, **rows)))
    assert finding.state == "pass", finding.summary


CLIENT = """
import json, sys
from ansible_collections.skewgate.preflight.plugins.module_utils.node import run
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import nts_client
run.PATH = sys.argv[1]
print(json.dumps(nts_client.collect({"127.0.0.1:4460:0": sys.argv[2:]})))
"""


def test_if_chronyd_does_not_run_the_one_that_tries_it_decides(served: Box, chrony_tree: Path, tmp_path: Path) -> None:
    def probed() -> Any:
        (server,) = json.loads(said(served, sys.executable, "-c", PROBE, tmp_path))["servers"]
        return server

    wait_for(lambda: probed()["ntp"], "NTPsec does not serve NTS", 20)
    config = f"server 127.0.0.1 iburst nts\nnosystemcert\nntstrustedcerts {tmp_path}/ca.pem\nuser root\n"
    of_node = record(nts={"servers": [probed()]}, chrony=chrony(config=config))
    judgement = judge_record(of_node)
    ((name, lines),) = to_try(of_node, judgement).items()
    client = json.loads(said(served, sys.executable, "-c", CLIENT, chrony_tree / "usr/sbin", *lines))
    assert [*client["tried"]] == [name]
    finding = finding_of(nts_servers, {**of_node, "evidence": {**of_node["evidence"], "nts_client": client}})
    assert finding.state == "pass", client
    assert "chronyd -Q gets authenticated time of 127.0.0.1" in finding.summary
