from __future__ import annotations

import doctest
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.interval import Interval
from ansible_collections.skewgate.preflight.plugins.plugin_utils.remediation import join
from ansible_collections.skewgate.preflight.plugins.plugin_utils.remediation.join import Correction, correction, joined
from hypothesis import given
from hypothesis import strategies as st

KUBELET = "/etc/kubernetes/kubelet.conf"
ORDER = {"step": 0, "slew": 1, "refuse": 2}


def decide(skew: tuple[float, float] | None, traces: list[str], **given: Any) -> Correction:
    settings = {"threshold_s": 1.0, "forward_limit_s": 5.0, "slew_limit_s": 60.0, "named_by_user": False, **given}
    return correction(Interval(*skew) if skew else None, traces, **settings)


def test_the_docstrings_examples_hold():
    tested = doctest.testmod(join)
    assert tested.attempted > 0
    assert tested.failed == 0


@pytest.mark.parametrize(
    ("paths", "processes", "expected"),
    [
        ({KUBELET: False}, [], []),
        ({KUBELET: True, "/var/lib/etcd/member": False}, [], [KUBELET]),
        ({KUBELET: False}, ["containerd-shim"], ["containerd-shim runs"]),
        ({KUBELET: None}, [], [f"{KUBELET}, which may not be seen"]),
        (
            {"/var/lib/etcd/member": None, KUBELET: True},
            ["etcd"],
            [KUBELET, "etcd runs", "/var/lib/etcd/member, which may not be seen"],
        ),
    ],
)
def test_what_shows_that_a_node_has_joined(paths: dict[str, bool | None], processes: list[str], expected: list[str]):
    assert joined({"paths": paths, "processes": processes}) == expected


@pytest.mark.parametrize("skew", [None, (600.0, 600.1), (-0.01, 0.01), (-90000.0, -1.0)])
def test_before_the_join_the_clock_is_stepped_whatever_it_shows(skew: tuple[float, float] | None):
    said = decide(skew, [])
    assert said == Correction("step", "The node has joined no cluster: its clock is stepped at once.", None)


# skew (node minus reference): what is done. A slew of 1 s takes 12 s, so one of 5 s takes 60 s.
@pytest.mark.parametrize(
    ("skew", "kind", "words"),
    [
        (
            (-0.4, 0.4),
            "slew",
            "0.000 s (± 0.400 s): chronyd does not step so little, it slews the clock in 5 s.",
        ),
        ((0.9, 1.0), "slew", "0.950 s ahead (± 0.050 s): chronyd does not step so little"),
        ((-3.1, -3.0), "step", "3.050 s behind (± 0.050 s): a step forward of at most 5 s is allowed."),
        ((-5.0, -4.9), "step", "4.950 s behind (± 0.050 s): a step forward"),
        ((3.0, 3.1), "slew", "3.050 s ahead (± 0.050 s): it is slewed in 38 s, without a step."),
        ((-3.0, 1.5), "slew", "0.750 s behind (± 2.250 s): it is slewed"),
        (
            (-5.1, -5.0),
            "refuse",
            "5.050 s behind (± 0.050 s). A step forward of more than 5 s makes leases and tokens expire",
        ),
        (
            (5.0, 5.1),
            "refuse",
            "5.050 s ahead (± 0.050 s). A step back makes a joined node NotReady until its clock has passed its lease",
        ),
        ((612.0, 612.0), "refuse", "chronyd's slew would take 2.0 h. Drain the node and name it in chrony_step_joined"),
        ((-100.0, -100.0), "refuse", "chronyd's slew would take 20 min."),
        (None, "refuse", "its skew is not known."),
    ],
)
def test_a_joined_node_is_stepped_forward_a_little_slewed_or_refused(
    skew: tuple[float, float] | None, kind: str, words: str
):
    said = decide(skew, [KUBELET])
    assert said.kind == kind
    assert said.why.startswith(f"The node has joined a cluster ({KUBELET})")
    assert words in said.why


def test_a_node_that_is_named_is_stepped_back_too():
    said = decide((600.0, 600.0), [KUBELET], named_by_user=True)
    assert (said.kind, said.slew_s) == ("step", None)
    assert said.why == (
        f"The node has joined a cluster ({KUBELET}), and chrony_step_joined names it: its clock is stepped."
    )


def test_of_many_traces_the_first_are_named():
    assert "(a, b, c and 2 more)" in decide(None, ["a", "b", "c", "d", "e"]).why


def test_how_long_a_slew_takes_follows_from_chronyds_rate():
    assert decide((3.0, 3.0), [KUBELET]).slew_s == pytest.approx(36.0, rel=1e-4)
    assert decide((612.0, 612.0), [KUBELET]).slew_s == pytest.approx(7344, rel=1e-4)


seconds = st.floats(0.001, 1e5)
ends = st.floats(-1e5, 1e5)
skews = st.tuples(ends, ends).map(lambda pair: Interval(min(pair), max(pair)))
settings = st.fixed_dictionaries({"threshold_s": seconds, "forward_limit_s": seconds, "slew_limit_s": seconds})


@given(skews | st.none(), settings)
def test_a_joined_node_that_is_or_may_be_ahead_is_never_stepped_unless_it_is_named(skew, limits):
    said = correction(skew, [KUBELET], **limits, named_by_user=False)
    if skew is None or skew.high > 0:
        assert said.kind != "step"


@given(skews, settings, st.booleans())
def test_no_step_forward_is_longer_than_its_limit_and_no_slew_than_its_own(skew, limits, named):
    said = correction(skew, [KUBELET], **limits, named_by_user=named)
    if said.kind == "step" and not named:
        assert -limits["forward_limit_s"] <= skew.low
    if said.kind == "slew":
        furthest_s = max(abs(skew.low), abs(skew.high))
        assert said.slew_s == pytest.approx(furthest_s / 0.083333)
        assert said.slew_s <= limits["slew_limit_s"] or furthest_s <= limits["threshold_s"]
    assert (said.slew_s is None) == (said.kind == "step")


@given(skews, settings, st.floats(1, 10))
def test_a_node_that_is_further_off_is_never_let_do_more(skew, limits, factor):
    def kind(interval: Interval) -> str:
        return correction(interval, [KUBELET], **limits, named_by_user=False).kind

    refused = kind(skew) == "refuse"
    assert not refused or kind(Interval(skew.low * factor, skew.high * factor)) == "refuse"
    # And what is less sure is not let do more than what is sure.
    wider = Interval(skew.low - factor, skew.high + factor)
    assert not refused or kind(wider) == "refuse"


@given(skews | st.none(), settings, st.lists(st.sampled_from([KUBELET, "etcd runs"]), max_size=2))
def test_being_named_or_not_joined_always_steps(skew, limits, traces):
    named = correction(skew, traces, **limits, named_by_user=True)
    not_joined = correction(skew, [], **limits, named_by_user=False)
    assert (named.kind, not_joined.kind) == ("step", "step")
    assert ORDER[named.kind] <= ORDER[correction(skew, traces, **limits, named_by_user=False).kind]
