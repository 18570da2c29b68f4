"""Lines of Argo CD's repo-server log and lists of its pods, in the forms that Argo CD, old and new,
and kubectl give them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import yaml

from skewgate.argocd_log import lines as argocd_log
from skewgate.argocd_log.lines import Cause, Installation

POD1, POD2, POD3 = (f"argocd-repo-server-7d4b9c6f8-{end}" for end in ("kx2p9", "m8vzt", "q4jwl"))
NODES = {POD1: "worker-1", POD2: "worker-2", POD3: "worker-3"}
GONE = "argocd-repo-server-5c798f66b5-c26cm"
GITHUB = Installation("30846581", "https://api.github.com")
GHES = Installation("7", "https://github.example.org/api/v3")


def unexplained(installation: Installation) -> Cause:
    """The cause of a 401 without GitHub's words."""
    return Cause("unexplained", installation, 401)


def message(installation: Installation = GITHUB, status: str = "401 Unauthorized") -> str:
    """The error that ghinstallation gives when GitHub refuses a token."""
    return (
        f"could not refresh installation id {installation.id}'s token: received non 2xx response status "
        f'"{status}" when fetching {installation.api_url}/app/installations/{installation.id}/access_tokens'
    )


def lookup(words: str, status: int = 401, api_url: str = "https://api.github.com") -> str:
    """The error that Argo CD 3.3 and later give when GitHub refuses to list an App's installations,
    as go-github words it.
    """
    return f"failed to list installations: GET {api_url}/app/installations?per_page=100: {status} {words} []"


def expired(now: str, side: str, limit: str, url: str = "https://github.com/acme/x.git/info/refs") -> str:
    """The error that Go gives for a certificate that is not valid at the node's time."""
    return (
        f'failed to list refs: Get "{url}?service=git-upload-pack": tls: failed to verify certificate: x509: certificate has '
        f"expired or is not yet valid: current time {now} is {side} {limit}"
    )


def as_logfmt(fields: dict[str, str]) -> str:
    """A log line of these fields as Argo CD 2 writes it."""
    return " ".join(f"{key}={value if value.isidentifier() else json.dumps(value)}" for key, value in fields.items())


def as_argocd_3(fields: dict[str, str]) -> str:
    """The same line with the names of fields that version 3 gave them."""
    if "grpc.code" in fields:
        fields = {
            **fields,
            "msg": "finished call",
            "protocol": "grpc",
            "grpc.component": fields.get("grpc.component", "server"),
        }
    if "error" in fields:
        fields = dict(fields)
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


def line(pod: str, text: str, container: str = "argocd-repo-server") -> str:
    """What ``kubectl logs --prefix`` prints of a pod's text."""
    return f"[pod/{pod}/{container}] {text}\n"


def ok(pod: str, at: str = "12:00:00") -> str:
    """A call on this pod that ended well."""
    return line(pod, as_logfmt(call(at=at)))


def failed(pod: str, error: str, at: str = "12:00:00") -> str:
    """A call on this pod that ended with this error."""
    return line(pod, as_logfmt(call(error, at)))


def repeated(pod: str, error: str, component: str = "argocd-application-controller") -> str:
    """A line in which another component repeats the error that a repo-server gave it."""
    said = f"Failed to load target state: failed to generate manifest for source 1 of 1: rpc error: code = Unknown desc = {error}"
    return line(pod, as_logfmt({"time": "2026-01-31T12:00:01Z", "level": "error", "msg": said}), component)


def refused(pod: str, installation: Installation = GITHUB, at: str = "12:00:00") -> str:
    """A call on this pod to which GitHub answered 401."""
    return line(pod, as_logfmt(call(message(installation), at)))


def as_logcli(lines: list[str], output: str) -> list[str]:
    """The same lines as ``logcli query -o OUTPUT`` prints them,
    of a Loki that has the usual labels.
    """
    written = []
    for each in lines:
        pod, container, text = re.match(r"\[pod/(.*)/(.*)\] (.*)\n", each).groups()  # type: ignore[union-attr]
        labels = {"app": 'a "quoted" {name}', "container": container, "namespace": "argocd", "pod": pod}
        if output == "jsonl":
            row = json.dumps({"labels": labels, "line": text, "timestamp": "2026-01-31T12:00:00.1Z"})
        else:
            named = ", ".join(f"{name}={json.dumps(value)}" for name, value in labels.items())
            row = f"2026-01-31T12:00:00Z {{{named}}}     {text}"
        written.append(row + "\n")
    return written


def as_stern(lines: list[str], output: str) -> list[str]:
    """The same lines as ``stern -o OUTPUT`` prints them, by the templates of its ``cmd/cmd.go``."""
    return [_as_stern(*re.match(r"\[pod/(.*)/(.*)\] (.*)\n", each).groups(), output) for each in lines]  # type: ignore[union-attr]


def _as_stern(pod: str, container: str, text: str, output: str) -> str:
    extjson = text if text.startswith("{") else json.dumps(text + "\n")
    return {
        "default": f"{pod} {container} {text}\n",
        "default, in colour": f"\x1b[36m{pod}\x1b[0m \x1b[96m{container}\x1b[0m {text}\n",
        "default, of namespaces": f"argocd {pod} {container} {text}\n",
        "default, with times": f"{pod} {container} 2026-01-31T12:00:00.123456789Z {text}\n",
        "json": json.dumps(
            {
                "message": text + "\n",
                "nodeName": NODES.get(pod, ""),
                "namespace": "argocd",
                "podName": pod,
                "containerName": container,
            }
        )
        + "\n",
        "extjson": f'{{"pod": "\x1b[36m{pod}\x1b[0m", "container": "\x1b[96m{container}\x1b[0m", "message": {extjson}}}\n',
        "ppextjson": f'{{\n  "pod": "{pod}",\n  "container": "{container}",\n  "message": {extjson}\n}}\n',
    }[output]


STERN = (
    "default",
    "default, in colour",
    "default, of namespaces",
    "default, with times",
    "json",
    "extjson",
    "ppextjson",
)

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
