from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.evidence import parse_evidence
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.nts_client import works
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.interval import Interval
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.nts import NtsState, detail_of, nts_state

from tests.daemons.boxed import in_network
from tests.daemons.module_utils.probes.nts_networks import RULES
from tests.lab.host import install_packages

NETWORK = 'ip link set lo up && ip route add default dev lo src 127.0.0.1 && exec "$@"'


@pytest.fixture(scope="module")
def taken(chrony_tree: Path, authority) -> Iterator[Any]:
    """What is taken in each network; they wait side by side."""
    if shutil.which("nft") is None:
        install_packages()
    pem = authority.issue()
    trusted = pem.with_suffix(".trusted.pem")
    trusted.write_text(pem.read_text() + authority.pem)

    def take(network: str) -> Any:
        code = "import sys; from tests.daemons.module_utils.probes.nts_networks import main; main(*sys.argv[1:])"
        chronyd = chrony_tree / "usr/sbin/chronyd"
        return json.loads(in_network(NETWORK, code, chronyd, trusted, network, timeout_s=60))

    with ThreadPoolExecutor(5) as beside:
        shown = {network: beside.submit(take, network) for network in RULES}
        yield lambda network: shown[network].result()


STATES = {
    "healthy": NtsState.ESTABLISHED,
    "tcp_4460_blocked": NtsState.BLOCKED,
    "large_dropped": NtsState.LARGE_DROPPED,
    "large_dropped_back": NtsState.NOT_ANSWERED,
    "authenticated_dropped": NtsState.ESTABLISHED,
    "ntsn_dropped": NtsState.NOT_ANSWERED,
    "udp_dropped": NtsState.NTP_BLOCKED,
    "redirected": NtsState.REDIRECTED,
    # To the same packets, a chronyd without NTS gives the same answers.
    "redirected_to_one": NtsState.NOT_ANSWERED,
    "stripped": NtsState.STRIPPED,
}


CHRONYD_GETS_TIME = {"healthy", "ntsn_dropped"}


@pytest.mark.parametrize("network", RULES)
def test_each_fault_of_a_network_has_its_state_and_chronyd_itself_decides(taken, network):
    shown = taken(network)
    parsed = parse_evidence(shown)
    assert parsed == shown
    (server,) = shown["nts"]["servers"]
    assert nts_state(server, time.time(), Interval(-1, 1)) is STATES[network], detail_of(server)
    (answer,) = shown["nts_client"]["tried"].values()
    assert works(answer) is (network in CHRONYD_GETS_TIME), answer
