from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.interval import Interval
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.limits import (
    Limit,
    cluster_ca_limit,
    parse_limit,
    read_cluster_ca,
    shipped_limits,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

SHIPPED = {
    "etcd": (-0.5, 0.5),
    "ceph": (-0.025, 0.025),
    "cockroachdb": (-0.2, 0.2),
    "tidb": (-0.25, 0.25),
    "kubernetes-service-account-tokens": (-30, 30),
    "kubernetes-node-lease": (-math.inf, 40),
    "openshift-assisted-installer": (-120, 120),
    "k0sctl": (-15, 15),
    "sealos": (-2.5, 2.5),
}


def test_every_shipped_limit_is_as_its_source_has_it():
    limits = shipped_limits()
    assert {name: (limit.skew_s.low, limit.skew_s.high) for name, limit in limits.items()} == SHIPPED
    assert [name for name, limit in limits.items() if not (limit.source and limit.breaks)] == []


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

CREATED = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


def certificate(not_before: datetime = CREATED - timedelta(minutes=5)) -> bytes:
    """A CA as kubeadm makes it: valid from five minutes before its creation, for ten years."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(not_before).not_valid_after(CREATED + timedelta(days=3650))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def test_a_cas_times_are_read_from_its_file(tmp_path):
    path = tmp_path / "ca.crt"
    path.write_bytes(certificate())
    assert read_cluster_ca(str(path)) == {
        "file": str(path),
        "not_before_s": CREATED.timestamp() - 300,
        "not_after_s": CREATED.timestamp() + 3650 * 86400,
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(None, "No such file or directory", id="no file"),
        pytest.param(b"apiVersion: v1\n", "expected a certificate as PEM, found none", id="no certificate"),
        pytest.param(b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "found none", id="broken"),
        pytest.param(certificate() * 2, "expected one certificate, found 2", id="two of them"),
    ],
)
def test_what_is_no_single_certificate_is_refused_with_its_path(tmp_path, content, message):
    path = tmp_path / "ca.crt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=f"gate_cluster_ca_file {path}: ") as error:
        read_cluster_ca(str(path))
    assert message in str(error.value)


def test_a_private_key_given_by_mistake_is_not_quoted(tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "ca.key").write_bytes(pem)
    with pytest.raises(ValueError, match="found none") as error:
        read_cluster_ca(str(tmp_path / "ca.key"))
    assert pem.decode().splitlines()[1] not in str(error.value)


@pytest.mark.parametrize(
    ("age_s", "behind_s", "outcome"),
    [
        pytest.param(0, 299, "pass", id="new CA, less than five minutes behind"),
        pytest.param(0, 301, "fail", id="new CA, more than five minutes behind"),
        pytest.param(3600, 301, "pass", id="the tolerance grows with the CA's age"),
        pytest.param(3600, 3901, "fail", id="and has an end"),
        pytest.param(3650 * 86400 + 60, 0, "fail", id="the CA has expired"),
    ],
)
def test_a_node_is_held_against_the_cas_validity_at_the_true_time(tmp_path, age_s, behind_s, outcome):
    (tmp_path / "ca.crt").write_bytes(certificate())
    limit = cluster_ca_limit(read_cluster_ca(str(tmp_path / "ca.crt")), CREATED.timestamp() + age_s)
    assert isinstance(limit, Limit)
    assert limit.outcome(Interval(-behind_s - 0.01, -behind_s + 0.01)) == outcome
