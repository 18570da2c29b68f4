from __future__ import annotations

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import sync_state
from ansible_collections.skewgate.preflight.plugins.plugin_utils.policy import Policy
from ansible_collections.skewgate.preflight.plugins.plugin_utils.record import Record

from tests.unit.plugin_utils.builders import chrony, policy, record, source, time_services, tracking, unit


def judge(settings=None, **sections):
    settings = policy(**(settings or {}))
    return sync_state.judge(Record(record(of_policy=settings, **sections)), Policy.from_json(settings))


def of_tracking(*sources, **fields):
    return judge(chrony=chrony(tracking(**fields), *sources))


JUDGED = {
    "in sync": ({}, "pass", "synchronised 16 s ago, at most 0.000210 s off by its own figures"),
    "a leap second announced": ({"leap": "Insert second"}, "pass", "synchronised 16 s ago"),
    "never synchronised": (
        {"leap": "Not synchronised", "stratum": 0},
        "fail",
        "chronyd is not synchronised (leap Not synchronised, stratum 0)",
    ),
    "stratum 0 though Normal": ({"stratum": 0}, "fail", "chronyd is not synchronised (leap Normal, stratum 0)"),
    "stratum 16": ({"stratum": 16}, "fail", "chronyd is not synchronised (leap Normal, stratum 16)"),
    "all sources lost for long": (
        {"age_s": 8 * 64 + 1},
        "fail",
        "chronyd says Normal, but its last update is 513 s old",
    ),
    "eight intervals old": ({"age_s": 8 * 64 - 1}, "pass", "synchronised 511 s ago"),
    "updated while the evidence was taken": ({"age_s": -1.5}, "pass", "synchronised"),
    "set back since its last update": (
        {"age_s": -3600},
        "fail",
        "chronyd says Normal, but its last update lies 3600 s in this clock's future",
    ),
    "seconds away and slewed": (
        {"system_time_s": 5.0},
        "fail",
        "chronyd says Normal, but by its own figures the clock may be 5.000 s off (limit 1.0 s)",
    ),
    "seconds ahead and slewed": ({"system_time_s": -5.0}, "fail", "the clock may be 5.000 s off"),
    "a poor root distance": ({"root_delay_s": 1.5, "root_dispersion_s": 0.5}, "fail", "the clock may be 1.250 s off"),
    "at the limit": (
        {"system_time_s": 0.5, "root_delay_s": 0.5, "root_dispersion_s": 0.25},
        "pass",
        "at most 1.000000 s off",
    ),
}


@pytest.mark.parametrize(("fields", "state", "summary"), JUDGED.values(), ids=JUDGED)
def test_the_claim_is_held_against_what_stands_beside_it(fields, state, summary):
    finding = of_tracking(**fields)
    assert finding.state == state
    assert finding.summary.startswith(summary) or summary in finding.summary


def test_a_source_that_is_polled_seldom_makes_an_old_update_none():
    assert of_tracking(source(poll=10), age_s=8 * 1024 - 1).state == "pass"
    assert of_tracking(source(poll=10), age_s=8 * 1024 + 1).state == "fail"


def test_only_the_selected_sources_polling_counts():
    assert of_tracking(source(), source("10.77.0.9", "?", 0, poll=10), age_s=600).state == "fail"


def test_just_after_its_start_the_polling_interval_stands_for_the_updates():
    assert of_tracking(interval_s=0.0, age_s=7).state == "pass"


def test_the_limit_of_the_error_is_a_setting():
    assert judge({"max_clock_error_s": 0.0001}).state == "fail"
    assert judge({"max_clock_error_s": 10.0}, chrony=chrony(tracking(system_time_s=5.0))).state == "pass"


def test_another_daemons_state_is_not_known():
    finding = judge(time_services=time_services(unit("systemd-timesyncd.service")))
    assert finding.state == "inconclusive"
    assert finding.summary == "systemd-timesyncd.service runs here, and only chrony's state can be judged"


def test_without_a_daemon_that_runs_it_is_skipped():
    finding = judge(time_services=time_services())
    assert (finding.state, finding.summary) == ("skipped", "no time daemon runs, so chrony's state can't be judged")


def test_a_finding_shows_the_figures():
    seen = of_tracking().seen
    assert (seen["leap"], seen["stratum"], seen["max_error_s"]) == ("Normal", 3, 0.00021)
    assert (seen["last_update_age_s"], seen["stale_after_s"]) == (16.0, 512.0)
    assert seen["kernel"]["maxerror_us"] == 7580
