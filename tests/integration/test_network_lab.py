"""Cases of the network's fault matrix on a real node: its kernel, over SSH."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.daemons.conftest import Authority, Talk
from tests.integration.conftest import Runner, github_app
from tests.lab import TRIO, Lab
from tests.lab.liar import NTP_PORT, ScriptedServer
from tests.reliability.network.case import TIMEOUT_S
from tests.reliability.network.links import inside
from tests.reliability.network.matrix import CASES, NUMBERS
from tests.reliability.network.world import HTTPS_PORT, Site

pytestmark = [pytest.mark.lab, pytest.mark.nightly]

NTP = ("10.77.0.4", "10.77.0.5", "10.77.0.6")
API = "10.77.0.7"


@contextmanager
def serving(lab: Lab, site: Site) -> Iterator[None]:
    """The site's NTP servers and what talks in the API's place, in the lab's network."""
    with ExitStack() as servers:
        for address in (*NTP, API):
            lab.namespace.add_address(address)
            servers.callback(lab.namespace.delete_address, address)
        network = servers.enter_context(lab.namespace.path.open())

        def serve() -> None:
            for address, answer in zip(NTP, site.ntp.values(), strict=False):
                assert answer
                servers.callback(ScriptedServer(answer, address, NTP_PORT).close)
            if site.api:
                servers.callback(Talk(site.api, (API, HTTPS_PORT)).close)

        inside(network.fileno(), serve)
        yield


@pytest.mark.parametrize("name", ["NTP wrong origin", "kiss DENY", "API plain HTTP"])
def test_a_real_node_has_the_same_finding(trio: Lab, skewgate: Runner, tmp_path: Path, name: str) -> None:
    case = CASES[NUMBERS[name] - 1]
    site = Site(Authority(tmp_path))
    case.make(site)
    (expected,) = case.expected
    settings = {
        "gate_checks": [expected.check],
        "gate_ntp_servers": [*NTP],
        "gate_github_apps": [github_app(api_url=f"https://{API}")] if site.api else [],
        "gate_timeout_s": TIMEOUT_S,
    }
    node = TRIO[0].name
    with serving(trio, site):
        run = skewgate("check", "-l", node, extra=settings)
    finding = run.finding(node, expected.check)
    assert (finding["state"], tuple(finding["keys"])) == expected[1:]
    assert run.report["nodes"][node]["verdict"] == "refuse"
