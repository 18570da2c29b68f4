"""The descriptors, and the tables that can't be derived from them:
those that a node has with it, and the role's in YAML.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import yaml
from ansible_collections.skewgate.preflight.plugins.module_utils.node import names
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import boot
from ansible_collections.skewgate.preflight.plugins.modules.node_evidence import SECTIONS
from ansible_collections.skewgate.preflight.plugins.plugin_utils import daemons
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import next_boot, ntp_sources, sync_state
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons.common.asking import synchronisation
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons.common.boot_order import known_waits
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons.common.daemon import (
    CannotBeAskedError,
    FirstCorrectionUnknownError,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons.common.first_correction import first_correction
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons.common.strays import stray_daemons
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons.common.units import time_daemons
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import MissingEvidenceError, Record

from tests.builders import record, time_services, unit
from tests.examples import planted
from tests.paths import ROOT

ALL = tuple(daemons.discover().values())
named = pytest.mark.parametrize("daemon", ALL, ids=lambda daemon: daemon.name)


def test_each_file_of_the_folder_has_one_descriptor_of_another_name():
    (folder,) = daemons.__path__
    assert len(ALL) == len([path for path in Path(folder).glob("*.py") if path.name != "__init__.py"])


def test_units_and_processes_are_each_of_one_daemon():
    for table in (
        [name for daemon in ALL for name in daemon.units],
        [name for daemon in ALL for name in daemon.processes],
    ):
        assert [name for name, times in Counter(table).items() if times > 1] == []


@named
def test_a_daemon_that_may_run_as_another_names_a_process_that_is_known(daemon):
    assert set(daemon.may_run_as) <= daemons.daemons_by_process().keys() - set(daemon.processes)


# What the node has with it


def test_the_node_looks_for_the_units_of_the_descriptors_and_for_no_others():
    assert sorted(names.DAEMON_UNITS) == sorted(daemons.daemons_by_unit())


def test_the_node_looks_for_the_processes_of_the_descriptors_and_for_no_others():
    assert sorted(names.DAEMON_PROCESSES) == sorted(daemons.daemons_by_process())


@named
def test_the_node_takes_the_section_of_a_daemon_and_asks_for_its_waits(daemon):
    assert {daemon.section} - {None} <= set(SECTIONS)
    assert set(daemon.wait_units) <= set(boot.UNITS)


def test_the_waits_of_the_node_are_those_of_the_descriptors_and_the_kernels():
    shown = {f"{name}.service" for name in names.WAIT_UNITS} | {"ntp-wait.service"}
    assert shown == set(known_waits())


# What the role has


def test_the_role_knows_the_packages_that_make_way_for_chronys():
    variables = yaml.safe_load((ROOT / "roles/chrony/vars/main.yml").read_text())
    assert variables["__chrony_package_of_daemon"] == {daemon.name: daemon.package for daemon in ALL if daemon.package}


# What checks derive


def test_checks_that_ask_a_daemon_read_the_sections_of_all_that_can_be_asked():
    asked = set(ntp_sources.READS)
    known = {"chrony", "ntpd", "ntpd_rs", "openntpd", "timesyncd", "ptp", "clockbound"}
    assert asked == set(sync_state.READS) - {"join_state"} >= known


def test_the_next_boot_reads_the_sections_of_the_daemons_whose_configuration_decides():
    assert set(next_boot.READS) >= {"chrony", "ntpd", "ntpd_rs", "openntpd"}


@named
def test_a_daemon_that_can_be_asked_or_that_its_configuration_rules_has_a_section(daemon):
    assert daemon.section or not (daemon.ask or callable(daemon.first_correction))


# A new one

SUNDIAL = """
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons.common.daemon import Daemon

DAEMON = Daemon(
    name="sundial",
    units=("sundial", "sundiald"),
    processes=("sundiald",),
    leaves_clock_alone=lambda process, record: "it is night" if "--night" in process["argv"] else "",
)
"""


@pytest.fixture
def sundial(tmp_path):
    tables = (daemons.discover, daemons.daemons_by_unit, daemons.daemons_by_process, daemons.wait_units)
    with planted(daemons, "sundial_descriptor", SUNDIAL, tmp_path, *tables):
        yield


@pytest.mark.usefixtures("sundial")
@pytest.mark.parametrize(("option", "steers"), [("", True), (" --night", False)])
def test_a_new_file_is_a_new_daemon(option, steers):
    process = {
        "pid": 731,
        "comm": "sundiald",
        "argv": f"/usr/sbin/sundiald{option}".split(),
        "cgroup": "/user.slice/x.scope",
    }
    services = time_services(unit("sundiald.service"), processes=[process])
    (found,) = time_daemons(Record(record(time_services=services)))
    assert (found.daemon, found.steers_now) == ("sundial", steers)
    by_hand = Record(record(time_services=time_services(processes=[process])))
    assert [stray.daemon for stray in stray_daemons(by_hand, [])] == ["sundial"] * steers
    taken = Record(record(time_services=services))
    with pytest.raises(
        CannotBeAskedError if steers else MissingEvidenceError, match="sundial" if steers else "no time daemon"
    ):
        synchronisation(taken)
    with pytest.raises(FirstCorrectionUnknownError):
        first_correction(found, taken)
