# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Traces of a cluster that the node has joined already."""

from __future__ import annotations

import os

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


def collect(root: str = "") -> dict:
    """The section ``join_state``: ``{"paths": {path: bool}}``, None where it may not be seen without root."""
    return {"paths": {path: _exists(root + path) for path in PATHS}}


def _exists(path: str):
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except PermissionError:
        return None
    return True
