"""Reads pods and their logs with kubectl: it changes nothing, and has limits of time and size."""

from __future__ import annotations

import io
import json
import os
import re
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Any, TextIO

from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.wording import clean, listed

from .argocd_log.pods import LABEL
from .errors import SkewgateError

LABELS = (LABEL, "app.kubernetes.io/component=repo-server")
"""The first that some pod has is used: the second is of charts whose names were changed."""

LIST_S = 60
LOG_S = 300
LOG_BYTES = 1 << 28
"""Of one pod. A kubelet keeps far less of a container's log, unless it was set up to keep more."""

PODS_BYTES = 1 << 26
QUOTED_CHARS = 400


class KubectlError(SkewgateError):
    """kubectl gave no answer: its error, and what to do next."""


@dataclass(frozen=True)
class Pod:
    """A pod, its node, and its containers of the repo-server, if it has any."""

    name: str
    node: str
    containers: Sequence[str]


@dataclass(frozen=True)
class Cluster:
    """A cluster: the namespace, and the flags of kubectl that choose the cluster."""

    namespace: str
    context: str | None = None
    kubeconfig: str | None = None

    @property
    def flags(self) -> list[str]:
        """The flags that every command gets; empty ones are left to kubectl's own configuration."""
        chosen = {"context": self.context, "kubeconfig": self.kubeconfig}
        return [f"--{flag}={value}" for flag, value in chosen.items() if value]

    def repo_servers(self) -> list[Pod]:
        """The repo-server's pods; raises KubectlError if there is none, or none can be read."""
        for label in LABELS:
            if pods := self._pods([f"--namespace={self.namespace}", f"--selector={label}"]):
                return pods
        raise KubectlError(
            clean(
                f"no pod in namespace {self.namespace} has a label {' or '.join(LABELS)}.\n{self._elsewhere()}\n"
                "`kubectl config current-context` says which cluster was asked; --context chooses another."
            )
        )

    def _elsewhere(self) -> str:
        try:
            pods = self._items(["--all-namespaces", f"--selector={LABELS[0]}"])
        except KubectlError:
            return "Give the namespace of Argo CD with -n; the other namespaces of this cluster could not be read."
        found = sorted({str(_dict(pod.get("metadata")).get("namespace")) for pod in pods})
        if not found:
            return "No other namespace has such a pod either. Give the namespace of Argo CD with -n, or its files."
        return f"Such pods are in: {listed(found)}. Give one of these with -n."

    def _pods(self, flags: list[str]) -> list[Pod]:
        return [_pod(item) for item in self._items(flags)]

    def _items(self, flags: list[str]) -> list[dict[str, Any]]:
        command = ["kubectl", "get", "pods", *flags, *self.flags, f"--request-timeout={LIST_S}s", "--output=json"]
        with _running(command, LIST_S) as output:
            text = output.read(PODS_BYTES)
            while output.read(PODS_BYTES):  # too long: read on, or kubectl waits for a reader
                text = ""
        try:
            items = _dict(json.loads(text)).get("items")
        except (ValueError, RecursionError):
            items = None
        if not isinstance(items, list):
            raise KubectlError(f"`{' '.join(command)}` gave no list of pods in JSON")
        return [_dict(item) for item in items]

    @contextmanager
    def log(self, pod: Pod, since: str | None) -> Iterator[TextIO]:
        """The pod's log, each line with its pod and time. At its end it may raise KubectlError."""
        containers = [f"--container={name}" for name in pod.containers[:1]] or ["--all-containers"]
        window = [f"--since={since}"] if since else []
        bounds = ["--tail=-1", f"--limit-bytes={LOG_BYTES}", *window]
        command = ["kubectl", "logs", f"pod/{pod.name}", f"--namespace={self.namespace}", *containers]
        with _running([*command, *self.flags, "--prefix", "--timestamps", *bounds], LOG_S) as output:
            yield output


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _pod(item: dict[str, Any]) -> Pod:
    spec = _dict(item.get("spec"))
    containers = spec.get("containers")
    names = [str(_dict(each).get("name")) for each in containers] if isinstance(containers, list) else []
    return Pod(
        str(_dict(item.get("metadata")).get("name")),
        str(spec.get("nodeName") or ""),
        # A sidecar may be named after the repo-server, and come first.
        sorted((name for name in names if "repo-server" in name), key=lambda name: not name.endswith("repo-server")),
    )


@contextmanager
def _running(command: Sequence[str], limit_s: float) -> Iterator[TextIO]:
    """A command's output, as it comes. The command ends after ``limit_s``, or with its reader."""
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(  # noqa: S603 - no shell; what is asked is in the flags
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=said,
                bufsize=0,
                start_new_session=True,
            )
        except FileNotFoundError:
            raise KubectlError(
                "kubectl was not found on PATH. Install it, or take both files on a machine that has it: see below"
            ) from None
        except (OSError, ValueError) as error:  # ValueError: a null byte in what a cluster calls a pod
            raise KubectlError(f"kubectl could not be started: {getattr(error, 'strerror', error)}") from None
        assert process.stdout  # noqa: S101 - for mypy: it is a pipe
        pipe = _Until(process.stdout.fileno(), time.monotonic() + limit_s)
        try:
            with (
                process.stdout,
                io.TextIOWrapper(io.BufferedReader(pipe), encoding="utf-8", errors="replace", newline="\n") as output,
            ):
                yield output
            with suppress(subprocess.TimeoutExpired):
                process.wait(pipe.left_s())
        finally:
            if process.poll() is None:
                _end(process)
            status = process.wait()
        if pipe.late or pipe.left_s() == 0:
            words = clean(f": {_failure(said)}") if said.seek(0, io.SEEK_END) else ""
            raise KubectlError(f"`{' '.join(command[:3])}` did not end within {limit_s:.0f} s{words}")
        if status:
            raise KubectlError(clean(f"`{' '.join(command[:3])}` failed: {_failure(said)}"))


class _Until(io.RawIOBase):
    """The content of a pipe until a time of ``time.monotonic``, even if a process holds it open."""

    def __init__(self, pipe: int, end: float) -> None:
        self.pipe, self.end, self.late = pipe, end, False

    def readable(self) -> bool:
        return True

    def left_s(self) -> float:
        return max(0.0, self.end - time.monotonic())

    def readinto(self, buffer: Any) -> int:
        readable, _, _ = select.select([self.pipe], [], [], self.left_s())
        self.late = not readable
        return os.readv(self.pipe, [buffer]) if readable else 0


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and its children: kubectl may be a script, and a login another program."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _failure(said: IO[bytes]) -> str:
    """The last lines of what kubectl said, and which right is missing if it is one."""
    said.seek(0, io.SEEK_END)
    said.seek(max(0, said.tell() - 4096))
    text = said.read().decode(errors="replace").strip()
    short = text[-QUOTED_CHARS:] or "it did not say why"
    if right := re.search(r'cannot (\w{1,20}) resource "([\w./-]{1,60})"', text):
        return (
            f"{short}\nIt needs the right to {right[1]} {right[2]} in that namespace: ask who runs the cluster for it."
        )
    return short
