"""A program that steers a network card alone, or of which it is open whether it steers the clock:
what the checks say.
"""

from __future__ import annotations

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import ntp_sources, sync_state, time_service
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.finding import CommonKey
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.judge import judge_record

from tests.builders import CHRONY_UNIT, record, time_services, unit
from tests.findings import finding_of, unsaid
from tests.unit.plugin_utils.checks.test_check_time_service import OWN, PTP4L_RUNS, PTP4L_UNIT, process
from tests.unit.plugin_utils.daemons import recorded


@pytest.mark.parametrize(
    ("beside", "step"),
    [
        (process("clockbound", "/system.slice/clockbound.service"), "chronyd's user"),
        (process("phc2sys", "/system.slice/phc2sys.service", "phc2sys -a -r -f /etc/p.conf"), "its file"),
    ],
)
def test_if_one_process_leaves_it_open_the_next_step_is_not_to_look_after_systemd_or_ptp4l(beside, step):
    node = record(
        time_services=time_services(CHRONY_UNIT, processes=[process("chronyd", OWN, pid=731), beside]),
        ptp={"present": True, "config": {"path": None, "files": [], "unread": []}, "commands": {}},
    )
    (finding,) = [found for found in judge_record(node)["findings"] if found["check"] == "time_service"]
    assert finding["state"] == "inconclusive"
    assert step in finding["remedy"]
    assert unsaid(finding["remedy"], "list-units", "pmc") == ["list-units", "pmc"]


def test_a_ptp4l_that_follows_its_master_and_steers_a_card_alone_is_no_daemon_that_is_synchronised():
    services = time_services(unit("chrony.service", "failed"), PTP4L_UNIT, processes=[PTP4L_RUNS])
    node = record(**{**recorded.PTP, "time_services": services})
    assert finding_of(time_service, node).keys == (time_service.Key.NOT_RUNNING,)
    for check in (sync_state, ntp_sources):
        finding = finding_of(check, node)
        assert (finding.state, finding.keys) == ("skipped", (CommonKey.NO_DAEMON,)), finding.summary
        assert "ptp4l steers the network card's clock" in finding.summary


def test_another_ptp4l_that_is_down_is_not_what_lacks():
    units = (unit("ptp4l@eth0.service", main_pid=510), unit("ptp4l@eth1.service", "failed"))
    finding = finding_of(time_service, record(time_services=time_services(*units, processes=[PTP4L_RUNS])))
    assert finding.keys == (time_service.Key.PTP4L_WITHOUT_PHC2SYS,)
