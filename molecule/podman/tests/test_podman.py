"""What a container can't show: a wrong clock, a clock that is fixed, and the units that a boot
starts.
"""

import time

A_RUN_OF_ANSIBLE_S = 30
CAP_SYS_TIME = 25
"""The capability's number in linux/capability.h."""


def test_it_has_the_clock_of_its_host_so_no_scenario_can_make_it_wrong(host):
    before_s = time.time()
    assert -1 <= float(host.check_output("date +%s")) - before_s <= A_RUN_OF_ANSIBLE_S


def test_it_can_not_set_that_clock_so_no_remediation_can_be_shown(host):
    capabilities = int(host.check_output("grep CapEff: /proc/self/status").split()[1], 16)
    assert not capabilities >> CAP_SYS_TIME & 1


def test_no_service_manager_runs_in_it_so_nothing_can_be_said_of_its_next_boot(host):
    assert host.file("/proc/1/comm").content_string.strip() == "sleep"
