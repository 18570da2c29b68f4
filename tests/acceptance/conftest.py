"""What a node shows, taken once a host: by Ansible's own module call, with the inventory's own settings."""

import json

import pytest

SETTINGS = {
    "clients": "{{ gate_clients | default(['argocd']) }}",
    "ntp_servers": "{{ gate_ntp_servers }}",
    "checks": ["clock_skew", "ntp_servers", "ntp_sources", "sync_state", "time_service"],
}


@pytest.fixture(scope="module")
def findings(host):
    """The findings of the node's time checks, by the check's name."""
    answer = host.ansible("skewgate.preflight.node_check", json.dumps(SETTINGS), check=False, become=True)
    assert "report" in answer, answer.get("msg")
    return {finding["check"]: finding for finding in answer["report"]["findings"]}


@pytest.fixture(scope="module")
def servers(host):
    """The NTP servers that the inventory gives this node."""
    variables = host.ansible.get_variables()
    return variables.get("chrony_servers", variables["gate_ntp_servers"])
