"""What a node is, and why its clock must not be stepped back or forwards then. Pure.

A step is wrong by what the node is, whoever makes it: the gate, chronyd or an operator. A slew is
right everywhere, because a clock that is slewed runs slower or faster and never goes back.

- WireGuard: a peer keeps the newest timestamp of each key, and drops a handshake that is not newer
  (Linux, drivers/net/wireguard/noise.c, wg_noise_handshake_consume_initiation; opnsense/core #9181,
  zephyr #86020). A node that is stepped back is refused until its clock has passed that time. It
  does not matter whether it has joined a cluster.
- The cluster's certificates: a control plane that was made while its clock was ahead has a CA that
  begins in the future. After a step back it is not valid yet, and nothing renews it (k3s #6152).
  kubeadm dates NotBefore 5 minutes back (cmd/kubeadm/app/constants, CertificateBackdate), so a
  clock that was less ahead does no harm. The rule rests on NotBefore itself.
- A control plane: after a step forwards it takes all leases for expired at once. Nodes become
  NotReady (kubernetes #108844), and two schedulers lead for seconds (#125761).
- Any joined node: a step back makes it NotReady until its clock has passed its lease's RenewTime
  (kubernetes #113081).

What could not be seen counts: then it is not known that the node is nothing of this.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from ..boundary.libraries import x509
from ..clock.interval import Interval
from ..clock.ntp_packet import NS
from .record import MissingEvidenceError, Record
from .wording import listed


class Reason(StrEnum):
    """Why a clock must not be stepped in one direction."""

    NOT_BACK_WIREGUARD = "not_back_wireguard"
    NOT_BACK_CERTIFICATES = "not_back_certificates"
    NOT_BACK_JOINED = "not_back_joined"
    NOT_FORWARDS_CONTROL_PLANE = "not_forwards_control_plane"


NEVER = frozenset({Reason.NOT_BACK_WIREGUARD, Reason.NOT_BACK_CERTIFICATES})
"""The reasons that no setting overrules: the node would not work after the step."""

_CONTROL_PLANE_PATHS = frozenset(
    {
        "/etc/kubernetes/manifests/kube-apiserver.yaml",
        "/var/lib/etcd/member",
        "/var/lib/rancher/k3s/server/db",
        "/var/lib/rancher/rke2/server/db",
        "/var/lib/k0s/etcd/member",
    }
)
_CONTROL_PLANE_CERTIFICATES = frozenset(
    {
        "/etc/kubernetes/pki/apiserver.crt",
        "/var/lib/rancher/k3s/server/tls/server-ca.crt",
        "/var/lib/rancher/rke2/server/tls/server-ca.crt",
        "/var/lib/k0s/pki/server.crt",
    }
)
"""k3s and rke2 with a database elsewhere have no ``server/db``."""
_CONTROL_PLANE_PROCESSES = frozenset({"etcd", "kube-apiserver", "k3s-server", "kubelite"})


@dataclass(frozen=True)
class Certificate:
    """A certificate of the cluster on the node; ``not_before_s`` is None if it could not be
    read.
    """

    path: str
    not_before_s: float | None


@dataclass(frozen=True)
class Objection:
    """A reason against a step, what shows it, what the step would do, and the way out."""

    reason: Reason
    shown_by: str
    harm: str
    way_out: str

    @property
    def back(self) -> bool:
        """Whether it is against a step back, and not one forwards."""
        return self.reason is not Reason.NOT_FORWARDS_CONTROL_PLANE

    @property
    def words(self) -> str:
        """Why, in sentences."""
        return f"{self.shown_by}: {self.harm}."


@dataclass(frozen=True)
class Roles:
    """What shows that a node has joined a cluster, has a control plane, or has WireGuard; and the
    certificates of a cluster on it. ``sure_of_wireguard``: not only what may not be seen shows it.
    """

    joined: tuple[str, ...] = ()
    control_plane: tuple[str, ...] = ()
    wireguard: tuple[str, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    sure_of_wireguard: bool = True


def roles_of(record: Record) -> Roles:
    """The roles of a record's node."""
    try:
        return roles(record.section("join_state"))
    except MissingEvidenceError as missing:
        unknown = (f"{missing}",)
        return Roles(unknown, unknown, unknown, sure_of_wireguard=False)


