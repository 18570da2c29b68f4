"""What a node shows that has joined a cluster: paths and processes."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.skewgate.preflight.plugins.module_utils.probes import join_state

from tests.node_parts import write


def test_a_joined_node_shows_it(tmp_path: Path):
    write(tmp_path / "etc/kubernetes/kubelet.conf", "")
    write(tmp_path / "var/lib/etcd", "")  # a file where a folder is expected

    paths = join_state.collect([], str(tmp_path))["paths"]

    assert {path for path, there in paths.items() if there} == {"/etc/kubernetes/kubelet.conf"}
    assert paths["/var/lib/etcd/member"] is False


def test_names_of_processes_are_listed_once_and_in_order():
    cluster = [(1, "etcd", ["/usr/bin/etcd"]), (2, "conmon", ["conmon"]), (3, "etcd", ["/usr/bin/etcd"])]
    assert join_state.collect(cluster, "/nowhere")["processes"] == ["conmon", "etcd"]
