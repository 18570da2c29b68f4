"""As much of a Kubernetes API server, over plain HTTP,
as kubectl needs to list pods and to read their logs.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

PODS = {"name": "pods", "singularName": "", "namespaced": True, "kind": "Pod", "verbs": ["get", "list"]}
DISCOVERY: dict[str, dict[str, Any]] = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/version": {"major": "1", "minor": "32", "gitVersion": "v1.32.0"},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": [PODS]},
}


@dataclass
class Api:
    """The cluster's state, which a test may change, and what was asked of it."""

    pods: list[dict[str, Any]] = field(default_factory=list)
    logs: dict[str, str] = field(default_factory=dict)
    forbidden: list[str] = field(default_factory=list)
    """What paths contain that this user may not see."""
    waits: threading.Event | None = None
    """Logs are answered when this is set."""
    url: str = ""
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    """Method, path and query of each request but those of discovery."""

    def add(self, name: str, node: str, log: str, namespace: str = "argocd", **labels: str) -> None:
        """A pod of a repo-server, with what its container wrote."""
        labels = labels or {"app.kubernetes.io/name": "argocd-repo-server"}
        spec = {"nodeName": node, "containers": [{"name": "istio-proxy"}, {"name": "argocd-repo-server"}]}
        metadata = {"name": name, "namespace": namespace, "labels": labels}
        self.pods.append({"kind": "Pod", "apiVersion": "v1", "metadata": metadata, "spec": spec, "status": {}})
        self.logs[name] = log

    def answer(self, method: str, target: str) -> tuple[int, str | dict[str, Any]]:
        """Status and body, of which a dictionary is JSON."""
        parts = urlsplit(target)
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        if parts.path in DISCOVERY:
            return 200, DISCOVERY[parts.path]
        self.asked.append((method, parts.path, query))
        if any(each in parts.path for each in self.forbidden):
            what, verb = ("pods/log", "get") if parts.path.endswith("/log") else ("pods", "list")
            return self._status(
                403, "Forbidden", f'{what} is forbidden: User "jane" cannot {verb} resource "{what}" in API group ""'
            )
        words = parts.path.strip("/").split("/")
        if "pods" not in words:
            return self._status(404, "NotFound", "the server could not find the requested resource")
        namespace = words[words.index("namespaces") + 1] if "namespaces" in words else ""
        pods = [pod for pod in self.pods if namespace in ("", pod["metadata"]["namespace"])]
        if words[-1] == "pods":
            wanted = dict(each.split("=") for each in query.get("labelSelector", "").split(",") if each)
            items = [pod for pod in pods if wanted.items() <= pod["metadata"]["labels"].items()]
            return 200, {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items}
        name = words[words.index("pods") + 1]
        found = [pod for pod in pods if pod["metadata"]["name"] == name]
        if not found:
            return self._status(404, "NotFound", f'pods "{name}" not found')
        if words[-1] != "log":
            return 200, found[0]
        if self.waits:
            self.waits.wait(20)
        if not self.logs[name]:
            return self._status(
                400, "BadRequest", f'container "argocd-repo-server" in pod "{name}" is waiting to start'
            )
        stamp = "2026-01-31T12:00:00.123456789Z " if query.get("timestamps") == "true" else ""
        return 200, "".join(stamp + each for each in self.logs[name].splitlines(keepends=True))

    @staticmethod
    def _status(code: int, reason: str, message: str) -> tuple[int, dict[str, Any]]:
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        return code, {**status, "reason": reason, "message": message, "code": code}


@contextmanager
def serving() -> Iterator[Api]:
    """An API server on a free port of loopback."""
    api = Api()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            status, body = api.answer(self.command, self.path)
            content = (body if isinstance(body, str) else json.dumps(body)).encode(errors="surrogateescape")
            self.send_response(status)
            self.send_header("Content-Type", "text/plain" if isinstance(body, str) else "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 - http.server's names

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    api.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield api
    finally:
        if api.waits:
            api.waits.set()
        server.shutdown()
        server.server_close()
        thread.join()


def write_kubeconfig(path: Path, servers: dict[str, str], current: str) -> None:
    """A kubeconfig with a context for each server, by its name."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": current,
        "clusters": [{"name": name, "cluster": {"server": url}} for name, url in servers.items()],
        "users": [{"name": "jane", "user": {}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": "jane"}} for name in servers],
    }
    path.write_text(json.dumps(content))
