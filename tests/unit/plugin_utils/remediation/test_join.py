from __future__ import annotations

import doctest
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.interval import Interval
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.roles import Certificate, Roles
from ansible_collections.skewgate.preflight.plugins.plugin_utils.remediation import join
from ansible_collections.skewgate.preflight.plugins.plugin_utils.remediation.join import Correction, correction
from hypothesis import given
from hypothesis import strategies as st

KUBELET = "/etc/kubernetes/kubelet.conf"
ORDER = {"step": 0, "slew": 1, "refuse": 2}


WALL_S = 1_795_336_536.25
"""What the node's clock shows."""

WIREGUARD = Roles(wireguard=("interface wg0",))
CONTROL_PLANE = Roles(joined=(KUBELET, "etcd runs"), control_plane=("etcd runs",))


def with_ca(not_before_s: float | None, *traces: str) -> Roles:
    return Roles(joined=traces, certificates=(Certificate("/etc/kubernetes/pki/ca.crt", not_before_s),))


def decide(skew: tuple[float, float] | None, of: list[str] | Roles, **given: Any) -> Correction:
    settings = {"threshold_s": 1.0, "forward_limit_s": 5.0, "slew_limit_s": 60.0, "named_by_user": False, **given}
    roles = of if isinstance(of, Roles) else Roles(joined=tuple(of))
    return correction(Interval(*skew) if skew else None, roles, wall_s=WALL_S, **settings)


def test_the_docstrings_examples_hold():
    tested = doctest.testmod(join)
    assert tested.attempted > 0
    assert tested.failed == 0


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
            "chronyd's slew would take 62 s, and the limit is 60 s. A step forward of more than 5 s makes leases and",
        ),
        (
            (5.0, 5.1),
            "refuse",
            "a step back makes it NotReady until its clock has passed its lease",
        ),
        ((612.0, 612.0), "refuse", "Drain the node and name it in chrony_step_joined"),
        ((-100.0, -100.0), "refuse", "chronyd's slew would take 20 min, and"),
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
    said = correction(skew, Roles(joined=(KUBELET,)), wall_s=WALL_S, **limits, named_by_user=False)
    if skew is None or skew.high > 0:
        assert said.kind != "step"


@given(skews, settings, st.booleans())
def test_no_step_forward_is_longer_than_its_limit_and_no_slew_than_its_own(skew, limits, named):
    said = correction(skew, Roles(joined=(KUBELET,)), wall_s=WALL_S, **limits, named_by_user=named)
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
        return correction(interval, Roles(joined=(KUBELET,)), wall_s=WALL_S, **limits, named_by_user=False).kind

    refused = kind(skew) == "refuse"
    assert not refused or kind(Interval(skew.low * factor, skew.high * factor)) == "refuse"
    # And what is less sure is not let do more than what is sure.
    wider = Interval(skew.low - factor, skew.high + factor)
    assert not refused or kind(wider) == "refuse"


@given(skews | st.none(), settings, st.lists(st.sampled_from([KUBELET, "etcd runs"]), max_size=2))
def test_being_named_or_not_joined_always_steps(skew, limits, traces):
    roles = Roles(joined=tuple(traces))
    named = correction(skew, roles, wall_s=WALL_S, **limits, named_by_user=True)
    not_joined = correction(skew, Roles(), wall_s=WALL_S, **limits, named_by_user=False)
    assert (named.kind, not_joined.kind) == ("step", "step")
    unnamed = correction(skew, roles, wall_s=WALL_S, **limits, named_by_user=False)
    assert ORDER[named.kind] <= ORDER[unnamed.kind]


# What the node is, its skew, whether it is named: what is done, and what is said.
@pytest.mark.parametrize(
    ("roles", "skew", "named", "kind", "words"),
    [
        (
            WIREGUARD,
            (40.0, 40.1),
            False,
            "refuse",
            "The node has WireGuard (interface wg0): its peers keep the newest time",
        ),
        (WIREGUARD, (40.0, 40.1), True, "refuse", "set it up again with a new key pair"),
        (
            WIREGUARD,
            (3.0, 3.1),
            True,
            "slew",
            "the node has WireGuard (interface wg0): it is slewed in 38 s, without a step.",
        ),
        (WIREGUARD, (-612.1, -612.0), False, "step", "A step forwards does no harm to WireGuard."),
        (WIREGUARD, (-612.1, 1.5), False, "refuse", "WireGuard"),
        (WIREGUARD, (0.1, 0.2), False, "slew", "chronyd does not step so little"),
        (WIREGUARD, None, True, "refuse", "its skew is not known"),
        (CONTROL_PLANE, (-3.1, -3.0), False, "slew", "it is slewed in 38 s, without a step."),
        (
            CONTROL_PLANE,
            (-40.1, -40.0),
            False,
            "refuse",
            "The node is a control plane (etcd runs): after a step forwards",
        ),
        (CONTROL_PLANE, (-40.1, -40.0), True, "step", "chrony_step_joined names it"),
        (CONTROL_PLANE, (40.0, 40.1), True, "step", "chrony_step_joined names it"),
        (with_ca(WALL_S - 300, KUBELET), (600.0, 600.1), True, "refuse", "NotBefore 2026-11-22T08:30:36Z"),
        (with_ca(WALL_S - 300, KUBELET), (600.0, 600.1), True, "refuse", "is 300 s after this check"),
        (with_ca(WALL_S - 300), (600.0, 600.1), False, "refuse", "`kubeadm reset`"),
        (with_ca(WALL_S - 300, KUBELET), (3.0, 3.1), False, "slew", "it is slewed in 38 s"),
        (with_ca(WALL_S - 900, KUBELET), (600.0, 600.1), True, "step", "chrony_step_joined names it"),
        (with_ca(WALL_S - 900), (600.0, 600.1), False, "step", "The node has joined no cluster"),
        (with_ca(WALL_S - 300, KUBELET), (-600.1, -600.0), True, "step", "chrony_step_joined names it"),
        (
            with_ca(None, KUBELET),
            (600.0, 600.1),
            True,
            "refuse",
            "not known since when the cluster's certificates",
        ),
        (with_ca(WALL_S - 900, KUBELET), None, True, "refuse", "not known since when the cluster's certificates"),
    ],
)
def test_a_role_forbids_a_step_and_its_reason_is_said(
    roles: Roles, skew: tuple[float, float] | None, named: bool, kind: str, words: str
):
    said = decide(skew, roles, named_by_user=named)
    assert said.kind == kind
    assert words in said.why


any_role = st.builds(
    Roles,
    joined=st.sampled_from([(), (KUBELET,)]),
    control_plane=st.sampled_from([(), ("etcd runs",)]),
    wireguard=st.sampled_from([(), ("interface wg0",)]),
    certificates=st.lists(
        st.builds(Certificate, st.just("ca.crt"), st.none() | st.floats(WALL_S - 2e5, WALL_S + 2e5)), max_size=2
    ).map(tuple),
)


@given(skews | st.none(), settings, any_role, st.booleans())
def test_no_setting_lets_a_step_go_back_that_a_role_never_allows(skew, limits, roles, named):
    said = correction(skew, roles, wall_s=WALL_S, **limits, named_by_user=named)
    if said.kind == "step" and (skew is None or skew.high > 0):
        assert not roles.wireguard
        for certificate in roles.certificates:
            assert skew is not None
            assert certificate.not_before_s is not None
            assert certificate.not_before_s <= WALL_S - skew.high
    if said.kind == "step" and roles.joined and roles.control_plane and (skew is None or skew.low < 0):
        assert named
