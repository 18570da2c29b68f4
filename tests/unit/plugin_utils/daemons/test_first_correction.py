from __future__ import annotations

import math

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons.common.daemon import (
    FirstCorrectionUnknownError,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons.common.first_correction import first_correction
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons.common.units import time_daemons
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import MissingEvidenceError, Record

from tests.builders import chrony, record, time_services, unit


def first(daemon, **sections):
    """What the daemon of this unit does first,
    on a node that shows these sections beside the units.
    """
    services = time_services(unit(daemon))
    taken = Record(record(time_services=services, **sections))
    (found,) = time_daemons(taken)
    return first_correction(found, taken)


@pytest.mark.parametrize("unit_name", ["htpdate.service", "ptpd.service"])
def test_a_daemon_whose_start_nobody_looked_into_is_a_separate_error(unit_name):
    with pytest.raises(FirstCorrectionUnknownError):
        first(unit_name)


@pytest.mark.parametrize(
    ("unit_name", "section", "process"),
    [("ntp.service", "ntpd", "ntpd"), ("ntpsec.service", "ntpd", "ntpd"), ("openntpd.service", "openntpd", "ntpd")],
)
@pytest.mark.parametrize(("kind", "is_judged"), [("missing", True), ("denied", False), ("other", False)])
def test_a_configuration_of_which_a_file_was_not_read_is_not_judged_by_the_rest(
    unit_name, section, process, kind, is_judged
):
    unread = [{"path": "/etc/ntp.d/big.conf", "error": "it is larger than 262144 bytes", "kind": kind}]
    config = {
        "path": "/etc/ntp.conf",
        "files": [{"path": "/etc/ntp.conf", "text": "tinker step 0\n"}],
        "unread": unread,
    }
    runs = {
        "pid": 7,
        "comm": process,
        "argv": ["/usr/sbin/ntpd", "-g"],
        "exe": None,
        "cgroup": None,
        "contained": False,
    }
    services = time_services(unit(unit_name, main_pid=7), processes=[runs])
    of_node = Record(record(time_services=services, **{section: {"present": True, "config": config}}))
    (daemon,) = time_daemons(of_node)
    if is_judged:
        assert first_correction(daemon, of_node).words
    else:
        with pytest.raises(MissingEvidenceError, match="was not read: it is larger"):
            first_correction(daemon, of_node)


@pytest.mark.parametrize(
    ("text", "steps_beyond_s"),
    [
        pytest.param("makestep 1 3\n", 1.0, id="in the first updates"),
        pytest.param("makestep 0 3\n", 0.0, id="every offset"),
        pytest.param("makestep 0 -1\n", 0.0, id="every offset, at any time"),
        pytest.param("makestep -1 3\n", 0.0, id="every offset too"),
        pytest.param("makestep 1 0\n", math.inf, id="in none"),
        pytest.param("", math.inf, id="no makestep"),
        pytest.param("initstepslew 30 10.0.0.1\n", 30.0, id="initstepslew"),
        pytest.param("initstepslew 30\n", math.inf, id="initstepslew without a server"),
    ],
)
def test_chronyds_makestep_decides_what_it_steps_at_its_start(text, steps_beyond_s):
    assert first("chrony.service", chrony=chrony(config=f"server 10.77.0.1\n{text}")).steps_beyond_s == steps_beyond_s
