"""The check of NTP servers on what the probe gets from real chronyds on loopback.

Each is brought into a different state.
"""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import ntp
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import ntp_servers
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks.ntp_servers import Key
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.finding import Finding

from tests.builders import record
from tests.daemons.plugin_utils.test_config_in_use_real import free_port, running
from tests.findings import finding_of


def ask(server: str, port: int) -> Finding:
    taken = ntp.collect([server], port, samples=2, timeout_s=0.5)
    return finding_of(ntp_servers, record(ntp=taken))


@pytest.mark.parametrize(
    ("config", "key"),
    [
        pytest.param("allow 127.0.0.1\nlocal stratum 5\n", None, id="a good server"),
        pytest.param("allow 127.0.0.1\n", Key.BAD_TIME, id="without a source"),
        pytest.param("local stratum 5\n", Key.REFUSED, id="without allow"),
        pytest.param("allow 10.0.0.0/8\nlocal stratum 5\n", Key.SERVER_DOWN, id="for others only"),
    ],
)
def test_a_server_is_judged_by_what_it_answers(chrony_tree: Path, tmp_path: Path, config: str, key: Key | None):
    port = free_port()
    with running(chrony_tree, tmp_path / "server", f"port {port}\nbindaddress 127.0.0.1\n{config}"):
        finding = ask("127.0.0.1", port)
    assert (finding.state, finding.keys) == (("fail", (key,)) if key else ("pass", ())), finding.summary


def test_a_port_that_nobody_reads_is_silent_and_a_name_that_is_none_is_dns():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        silent = ask("127.0.0.1", deaf.getsockname()[1])
        assert (silent.keys, silent.about) == ((Key.SERVER_DOWN,), ("127.0.0.1",))
    assert ask("no-such-host.invalid", 123).keys == (Key.NAMES_NOT_RESOLVED,)
