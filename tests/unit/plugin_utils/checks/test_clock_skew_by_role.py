"""If what a node is forbids a step, the finding says so to who would step it by hand."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import clock_skew, config_in_use, sync_state
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks.clock_skew import Key
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.finding import Finding

from tests.builders import NS, TRUE_NS, chrony, join_state, record, tracking, wireguard
from tests.certificates import certificate_pem
from tests.findings import finding_of, unsaid

KUBELET = "/etc/kubernetes/kubelet.conf"
MEMBER = "/var/lib/etcd/member"
CA = "/etc/kubernetes/pki/ca.crt"


def judge(skew_s: float, section: dict[str, Any] | None) -> Finding:
    return finding_of(clock_skew, record(skew_s, join_state=section))


def of_ca(from_true_time_s: int) -> dict[str, Any]:
    """A control plane whose CA begins so long after the true time."""
    pem = certificate_pem(TRUE_NS // NS + from_true_time_s)
    return join_state(KUBELET, certificates={CA: {"pem": pem}})


@pytest.mark.parametrize(
    ("skew_s", "section", "keys", "words"),
    [
        pytest.param(
            40.0,
            wireguard(interfaces=["wg0"]),
            (Key.BEYOND, Key.NOT_BACK_WIREGUARD),
            ["not to be stepped back: the node has WireGuard (interface wg0)", "option -R", "a new key pair"],
            id="WireGuard, ahead",
        ),
        pytest.param(
            40.0,
            wireguard(unseen=["/etc/wireguard"]),
            (Key.BEYOND, Key.NOT_BACK_WIREGUARD),
            [
                "it is not known whether the node has WireGuard (/etc/wireguard, which may not be seen)",
                "See that Ansible is root on the node",
            ],
            id="perhaps WireGuard, ahead",
        ),
        pytest.param(-612.0, wireguard(interfaces=["wg0"]), (Key.BEYOND,), ["step its clock"], id="WireGuard, behind"),
        pytest.param(
            40.0,
            join_state(KUBELET),
            (Key.BEYOND, Key.NOT_BACK_JOINED),
            ["until its clock has passed its lease", "Drain the node"],
            id="joined, ahead",
        ),
        pytest.param(-612.0, join_state(KUBELET), (Key.BEYOND,), ["step its clock"], id="joined, behind"),
        pytest.param(
            -612.0,
            join_state(KUBELET, MEMBER),
            (Key.BEYOND, Key.NOT_FORWARDS_CONTROL_PLANE),
            ["not to be stepped forwards: the node is a control plane (/var/lib/etcd/member)", "two leaders"],
            id="a control plane, behind",
        ),
        pytest.param(
            600.0,
            of_ca(300),
            (Key.BEYOND, Key.NOT_BACK_CERTIFICATES, Key.NOT_BACK_JOINED),
            [CA, "NotBefore 2026-11-22T08:40:36Z", "`kubeadm reset`", "is 300 s after this check"],
            id="its CA begins in the future",
        ),
        pytest.param(
            600.0, of_ca(-60), (Key.BEYOND, Key.NOT_BACK_JOINED), ["Drain the node"], id="its CA is valid already"
        ),
        pytest.param(
            600.0,
            join_state(certificates={CA: {"error": "Permission denied"}}),
            (Key.BEYOND, Key.NOT_BACK_CERTIFICATES),
            [CA, "openssl x509"],
            id="its CA may not be read",
        ),
        pytest.param(
            40.0,
            None,
            (Key.BEYOND, Key.NOT_BACK_WIREGUARD, Key.NOT_BACK_JOINED),
            ["the evidence has no section 'join_state'"],
            id="nothing is known of it",
        ),
    ],
)
def test_a_finding_says_in_which_direction_a_clock_must_not_be_stepped_and_why(
    skew_s: float, section: dict[str, Any] | None, keys: tuple[Key, ...], words: list[str]
):
    finding = judge(skew_s, section)
    assert (finding.state, finding.keys) == ("fail", keys)
    assert not unsaid(f"{finding.summary} {finding.why} {finding.remedy}", *words)
    forbidden = {str(key) for key in keys[1:]}
    assert set(finding.seen.get("not_to_be_stepped", {})) == forbidden
    assert ("step its clock. The gate does both" in finding.remedy) is (not forbidden)
    assert not finding.beyond_remediation


def test_no_way_out_is_advised_that_a_stronger_reason_bars():
    """chrony_step_joined overrules neither WireGuard nor certificates of the future."""
    finding = judge(40.0, join_state(KUBELET, wireguard=wireguard(interfaces=["wg0"])["wireguard"]))
    assert finding.keys == (Key.BEYOND, Key.NOT_BACK_WIREGUARD, Key.NOT_BACK_JOINED)
    assert "a new key pair" in finding.remedy
    assert "chrony_step_joined" not in finding.remedy


def test_certificates_of_a_control_plane_that_has_not_begun_forbid_no_step_forwards():
    """They may be laid down before the join, and the gate steps a node that has not joined."""
    pem = certificate_pem(TRUE_NS // NS - 900)
    laid_down = join_state(certificates={"/etc/kubernetes/pki/apiserver.crt": {"pem": pem}})
    assert judge(-612.0, laid_down).keys == (Key.BEYOND,)


def test_a_clock_that_is_right_needs_no_such_words():
    finding = judge(0.0, wireguard(interfaces=["wg0"]))
    assert (finding.state, finding.keys) == ("pass", ())
    assert "WireGuard" not in finding.summary


def left_unstepped(skew_s: float, section: dict[str, Any]) -> dict[str, Any]:
    """A chronyd whose makestep is used up, and which shows how far off it is."""
    chronyd = chrony(tracking(skew_s=skew_s, system_time_s=-skew_s))
    return record(skew_s, chrony=chronyd, join_state=section)


@pytest.mark.parametrize("check", [config_in_use, sync_state])
@pytest.mark.parametrize(
    ("skew_s", "section", "words"),
    [
        (
            5.0,
            wireguard(interfaces=["wg0"]),
            "must not be stepped back by that: the node has WireGuard (interface wg0)",
        ),
        (-5.0, join_state(MEMBER), "must not be stepped forwards by that: the node is a control plane"),
        (5.0, join_state(), ""),
        (-5.0, wireguard(interfaces=["wg0"]), ""),
    ],
)
def test_other_checks_that_advise_a_step_say_it_too(check: Any, skew_s: float, section: dict[str, Any], words: str):
    finding = finding_of(check, left_unstepped(skew_s, section))
    if finding.state == "skipped":  # config_in_use says it
        finding = finding_of(config_in_use, left_unstepped(skew_s, section))
    assert finding.state == "fail"
    assert "restart" in finding.remedy or "makestep" in finding.remedy
    assert words in finding.remedy
    assert ("must not be stepped" in finding.remedy) is bool(words)


def test_a_clock_that_is_almost_right_may_be_restarted():
    node = record(0.0, chrony=chrony(config="server a.example\n"), join_state=wireguard(interfaces=["wg0"]))
    finding = finding_of(config_in_use, node)
    assert finding.state == "fail"
    assert "must not be stepped" not in finding.remedy
