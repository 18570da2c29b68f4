"""config_in_use: what chronyd accepts runs, and whether it can select it:
enough for `minsources`, with keys that it has.
"""

from __future__ import annotations

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks.config_in_use import Key

from tests.builders import source
from tests.findings import unsaid
from tests.unit.plugin_utils.checks.test_check_config_in_use import (
    DHCP,
    MAIN,
    NEVER,
    RUNNING,
    THREE,
    WITH_DHCP,
    assert_fails,
    assert_noted,
    of,
    refclock,
    selection,
    stepping,
)

# What chronyd accepts


def test_a_reference_clock_that_is_optional_may_be_absent():
    text = THREE + "refclock PHC /dev/ptp0 optional\nrefclock PPS /dev/pps0 lock NMEA\n"
    assert_noted(of(text, *RUNNING, refclock()), "optional", " 1")
    assert of(text, *RUNNING, refclock(), refclock("PPS1")).state == "pass"
    for wrong in ([], [refclock(f"PHC{number}") for number in range(3)]):
        assert_fails(of(text, *RUNNING, *wrong), Key.CHANGED_SINCE_START, " 2 written", f" {len(wrong)} running")


def test_a_line_that_the_tables_do_not_know_is_dropped_only_if_chronyd_does_not_run_it():
    line = "server 10.0.0.5 newest 3 iburst\n"
    assert of(WITH_DHCP, *RUNNING, source("10.0.0.5", "+"), dhcp=line).state == "pass"
    assert_fails(of(WITH_DHCP, *RUNNING, dhcp=line), Key.DROPPED_LINE, "'newest'", f"{DHCP}:1")


def test_a_source_that_ran_before_does_not_show_that_chronyd_read_the_line_as_it_is_now():
    rows = (*RUNNING, source("10.0.0.5", "+"))
    finding = of(WITH_DHCP, *rows, dhcp="server 10.0.0.5 ibrust\n", started_s=1000.0, mtime_s=1001.0)
    assert (finding.state, finding.keys) == ("inconclusive", (Key.DROPPED_LINE,))
    assert not unsaid(finding.summary, "'ibrust'", f"{DHCP}:1")


@pytest.mark.parametrize("threshold", ["0", "0.0", "-1"])
def test_a_threshold_of_0_steps_every_offset(threshold):
    assert_fails(stepping(f"makestep {threshold} 3", 5.0), Key.MAKESTEP_USED_UP, "5.000 s behind", "makestep says 0 s")
    assert stepping(f"makestep {threshold} 3", 0.5).state == "pass"


# minsources


@pytest.mark.parametrize(
    ("text", "rows", "without", "fails"),
    [
        pytest.param("pool p maxsources 2\nminsources 3\n", 2, (), True, id="a pool of two"),
        pytest.param("pool p\nminsources 3\n", 2, ("p", "p"), True, id="a pool whose name has two addresses"),
        pytest.param("pool p\nminsources 3\n", 3, ("p",), False, id="a pool whose name has three"),
        pytest.param("pool p\nserver q\nminsources 3\n", 2, ("q",), False, id="a name that may resolve yet"),
        pytest.param("pool p\nserver q\nminsources 4\n", 2, ("q",), True, id="and is not enough"),
        pytest.param("pool p noselect\nserver q\nminsources 2\n", 3, ("q",), True, id="sources that are only watched"),
        pytest.param("pool p\nminsources 1\n", 2, (), False, id="as by default"),
        pytest.param("pool p\n", 2, (), False, id="none"),
    ],
)
def test_minsources_must_not_ask_for_more_sources_than_chronyd_can_get(text, rows, without, fails):
    finding = of(text, *[source("p", "+")] * rows, without=without)
    if fails:
        assert_fails(finding, Key.MINSOURCES, text.split()[-1], f"{MAIN}:{text.count(chr(10))}")
    else:
        assert Key.MINSOURCES not in finding.keys


def test_reference_clocks_count_for_minsources():
    text = "server a.example\nrefclock PHC /dev/ptp0\nminsources 2\n"
    assert of(text, source("a.example"), refclock()).state == "pass"
    assert_fails(of(text.replace("ptp0", "ptp0 noselect"), source("a.example"), refclock()), Key.MINSOURCES, " 1 ")


def test_sources_that_are_offline_do_not_help_minsources():
    text = "server a.example\nserver b.example offline\nminsources 2\n"
    rows = (source("a.example", "?"), source("b.example", "?", reach=0))
    assert_fails(of(text, *rows, activity="1,1,0,0,0\n"), Key.MINSOURCES, "offline")
    assert of(text, *rows, activity="2,0,0,0,0\n").state == "pass"


# Keys

KEYED = "server 10.0.0.1\nserver 10.0.0.2 key 7\n"
KEYED_ROWS = (source("10.0.0.1", "-"), source("10.0.0.2", "?", reach=0))
PLAIN_AUTH = "10.0.0.1,-,0,0,0,4294967295,0,0,0,0\n"
WAITING = selection("W", "10.0.0.1") + selection("M", "10.0.0.2", "Y", effective="--TR-", last=NEVER)
KEYLESS = {"authdata": PLAIN_AUTH + "10.0.0.2,SK,7,0,0,4294967295,0,0,0,0\n", "selectdata": WAITING}


def test_a_server_whose_key_chronyd_does_not_have_starves_the_plain_ones():
    finding = of(KEYED, *KEYED_ROWS, **KEYLESS)
    assert_fails(finding, Key.KEY_MISSING, "10.0.0.1", "10.0.0.2", "no key 7")


@pytest.mark.parametrize("mode", ["mix", "prefer"])
def test_a_server_with_a_key_that_does_not_answer_starves_the_plain_ones(mode):
    authdata = PLAIN_AUTH + "10.0.0.2,SK,7,1,128,4294967295,0,0,0,0\n"
    shut_out = {
        "mix": WAITING,
        "prefer": selection("N", "10.0.0.1", effective="N----") + selection("M", "10.0.0.2", "Y", last=NEVER),
    }
    text = KEYED + f"authselectmode {mode}\n"
    finding = of(text, *KEYED_ROWS, authdata=authdata, selectdata=shut_out[mode])
    assert_fails(finding, Key.WAITS_FOR_REQUIRED, "10.0.0.1", "10.0.0.2")
    assert not unsaid(finding.remedy, "key file", "`authselectmode ignore`")


def test_under_require_a_missing_key_leaves_no_source():
    shut_out = selection("N", "10.0.0.1", effective="N----") + selection("M", "10.0.0.2", "Y", last=NEVER)
    finding = of(KEYED + "authselectmode require\n", *KEYED_ROWS, **{**KEYLESS, "selectdata": shut_out})
    assert_fails(finding, Key.KEY_MISSING, "10.0.0.2", "no key 7")


def test_a_missing_key_is_noted_while_another_source_is_selected():
    rows = (source("10.0.0.1"), KEYED_ROWS[1])
    selected = selection("*", "10.0.0.1") + selection("M", "10.0.0.2", "Y", last=NEVER)
    finding = of(KEYED + "authselectmode ignore\n", *rows, **{**KEYLESS, "selectdata": selected})
    assert_noted(finding, "10.0.0.2", "no key 7")
    assert "NTS" not in finding.summary