def roles(join_state: Mapping[str, Any]) -> Roles:
    """The roles that the evidence's section ``join_state`` shows."""
    paths, processes = join_state["paths"], join_state["processes"]
    certificates = join_state.get("certificates")
    wireguard = join_state.get("wireguard")
    of_control_plane = [path for path in certificates or {} if path in _CONTROL_PLANE_CERTIFICATES]
    return Roles(
        joined=tuple(_traces(paths, processes)),
        control_plane=(
            *_traces(
                {path: there for path, there in paths.items() if path in _CONTROL_PLANE_PATHS},
                [name for name in processes if name in _CONTROL_PLANE_PROCESSES],
            ),
            *of_control_plane,
        ),
        wireguard=tuple(_wireguard(wireguard)),
        certificates=tuple(_certificates(certificates)),
        sure_of_wireguard=any((wireguard or {}).get(kind) for kind in ("interfaces", "files", "processes")),
    )


def _traces(paths: Mapping[str, bool | None], processes: Iterable[str]) -> list[str]:
    """What is there, what runs, and then what may be there."""
    return [
        *(path for path, there in paths.items() if there),
        *(f"{name} runs" for name in processes),
        *(f"{path}, which may not be seen" for path, there in paths.items() if there is None),
    ]


def _wireguard(shown: Mapping[str, Any] | None) -> list[str]:
    if shown is None:
        return ["the evidence does not say whether it is there"]
    return [
        *(f"interface {name}" for name in shown["interfaces"]),
        *shown["files"],
        *(f"{name} runs" for name in shown["processes"]),
        *(f"{path}, which may not be seen" for path in shown["unseen"]),
    ]


def _certificates(shown: Mapping[str, Mapping[str, Any]] | None) -> Iterable[Certificate]:
    if shown is None:
        yield Certificate("the evidence does not say which certificates are there", None)
    for path, file in (shown or {}).items():
        yield Certificate(path, _latest_not_before_s(file.get("pem")))


def _latest_not_before_s(pem: str | None) -> float | None:
    """When the last of a file's certificates begins; None if that is not known."""
    try:
        certificates = x509.load_pem_x509_certificates((pem or "").encode())
        return max(certificate.not_valid_before_utc.timestamp() for certificate in certificates)
    except Exception:  # noqa: BLE001 - a node may send anything, and cryptography has no list of what it raises
        return None


def objections(roles: Roles, skew_s: Interval | None, wall_s: float) -> tuple[Objection, ...]:
    """The reasons against stepping a clock that is off by ``skew_s`` (node minus reference; None:
    not known), the strongest first.

    ``wall_s`` is what it shows, as Unix time. If the skew may be on either side, both directions
    count.
    """
    found = []
    if skew_s is None or skew_s.high > 0:
        if roles.wireguard:
            found.append(_of_wireguard(roles))
        if late := [c for c in roles.certificates if _may_begin_later(c, skew_s, wall_s)]:
            found.append(_of_certificates(late, skew_s, wall_s))
        if roles.joined:
            found.append(_of_joined(roles))
    # The files of one that has not begun do not lead, and a step forwards does them no harm.
    if (skew_s is None or skew_s.low < 0) and roles.joined and roles.control_plane:
        found.append(_of_control_plane(roles))
    return tuple(found)


def decisive(against: Iterable[Objection]) -> tuple[Objection, ...]:
    """Those that no setting overrules; if there are none, all. Only their ways out lead out."""
    every = tuple(against)
    return tuple(objection for objection in every if objection.reason in NEVER) or every


def _may_begin_later(certificate: Certificate, skew_s: Interval | None, wall_s: float) -> bool:
    """Whether a certificate may not be valid yet at the true time."""
    if certificate.not_before_s is None or skew_s is None:
        return True
    return certificate.not_before_s > wall_s - skew_s.high


