# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Traces of a cluster that the node has joined already, and of what forbids steps of its clock."""

from __future__ import annotations

import os
import re

from ..node.files import read_text
from ..node.names import KUBELET_PROCESS, WIREGUARD_PROCESSES

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


# Public certificates alone: those of kubeadm (cmd/kubeadm/app/constants), k3s and rke2 (k3s,
# pkg/daemons/control/deps), k0s (pkg/constant) and MicroK8s. kubelet's client certificate is in one
# file with its private key, which is not opened.
CERTIFICATES = (
    "/etc/kubernetes/pki/ca.crt",
    "/etc/kubernetes/pki/apiserver.crt",
    "/etc/kubernetes/pki/etcd/ca.crt",
    "/var/lib/rancher/k3s/server/tls/server-ca.crt",
    "/var/lib/rancher/k3s/server/tls/serving-kube-apiserver.crt",
    "/var/lib/rancher/k3s/agent/server-ca.crt",
    "/var/lib/rancher/rke2/server/tls/server-ca.crt",
    "/var/lib/rancher/rke2/server/tls/serving-kube-apiserver.crt",
    "/var/lib/rancher/rke2/agent/server-ca.crt",
    "/var/lib/k0s/pki/ca.crt",
    "/var/lib/k0s/pki/server.crt",
    "/var/snap/microk8s/current/certs/ca.crt",
    "/var/snap/microk8s/current/certs/server.crt",
)
MAX_CERTIFICATE_BYTES = 16 * 1024
_CERTIFICATE = re.compile("-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\\s]*-----END CERTIFICATE-----")

# wg-quick(8); systemd.netdev(5); NetworkManager's nm-settings-keyfile(5). The last two hold private
# keys: each is read up to the line that says what it is, and only its path is shown.
_WIREGUARD_FILES = (
    ("/run/wireguard", ".sock", None),
    ("/etc/wireguard", ".conf", None),
    ("/etc/systemd/network", ".netdev", re.compile(rb"Kind\s*=\s*wireguard\s*")),
    ("/run/systemd/network", ".netdev", re.compile(rb"Kind\s*=\s*wireguard\s*")),
    ("/usr/lib/systemd/network", ".netdev", re.compile(rb"Kind\s*=\s*wireguard\s*")),
    ("/etc/NetworkManager/system-connections", "", re.compile(rb"type\s*=\s*wireguard\s*")),
    ("/run/NetworkManager/system-connections", "", re.compile(rb"type\s*=\s*wireguard\s*")),
)
MAX_INTERFACES = 4096
MAX_SHOWN = 64
MAX_LINES_OF_A_FILE = 1000


def collect(processes: list, root: str = "", proc: str = "/proc") -> dict:
    """The section ``join_state``: ``{"paths": {path: bool}, "processes": [name], "certificates":
    {path: {"pem" or "error"}}, "wireguard": {"interfaces", "files", "processes", "unseen"}}``.

    ``processes``: ``cluster`` of ``processes.scan``. A path is None if it may not be seen without
    root.
    """
    running = _processes(processes, proc)
    return {
        "paths": {path: _exists(root + path) for path in PATHS},
        "processes": [name for name in running if name not in WIREGUARD_PROCESSES],
        "certificates": _certificates(root),
        "wireguard": {
            **_wireguard(root),
            "processes": [name for name in running if name in WIREGUARD_PROCESSES],
        },
    }


def _certificates(root: str) -> dict:
    """The certificates that are there, without what else is in their files."""
    found = {}
    for path in CERTIFICATES:
        try:
            blocks = _CERTIFICATE.findall(read_text(root + path, MAX_CERTIFICATE_BYTES))
            found[path] = {"pem": "\n".join(blocks)} if blocks else {"error": "it holds no certificate"}
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError) as error:
            found[path] = {"error": str(error)}
    return found


def _wireguard(root: str) -> dict:
    """Interfaces of WireGuard and files that make one; ``unseen`` are the paths that may hide more.

    The kernel names the type of an interface that it made, whoever asked for it (Linux,
    drivers/net/wireguard/device.c). A WireGuard that runs as a program has a socket, if it is not a
    part of another program.
    """
    interfaces: list = []
    files: list = []
    unseen: list = []
    for name in _listed("/sys/class/net", root, unseen, MAX_INTERFACES):
        path = f"/sys/class/net/{name}/uevent"
        try:
            with open(root + path, "rb") as uevent:
                if b"DEVTYPE=wireguard\n" in uevent.read(4096):
                    interfaces.append(name)
        except PermissionError:
            unseen.append(path)
        except OSError:  # it is gone meanwhile, or not an interface
            continue
    if not os.path.isdir(f"{root}/sys/class/net"):
        unseen.append("/sys/class/net")
    for folder, suffix, line in _WIREGUARD_FILES:
        for name in _listed(folder, root, unseen, MAX_INTERFACES):
            path = f"{folder}/{name}"
            if name.endswith(suffix) and not os.path.isdir(root + path):
                try:
                    if line is None or _has_line(root + path, line):
                        files.append(path)
                except OSError:
                    unseen.append(path)
    return {"interfaces": interfaces[:MAX_SHOWN], "files": files[:MAX_SHOWN], "unseen": unseen[:MAX_SHOWN]}


def _listed(folder: str, root: str, unseen: list, most: int) -> list:
    """The names in a folder; what may not be listed, or is not listed whole, is unseen."""
    try:
        names = sorted(os.listdir(root + folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError:
        unseen.append(folder)
        return []
    if len(names) > most:
        unseen.append(folder)
    return names[:most]


def _has_line(path: str, line) -> bool:
    """Whether a file has this line among its first; OSError if that is not known."""
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        for _number in range(MAX_LINES_OF_A_FILE):
            text = file.readline(4096)
            if not text:
                return False
            if line.fullmatch(text.strip()):
                return True
    raise OSError("it has too many lines")


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
