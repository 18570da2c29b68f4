"""Lines of Argo CD's repo-server log and lists of its pods, in the forms that Argo CD, old and new, and kubectl give them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import yaml

from skewgate import argocd_log
from skewgate.argocd_log import Installation

POD1, POD2, POD3 = (f"argocd-repo-server-7d4b9c6f8-{end}" for end in ("kx2p9", "m8vzt", "q4jwl"))
NODES = {POD1: "worker-1", POD2: "worker-2", POD3: "worker-3"}
GONE = "argocd-repo-server-5c798f66b5-c26cm"
GITHUB = Installation("30846581", "https://api.github.com")
GHES = Installation("7", "https://github.example.org/api/v3")


def message(installation: Installation = GITHUB, status: str = "401 Unauthorized") -> str:
    """The error that ghinstallation gives when GitHub refuses a token."""
    return (
        f"could not refresh installation id {installation.id}'s token: received non 2xx response status "
        f'"{status}" when fetching {installation.api_url}/app/installations/{installation.id}/access_tokens'
    )


def as_logfmt(fields: dict[str, str]) -> str:
    """A log line of these fields as Argo CD 2 writes it."""
    return " ".join(f"{key}={value if value.isidentifier() else json.dumps(value)}" for key, value in fields.items())


def as_argocd_3(fields: dict[str, str]) -> str:
    """The same line with the names of fields that version 3 gave them."""
    fields = {**fields, "msg": "finished call"}
    if "error" in fields:
        fields["grpc.error"] = fields.pop("error")
    return as_logfmt(fields)


FORMATS: dict[str, Callable[[dict[str, str]], str]] = {
    "logfmt": as_logfmt,
    "logfmt of Argo CD 3": as_argocd_3,
    "json": json.dumps,
}


def call(error: str | None = None, at: str = "12:00:00", service: str = argocd_log.SERVICE) -> dict[str, str]:
    """The fields of the line that Argo CD writes at the end of a gRPC call."""
    code = "Unknown" if error else "OK"
    return {
        "time": f"2026-01-31T{at}Z",
        "level": "error" if error else "info",
        "msg": f"finished unary call with code {code}",
        **({"error": error} if error else {}),
        "grpc.code": code,
        "grpc.method": "GenerateManifest",
        "grpc.service": service,
        "grpc.time_ms": "65.446",
    }


def line(pod: str, text: str) -> str:
    """What ``kubectl logs --prefix`` prints of a pod's text."""
    return f"[pod/{pod}/argocd-repo-server] {text}\n"


def ok(pod: str) -> str:
    """A call on this pod that ended well."""
    return line(pod, as_logfmt(call()))


def refused(pod: str, installation: Installation = GITHUB, at: str = "12:00:00") -> str:
    """A call on this pod to which GitHub answered 401."""
    return line(pod, as_logfmt(call(message(installation), at)))


HEADER = ("NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP", "NODE", "NOMINATED NODE", "READINESS GATES")
CELLS = ("1/1", "Running", "2 (3d ago)", "4d", "10.42.0.7")


def as_table(nodes: dict[str, str], namespace: bool = False) -> str:
    """``kubectl get pods -o wide`` of each pod and its node."""
    rows: list[tuple[str, ...]] = [HEADER, *((pod, *CELLS, node, "<none>", "<none>") for pod, node in nodes.items())]
    if namespace:
        rows = [("NAMESPACE" if row is HEADER else "argocd", *row) for row in rows]
    widths = [max(map(len, column)) + 3 for column in zip(*rows, strict=True)]
    return "".join("".join(map(str.ljust, row, widths)).rstrip() + "\n" for row in rows)


def as_list(nodes: dict[str, str]) -> dict[str, Any]:
    """``kubectl get pods -o json`` of each pod and its node."""
    pods = [{"kind": "Pod", "metadata": {"name": pod}, "spec": {"nodeName": node}} for pod, node in nodes.items()]
    return {"apiVersion": "v1", "items": pods, "kind": "List", "metadata": {"resourceVersion": ""}}


PODS: dict[str, Callable[[dict[str, str]], str]] = {
    "table": as_table,
    "table of all namespaces": lambda nodes: as_table(nodes, namespace=True),
    "json": lambda nodes: json.dumps(as_list(nodes), indent=4),
    "yaml": lambda nodes: yaml.safe_dump(as_list(nodes)),
}
