"""Which processes show that a node has joined, by real processes of those names."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import processes
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import join_state

Start = Callable[..., None]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """``start(name, *options)`` starts a process that is called so and waits;
    ``inside`` is a command that it is run by.
    """
    with ExitStack() as ends:

        def start(name: str, *options: str, inside: Sequence[str] = ()) -> None:
            program = tmp_path / name
            program.symlink_to("/bin/sh")  # a process is known by the name that it was started under
            command = [*inside, program, "-c", "read end", name, *options]
            process = ends.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE))
            ends.callback(process.kill)
            deadline_s = time.monotonic() + 10
            while process.poll() is None and Path(f"/proc/{process.pid}/comm").read_text().rstrip() != name[:15]:
                assert time.monotonic() < deadline_s
                time.sleep(0.01)
            if inside and process.poll() is not None:
                pytest.skip("a mount namespace takes root")

        yield start


def running() -> list[str]:
    return join_state.collect(processes.scan().cluster, "/nowhere")["processes"]


@pytest.mark.parametrize(
    ("program", "shown"),
    [
        ("etcd", "etcd"),
        ("kube-apiserver", "kube-apiserver"),
        ("containerd-shim-runc-v2", "containerd-shim"),
        ("conmon", "conmon"),
        ("cockroach", "cockroach"),
    ],
)
def test_what_works_in_a_cluster_or_is_a_workload_is_named(start: Start, program: str, shown: str):
    assert shown not in running()
    start(program)
    assert shown in running()


@pytest.mark.parametrize("program", ["tailscaled", "wireguard-go"])
def test_what_is_wireguard_is_named_as_that(start: Start, program: str):
    start(program)
    taken = join_state.collect(processes.scan().cluster, "/nowhere")
    assert program in taken["wireguard"]["processes"]
    assert program not in taken["processes"]


@pytest.mark.parametrize("program", ["k3s-agent", "containerd", "etcdctl"])
def test_what_also_runs_before_the_join_is_not(start: Start, program: str):
    before = running()
    start(program)
    assert running() == before


@pytest.mark.parametrize("form", ["--kubeconfig={}", "--kubeconfig {}"])
def test_a_kubelet_counts_once_its_kubeconfig_is_there(start: Start, tmp_path: Path, form: str):
    kubeconfig = tmp_path / "kubelet.conf"
    bootstrap = f"--bootstrap-kubeconfig={tmp_path / 'bootstrap-kubelet.conf'}"
    start("kubelet", bootstrap, *form.format(kubeconfig).split())
    assert "kubelet" not in running()
    kubeconfig.touch()
    assert "kubelet" in running()


def test_a_kubelet_without_a_kubeconfig_is_in_no_cluster(start: Start, tmp_path: Path):
    (tmp_path / "config.yaml").touch()
    start("kubelet", f"--config={tmp_path / 'config.yaml'}")
    assert "kubelet" not in running()


def test_the_kubeconfig_of_a_kubelet_in_a_container_is_looked_for_there(start: Start, tmp_path: Path):
    own = tmp_path / "own"
    own.mkdir()
    mount = f'mount -t tmpfs tmpfs {own} && touch {own}/kubelet.conf && exec "$@"'
    start("kubelet", f"--kubeconfig={own}/kubelet.conf", inside=["unshare", "--mount", "sh", "-c", mount, "sh"])
    assert not (own / "kubelet.conf").exists()
    assert "kubelet" in running()
