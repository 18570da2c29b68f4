"""What a node shows that has joined a cluster, or has what forbids steps of its clock."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import join_state

from tests.certificates import certificate_pem
from tests.node_parts import write

KEY = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIKzVsecretsecretsecretsecretsecretsecret01\n-----END PRIVATE KEY-----\n"
UEVENT = "INTERFACE={0}\nIFINDEX=5\n"


@pytest.fixture(autouse=True)
def interfaces(tmp_path: Path) -> None:
    write(tmp_path / "sys/class/net/eth0/uevent", UEVENT.format("eth0"))
    write(tmp_path / "sys/class/net/bonding_masters", "")  # a file among the interfaces


def test_a_joined_node_shows_it(tmp_path: Path):
    write(tmp_path / "etc/kubernetes/kubelet.conf", "")
    write(tmp_path / "var/lib/etcd", "")  # a file where a folder is expected

    paths = join_state.collect([], str(tmp_path))["paths"]

    assert {path for path, there in paths.items() if there} == {"/etc/kubernetes/kubelet.conf"}
    assert paths["/var/lib/etcd/member"] is False


def test_names_of_processes_are_listed_once_and_in_order():
    cluster = [(1, "etcd", ["/usr/bin/etcd"]), (2, "conmon", ["conmon"]), (3, "etcd", ["/usr/bin/etcd"])]
    assert join_state.collect(cluster, "/nowhere")["processes"] == ["conmon", "etcd"]


def test_a_program_that_is_wireguard_is_no_sign_of_a_cluster(tmp_path: Path):
    taken = join_state.collect([(1, "tailscaled", ["tailscaled"]), (2, "etcd", ["etcd"])], str(tmp_path))
    assert (taken["processes"], taken["wireguard"]["processes"]) == (["etcd"], ["tailscaled"])


def test_of_a_certificates_file_the_certificates_alone_are_shown(tmp_path: Path):
    pem = certificate_pem(1_795_336_000)
    write(tmp_path / "etc/kubernetes/pki/ca.crt", f"a comment\n{pem}\n{KEY}{pem}\n")
    write(tmp_path / "var/lib/k0s/pki/ca.crt", KEY)
    write(tmp_path / "var/lib/k0s/pki/server.crt", "x" * (join_state.MAX_CERTIFICATE_BYTES + 1))

    taken = join_state.collect([], str(tmp_path))["certificates"]

    assert taken == {
        "/etc/kubernetes/pki/ca.crt": {"pem": f"{pem}\n{pem}"},
        "/var/lib/k0s/pki/ca.crt": {"error": "it holds no certificate"},
        "/var/lib/k0s/pki/server.crt": {"error": "it is larger than 16384 bytes"},
    }
    assert "secret" not in json.dumps(taken)


def test_a_node_without_wireguard_shows_none(tmp_path: Path):
    write(tmp_path / "etc/systemd/network/br0.netdev", "[NetDev]\nName=br0\nKind=bridge\n")
    write(tmp_path / "etc/NetworkManager/system-connections/lan.nmconnection", "[connection]\ntype=ethernet\n")
    write(tmp_path / "etc/wireguard/notes.txt", "")
    shown = join_state.collect([], str(tmp_path))["wireguard"]
    assert shown == {"interfaces": [], "files": [], "processes": [], "unseen": []}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/run/wireguard/wg0.sock", ""),
        ("/etc/wireguard/wg0.conf", "[Interface]\nPrivateKey = c2VjcmV0\n"),
        (
            "/etc/systemd/network/50-wg0.netdev",
            "[NetDev]\nName=wg0\nKind = wireguard\n[WireGuard]\nPrivateKey=c2VjcmV0\n",
        ),
        ("/run/systemd/network/10-netplan-wg0.netdev", "[NetDev]\nName=wg0\nKind=wireguard\n"),
        ("/usr/lib/systemd/network/wg0.netdev", "[WireGuard]\nPrivateKey=c2VjcmV0\n[NetDev]\nKind=wireguard"),
        ("/etc/NetworkManager/system-connections/wg0.nmconnection", "[connection]\nid=wg0\ntype=wireguard\n"),
    ],
)
def test_what_makes_a_wireguard_interface_is_named_and_not_shown(tmp_path: Path, path: str, text: str):
    write(tmp_path / path[1:], text)
    shown = join_state.collect([], str(tmp_path))["wireguard"]
    assert shown == {"interfaces": [], "files": [path], "processes": [], "unseen": []}


def test_the_kernels_own_interfaces_are_known_by_their_type_and_not_by_their_name(tmp_path: Path):
    write(tmp_path / "sys/class/net/cilium_wg0/uevent", f"DEVTYPE=wireguard\n{UEVENT.format('cilium_wg0')}")
    write(tmp_path / "sys/class/net/wg1/uevent", f"DEVTYPE=bridge\n{UEVENT.format('wg1')}")
    assert join_state.collect([], str(tmp_path))["wireguard"]["interfaces"] == ["cilium_wg0"]


def test_what_cannot_be_looked_through_is_unseen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path / "etc/systemd/network/long.netdev", "\n" * 2000)
    monkeypatch.setattr(join_state, "MAX_INTERFACES", 1)
    assert join_state.collect([], str(tmp_path))["wireguard"]["unseen"] == [
        "/sys/class/net",
        "/etc/systemd/network/long.netdev",
    ]
    assert join_state.collect([], "/nowhere")["wireguard"]["unseen"] == ["/sys/class/net"]


def test_an_interface_whose_type_may_not_be_read_is_unseen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def denied(path: str, _mode: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(join_state, "open", denied, raising=False)
    shown = join_state.collect([], str(tmp_path))["wireguard"]
    assert shown["unseen"] == [f"/sys/class/net/{name}/uevent" for name in ("bonding_masters", "eth0")]
