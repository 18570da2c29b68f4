"""Whether a process that runs steers the system clock:
by its arguments and by the files that they name.
"""

from __future__ import annotations

import doctest
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils import checks
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons import discover
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons.common import linuxptp, options
from ansible_collections.skewgate.preflight.plugins.plugin_utils.daemons.common.units import FILES, leaves_clock_alone
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import MissingEvidenceError, Record

from tests.builders import record, time_services

CONF = "/etc/linuxptp/x.conf"


def why(line: str, text: str | None = None, *, section: str = "ptp", unread: str = "", **of_process: Any) -> str:
    """Why the process with this command line leaves the clock alone,
    with this text in the file that it names.
    """
    argv = line.split()
    process = {"pid": 7, "comm": argv[0], "argv": [f"/usr/sbin/{argv[0]}", *argv[1:]], "contained": False, **of_process}
    config = {
        "path": CONF,
        "files": [] if text is None else [{"path": CONF, "text": text}],
        "unread": [{"path": CONF, "error": unread, "kind": "denied"}] if unread else [],
    }
    return leaves_clock_alone(process, Record(record(**{section: {"present": True, "config": config}})))


@pytest.mark.parametrize("module", [linuxptp, options])
def test_the_docstrings_examples_hold(module):
    assert doctest.testmod(module).attempted > 0
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("phc2sys -s eth0 -w", None),
        ("phc2sys -s /dev/ptp0 -O -37", None),
        ("phc2sys -i eth0 -w", None),
        ("phc2sys -d /dev/pps0 -O 0", None),
        ("phc2sys -s eth0 -c CLOCK_REALTIME -w", None),
        ("phc2sys -seth0 -cclock_realtime -w", None),
        ("phc2sys -s eth0 -c eth1 -c CLOCK_REALTIME -O 0", None),
        ("phc2sys -a -r", None),
        ("phc2sys -ar", None),
        ("phc2sys -mar -n 24", None),
        ("phc2sys -a -rr", None),
        ("phc2sys -arr -E pi", None),
        ("phc2sys -a -r -t ntpshm", None),
        (f"phc2sys -a -r -f {CONF}", "[global]\nclock_servo linreg\n"),
        (f"phc2sys -a -r -f {CONF} -E pi", "[global]\nclock_servo ntpshm\n"),
        (f"phc2sys -a -r -f {CONF}", "# clock_servo ntpshm\n[global]\n#clock_servo ntpshm\n"),
        (f"phc2sys -a -r -f {CONF}", "[global]\nclock_servo ntpshm\nclock_servo pi\n"),
        ("phc2sys -a -r -E nullf", None),  # it sets the frequency, to 0
        ("ptp4l -i eth0 -S", None),
        ("ptp4l -mSi eth0", None),
        ("ptp4l -i eth0 -H -S", None),
        ("ptp4l -i eth0 --time_stamping software", None),
        ("ptp4l -i eth0 --time_stamping=software -E", None),
        (f"ptp4l -i eth0 -f {CONF}", "[global]\ntime_stamping\tsoftware\n"),
        (f"ptp4l -i eth0 -f {CONF} -S", "[global]\ntime_stamping hardware\n"),
        (f"ptp4l -i eth0 -f {CONF}", "[GLOBAL]\n  time_stamping   SOFTWARE\nfree_running 0\n"),
        (f"ptp4l -i eth0 -f {CONF} --free_running 0 -S", "[global]\nfree_running 1\n"),
        ("ptp4l -i eth0 -S --serverOnly 0", None),
        (f"ptp4l -i eth0 -S -f {CONF}", "[global]\nserverOnly 1\n[eth1]\nserverOnly 0\n"),
        (f"ptp4l -i eth0 -S -f {CONF}", "[global]\n[eth1]\nserverOnly 1\n"),  # another port may be a client
        ("chronyd -n -u xavier", None),
        ("ntpd -g", None),
        ("ntpclient -s -h a.example", None),
        ("ntpclient -lh a.example", None),
        ("clockbound", None),
        ("ptpd -s -i eth0", None),
        ("ptpd2 -c /etc/ptpd2.conf -i n -C", None),
        ("ptpd -i eth0 --clock:no_adjust=N", None),
    ],
)
def test_what_steers_the_system_clock_counts(line, text):
    assert why(line, text) == ""


