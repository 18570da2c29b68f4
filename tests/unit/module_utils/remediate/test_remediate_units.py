"""Which systemctl commands bring units from one state to another."""

from __future__ import annotations

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node.systemd import parse_show
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.files import RemediationError
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.units import (
    disabling,
    enabling,
    restoring,
    states,
    words,
)

from tests.unit.module_utils.remediate.conftest import ABSENT, unit

SCRIPT = {**unit("generated", "active"), "wanted": True}
SCRIPT_OFF = {**unit("generated", "inactive"), "wanted": False}


def masked_over(wanted: bool, active_state: str = "inactive") -> dict:
    return {**unit("masked", active_state), "wanted": wanted}


@pytest.mark.parametrize(
    ("state", "commands"),
    [
        (unit("enabled", "inactive"), []),
        (unit("disabled", "inactive"), ["enable"]),
        (unit("enabled-runtime", "active"), ["enable"]),
        (unit("masked", "inactive"), ["unmask", "enable"]),
        (unit("masked-runtime", "inactive"), ["unmask --runtime", "enable"]),
        (unit("static", "inactive"), []),
        (SCRIPT, []),
        (SCRIPT_OFF, ["enable"]),
        (ABSENT, ["enable"]),  # foreseen in check mode, before the package is there
    ],
)
def test_enabling(state: dict, commands: list):
    assert enabling({"a.service": state}, ["a.service"]) == [(command, ["a.service"]) for command in commands]


@pytest.mark.parametrize(
    ("state", "commands"),
    [
        (unit("enabled", "active"), ["disable --now"]),
        (unit("enabled", "failed"), ["disable --now"]),
        (unit("enabled-runtime", "active"), ["disable --runtime --now"]),  # else its link in /run stays
        (unit("static", "active"), ["disable --now"]),
        (unit("disabled", "inactive"), []),
        (unit("masked", "inactive"), []),
        (unit("masked", "active"), ["stop"]),
        (SCRIPT, ["disable", "stop"]),
        (SCRIPT_OFF, []),
        (ABSENT, []),
    ],
)
def test_disabling(state: dict, commands: list):
    assert disabling({"a.service": state}, ["a.service"]) == [(command, ["a.service"]) for command in commands]


@pytest.mark.parametrize(
    ("now", "former", "commands"),
    [
        (unit("enabled", "active"), unit("enabled", "active"), []),
        (unit("enabled", "active"), unit("disabled", "inactive"), ["disable", "stop"]),
        (unit("disabled", "inactive"), unit("enabled", "active"), ["enable", "start"]),
        (unit("disabled", "failed"), unit("enabled", "active"), ["enable", "reset-failed", "start"]),
        (unit("enabled", "active"), unit("enabled", "activating"), []),
        (unit("enabled", "active"), unit("enabled-runtime", "active"), ["disable", "enable --runtime"]),
        (unit("enabled-runtime", "active"), unit("enabled", "active"), ["disable --runtime", "enable"]),
        (unit("enabled", "active"), masked_over(False), ["disable", "stop", "mask"]),
        (unit("enabled", "active"), masked_over(True), ["stop", "mask"]),
        # A masked unit may have run; masked again before it is started, it could not be.
        (unit("enabled", "inactive"), masked_over(True, "active"), ["start", "mask"]),
        (unit("enabled", "inactive"), {**unit("masked-runtime", "inactive"), "wanted": True}, ["mask --runtime"]),
        # A package that was removed and installed again may have left a mask (deb-systemd-helper).
        (masked_over(False), unit("enabled", "active"), ["unmask", "enable", "start"]),
        (SCRIPT_OFF, SCRIPT, ["enable", "start"]),
        (SCRIPT, SCRIPT_OFF, ["disable", "stop"]),
        (ABSENT, unit("enabled", "active"), []),
        (unit("enabled", "active"), ABSENT, ["disable", "stop"]),
        (unit("static", "active"), unit("static", "inactive"), ["stop"]),
    ],
)
def test_restoring(now: dict, former: dict, commands: list):
    restored = restoring({"a.service": now}, {"a.service": former}, restarted=None)
    assert restored == [(command, ["a.service"]) for command in commands]


@pytest.mark.parametrize(
    ("former", "commands"), [(unit("enabled", "active"), ["restart"]), (unit("enabled", "inactive"), ["stop"])]
)
def test_what_was_restarted_starts_anew_with_its_former_configuration_if_it_ran(former: dict, commands: list):
    restored = restoring({"a.service": unit("enabled", "active")}, {"a.service": former}, restarted="a.service")
    assert restored == [(command, ["a.service"]) for command in commands]


def test_one_command_serves_all_units_and_one_daemon_stops_before_another_starts():
    off, on = unit("disabled", "inactive"), unit("enabled", "active")
    now = {"chrony.service": on, "chrony-wait.service": unit("enabled", "inactive"), "ntp.service": off}
    assert restoring(now, {"chrony.service": off, "chrony-wait.service": off, "ntp.service": on}, restarted=None) == [
        ("disable", ["chrony.service", "chrony-wait.service"]),
        ("enable", ["ntp.service"]),
        ("stop", ["chrony.service"]),
        ("start", ["ntp.service"]),
    ]


def test_each_command_that_matters_to_a_reader_has_its_words():
    assert words([("disable --now", ["a.service", "b.service"]), ("reset-failed", ["c.service"])]) == [
        "stopped and disabled a.service",
        "stopped and disabled b.service",
    ]


# systemd 252, `systemctl show --property Id,Names,LoadState,UnitFileState,ActiveState --
# chronyd ntp.service`
SHOWN = """\
Id=chrony.service
Names=chronyd.service chrony.service
LoadState=loaded
ActiveState=active
UnitFileState=enabled

Id=ntp.service
Names=ntp.service
LoadState=not-found
ActiveState=inactive
UnitFileState=
"""


def test_units_come_by_the_names_that_they_were_asked_for():
    shown = states(parse_show(SHOWN), ["chronyd.service", "ntp.service"], lambda unit: unit == "chrony.service")
    assert shown == {
        "chronyd.service": ("chrony.service", unit("enabled", "active")),
        "ntp.service": ("ntp.service", ABSENT),
    }


def test_a_unit_that_systemd_says_nothing_of_is_reported():
    with pytest.raises(RemediationError, match=r"showed nothing for x\.service"):
        states(parse_show(SHOWN), ["x.service"], lambda _unit: False)