def _of_wireguard(roles: Roles) -> Objection:
    sure = roles.sure_of_wireguard
    return Objection(
        Reason.NOT_BACK_WIREGUARD,
        f"{'' if sure else 'it is not known whether '}the node has WireGuard ({listed(roles.wireguard, 3)})",
        f"{'its' if sure else 'if it has,'} peers keep the newest time that they have seen from its key, and after a step back "
        "they refuse its handshakes until its clock has passed that time",
        ("" if sure else "See that Ansible is root on the node. ")
        + "Let chronyd slew the clock (option -R), which never sets it back: 12 minutes for a minute. Or take WireGuard and what "
        "configures it off the node, step the clock, and set it up again with a new key pair.",
    )


def _of_certificates(late: list[Certificate], skew_s: Interval | None, wall_s: float) -> Objection:
    paths = listed([certificate.path for certificate in late], 3)
    begins_s = [certificate.not_before_s for certificate in late if certificate.not_before_s is not None]
    unread = len(begins_s) < len(late)
    if unread or skew_s is None:
        return Objection(
            Reason.NOT_BACK_CERTIFICATES,
            f"it is not known since when the cluster's certificates are valid ({paths})",
            "if they were made while the clock was ahead, they are not valid yet after a step back, and nothing renews them",
            "See that Ansible is root on the node, and compare NotBefore (`openssl x509 -noout -dates -in FILE`) with the "
            "true time.",
        )
    begins = datetime.fromtimestamp(max(begins_s), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    wait_s = max(begins_s) - (wall_s - skew_s.high)
    return Objection(
        Reason.NOT_BACK_CERTIFICATES,
        f"certificates of the cluster begin in the future ({paths}: NotBefore {begins})",
        "they were made while a clock was ahead, and after a step back they are not valid until then, and nothing renews them",
        f"Make them anew: take the cluster off (`kubeadm reset`, k3s-uninstall.sh), correct the clock, and only then make the "
        f"cluster (`kubeadm init`). Or wait: {begins} is {wait_s:.0f} s after this check, and from then on a step does no harm.",
    )


def _of_joined(roles: Roles) -> Objection:
    return Objection(
        Reason.NOT_BACK_JOINED,
        f"the node has joined a cluster ({listed(roles.joined, 3)})",
        "a step back makes it NotReady until its clock has passed its lease, and its programs see time jump",
        "Drain the node and name it in chrony_step_joined, or remove it from the cluster first.",
    )


def _of_control_plane(roles: Roles) -> Objection:
    return Objection(
        Reason.NOT_FORWARDS_CONTROL_PLANE,
        f"the node is a control plane ({listed(roles.control_plane, 3)})",
        "after a step forwards it takes all leases for expired: nodes become NotReady, and two leaders work at once",
        "Stop its control plane first, while others lead (move its manifests out of /etc/kubernetes/manifests, or stop k3s), "
        "and name the node in chrony_step_joined.",
    )


CAUTION_FROM_S = 0.1
"""A clock that is less off is not stepped by a restart with a usual makestep."""


def caution(record: Record) -> str:
    """What to add to any advice that ends in a step of the clock, with a space before it; empty if
    nothing is against a step, or if the clock is almost right.
    """
    skew_s = record.skew.skew_s
    if skew_s and max(-skew_s.low, skew_s.high) < CAUTION_FROM_S:
        return ""
    wall_s = (record.evidence.get("collected") or {}).get("wall_ns", 0) / NS
    against = objections(roles_of(record), skew_s, wall_s)
    if not against:
        return ""
    shown = "; ".join(objection.shown_by for objection in against)
    return f" But this clock must not be stepped {directions(against)} by that: {shown}. Slew it (chronyd's option -R)."


def directions(against: Iterable[Objection]) -> str:
    """Where a step must not go."""
    return " or ".join(dict.fromkeys("back" if objection.back else "forwards" for objection in against))


def wall_s_of(record: Record) -> float:
    """What the node's clock showed when the check began."""
    return float(record.section("collected")["wall_ns"]) / NS
