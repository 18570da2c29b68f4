"""What a node shows, taken once a host: by Ansible's own module call, with the inventory's own settings."""

import json

import pytest

TIME_CHECKS = [
    "chrony_config",
    "clock_movers",
    "clock_skew",
    "config_in_use",
    "next_boot",
    "ntp_servers",
    "ntp_sources",
    "nts_servers",
    "sync_state",
    "time_service",
]

SETTINGS = {
    "accepted_rules": "{{ gate_accepted_rules | default([]) }}",
    "client_profiles": "{{ gate_client_profiles | default({}) }}",
    "clients": "{{ gate_clients | default(['argocd']) }}",
    "cluster_ca_file": "{{ gate_cluster_ca_file | default('') }}",
    "limit_profiles": "{{ gate_limit_profiles | default({}) }}",
    "limits": "{{ gate_limits | default([]) }}",
    "max_clock_error_s": "{{ gate_max_clock_error_s | default(1.0) }}",
    "max_skew_s": "{{ gate_max_skew_s | default('') }}",
    "ntp_servers": "{{ gate_ntp_servers }}",
    "timeout_s": "{{ gate_timeout_s | default(5) }}",
    "checks": TIME_CHECKS,
}
"""A unit test compares them with the table of settings."""


def pytest_generate_tests(metafunc):
    if "check" in metafunc.fixturenames:
        metafunc.parametrize("check", TIME_CHECKS)


@pytest.fixture(scope="module")
def findings(host):
    """The findings of the node's time checks, by the check's name."""
    answer = host.ansible("skewgate.preflight.node_check", json.dumps(SETTINGS), check=False, become=True)
    assert "judgement" in answer, answer.get("msg")
    return {finding["check"]: finding for finding in answer["judgement"]["findings"]}


@pytest.fixture(scope="module")
def servers(host):
    """The NTP servers that the inventory gives this node."""
    variables = host.ansible.get_variables()
    return variables.get("chrony_servers", variables["gate_ntp_servers"])
