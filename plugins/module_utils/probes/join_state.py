# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Traces of a cluster that the node has joined already."""

from __future__ import annotations

import os

from ..node.names import KUBELET_PROCESS

PATHS = (
    "/etc/kubernetes/kubelet.conf",
    "/etc/kubernetes/manifests/kube-apiserver.yaml",
    "/var/lib/kubelet/kubeconfig",
    "/var/lib/kubelet/pki/kubelet-client-current.pem",
    "/var/lib/etcd/member",
    "/var/lib/rancher/k3s/agent/kubelet.kubeconfig",
    "/var/lib/rancher/k3s/server/db",
    "/var/lib/rancher/rke2/agent/kubelet.kubeconfig",
    "/var/lib/rancher/rke2/server/db",
    "/var/lib/k0s/kubelet.conf",
    "/var/lib/k0s/etcd/member",
    "/var/snap/microk8s/current/credentials/kubelet.config",
)


def collect(processes: list, root: str = "", proc: str = "/proc") -> dict:
    """The section ``join_state``: ``{"paths": {path: bool}, "processes": [name]}``.

    ``processes``: ``cluster`` of ``processes.scan``. A path is None if it may not be seen without
    root.
    """
    return {"paths": {path: _exists(root + path) for path in PATHS}, "processes": _processes(processes, proc)}


def _processes(processes: list, proc: str) -> list:
    """What runs that works in a cluster, or is its workload.

    systemd starts kubelet before the node has joined, over and over again: kubeadm's unit names a
    kubeconfig that is not there yet (kubernetes/release, 10-kubeadm.conf). It counts once its
    kubeconfig is there.
    """
    found = set()
    for pid, comm, argv in processes:
        if comm != KUBELET_PROCESS:
            found.add(comm)
        else:
            kubeconfig = _value(argv, "--kubeconfig")
            # In a container its paths are that container's.
            if kubeconfig and _exists(f"{proc}/{pid}/root{os.path.abspath(kubeconfig)}") is not False:
                found.add(comm)
    return sorted(found)


def _value(argv: list, option: str):
    """The value of a long option, as ``--option=value`` or ``--option value``; None without it."""
    for word, following in zip(argv, [*argv[1:], ""]):
        name, equals, value = word.partition("=")
        if name == option:
            return value if equals else following
    return None


def _exists(path: str):
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except PermissionError:
        return None
    return True
