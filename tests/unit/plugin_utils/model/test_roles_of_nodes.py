"""What a node is, from its evidence, and which steps of its clock that forbids."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.evidence import parse_evidence
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.interval import Interval
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import Record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.roles import (
    Certificate,
    Reason,
    Roles,
    objections,
    roles,
    roles_of,
)

from tests.builders import join_state, record, wireguard
from tests.certificates import certificate_pem

KUBELET = "/etc/kubernetes/kubelet.conf"
MANIFEST = "/etc/kubernetes/manifests/kube-apiserver.yaml"
MEMBER = "/var/lib/etcd/member"
CA = "/etc/kubernetes/pki/ca.crt"
WALL_S = datetime(2026, 11, 22, 8, 30, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("paths", "processes", "expected"),
    [
        ({KUBELET: False}, [], ()),
        ({KUBELET: True, MEMBER: False}, [], (KUBELET,)),
        ({KUBELET: False}, ["containerd-shim"], ("containerd-shim runs",)),
        ({KUBELET: None}, [], (f"{KUBELET}, which may not be seen",)),
        ({MEMBER: None, KUBELET: True}, ["etcd"], (KUBELET, "etcd runs", f"{MEMBER}, which may not be seen")),
    ],
)
def test_what_shows_that_a_node_has_joined(
    paths: dict[str, bool | None], processes: list[str], expected: tuple[str, ...]
):
    assert roles(join_state(paths=paths, processes=processes)).joined == expected


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ({"paths": {KUBELET: True}}, ()),
        ({"paths": {MANIFEST: True}}, (MANIFEST,)),
        ({"paths": {MEMBER: None}}, (f"{MEMBER}, which may not be seen",)),
        ({"processes": ["containerd-shim", "kube-apiserver"]}, ("kube-apiserver runs",)),
        ({"certificates": {CA: {"pem": ""}}}, ()),  # each node has it
        (
            {"certificates": {"/var/lib/rancher/k3s/server/tls/server-ca.crt": {"error": "denied"}}},
            ("/var/lib/rancher/k3s/server/tls/server-ca.crt",),
        ),
    ],
)
def test_what_shows_a_control_plane(shown: dict[str, Any], expected: tuple[str, ...]):
    assert roles(join_state(**shown)).control_plane == expected


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({}, ()),
        ({"interfaces": ["cilium_wg0"]}, ("interface cilium_wg0",)),
        ({"files": ["/etc/wireguard/wg0.conf"]}, ("/etc/wireguard/wg0.conf",)),
        ({"processes": ["tailscaled"]}, ("tailscaled runs",)),
        ({"unseen": ["/etc/wireguard"]}, ("/etc/wireguard, which may not be seen",)),
    ],
)
def test_what_shows_wireguard(found: dict[str, list[str]], expected: tuple[str, ...]):
    assert roles(wireguard(**found)).wireguard == expected


def test_a_file_of_certificates_begins_when_the_last_of_them_does():
    older, newer = (certificate_pem(WALL_S - before_s) for before_s in (900, 300))
    shown = {"certificates": {CA: {"pem": f"{older}\n{newer}"}}}
    assert roles(join_state(**shown)).certificates == (Certificate(CA, WALL_S - 300),)


@pytest.mark.parametrize("file", [{"error": "denied"}, {"pem": ""}, {"pem": "-----BEGIN CERTIFICATE-----\nAA==\n"}])
def test_a_certificate_that_cannot_be_read_has_no_known_beginning(file: dict[str, str]):
    assert roles(join_state(certificates={CA: file})).certificates == (Certificate(CA, None),)


def test_what_a_node_sends_is_read_as_it_stands():
    taken = wireguard(interfaces=["wg0"], files=["/etc/wireguard/wg0.conf"])
    taken["certificates"] = {CA: {"pem": certificate_pem(WALL_S)}, "/etc/kubernetes/pki/apiserver.crt": {"error": "no"}}
    assert parse_evidence(record(join_state=taken)["evidence"])["join_state"] == taken


def test_what_is_not_known_counts_as_every_role():
    for section in (None, {"error": "TimeoutError: it did not end within its bound"}):
        unknown = roles_of(Record(record(join_state=section)))
        assert unknown.joined
        assert unknown.control_plane
        assert unknown.wireguard
    earlier = {key: value for key, value in join_state().items() if key in ("paths", "processes")}
    said = objections(roles_of(Record(record(join_state=earlier))), Interval(40, 41), WALL_S)
    assert [each.reason for each in said] == [Reason.NOT_BACK_WIREGUARD, Reason.NOT_BACK_CERTIFICATES]


ALL = Roles((KUBELET,), (MANIFEST,), ("interface wg0",), (Certificate(CA, WALL_S - 10),))


@pytest.mark.parametrize(
    ("skew", "expected"),
    [
        (
            Interval(40, 41),
            [Reason.NOT_BACK_WIREGUARD, Reason.NOT_BACK_CERTIFICATES, Reason.NOT_BACK_JOINED],
        ),
        (Interval(-41, -40), [Reason.NOT_FORWARDS_CONTROL_PLANE]),
        (Interval(-1, 1), [Reason.NOT_BACK_WIREGUARD, Reason.NOT_BACK_JOINED, Reason.NOT_FORWARDS_CONTROL_PLANE]),
        (None, list(Reason)),
    ],
)
def test_each_role_objects_to_its_own_direction(skew: Interval | None, expected: list[Reason]):
    assert [each.reason for each in objections(ALL, skew, WALL_S)] == expected


def test_a_step_back_is_free_of_the_certificates_once_they_are_valid_at_the_true_time():
    of_ca = Roles(certificates=(Certificate(CA, WALL_S - 300),))
    assert not objections(of_ca, Interval(299, 300), WALL_S)
    assert objections(of_ca, Interval(299, 301), WALL_S)
    assert not objections(of_ca, Interval(-400, -300), WALL_S)
