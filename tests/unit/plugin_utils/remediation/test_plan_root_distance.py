"""A root distance that is too large: the same servers have it after a restart too,
other ones may not.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders import chrony, ntp_sample, ntp_server, source, time_services, tracking
from tests.unit.plugin_utils.daemons import recorded
from tests.unit.plugin_utils.remediation.scenarios import (
    GOOD_CONFIG,
    RESTART,
    SERVERS,
    STOPPED,
    TIMESYNCD,
    WRITE,
    measured,
    plan,
    whats,
)


def distant(*names: str, config: str = GOOD_CONFIG, **sections: Any) -> dict[str, Any]:
    """A node whose chronyd follows these servers, of which it knows the time to 2 s."""
    rows = [source(name, "*" if n == 0 else "+") for n, name in enumerate(names)]
    shown = chrony(tracking(root_dispersion_s=2.0), *rows, config=config)
    return measured(chrony={**shown, "defaults": [], "started_s": None}, **sections)


def refused(data: dict[str, Any], **settings: Any) -> str:
    made = plan(data, **settings)
    assert made.refusal
    assert not made.changes
    return made.refusal


def test_the_servers_that_the_node_follows_already_are_not_written_again():
    why = refused(distant(*SERVERS))
    assert "2.000 s" in why
    assert "chrony_servers" in why
    assert "gate_max_clock_error_s" in why


def test_a_name_is_the_servers_that_it_stands_for():
    named = {"servers": [ntp_server("time.example", ntp_sample(), address="10.77.0.1")]}
    assert "chrony_servers" in refused(distant(*SERVERS, ntp=named), servers=["time.example"])


def test_a_chronyd_that_was_just_started_is_waited_for():
    """Its first measurements may be poor ones."""
    data = distant(*SERVERS)
    data["evidence"]["chrony"]["started_s"] = data["evidence"]["collected"]["wall_ns"] / 1e9 - 10
    assert whats(plan(data)) == ["wait for chrony.service, which was started 10 s ago"]


WINDOWS = "server 10.77.0.9 iburst\nmakestep 1 3\nrtcsync\ndriftfile /var/lib/chrony/chrony.drift\n"


def test_other_servers_are_written_in_the_place_of_a_distant_one():
    assert whats(plan(distant("10.77.0.9", config=WINDOWS)))[:2] == [WRITE, RESTART]


def timesyncd_follows(address: str) -> dict[str, Any]:
    text = recorded.sample("timesyncd_synchronised.timesync").replace("RootDispersion=15us", "RootDispersion=2.5s")
    sections = recorded.timesyncd(text.replace("10.99.0.1", address))
    services = time_services(TIMESYNCD, STOPPED)
    return measured(timesyncd=sections["timesyncd"], clock=sections["clock"], time_services=services)


@pytest.mark.parametrize("servers", [["10.77.0.1"], SERVERS])
def test_another_daemon_is_only_replaced_if_chrony_gets_other_servers(servers: list[str]):
    data = timesyncd_follows("10.77.0.1")
    data["evidence"]["chrony"] = {**data["evidence"]["chrony"], "config": {"path": None, "files": [], "unread": []}}
    if servers == SERVERS:
        assert "stop and disable systemd-timesyncd.service" in whats(plan(data, servers=servers))
    else:
        assert "systemd-timesyncd" in refused(data, servers=servers)


def test_what_else_is_at_fault_is_fixed_with_a_warning():
    not_enabled = time_services({**STOPPED, "active_state": "active", "sub_state": "running", "main_pid": 731})
    made = plan(distant(*SERVERS, time_services=not_enabled))
    assert made.refusal is None
    assert RESTART not in whats(made)
    assert any("2.000 s" in warning for warning in made.warnings)
