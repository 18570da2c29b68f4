from __future__ import annotations

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons.common.units import time_daemons
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import MissingEvidenceError, Record

from tests.builders import CHRONY_UNIT, record, time_services, unit


def only(*units):
    (found,) = of(*units)
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
        pytest.param(["chronyd"], "chrony", id="Alpine's chrony, by OpenRC"),
        pytest.param(["ptp4l@eth0.service"], "ptp4l", id="an instance of ptp4l"),
        pytest.param(["phc2sys.service"], "phc2sys", id="Fedora's phc2sys"),
        pytest.param(["timemaster.service"], "timemaster", id="timemaster"),
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
    assert found.active == active
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
def test_a_daemon_that_starts_at_boot_is_enabled_even_while_it_is_down(unit_file_state, enabled):
    found = only(unit("chrony.service", "inactive", unit_file_state))
    assert (found.enabled, found.active, found.steers_now) == (enabled, False, False)


def test_what_systemd_did_not_show_is_missing_evidence():
    with pytest.raises(MissingEvidenceError, match="systemctl: no answer within 5 s"):
        time_daemons(
            Record(record(time_services={"manager": "systemd", "units": {"error": "systemctl: no answer within 5 s"}}))
        )


def process(cmdline, pid=731, comm="chronyd"):
    return {"pid": pid, "comm": comm, "argv": cmdline.split()}


def of(*units, processes=(), manager="systemd", **sections):
    services = time_services(*units, manager=manager, processes=processes)
    return time_daemons(Record(record(time_services=services, **sections)))


@pytest.mark.parametrize(
    ("cmdline", "steers"),
    [
        ("/usr/sbin/chronyd -F 1", True),
        ("/usr/sbin/chronyd -x -F 1", False),
        ("/usr/sbin/chronyd -dx", False),
        ("/usr/sbin/chronyd -n -u xavier -f /etc/x.conf", True),
        ("/usr/sbin/chronyd -ux", True),
    ],
)
def test_a_chronyd_with_x_steers_no_clock(cmdline, steers):
    (found,) = of(CHRONY_UNIT, processes=[process(cmdline)])
    assert (found.active, found.steers_now) == (True, steers)
    assert found.leaves_clock_alone == ("" if steers else "chronyd runs with -x")


def test_the_command_line_of_another_chronyd_is_not_the_units():
    served, own = process("/usr/sbin/chronyd -x", pid=4000), process("/usr/sbin/chronyd", pid=731)
    assert of(CHRONY_UNIT, processes=[served, own])[0].steers_now
    unknown = unit("chronyd", main_pid=0)
    assert of(unknown, processes=[served, own], manager="openrc")[0].steers_now
    assert not of(unknown, processes=[served], manager="openrc")[0].steers_now


@pytest.mark.parametrize(
    ("processes", "daemon"),
    [
        pytest.param([process("/usr/sbin/ntpd -N -p pool.ntp.org", comm="ntpd")], "busybox ntpd", id="its options"),
        pytest.param([process("busybox ntpd -n", comm="busybox")], "busybox ntpd", id="its name"),
        pytest.param(
            [{**process("/usr/sbin/ntpd -n", comm="ntpd"), "exe": "/bin/busybox"}], "busybox ntpd", id="its file"
        ),
        pytest.param([process("/usr/sbin/ntpd -g -p /run/ntpd.pid", comm="ntpd")], "ntpd", id="ntp.org's"),
        pytest.param([], "ntpd", id="none"),
    ],
)
def test_busyboxs_ntpd_is_distinguished_from_the_others(processes, daemon):
    (found,) = of(unit("ntpd"), processes=processes, manager="openrc")
    assert found.daemon == daemon


PTP4L, PHC2SYS = unit("ptp4l@eth0.service", main_pid=8), unit("phc2sys@eth0.service", main_pid=9)
PTP4L_RUNS = process("/usr/sbin/ptp4l -i eth0", 8, "ptp4l")


@pytest.mark.parametrize(
    ("units", "processes", "steering"),
    [
        pytest.param([PTP4L], [PTP4L_RUNS], ["ptp4l"], id="ptp4l alone"),
        pytest.param(
            [PTP4L, PHC2SYS],
            [PTP4L_RUNS, process("/usr/sbin/phc2sys -w -s eth0", 9, "phc2sys")],
            ["phc2sys"],
            id="phc2sys sets the system clock by the card's",
        ),
        pytest.param(
            [PTP4L, PHC2SYS, CHRONY_UNIT],
            [PTP4L_RUNS, process("/usr/sbin/phc2sys -a -E ntpshm", 9, "phc2sys"), process("/usr/sbin/chronyd")],
            ["chrony"],
            id="phc2sys feeds chronyd",
        ),
        pytest.param([PTP4L, CHRONY_UNIT], [PTP4L_RUNS], ["chrony"], id="chronyd follows the card's clock"),
        pytest.param(
            [PTP4L, CHRONY_UNIT],
            [process("/usr/sbin/ptp4l -S -i eth0", 8, "ptp4l")],
            ["ptp4l", "chrony"],
            id="with software time stamps ptp4l competes",
        ),
    ],
)
def test_of_ptps_programs_only_that_counts_which_moves_the_system_clock(units, processes, steering):
    found = of(*units, processes=processes)
    assert [d.daemon for d in found if d.steers_now] == steering
    assert len(found) == len(units)
