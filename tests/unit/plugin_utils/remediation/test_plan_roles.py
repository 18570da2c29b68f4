"""The clock of a node with WireGuard is never stepped back, by whatever chronyd would do it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders import (
    NS,
    TRUE_NS,
    boot_unit,
    join_state,
    policy,
    time_services,
    unit,
    wireguard,
)
from tests.certificates import certificate_pem
from tests.unit.plugin_utils.remediation.scenarios import (
    CHECKS,
    EMPTY,
    GOOD_CONFIG,
    SERVERS,
    booting,
    dead,
    measured,
    plan,
    running,
)

WG0 = wireguard(interfaces=["wg0"])
NAMED = {"step_joined": ["node3"]}


@pytest.mark.parametrize(
    ("skew_s", "section", "changes", "step"),
    [
        pytest.param(40.0, WG0, {}, None, id="ahead by 40 s: a slew would take eight minutes"),
        pytest.param(40.0, WG0, NAMED, None, id="no name lets it go back"),
        pytest.param(40.0, WG0, {"joined_slew_limit_s": 600}, False, id="a slew that may take ten minutes"),
        pytest.param(40.0, join_state(), {}, True, id="the same node without WireGuard"),
        pytest.param(3.0, WG0, {}, False, id="ahead by 3 s: slewed within a minute"),
        pytest.param(-612.0, WG0, {}, True, id="behind: a step forwards"),
        pytest.param(-3.0, join_state("/var/lib/etcd/member"), {}, False, id="a control plane is slewed forwards"),
        pytest.param(-40.0, join_state("/var/lib/etcd/member"), {}, None, id="and not stepped"),
        pytest.param(-40.0, join_state("/var/lib/etcd/member"), NAMED, True, id="unless it is named"),
    ],
)
def test_a_step_that_a_role_forbids_is_not_made(
    skew_s: float, section: dict[str, Any], changes: dict[str, Any], step: bool | None
):
    made = plan(measured(skew_s, join_state=section, chrony=dead(skew_s)), **changes)
    if step is None:
        assert made.refusal
        assert not made.changes
    else:
        assert made.refusal is None, made.refusal
        assert made.node["chronyd"]["step"] is step


def test_a_ca_that_begins_in_the_future_refuses_the_step_back_with_what_to_do():
    ca = {"/etc/kubernetes/pki/ca.crt": {"pem": certificate_pem(TRUE_NS // NS + 300)}}
    section = join_state("/etc/kubernetes/kubelet.conf", certificates=ca)
    made = plan(measured(600.0, join_state=section, chrony=dead(600.0)), **NAMED)
    assert made.refusal
    assert "NotBefore 2026-11-22T08:40:36Z" in made.refusal
    assert "`kubeadm reset`" in made.refusal


@pytest.mark.parametrize("skew_s", [-612.0, 3.0])
@pytest.mark.parametrize("makestep", ["1 -1", "0 3", "0.05 3"])
def test_with_wireguard_no_makestep_is_written_that_could_step_back_later(skew_s: float, makestep: str):
    made = plan(measured(skew_s, join_state=WG0, chrony=dead(skew_s)), makestep=makestep)
    assert made.refusal
    assert f"`makestep {makestep}`" in made.refusal
    assert not plan(measured(skew_s, join_state=join_state(), chrony=dead(skew_s)), makestep=makestep).refusal


def test_with_wireguard_a_makestep_that_is_there_already_counts_too():
    config = GOOD_CONFIG.replace("makestep 1 3", "makestep 1 -1")
    data = measured(3.0, join_state=WG0, chrony=running(*SERVERS, config=config, skew_s=3.0))
    data["policy"] = policy(checks=CHECKS, github_apps=[], max_skew_s=0.5)
    assert "makestep 1 -1" in (plan(data).refusal or "")


def test_with_wireguard_a_unit_that_takes_no_options_is_not_started():
    started = {**boot_unit("chrony.service"), "exec_start": "/usr/sbin/chronyd -F 1 -f /srv/chrony.conf"}
    made = plan(measured(3.0, join_state=WG0, chrony=dead(3.0), boot=booting(started)))
    assert made.refusal
    assert "$DAEMON_OPTS" in made.refusal


@pytest.mark.parametrize(
    ("section", "step_s"), [(WG0, pytest.approx(611.9990, abs=2e-4)), (join_state(), pytest.approx(612.0, abs=2e-4))]
)
def test_with_wireguard_the_clock_is_set_for_the_package_no_further_than_it_surely_is_behind(
    section: dict[str, Any], step_s: Any
):
    made = plan(measured(-612.0, join_state=section, time_services=time_services(), **EMPTY))
    assert made.install
    assert made.install["step_s"] == step_s
    assert made.install["hold"] == (["chrony.service"] if section is WG0 else [])


def test_with_wireguard_and_ahead_chronys_package_starts_nothing_and_the_clock_is_not_set():
    made = plan(measured(3.0, join_state=WG0, time_services=time_services(), **EMPTY))
    assert made.install
    assert (made.install["hold"], made.install["step_s"]) == (["chrony.service"], None)


def test_a_chronyd_that_was_just_started_and_would_step_back_is_not_waited_for():
    begun_s = TRUE_NS / NS + 40.0 - 5
    chronyd = {**running(*SERVERS, synchronised=False, skew_s=40.0), "started_s": begun_s}
    waits = plan(
        measured(40.0, join_state=join_state(), chrony=chronyd, time_services=time_services(unit("chrony.service")))
    )
    assert waits.changes[0].what == "wait for chrony.service, which was started 5 s ago"
    refused = plan(measured(40.0, join_state=WG0, chrony=chronyd, time_services=time_services(unit("chrony.service"))))
    assert refused.refusal
    assert "WireGuard" in refused.refusal


def test_evidence_that_does_not_say_what_the_node_is_refuses_a_step_back():
    earlier = {key: value for key, value in join_state().items() if key in ("paths", "processes")}
    made = plan(measured(45.0, join_state=earlier, chrony=dead(45.0)), **NAMED)
    assert made.refusal
    assert "the evidence does not say" in made.refusal
