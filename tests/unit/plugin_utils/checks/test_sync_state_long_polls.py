"""A clock that is set seldom: the kernel's maxerror grows by 500 ppm,
and is at its limit of 16 s 8.9 h after an update.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import ntp_sources
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks.sync_state import Key
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import MissingEvidenceError

from tests.builders import NS, chrony, record, source, tracking, wall_ns
from tests.findings import finding_of, unsaid
from tests.unit.plugin_utils.checks.test_check_sync_state import assert_judged, judge
from tests.unit.plugin_utils.daemons import recorded

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S


def polled_seldom(poll, age_s, **fields):
    """A chronyd that follows one source in this interval, and the kernel
    as it is so long after an update.
    """
    settings = {"age_s": age_s, "interval_s": 2.0**poll, **fields}
    return {"chrony": chrony(tracking(**settings), source(poll=poll)), "clock": recorded.kernel(age_s)}


def timesyncd_once_a_day(age_s, kernel_age_s=None, ignored=False, skew_s=0.0):
    """A timesyncd with PollIntervalMaxSec=1d, whose last reply came so long ago."""
    received = datetime.fromtimestamp(wall_ns(skew_s) / NS - age_s, UTC)
    text = recorded.sample("timesyncd_synchronised.timesync")
    text = text.replace("PollIntervalUSec=1min 4s", "PollIntervalUSec=1d")
    text = text.replace("Sun 2026-11-22 12:11:32 UTC", received.strftime("%a %Y-%m-%d %H:%M:%S UTC"))
    text = text.replace("Ignored=no", "Ignored=yes") if ignored else text
    return recorded.timesyncd(text, age_s=age_s if kernel_age_s is None else kernel_age_s)


SET_BY_SOMETHING = {"adjtimex": {"maxerror_us": 16_000_000, "offset_us": 0}}
LONG_POLLS = {
    "maxpoll 16, nine hours after an update": polled_seldom(16, 9 * HOUR_S),
    "maxpoll 16, just before the next": polled_seldom(16, 18.2 * HOUR_S),
    "maxpoll 16, four replies lost": polled_seldom(16, 4 * 18.2 * HOUR_S),
    "a fixed poll of 14, one reply lost": polled_seldom(14, 2 * 2.0**14),
    "timesyncd, once a day": timesyncd_once_a_day(20 * HOUR_S),
    "timesyncd, once a day, the last reply ignored": timesyncd_once_a_day(HOUR_S, kernel_age_s=DAY_S, ignored=True),
    "OpenNTPD, whose polls are so long that its updates may be": recorded.openntpd(
        recorded.sample("openntpd_synchronised.all").replace("  34s", "1500s"), age_s=9 * HOUR_S
    ),
}


@pytest.mark.parametrize("sections", LONG_POLLS.values(), ids=LONG_POLLS)
def test_a_limit_that_the_kernel_reached_by_itself_is_no_contradiction_and_who_believes_it_is_noted(sections):
    assert sections["clock"]["adjtimex"]["maxerror_us"] == 16_000_000
    assert_judged(judge(**sections), "pass", None, ["16 s", "timedatectl"])


@pytest.mark.parametrize(
    ("sections", "what"),
    [
        (LONG_POLLS["maxpoll 16, nine hours after an update"], "maxpoll 10"),
        (LONG_POLLS["timesyncd, once a day"], "PollIntervalMaxSec"),
    ],
)
def test_the_note_says_how_to_poll_more_often(sections, what):
    assert what in judge(**sections).summary


def test_a_long_poll_is_noted_before_the_kernel_is_at_its_limit():
    assert not unsaid(judge(**polled_seldom(16, HOUR_S)).summary, "timedatectl", "18.2 h", "maxpoll 10")
    assert "timedatectl" not in judge(**polled_seldom(13, HOUR_S)).summary


@pytest.mark.parametrize("poll", [-7, -4, -3, 0])
def test_a_poll_below_a_second_is_not_held_to_what_the_kernel_counts_in_seconds(poll):
    settings = {"age_s": 0.7, "interval_s": round(2.0**poll, 1)}
    sections = {"chrony": chrony(tracking(**settings), source(poll=poll)), "clock": {"adjtimex": {"maxerror_us": 900}}}
    assert_judged(judge(**sections), "pass", None, ["chronyd"])
    lost = {**sections, "clock": {"adjtimex": {"maxerror_us": 7000}}}
    assert judge(**lost).keys == (Key.KERNEL_CONTRADICTS,)


def test_a_pause_of_ten_hours_is_no_long_poll():
    regained = {"chrony": chrony(tracking(age_s=30.0, interval_s=10 * HOUR_S), source(poll=6, reach=0o1))}
    finding = judge(**regained)
    assert finding.state == "pass"
    assert not {"timedatectl", "maxpoll", "10.0 h"} & set(finding.summary.replace("`", " ").split())
    distant = {"chrony": chrony(tracking(interval_s=10 * HOUR_S, root_dispersion_s=1.5), source(poll=6, reach=0o1))}
    assert "maxpoll" not in judge(**distant).remedy


@pytest.mark.parametrize(
    "sections",
    [
        pytest.param({**polled_seldom(16, age_s), "clock": SET_BY_SOMETHING}, id=f"maxpoll 16, {age_s / HOUR_S:g} h")
        for age_s in (16.0, HOUR_S, 8 * HOUR_S)
    ]
    + [
        pytest.param(
            {**timesyncd_once_a_day(HOUR_S), "clock": SET_BY_SOMETHING}, id="timesyncd, once a day, an hour after"
        ),
        pytest.param({**recorded.OPENNTPD, "clock": SET_BY_SOMETHING}, id="OpenNTPD, polls of half a minute"),
    ],
)
def test_something_that_set_the_clock_is_found_while_the_last_update_is_too_young_for_the_limit(sections):
    assert judge(**sections).keys == (Key.KERNEL_CONTRADICTS,)


def test_an_openntpd_that_was_lost_for_long_is_not_said_to_have_a_clock_that_something_set():
    lost = recorded.openntpd(recorded.sample("openntpd_synchronised.all"), age_s=DAY_S)
    assert_judged(judge(**lost), "fail", Key.KERNEL_CONTRADICTS, ["maxerror", "8.9 h", " or "])


def test_a_timesyncd_that_was_lost_for_long_is_not_said_to_have_a_clock_that_something_set():
    received = datetime.fromtimestamp(wall_ns(0.0) / NS - DAY_S, UTC).strftime("%a %Y-%m-%d %H:%M:%S UTC")
    text = recorded.sample("timesyncd_synchronised.timesync").replace("Sun 2026-11-22 12:11:32 UTC", received)
    lost = recorded.timesyncd(text, age_s=DAY_S)
    assert_judged(judge(**lost), "fail", Key.UPDATE_TOO_OLD, ["86400 s"])
    assert finding_of(ntp_sources, record(**lost)).keys == (ntp_sources.Key.NONE_ANSWERS,)


def test_later_the_references_find_it():
    finding = judge(skew_s=5.0, **polled_seldom(16, 10 * HOUR_S, skew_s=5.0))
    assert finding.keys == (Key.REFERENCES_CONTRADICT,)


def test_without_references_an_age_that_the_kernel_no_longer_shows_is_not_taken_for_granted():
    sections = LONG_POLLS["OpenNTPD, whose polls are so long that its updates may be"]
    with pytest.raises(MissingEvidenceError, match="last update"):
        judge(**sections, ntp={"servers": []}, api_date={"apis": []})


def test_eight_long_intervals_are_the_limit_as_they_are_of_short_ones():
    assert judge(**polled_seldom(14, 8 * 2.0**14 + 60)).keys == (Key.UPDATE_TOO_OLD,)
