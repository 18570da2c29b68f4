"""Packages: what is installed, finished, saved and taken back, by distribution."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.skewgate.preflight.plugins.plugin_utils.remediation.packages import HALF_STATES

from tests.builders import (
    CHRONY_UNIT,
    time_services,
    unit,
)
from tests.paths import ROOT
from tests.unit.plugin_utils.remediation.scenarios import (
    CONF,
    DEBIAN,
    EMPTY,
    JOINED,
    ROCKY,
    STOPPED,
    measured,
    plan,
    platform,
    whats,
)


def test_the_clock_is_set_before_a_package_is_installed_on_a_node_that_is_far_off():
    made = plan(measured(-612, time_services=time_services(), **EMPTY))
    assert made.install
    assert made.install["step_s"] == pytest.approx(612, abs=0.1)


@pytest.mark.parametrize("state", ["half-installed", "unpacked", "half-configured"])
def test_an_installation_that_was_cut_off_is_finished_and_not_taken_back_if_someone_else_began_it(state: str):
    cut_off = platform(dpkg={"chrony": state, "interrupted": True})
    for services in (time_services(), time_services(STOPPED)):
        made = plan(measured(-612, platform=cut_off, time_services=services, **EMPTY))
        assert whats(made)[0] == f"finish the installation of chrony, which was interrupted ({state})"
        assert made.install
        assert (made.install["unfinished"], made.install["undo"], made.install["idle"]) == (True, {}, [])


@pytest.mark.parametrize("state", [None, "unpacked"])
def test_if_another_program_is_at_work_with_dpkg_nothing_is_called_interrupted(state: str | None):
    held = platform(dpkg={"chrony": state, "held_by": {"pid": 812, "name": "apt-get"}, "interrupted": False})
    made = plan(measured(-612, platform=held, time_services=time_services(), **EMPTY))
    assert whats(made)[0] == "install chrony, when apt-get (process 812) has released dpkg's lock"
    assert made.install
    assert (made.install["unfinished"], made.install["undo"] == {}) == (False, state is not None)


@pytest.mark.parametrize("chrony_unit", [STOPPED, CHRONY_UNIT, unit("chrony.service", "inactive", "enabled")])
def test_a_unit_that_is_masked_while_its_package_comes_is_unmasked_again(chrony_unit: dict[str, Any]):
    cut_off = platform(dpkg={"chrony": "half-configured", "interrupted": True})
    made = plan(measured(-3.0, joined=JOINED, platform=cut_off, time_services=time_services(chrony_unit), **EMPTY))
    assert made.install
    assert made.install["hold"] == ["chrony.service"]
    assert "chrony.service" in made.node["enable"]


def test_another_package_that_dpkg_was_cut_off_with_is_in_the_way_of_an_installation_alone():
    cut_off = platform(dpkg={"chrony": None, "interrupted": True})
    made = plan(measured(-612, platform=cut_off, time_services=time_services(), **EMPTY))
    assert made.install
    assert (made.install["unfinished"], made.install["undo"]["package"]) == (True, "chrony")
    cut_off["dpkg"]["chrony"] = "installed"
    assert plan(measured(-612, platform=cut_off, time_services=time_services(STOPPED))).install is None


def test_what_an_earlier_installation_has_left_is_not_purged_when_all_is_undone():
    left = {**EMPTY["chrony"], "config": {"path": CONF, "files": [], "unread": []}}
    for section, purge in ((EMPTY["chrony"], True), (left, False)):
        install = plan(measured(-612, time_services=time_services(), chrony=section)).install
        assert install
        assert install["undo"]["purge"] is purge


def test_red_hats_names_are_used_there():
    made = plan(measured(-612, platform=platform(ROCKY), time_services=time_services(), **EMPTY))
    assert made.install
    assert made.install["manager"] == "dnf"
    assert made.node["chronyd"]["unit"] == "chronyd.service"
    (file,) = made.node["files"]
    assert file["path"] == "/etc/chrony.conf"
    assert "driftfile /var/lib/chrony/drift\n" in file["content"]


def test_what_rpm_puts_beside_a_written_file_is_saved_to_be_undone():
    made = plan(measured(-612, platform=platform(ROCKY), time_services=time_services(), **EMPTY))
    assert made.install
    assert [file["path"] for file in made.install["beside"]] == ["/etc/chrony.conf.rpmnew", "/etc/chrony.conf.rpmsave"]
    on_debian = plan(measured(-612, time_services=time_services(), **EMPTY)).install
    assert on_debian
    assert on_debian["beside"] == []


def test_debian_11_gets_the_wait_that_its_package_lacks():
    bullseye = {**DEBIAN, "VERSION_ID": "11"}
    made = plan(measured(-612, platform=platform(bullseye), time_services=time_services(), **EMPTY))
    assert [file["path"] for file in made.node["files"]] == [CONF, "/etc/systemd/system/chrony-wait.service"]


def test_a_daemon_that_the_package_replaces_is_known_to_undo_though_it_does_not_run():
    idle = unit("systemd-timesyncd.service", "inactive", "disabled")
    made = plan(measured(-612, time_services=time_services(idle), **EMPTY))
    assert made.install
    assert made.install["undo"]["replaces"] == ["systemd-timesyncd"]
    assert made.install["idle"] == ["systemd-timesyncd.service"]
    assert made.node["disable"] == []


def test_the_role_takes_back_what_dpkg_calls_half_there_by_the_same_states():
    variables = yaml.safe_load((ROOT / "roles/chrony/vars/main.yml").read_text())
    assert tuple(variables["__chrony_half_states"]) == HALF_STATES
