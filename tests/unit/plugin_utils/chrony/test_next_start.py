"""What ends chronyd's next start, where it takes hardware, or a node that could not look.

The rest is tried for real.
"""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.next_start import Reason, left_out, stops
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.rules import ends_next_start

from tests.unit.plugin_utils.chrony.test_chrony_rules import GOOD, MAIN, matched, named, read

FROM_DEFAULTS = "/etc/default/chrony"


def reasons(text: str, version: str = "4.9", **found: Any) -> list[Reason]:
    return [stop.reason for stop in stops(read(text, version=version, **named(**found)))]


def option(letter: str, value: str) -> dict[str, Any]:
    return {letter: {"value": value, "from": FROM_DEFAULTS}}


@pytest.mark.parametrize(
    ("driver", "path", "kind"), [("PHC", "/dev/ptp0", "ptp"), ("PPS", "/dev/pps0", "pps"), ("RTC", "/dev/rtc0", "rtc")]
)
def test_a_reference_clock_with_its_device_does_not_end_the_start(driver: str, path: str, kind: str):
    line = f"refclock {driver} {path}\n"
    assert reasons(line, paths={path: kind}) == []
    assert reasons(line, paths={path: "missing"}) == [Reason.REFCLOCK]
    assert reasons(line, paths={path: "denied"}) == [Reason.UNKNOWN]
    assert reasons(line.replace("\n", " optional\n"), paths={path: "missing"}) == []


@pytest.mark.parametrize("option", ["refid TAI", "refid PPS lock tai", "refid tai lock optional"])
def test_a_reference_clocks_name_is_no_option_of_it(option: str):
    assert reasons(f"refclock SHM 0 {option}\n") == []
    assert reasons(f"refclock PPS /dev/pps0 {option}\n", paths={"/dev/pps0": "missing"}) == [Reason.REFCLOCK]


def test_a_device_that_sysfs_does_not_name_is_not_known():
    assert reasons("refclock PPS /dev/pps0\n", paths={"/dev/pps0": "device"}) == [Reason.UNKNOWN]
    assert reasons("refclock RTC /dev/rtc0\n", paths={"/dev/rtc0": "device"}) == []


@pytest.mark.parametrize(
    ("found", "by_name", "stamps"),
    [
        ("hardware", [], []),
        ("phc", [], [Reason.INTERFACE]),
        ("plain", [Reason.REFCLOCK], [Reason.INTERFACE]),
        ("absent", [Reason.REFCLOCK], [Reason.INTERFACE]),
        ("there", [Reason.UNKNOWN], [Reason.UNKNOWN]),
    ],
)
def test_an_interface_is_judged_by_what_it_can(found: str, by_name: list[Reason], stamps: list[Reason]):
    assert reasons("refclock PHC eth0\n", interfaces={"eth0": found}) == by_name
    assert reasons("hwtimestamp eth0 rxfilter ptp\n", interfaces={"eth0": found}) == stamps


def test_before_4_7_the_phc_of_an_interface_is_taken_for_a_path():
    found = {"interfaces": {"eth0": "hardware"}, "paths": {"eth0": "missing"}}
    assert reasons("refclock PHC eth0\n", "4.6.1", **found) == [Reason.REFCLOCK]
    assert reasons("refclock PHC eth0\n", "4.7", **found) == []


@pytest.mark.parametrize("line", ["refclock GNSS /dev/x", "refclock SHM 0:new=1"])
def test_of_a_chrony_to_come_a_driver_that_is_not_known_is_not_judged(line: str):
    assert reasons(f"{line}\n", "4.9") == [Reason.REFCLOCK]
    assert reasons(f"{line}\n", "4.10") == [Reason.UNKNOWN]


NAMES_SOMETHING = [
    "user ntp",
    "pidfile /srv/pid",
    "hwtimestamp eth0",
    "binddevice eth0\nacquisitionport 123",
    "bindacqdevice eth0\nacquisitionport 0",
    "refclock PHC /dev/ptp0",
    "refclock SOCK /srv/sock",
    "tempcomp /sys/class/hwmon/hwmon0/temp1_input 30 /etc/points",
]


@pytest.mark.parametrize("line", NAMES_SOMETHING)
@pytest.mark.parametrize("shown", [{}, {"named": {"error": "TimeoutError: it did not end within its bound"}}, named()])
def test_what_the_node_did_not_show_never_passes(line: str, shown: dict[str, Any]):
    config = read(f"{GOOD}{line}\n", **shown)
    assert "CHR507" in matched(config)
    assert ends_next_start(config) == []


def test_what_names_nothing_needs_nothing_shown():
    assert [rule for rule in matched(read(GOOD)) if rule.startswith("CHR5")] == []


def test_an_option_of_chronyds_own_is_found_where_it_stands():
    config = read(GOOD, **named(users={"ntp": "absent"}, options=option("u", "ntp")))
    (place,) = ends_next_start(config)
    assert (place.file, place.line) == (FROM_DEFAULTS, None)
    assert place.text.startswith("-u ntp: ")


def test_the_system_call_filter_of_the_options_excludes_mail():
    config = read(f"{GOOD}mailonchange root 0.5\n", **named(options=option("F", "1")))
    (place,) = ends_next_start(config)
    assert (place.file, place.line) == (MAIN, GOOD.count("\n") + 1)
    assert FROM_DEFAULTS in place.text


@pytest.mark.parametrize("version", ["4.0", "4.9"])
def test_an_option_that_chronyd_does_not_know_ends_it(version: str):
    found = option("?", "option -Z not recognized")
    assert reasons(GOOD, version, options=found) == [Reason.OPTION]
    assert reasons(GOOD, "5.0", options=found) == [Reason.UNKNOWN]


def test_files_that_a_start_goes_on_without_are_noted_where_they_are_used():
    lines = "server n nts\nntstrustedcerts 1 /etc/ca.pem\nkeyfile /etc/keys\nntsserverkey /a\nntsservercert /b\n"
    missing = dict.fromkeys(["/etc/ca.pem", "/etc/keys", "/a", "/b"], "missing")
    found = [place.text.split(":")[0] for place in left_out(read(lines, **named(paths=missing)))]
    assert found == ["ntsservercert /b", "ntsserverkey /a", "ntstrustedcerts 1 /etc/ca.pem"]
    assert list(left_out(read(lines, **named(paths=dict.fromkeys(missing, "file"))))) == []
    assert list(left_out(read(lines))) == []


def test_what_chronyd_refuses_by_itself_ends_it_too():
    printed = {"rc": 1, "stdout": "", "stderr": f"Fatal error : Invalid directive at line 7 in file {MAIN}\n"}
    assert [(place.file, place.line) for place in ends_next_start(read(GOOD, printed=printed))] == [(MAIN, 7)]
    assert ends_next_start(read(GOOD)) == []
    assert len(ends_next_start(read(f"{GOOD}rtcfile /var/lib/chrony/rtc\n"))) == 2


@pytest.mark.parametrize("folder", ["/run/chrony", "/var/run/chrony"])
def test_the_folder_of_the_command_socket_is_made_at_the_start(folder: str):
    line = f"pidfile {folder}/chronyd.pid\n"
    assert reasons(line, paths={folder: "missing"}) == []
    assert reasons(f"{line}bindcmdaddress /srv/sock\n", paths={folder: "missing"}) == [Reason.PATH]
    assert reasons(f"{line}bindcmdaddress 127.0.0.1\n", paths={folder: "missing"}) == []
