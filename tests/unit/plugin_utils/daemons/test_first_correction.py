from __future__ import annotations

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons.common.daemon import (
    FirstCorrectionUnknownError,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons.common.first_correction import first_correction
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons.common.units import time_daemons
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import Record

from tests.builders import record, time_services, unit


def first(daemon, **sections):
    """What the daemon of this unit does first, on a node that shows these sections beside the units."""
    services = time_services(unit(daemon))
    (found,) = time_daemons(services)
    return first_correction(found, Record(record(time_services=services, **sections)))


@pytest.mark.parametrize("unit_name", ["htpdate.service", "ptpd.service"])
def test_a_daemon_whose_start_nobody_looked_into_is_an_error_of_its_own(unit_name):
    with pytest.raises(FirstCorrectionUnknownError):
        first(unit_name)
