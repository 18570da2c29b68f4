"""The clock of a node that has joined a cluster is never stepped back,
and never far unless its name is given.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders import (
    boot_unit,
    policy,
    time_services,
)
from tests.unit.plugin_utils.remediation.scenarios import (
    CHECKS,
    DEAD_CONFIG,
    EMPTY,
    GOOD_CONFIG,
    JOINED,
    SERVERS,
    booting,
    dead,
    measured,
    plan,
    running,
)


@pytest.mark.parametrize(
    ("skew_s", "changes", "step"),
    [
        pytest.param(45.0, {}, None, id="ahead by 45 s: a slew would take nine minutes"),
        pytest.param(-612.0, {}, None, id="behind by more than the limit"),
        pytest.param(3.0, {}, False, id="ahead by 3 s: slewed within a minute"),
        pytest.param(-3.0, {}, True, id="behind by 3 s: a small step forward"),
        pytest.param(45.0, {"step_joined": ["node3"]}, True, id="ahead by 45 s, and stepped by name"),
        pytest.param(45.0, {"step_joined": ["node4"]}, None, id="another node is named"),
    ],
)
def test_a_joined_node_is_never_stepped_back_and_never_far_unless_named(
    skew_s: float, changes: dict[str, Any], step: bool | None
):
    made = plan(measured(skew_s, joined=JOINED, chrony=dead(skew_s)), **changes)
    if step is None:
        assert made.refusal
        assert "/etc/kubernetes/kubelet.conf" in made.refusal
    else:
        assert made.refusal is None
        assert made.node["chronyd"]["step"] is step


@pytest.mark.parametrize(
    ("config", "changes"),
    [
        pytest.param(DEAD_CONFIG, {"makestep": "1 -1"}, id="the setting"),
        pytest.param(DEAD_CONFIG, {"extra_lines": ["makestep 0.1 -1"]}, id="a further line"),
        pytest.param(GOOD_CONFIG.replace("makestep 1 3", "makestep 1.0 -1"), {}, id="the configuration that stays"),
    ],
)
def test_a_joined_node_is_not_slewed_if_makestep_has_no_limit(config: str, changes: dict[str, Any]):
    section = dead(3.0) if config == DEAD_CONFIG else running(*SERVERS, config=config, skew_s=3.0)
    data = measured(3.0, joined=JOINED, chrony=section)
    data["policy"] = policy(checks=CHECKS, github_apps=[], max_skew_s=0.5)
    made = plan(data, **changes)
    assert made.refusal
    assert "-R does not prevent that" in made.refusal
    assert "makestep" in made.refusal


def test_a_joined_node_is_not_slewed_if_its_unit_takes_no_option_of_the_environment_file():
    started = {**boot_unit("chrony.service"), "exec_start": "/usr/sbin/chronyd -F 1 -f /srv/chrony.conf"}
    made = plan(measured(3.0, joined=JOINED, chrony=dead(3.0), boot=booting(started)))
    assert made.refusal
    assert "$DAEMON_OPTS" in made.refusal
    started = {**boot_unit("chrony.service"), "exec_start": "/usr/sbin/chronyd $DAEMON_OPTS"}
    assert not plan(measured(3.0, joined=JOINED, chrony=dead(3.0), boot=booting(started))).refusal


def test_a_joined_node_is_not_stepped_by_the_rtc_at_chronyds_start():
    section = {**dead(3.0), "defaults": [{"path": "/etc/default/chrony", "text": 'DAEMON_OPTS="-F 1 -s"\n'}]}
    assert plan(measured(3.0, joined=JOINED, chrony=section)).node["chronyd"]["options"] == "-F 1"


def test_a_joined_node_without_chrony_is_not_stepped_by_the_packages_first_start():
    made = plan(measured(3.0, joined=JOINED, time_services=time_services(), **EMPTY))
    assert made.install
    assert made.install["hold"] == ["chrony.service"]
    assert made.install["step_s"] is None
    assert made.wait_s > 30


def test_the_package_does_not_start_chronyd_on_a_joined_node_even_if_a_step_forward_is_allowed():
    made = plan(measured(-3.0, joined=JOINED, time_services=time_services(), **EMPTY))
    assert made.install
    assert made.node["chronyd"]["step"] is True
    assert made.install["hold"] == ["chrony.service"]
