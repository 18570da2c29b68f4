"""What ends an admission: each event by what the node's clocks show after it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.interval import Interval
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.policy import Policy
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.admission import Ended
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.since_admission import (
    LackingError,
    Reading,
    changes,
    next_step,
    policy_after_reboot,
    words,
)
from hypothesis import example, given
from hypothesis import strategies as st

from tests.builders import policy
from tests.unit.plugin_utils.verdict.life import Life

VMCLOCK = {"device": "/dev/vmclock0", "disruption_marker": "00", "vm_generation_counter": "00"}


def moved_by_hypervisor(life: Life, **changed: str | None) -> Life:
    life.vmclocks = ({**VMCLOCK, **changed},)
    return life.run(60)


def after(event: Callable[[Life], object], life: Life | None = None) -> set[Ended]:
    """Why an admission ends if this happens between the check and the join."""
    life = life or Life()
    judged = life.reading(before_s=1.5, module_s=0.8)
    event(life)
    return set(changes(judged, life.reading()))


@pytest.mark.parametrize(
    ("event", "ended"),
    [
        pytest.param(lambda life: life.run(3600), set(), id="nothing"),
        pytest.param(lambda life: life.run(3600, drift=-1e-4, steady_drift=1e-4), set(), id="two poor crystals"),
        pytest.param(lambda life: life.run(0), set(), id="at once"),
        pytest.param(lambda life: life.run(60, slewed_s=0.9), set(), id="a small slew"),
        pytest.param(lambda life: life.run(60, slewed_s=5), {Ended.SLEWED}, id="a slew of 5 s at chronyd's maximum"),
        pytest.param(lambda life: life.run(60, slewed_s=-4), {Ended.SLEWED}, id="a slew back"),
        pytest.param(lambda life: life.run(60).step(0.9), set(), id="a small step"),
        pytest.param(lambda life: life.run(60).step(-1.0), set(), id="a leap second"),
        pytest.param(lambda life: life.run(60).step(1.01), {Ended.STEPPED}, id="a step"),
        pytest.param(lambda life: life.run(60).step(-600), {Ended.STEPPED}, id="a step back"),
        pytest.param(lambda life: life.step(0.6).step(0.6), {Ended.STEPPED}, id="two small steps"),
        pytest.param(lambda life: life.suspend(30), {Ended.RESUMED}, id="a resume"),
        pytest.param(lambda life: life.suspend(0.05), {Ended.RESUMED}, id="a short suspend"),
        pytest.param(lambda life: life.suspend(30).step(-30), {Ended.RESUMED, Ended.STEPPED}, id="a resume without an RTC"),
        pytest.param(lambda life: life.pause(20), {Ended.STOOD_STILL}, id="a pause"),
        pytest.param(lambda life: life.run(60).restore(40), {Ended.STOOD_STILL}, id="a snapshot since the check"),
        pytest.param(lambda life: life.run(60).restore(200), {Ended.STOOD_STILL}, id="a snapshot from before the check"),
        pytest.param(lambda life: life.pause(20).step(20), {Ended.STOOD_STILL, Ended.STEPPED}, id="a pause, and NTP after it"),
        pytest.param(lambda life: life.run(60).restore(-9), {Ended.RAN_AHEAD}, id="a counter that jumps"),
        pytest.param(lambda life: life.reboot().run(60), {Ended.REBOOTED}, id="a reboot"),
        pytest.param(
            lambda life: life.reboot(20).run(60).restore(-500),
            {Ended.REBOOTED, Ended.RESTORED},
            id="a snapshot of another boot",
        ),
    ],
)  # fmt: skip
def test_an_event_ends_an_admission_if_it_may_have_moved_the_clock_by_more_than_a_second(
    event: Callable[[Life], object], ended: set[Ended]
) -> None:
    assert after(event) == ended


def with_vmclock() -> Life:
    return Life(vmclocks=(VMCLOCK,))


@pytest.mark.parametrize(
    ("event", "ended"),
    [
        pytest.param(moved_by_hypervisor, set(), id="nothing"),
        pytest.param(lambda life: moved_by_hypervisor(life, disruption_marker="01"), {Ended.DISRUPTED}, id="a live migration"),
        pytest.param(
            lambda life: moved_by_hypervisor(life, disruption_marker="01", vm_generation_counter="01"),
            {Ended.DISRUPTED, Ended.RESTORED},
            id="a snapshot after which the clocks caught up",
        ),
        pytest.param(lambda life: moved_by_hypervisor(life, vm_generation_counter=None), set(), id="a device without it"),
        pytest.param(lambda life: moved_by_hypervisor(life, device="/dev/vmclock1"), set(), id="another device"),
        pytest.param(lambda life: moved_by_hypervisor(life, error="PermissionError"), set(), id="a device that can't be read"),
        pytest.param(
            lambda life: moved_by_hypervisor(life.reboot(), disruption_marker="01"),
            {Ended.REBOOTED},
            id="a reboot, by which the counter began anew",
        ),
        pytest.param(
            lambda life: moved_by_hypervisor(life.reboot(), vm_generation_counter="01"),
            {Ended.REBOOTED, Ended.RESTORED},
            id="a reboot of an older disk",
        ),
    ],
)  # fmt: skip
def test_the_hypervisors_markers_end_an_admission(event: Callable[[Life], object], ended: set[Ended]) -> None:
    assert after(event, with_vmclock()) == ended


def test_a_resume_counts_though_it_stopped_no_clock() -> None:
    """As in a user-mode Linux guest of 6.1, whose clocks go on while it is suspended."""
    life = Life()
    judged = life.reading()
    life.suspends = 1
    assert set(changes(judged, life.run(7).reading())) == {Ended.RESUMED}
    life.suspends = None
    assert changes(judged, life.run(7).reading()) == {}


def recorded(at_s: tuple[float, float], **shown: int) -> Reading:
    return Reading(boot_id="9f8f071d-18ad-457d-9349-458fa717e2e2", at_s=Interval(*at_s), vmclocks={}, **shown)


def test_the_numbers_of_a_real_node_that_was_stopped_and_that_chronyd_slewed() -> None:
    """A user-mode Linux guest, stopped for 6 s with SIGSTOP: its counter is the host's, which went
    on. Meanwhile its chronyd slewed the clock by half a second, which RAW does not show.
    """
    before = recorded(
        (540.0, 541.2),
        mono_ns=16366577133,
        wall_ns=1795937540455759453,
        boot_ns=16366605976,
        raw_ns=16054684160,
        gap_ns=57131,
    )
    then = recorded(
        (548.5, 549.1),
        mono_ns=24929184876,
        wall_ns=1795937549018364764,
        boot_ns=24929210989,
        raw_ns=24106866176,
        gap_ns=51715,
    )
    assert (then.mono_ns - before.mono_ns) - (then.raw_ns - before.raw_ns) == pytest.approx(0.51e9, rel=0.01)
    assert changes(before, then) == {}


PASSED = st.floats(0, 86_400)
CALL = st.floats(0, 5)
CRYSTAL = st.floats(-1e-4, 1e-4)
SMALL = st.floats(-0.99, 0.99)


@given(PASSED, st.tuples(CALL, CALL, CALL), st.tuples(CRYSTAL, CRYSTAL), st.tuples(SMALL, SMALL))
@example(3600.0, (0.0, 0.0, 0.0), (1e-4, -1e-4), (0.99, -0.99))
def test_no_node_that_was_left_alone_is_refused(
    passed_s: float, call: tuple[float, ...], crystals: tuple[float, float], moved: tuple[float, float]
) -> None:
    life = Life()
    judged = life.reading(before_s=call[0], module_s=call[1])
    life.run(passed_s, drift=crystals[0], steady_drift=crystals[1], slewed_s=moved[0]).step(moved[1])
    assert changes(judged, life.reading(after_s=call[2])) == {}


FAR = st.one_of(st.floats(1.01, 1e6), st.floats(-1e6, -1.01))


@given(PASSED, CALL, FAR)
def test_every_step_of_more_than_a_second_is_found_however_long_the_calls_took(
    passed_s: float, call_s: float, stepped_s: float
) -> None:
    life = Life(wall_s=1e9)
    judged = life.reading(before_s=call_s)
    assert set(changes(judged, life.run(passed_s).step(stepped_s).reading(after_s=call_s))) == {Ended.STEPPED}


@given(PASSED, CALL, st.floats(0.01, 1e6))
def test_every_pause_is_found_that_is_longer_than_the_calls_and_what_crystals_do(
    passed_s: float, call_s: float, extra_s: float
) -> None:
    life = Life()
    judged = life.reading(before_s=call_s)
    paused_s = (1.01 + extra_s + 2 * call_s + 1 + 2e-4 * passed_s) / (1 - 2e-4)
    assert set(changes(judged, life.run(passed_s).pause(paused_s).reading(before_s=call_s))) == {Ended.STOOD_STILL}


@given(PASSED, st.floats(0, 1e6), st.floats(0.001, 1e6))
def test_every_resume_and_every_reboot_is_found(passed_s: float, booting_s: float, suspended_s: float) -> None:
    life = Life(suspends=None)
    judged = life.reading()
    assert set(changes(judged, life.run(passed_s).suspend(suspended_s + 0.01).reading())) == {Ended.RESUMED}
    assert set(changes(judged, life.reboot(booting_s).run(passed_s).reading())) == {Ended.REBOOTED}


@pytest.mark.parametrize(
    "name", ["boot_id", "boot_ns", "raw_ns", "gap_ns", "mono_ns", "steady_before_ns", "steady_after_ns"]
)
def test_evidence_without_a_value_that_is_compared_is_no_reading(name: str) -> None:
    collected, controller = Life().asked()
    lacking = [{key: value for key, value in part.items() if key != name} for part in (collected, controller)]
    with pytest.raises(LackingError, match=rf"^{name}$"):
        Reading.of({"collected": lacking[0]}, lacking[1])


@pytest.mark.parametrize("evidence", [{}, {"collected": {"malformed": "x"}}, {"collected": {"error": "x"}}])
def test_neither_is_an_answer_without_clocks(evidence: dict[str, dict[str, str]]) -> None:
    with pytest.raises(LackingError, match="boot_id, wall_ns"):
        Reading.of(evidence, None)


def test_a_call_that_the_controller_cannot_place_in_time_is_a_point() -> None:
    collected, controller = Life().asked()
    collected["end_mono_ns"] += 10**15
    assert Reading.of({"collected": collected}, controller).at_s == Interval(5000, 5000)


def test_each_end_says_what_was_found_and_what_to_do() -> None:
    life = Life()
    judged = life.reading()
    found = changes(judged, life.step(5.0).reading())
    assert re.search(r"clock was set .*\+5\.000 s.* at most 1 s", words(found))
    assert "clock_movers" in next_step(found)
    rebooted = changes(judged, life.reboot().reading())
    assert judged.boot_id in words(rebooted)
    assert "gate_allow_reboot" in next_step(rebooted)
    assert "gate_allow_reboot" not in next_step({**rebooted, Ended.RESTORED: "x"})
    assert all("Run the gate for it again" in next_step([ended]) for ended in Ended)


def test_after_a_reboot_the_clock_and_its_daemon_are_judged_by_the_policy_of_the_admission() -> None:
    given_policy = Policy.from_json(
        policy(max_skew_s=0.5, checks=["next_boot", "sync_state"], advisory_checks=["clock_skew", "next_boot"])
    )
    found = policy_after_reboot(given_policy)
    assert (found.checks, found.advisory_checks) == (("clock_skew", "sync_state"), ())
    assert (found.max_skew_s, found.clients, found.github_apps) == (0.5, ("argocd",), ())
    whole = policy_after_reboot(Policy.from_json(policy(advisory_checks=["sync_state"])))
    assert (whole.checks, whole.advisory_checks) == (("clock_skew", "time_service", "sync_state"), ("sync_state",))