@pytest.mark.parametrize(
    ("line", "text", "said"),
    [
        ("phc2sys -s CLOCK_REALTIME -c eth0 -w", None, "eth0 "),
        ("phc2sys -sCLOCK_REALTIME -c/dev/ptp1 -O 37", None, "/dev/ptp1 "),
        ("phc2sys -s eth0 -c eth1 -O 0", None, "eth1 "),
        ("phc2sys -wms CLOCK_REALTIME -c eth0", None, "eth0 "),
        ("phc2sys -a", None, "without -r"),
        ("phc2sys -am -l 5 -t r", None, "without -r"),
        (f"phc2sys -a -f {CONF}", None, "without -r"),  # no file can change that
        ("phc2sys -a -r -E ntpshm -M 0", None, "ntpshm"),
        ("phc2sys -arm -EntpSHM", None, "ntpshm"),
        ("phc2sys -a -r --clock_servo ntpshm", None, "ntpshm"),
        ("phc2sys -a -r --clock_servo=refclock_sock", None, "refclock_sock"),
        (f"phc2sys -a -r -f {CONF}", "[global]\nclock_servo ntpshm\n", "ntpshm"),
        (f"phc2sys -a -r -f{CONF}", "[global]\n\tclock_servo\tNTPSHM\n[eth0]\n", "ntpshm"),
        ("phc2sys -s eth0 -w -f x.conf", "[global]\nclock_servo ntpshm\n", "ntpshm"),
        ("ptp4l -i eth0", None, "network card"),
        ("ptp4l -i eth0 -H", None, "network card"),
        (f"ptp4l -i eth0 -f {CONF}", "[global]\ntime_stamping hardware\n", "network card"),
        (f"ptp4l -i eth0 -L -f {CONF}", "[global]\ntime_stamping software\n", "network card"),
        ("ptp4l -i eth0 -p -S", None, "network card"),
        ("ptp4l -i eth0 -S --free_running 1", None, "free_running"),
        (f"ptp4l -i eth0 -S -f {CONF}", "[global]\nfree_running 1\n", "free_running"),
        (f"ptp4l -f {CONF}", "[global]\nclock_servo ntpshm\ntime_stamping software\n[eth0]\n", "ntpshm"),
        ("ptp4l -i eth0 -S --serverOnly 1", None, "serverOnly"),
        (f"ptp4l -i eth0 -S -f {CONF}", "[global]\nmasterOnly 1\n[eth0]\n", "serverOnly"),
        (f"ptp4l -i eth0 -S --masterOnly=1 -f {CONF}", "[global]\npriority1 1\n[eth0]\nmasterOnly 1\n", "serverOnly"),
        ("chronyd -n -x", None, "-x"),
        ("chronyd -nxu _chrony", None, "-x"),
        ("ntpclient -h -s", None, "-s"),  # the value of -h
        ("ntpclient -d -c 0 -h a.example", None, "-s"),
        ("ptpd -sCn -i eth0", None, "-n"),
        ("ptpd2 --noadjust -i eth0", None, "-n"),
        ("ptpd2 -i eth0 --clock:no_adjust=Y", None, "-n"),
        ("ptpd -M -i eth0", None, "-M"),
        ("clockboundd -e 50", None, "ClockBound 1"),
        ("busybox ntpd -w -p pool.ntp.org", None, "-w"),
        ("busybox ntpd -nNwp pool.ntp.org", None, "-w"),
    ],
)
def test_what_leaves_the_system_clock_alone_says_why(line, text, said):
    assert said in why(line, text)


@pytest.mark.parametrize(
    "line", [f"phc2sys -a -r -f {CONF}", f"phc2sys -s eth0 -w -f {CONF}", f"ptp4l -i eth0 -f {CONF}"]
)
@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ({"unread": "Permission denied"}, f"{CONF} was not read: Permission denied"),
        ({}, f"{CONF} was not read"),
        ({"text": "[global]\n", "contained": True}, "in a container"),
    ],
)
def test_a_file_that_decides_and_was_not_read_leaves_it_open(line, shown, said):
    with pytest.raises(MissingEvidenceError, match=said):
        why(line, **shown)


@pytest.mark.parametrize("line", [f"phc2sys -a -r -E ntpshm -f {CONF}", f"ptp4l -i eth0 -H -f {CONF}"])
def test_if_the_arguments_decide_no_file_is_missed(line):
    assert why(line, unread="Permission denied")


@pytest.mark.parametrize(
    ("text", "steers"),
    [
        ("server 10.77.0.1\n", True),
        ("disable ntp\n", False),
        ("disable monitor ntp # both\n", False),
        ("disable monitor\n", True),
        ("# disable ntp\n", True),
        ("disable ntp\nenable ntp\n", True),
    ],
)
def test_an_ntpd_that_may_not_discipline_the_clock_leaves_it_alone(text, steers):
    assert (why("ntpd -g", text, section="ntpd") == "") == steers
    assert why("ntpd -g", text, section="ntpd", contained=True) == ""  # its file is not the node's


def test_the_sections_that_decide_are_those_of_the_daemons_that_read_them():
    deciding = {daemon.section for daemon in discover().values() if daemon.leaves_clock_alone and daemon.section}
    assert deciding - {"chrony"} == set(FILES)  # of chronyd the arguments alone


def test_a_check_that_asks_for_the_daemons_takes_the_files_that_decide():
    asking = {name: check for name, check in checks.discover().items() if "time_services" in checks.sections_of(check)}
    lacking = {name for name, check in asking.items() if not set(FILES) <= checks.sections_of(check)}
    assert lacking == {"clock_movers"}  # it looks at guest tools alone


@pytest.mark.parametrize(
    ("stored", "contained", "steers"),
    [
        ("manual", False, False),
        ("auto", False, True),
        (None, False, True),
        ("manual", True, True),  # what the node has stored is not its
    ],
)
def test_connman_sets_the_clock_unless_that_is_manual(stored, contained, steers):
    process = {"pid": 7, "comm": "connmand", "argv": ["/usr/sbin/connmand", "-n"], "contained": contained}
    services = {**time_services(), "connman_time_updates": stored}
    assert (leaves_clock_alone(process, Record(record(time_services=services))) == "") == steers


@pytest.mark.parametrize(("may_set_clock", "known"), [(False, True), (True, False), (None, False)])
def test_beside_chronyd_a_clockbound_without_the_capability_is_known_to_read_only(may_set_clock, known):
    clockbound = {"pid": 8, "comm": "clockbound", "argv": ["clockbound"], "may_set_clock": may_set_clock}
    chronyd = {"pid": 7, "comm": "chronyd", "argv": ["chronyd"]}
    taken = Record(record(time_services=time_services(processes=[chronyd, clockbound])))
    if known:
        assert "CAP_SYS_TIME" in leaves_clock_alone(clockbound, taken)
    else:
        with pytest.raises(MissingEvidenceError, match="not known whether clockbound"):
            leaves_clock_alone(clockbound, taken)
