from __future__ import annotations

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.record import MissingEvidenceError
from ansible_collections.skewgate.preflight.plugins.plugin_utils.time_daemons import time_daemons

from tests.unit.plugin_utils.builders import CHRONY_UNIT, time_services, unit


def only(*units):
    (found,) = time_daemons(time_services(*units))
    return found


@pytest.mark.parametrize(
    ("names", "daemon"),
    [
        pytest.param(["chrony.service", "chronyd.service"], "chrony", id="Debian's chrony"),
        pytest.param(["chronyd.service"], "chrony", id="Fedora's chrony"),
        pytest.param(["ntp.service"], "ntpd", id="ntp"),
        pytest.param(["ntpd.service"], "ntpd", id="ntpd"),
        pytest.param(["ntpsec.service", "ntp.service", "ntpd.service"], "ntpsec", id="ntpsec, also called ntp"),
        pytest.param(["openntpd.service", "ntp.service"], "openntpd", id="openntpd, also called ntp"),
        pytest.param(["systemd-timesyncd.service"], "systemd-timesyncd", id="timesyncd"),
    ],
)
def test_a_daemon_is_known_by_any_name_of_its_unit(names, daemon):
    found = only(unit(names[0], names=names))
    assert (found.daemon, found.unit) == (daemon, names[0])


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(unit("chrony-wait.service"), id="a helper"),
        pytest.param(unit("time-sync.target"), id="a target"),
        pytest.param(unit("ntpd.service", load_state="masked"), id="masked"),
        pytest.param(unit("ntpd.service", load_state="not-found"), id="not installed"),
    ],
)
def test_what_steers_no_clock_is_left_out(other):
    assert only(other, CHRONY_UNIT).daemon == "chrony"


@pytest.mark.parametrize(
    ("active_state", "sub_state", "active"),
    [
        ("active", "running", True),
        ("activating", "start", True),
        ("reloading", "reload", True),
        ("activating", "auto-restart", False),
        ("activating", "auto-restart-queued", False),
        ("inactive", "dead", False),
        ("failed", "failed", False),
        ("deactivating", "stop-sigterm", False),
    ],
)
def test_a_daemon_is_active_while_its_process_is_there(active_state, sub_state, active):
    found = only(unit("chrony.service", active_state, "disabled", sub_state=sub_state))
    assert (found.active, found.steers) == (active, active)
    assert found.state == f"{active_state}/{sub_state}, disabled"


@pytest.mark.parametrize(
    ("unit_file_state", "enabled"),
    [
        ("enabled", True),
        ("enabled-runtime", True),
        ("static", True),
        ("generated", True),
        ("disabled", False),
        ("indirect", False),
        ("", False),
    ],
)
def test_a_daemon_that_starts_at_boot_steers_the_clock_even_while_it_is_down(unit_file_state, enabled):
    found = only(unit("chrony.service", "inactive", unit_file_state))
    assert (found.enabled, found.steers) == (enabled, enabled)


def test_what_systemd_did_not_tell_is_missing_evidence():
    with pytest.raises(MissingEvidenceError, match="systemctl: no answer within 5 s"):
        time_daemons({"manager": "systemd", "units": {"error": "systemctl: no answer within 5 s"}})
