from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.interval import Interval
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.limits import (
    GROUPS,
    Limit,
    cluster_ca_limit,
    limits_of_group,
    parse_limit,
    shipped_limits,
)
from hypothesis import given
from hypothesis import strategies as st

SHIPPED = {
    "etcd": (-0.5, 0.5),
    "kubernetes-service-account-tokens": (-30, 30),
    "kubernetes-node-lease": (-math.inf, 40),
    "wireguard": (-math.inf, 0),
    "openshift-assisted-installer": (-120, 120),
    "k0sctl": (-15, 15),
    "sealos": (-2.5, 2.5),
    "metal3-ipa": (-math.inf, 3600),
    "ceph": (-0.025, 0.025),
    "cockroachdb": (-0.2, 0.2),
    "tidb": (-0.25, 0.25),
    "yugabytedb": (-0.25, 0.25),
    "ydb": (-15, 15),
    "actions-runner": (-300, 300),
    "argocd-server": (-0.5, 0.5),
    "awx-receptor": (-30, 30),
    "aws-sigv4": (-300, 300),
    "aws-s3": (-900, 900),
    "argocd-k8s-auth-aws": (-60, 300),
    "aws-iam-authenticator": (-60, 300),
    "kerberos": (-300, 300),
    "go-oidc": (-300, math.inf),
    "vault-jwt-auth": (-30, 30),
    "registry-token": (-30, 30),
    "envoy-jwt": (-30, 30),
    "linkerd-identity": (-20, 20),
    "istio-ca": (-120, 120),
    "spire": (-10, 10),
    "vault-pki": (-30, 30),
    "gardener": (-60, math.inf),
    "teleport": (-60, math.inf),
    "kube-csr-signer": (-300, 300),
    "k3s-leaf": (-3600, 3600),
    "cert-manager": (0, math.inf),
    "lets-encrypt": (-3600, math.inf),
}


def test_every_shipped_limit_is_as_its_source_has_it():
    limits = shipped_limits()
    assert {name: (limit.skew_s.low, limit.skew_s.high) for name, limit in limits.items()} == SHIPPED
    assert [name for name, limit in limits.items() if not (limit.source and limit.breaks)] == []


def test_no_word_of_a_shipped_limit_is_broken_where_a_line_ends():
    texts = [text for limit in shipped_limits().values() for text in (limit.source, limit.breaks)]
    assert [text for text in texts if "- " in text] == []


def test_every_shipped_limit_is_in_a_group_and_those_of_a_group_stand_together():
    groups = [limit.group for limit in shipped_limits().values()]
    assert list(dict.fromkeys(groups)) == list(GROUPS)
    assert [name for group in GROUPS for name in limits_of_group(group)] == list(shipped_limits())
    assert limits_of_group("cert-manager") == []


def test_only_what_tolerates_nothing_on_a_side_is_without_tolerance():
    without = {name for name, limit in shipped_limits().items() if limit.without_tolerance}
    assert without == {"cert-manager", "wireguard"}


@given(between_s=st.floats(0.001, 1000), low=st.floats(-1000, 1000), high=st.floats(-1000, 1000))
def test_two_machines_that_both_keep_a_limit_between_machines_are_no_further_apart_than_it(between_s, low, high):
    limit = parse_limit("mine", {"between_s": between_s})
    both_pass = all(limit.outcome(Interval(skew_s, skew_s)) == "pass" for skew_s in (low, high))
    assert not both_pass or abs(low - high) <= between_s


@pytest.mark.parametrize(
    ("row", "skew_s", "outcome"),
    [
        pytest.param({"behind_s": 5, "ahead_s": 1}, (-5, 1), "pass", id="both edges included"),
        pytest.param({"behind_s": 5, "ahead_s": 1}, (-5.1, -5.01), "fail", id="behind"),
        pytest.param({"behind_s": 5, "ahead_s": 1}, (0.9, 1.1), "inconclusive", id="across"),
        pytest.param({"ahead_s": 1}, (-1e9, -1e9), "pass", id="no limit behind"),
        pytest.param({"behind_s": 1, "source": "us"}, (1e9, 1e9), "pass", id="no limit ahead"),
        pytest.param({"between_s": "2"}, (1.01, 1.02), "fail", id="half of what two may be apart"),
    ],
)
def test_a_limit_of_ones_own_is_read_and_held(row, skew_s, outcome):
    assert parse_limit("mine", row).outcome(Interval(*skew_s)) == outcome


@pytest.mark.parametrize(
    ("row", "message"),
    [
        pytest.param(
            {"behind": 5}, "unknown key 'behind'; known: behind_s, ahead_s, between_s, breaks, source", id="unknown key"
        ),
        pytest.param({"source": "us"}, "expected behind_s and ahead_s, or between_s", id="no limit in it"),
        pytest.param({"between_s": 1, "ahead_s": 1}, "or between_s", id="two ways to say it"),
        pytest.param({"ahead_s": 0}, "in seconds above 0", id="nothing left"),
        pytest.param({"behind_s": 0, "ahead_s": 5}, "in seconds above 0", id="nothing left on one side"),
        pytest.param({"behind_s": -1, "ahead_s": 1}, "in seconds above 0", id="negative"),
        pytest.param({"ahead_s": "5m"}, "in seconds above 0", id="text"),
        pytest.param({"ahead_s": float("nan")}, "in seconds above 0", id="nan"),
        pytest.param({"ahead_s": float("inf")}, "in seconds above 0", id="infinite"),
        pytest.param(None, "found None", id="nothing"),
    ],
)
def test_a_limit_that_is_wrong_is_refused_with_its_name_and_fault(row, message):
    with pytest.raises(ValueError, match="limit mine: ") as error:
        parse_limit("mine", row)
    assert message in str(error.value)


# The cluster's CA

CREATED_S = datetime(2026, 11, 22, 8, 0, tzinfo=UTC).timestamp()
CA = {"file": "ca.crt", "not_before_s": CREATED_S - 300, "not_after_s": CREATED_S + 3650 * 86400}
"""As kubeadm makes it: valid from five minutes before its creation, for ten years."""


CA_AGES = {
    "new CA, less than five minutes behind": (0, 299, "pass"),
    "new CA, more than five minutes behind": (0, 301, "fail"),
    "the tolerance grows with the CA's age": (3600, 301, "pass"),
    "and has an end": (3600, 3901, "fail"),
    "the CA has expired": (3650 * 86400 + 60, 0, "fail"),
}


@pytest.mark.parametrize(("age_s", "behind_s", "outcome"), CA_AGES.values(), ids=CA_AGES)
def test_a_node_is_held_against_the_cas_validity_at_the_true_time(age_s, behind_s, outcome):
    limit = cluster_ca_limit(CA, CREATED_S + age_s, CREATED_S + age_s + 2)
    assert isinstance(limit, Limit)
    assert limit.outcome(Interval(-behind_s - 0.01, -behind_s + 0.01)) == outcome


@pytest.mark.parametrize(("lasts_s", "outcome"), [(3, "pass"), (1, "fail"), (-1, "fail")])
def test_a_ca_that_ends_while_the_node_is_checked_is_not_valid(lasts_s, outcome):
    begun_s = CA["not_after_s"] - lasts_s
    assert cluster_ca_limit(CA, begun_s, begun_s + 2).outcome(Interval(-0.01, 0.01)) == outcome
