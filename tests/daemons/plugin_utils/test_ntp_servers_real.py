"""The check of NTP servers on what the probe gets from real chronyds on loopback, each brought into a state of its own."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import ntp
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import ntp_servers
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.finding import Finding
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.policy import Policy
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import Record

from tests.builders import policy, record
from tests.daemons.plugin_utils.test_config_in_use_real import free_port, running


def ask(server: str, port: int) -> Finding:
    taken = ntp.collect([server], port, samples=2, timeout_s=0.5)
    return ntp_servers.judge(Record(record(ntp=taken)), Policy.from_json(policy()))


@pytest.mark.parametrize(
    ("config", "state", "cause"),
    [
        pytest.param("allow 127.0.0.1\nlocal stratum 5\n", "pass", "", id="a good server"),
        pytest.param(
            "allow 127.0.0.1\n",
            "fail",
            "the NTP servers have no good time of their own",
            id="without a source of its own",
        ),
        pytest.param("local stratum 5\n", "fail", "NTP refused: nothing listens on UDP 123", id="without allow"),
        pytest.param(
            "allow 10.0.0.0/8\nlocal stratum 5\n", "fail", "127.0.0.1 is blocked or down", id="for others only"
        ),
    ],
)
def test_a_server_is_judged_by_what_it_answers(chrony_tree: Path, tmp_path: Path, config: str, state: str, cause: str):
    port = free_port()
    with running(chrony_tree, tmp_path / "server", f"port {port}\nbindaddress 127.0.0.1\n{config}"):
        finding = ask("127.0.0.1", port)
    assert (finding.state, finding.cause) == (state, cause), finding.summary


def test_a_port_that_nobody_reads_is_silent_and_a_name_that_is_none_is_dns():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        assert ask("127.0.0.1", deaf.getsockname()[1]).cause == "127.0.0.1 is blocked or down"
    assert ask("no-such-host.invalid", 123).cause == "the NTP servers' names are not resolved"
