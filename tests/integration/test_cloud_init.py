"""A node whose chrony is cloud-init's, the real one:
what the gate says to do there works, and neither undoes the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.findings import unsaid
from tests.integration.conftest import Runner
from tests.lab import Lab, NodeSpec

pytestmark = [pytest.mark.lab, pytest.mark.nightly]

NODE = NodeSpec("node2", "10.77.0.12", -612, "cloud-init")
CONF = "/etc/chrony/chrony.conf"
SEED = "/var/lib/cloud/seed/nocloud"
USER_DATA = r"#cloud-config\nntp: {servers: [10.77.0.9], pools: []}\n"


@pytest.fixture
def node(lab: Lab, lab_node: Callable[[NodeSpec], NodeSpec]) -> Callable[[str], str]:
    """Runs a command on a node where cloud-init has installed chrony,
    with a server that does not answer.
    """
    lab_node(NODE)
    lab.namespace.end_connections(NODE.ip)

    def run(command: str) -> str:
        return lab.ssh(NODE.name, command, 180).stdout

    run(f"mkdir -p {SEED}; echo instance-id: i-1 > {SEED}/meta-data; printf '{USER_DATA}' > {SEED}/user-data")
    run("cloud-init clean; cloud-init init; cloud-init modules --mode=config")
    assert "server 10.77.0.9 iburst" in run(f"cat {CONF}")
    return run


def test_the_node_is_refused_and_admitted_once_cloud_init_has_what_the_refusal_says(
    node: Callable[[str], str], lab: Lab, skewgate: Runner
) -> None:
    before = node("find /etc -xdev -type f -print0 | sort -z | xargs -0 sha256sum")
    refused = skewgate("gate", "-l", NODE.name)
    assert refused.status == 4
    message = refused.report["nodes"][NODE.name]["remediation"]["message"]
    assert not unsaid(message, CONF, "cloud-init")
    assert node("find /etc -xdev -type f -print0 | sort -z | xargs -0 sha256sum") == before

    advised = re.search(r"`(ntp: .+?)`.*`(cloud-init --file FILE .+?)`", message)
    assert advised, message
    node(f"echo '{advised[1]}' > /root/ntp.yaml; {advised[2].replace('FILE', '/root/ntp.yaml')}")
    lab.wait_synchronised(NODE.name)
    of_cloud_init = node(f"cat {CONF}")
    admitted = skewgate("gate", "-l", NODE.name)
    assert admitted.report["nodes"][NODE.name]["verdict"] == "admit", admitted.output
    assert node(f"cat {CONF}") == of_cloud_init


def test_a_file_that_was_taken_over_stays_the_roles_over_a_boot_with_cloud_init(
    node: Callable[[str], str], lab: Lab, skewgate: Runner
) -> None:
    admitted = skewgate("gate", "-l", NODE.name, extra={"chrony_overwrite_foreign_config": True})
    assert admitted.report["nodes"][NODE.name]["verdict"] == "admit", admitted.output
    of_the_role = node(f"cat {CONF}")
    assert "server 10.77.0.1 iburst" in of_the_role
    lab.reboot_node(NODE.name, 0)
    assert "running modules for config" in node("cat /var/log/cloud-init.log")
    assert node(f"cat {CONF}") == of_the_role
