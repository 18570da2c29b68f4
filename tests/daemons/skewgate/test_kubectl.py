"""`skewgate explain --argocd`: kubectl itself, against an API server of the test;
its odd moods by a script in its place.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from skewgate import cli, kubectl
from tests.daemons.skewgate.kubernetes_api import Api, serving, write_kubeconfig
from tests.findings import unsaid
from tests.lab.github_api.answers import EXP_PAST
from tests.lab.host import unpack_package
from tests.paths import ROOT
from tests.unit.skewgate.argocd_lines import POD1, POD2, POD3, as_list, as_logfmt, call, lookup, message

OK, REFUSED, PROOF = (as_logfmt(call(error)) + "\n" for error in (None, message(), lookup(EXP_PAST)))
CLOSED = "http://127.0.0.1:1"


@pytest.fixture(scope="session")
def debians() -> Path:
    """Debian's kubectl, unpacked: an old one, on any machine that has apt-get."""
    if shutil.which("apt-get") is None:
        pytest.skip("kubectl is unpacked from Debian's package kubernetes-client, and here is no apt-get")
    return unpack_package("kubernetes-client", ROOT / "build/kubectl") / "usr/bin"


@pytest.fixture
def api(debians: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """A cluster that Debian's kubectl on PATH reaches, with a refused node among three."""
    with serving() as server:
        server.add(POD1, "worker-1", OK * 20)
        server.add(POD2, "worker-2", REFUSED * 12)
        server.add(POD3, "worker-3", OK * 20)
        write_kubeconfig(tmp_path / "config", {"here": server.url}, "here")
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
        monkeypatch.setenv("HOME", str(tmp_path))  # kubectl keeps what it discovers there
        monkeypatch.setenv("PATH", f"{debians}:/usr/bin:/bin")
        yield server


def explain(*flags: str) -> int:
    return cli.main(["explain", "--argocd", *flags])


def test_the_pods_and_logs_of_the_cluster_name_the_node(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain() == 0
    captured = capsys.readouterr()
    assert not unsaid(captured.out, " 12 of 12 ", " 0 of 40 ", "--limit worker-2\n")
    assert captured.err == ""
    assert {method for method, _, _ in api.asked} == {"GET"}
    assert {path.split("/")[4] for _, path, _ in api.asked} == {"argocd"}
    [first, *_] = [query for _, path, query in api.asked if path.endswith("/log")]
    assert first["container"] == "argocd-repo-server"
    assert "tailLines" not in first


def test_a_sidecar_that_is_named_after_the_repo_server_is_not_read(api: Api) -> None:
    api.pods[1]["spec"]["containers"] = [{"name": "repo-server-plugin"}, {"name": "cd-repo-server"}]
    assert explain() == 0
    assert [query["container"] for _, path, query in api.asked if path.endswith(f"/{POD2}/log")] == ["cd-repo-server"]


def test_this_machines_own_kubectl_does_too(
    api: Api, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = shutil.which("kubectl", path="/usr/local/bin:/usr/bin:/bin:/snap/bin")
    if own is None:
        pytest.skip("this machine has no kubectl; Debian's is tried anyway")
    monkeypatch.setenv("PATH", f"{Path(own).parent}:/usr/bin:/bin")
    api.logs[POD2] = PROOF
    assert explain() == 0
    assert "clock of worker-2 is behind" in capsys.readouterr().out


def test_the_flags_choose_cluster_namespace_and_time(
    api: Api, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_kubeconfig(tmp_path / "other", {"wrong": CLOSED, "right": api.url}, "wrong")
    api.add("argocd-repo-server-1", "far-1", REFUSED, namespace="gitops")
    flags = ("--kubeconfig", str(tmp_path / "other"), "--context", "right", "-n", "gitops", "--since", "90m")
    assert explain(*flags) == 0
    assert "far-1" in capsys.readouterr().out
    assert [query["sinceSeconds"] for _, path, query in api.asked if path.endswith("/log")] == ["5400"]


def test_pods_of_a_chart_with_other_names_are_found_by_their_component(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    api.add("cd-repo-server-1", "far-1", REFUSED, "cd", **{"app.kubernetes.io/component": "repo-server"})
    assert explain("-n", "cd") == 0
    assert "far-1" in capsys.readouterr().out


def test_a_namespace_without_such_pods_is_answered_with_those_that_have_them(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain("-n", "default") == 2
    err = capsys.readouterr().err
    assert not unsaid(err, " default ", "app.kubernetes.io/name=argocd-repo-server", ": argocd. ", " -n")
    api.forbidden = ["/api/v1/pods"]
    assert explain("-n", "default") == 2
    unknown = capsys.readouterr().err
    api.forbidden, api.pods = [], []
    assert explain("-n", "default") == 2
    nowhere = capsys.readouterr().err
    assert not unsaid(unknown, " default ") + unsaid(nowhere, " default ")
    assert ": argocd. " not in unknown + nowhere
    assert len({err, unknown, nowhere}) == 3


@pytest.mark.parametrize(("forbidden", "right"), [("/namespaces/argocd/pods", "list pods"), ("/log", "get pods/log")])
def test_a_right_that_is_missing_is_named(
    api: Api, capsys: pytest.CaptureFixture[str], forbidden: str, right: str
) -> None:
    api.forbidden = [forbidden]
    assert explain() == 2
    captured = capsys.readouterr()
    assert not unsaid(captured.err, 'User "jane"', right, "--argocd-log repo-server.log --pods pods.txt")
    assert captured.out == ""


def test_a_pod_whose_log_cannot_be_read_is_named_and_the_others_are_explained(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    api.logs[POD3] = ""
    assert explain() == 0
    captured = capsys.readouterr()
    assert not unsaid(captured.err, f"`kubectl logs pod/{POD3}`", "waiting to start")
    assert not unsaid(captured.out, POD3, " 12 of 12 ", " 0 of 20 ")


@pytest.mark.usefixtures("api")
def test_a_cluster_that_is_not_there_is_no_internal_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_kubeconfig(tmp_path / "closed", {"here": CLOSED}, "here")
    assert explain("--kubeconfig", str(tmp_path / "closed")) == 2
    assert "127.0.0.1:1 was refused" in capsys.readouterr().err
    assert explain("--context", "elsewhere") == 2
    assert "elsewhere" in capsys.readouterr().err
    assert explain("--since", "yesterday") == 2
    assert "yesterday" in capsys.readouterr().err


def test_a_log_that_never_ends_is_given_up_and_named(
    api: Api, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    api.waits = threading.Event()
    monkeypatch.setattr(kubectl, "LOG_S", 1)
    before = time.monotonic()
    assert explain() == 2
    assert time.monotonic() - before < 10
    assert not unsaid(capsys.readouterr().err, "`kubectl logs", " 1 s")


def test_a_wrapper_of_kubectl_is_ended_with_what_it_runs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "kubectl").write_text("#!/bin/sh\nsleep 60\nexit 0\n")
    (tmp_path / "kubectl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(kubectl, "LIST_S", 1)
    before = time.monotonic()
    assert explain() == 2
    assert time.monotonic() - before < 10
    assert not unsaid(capsys.readouterr().err, "`kubectl get pods`", " 1 s")


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("echo 'Open https://login.example.org and enter ABCD' >&2\nread code < /dev/zero", id="a login"),
        pytest.param("echo 'Open https://login.example.org and enter ABCD' >&2\nsetsid sleep 20 &", id="a daemon"),
    ],
)
def test_who_keeps_kubectls_output_open_is_not_waited_for_and_its_words_are_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str
) -> None:
    (tmp_path / "kubectl").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "kubectl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(kubectl, "LIST_S", 1)
    before = time.monotonic()
    assert explain() == 2
    assert time.monotonic() - before < 10
    err = capsys.readouterr().err
    assert not unsaid(err, "`kubectl get pods`", " 1 s", "Open https://login.example.org and enter ABCD")


@pytest.mark.parametrize("prefix", [True, False])
def test_a_wrapper_that_gives_more_than_was_asked_counts_each_line_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, prefix: bool
) -> None:
    named = {POD1: OK * 4, POD2: REFUSED * 4}
    (tmp_path / "pods").write_text(json.dumps(as_list(dict.fromkeys(named, "worker-1") | {POD2: "worker-2"})))
    whole = "".join(
        f"[pod/{pod}/argocd-repo-server] {line}\n" for pod, text in named.items() for line in text.splitlines()
    )
    for pod, text in named.items():
        (tmp_path / pod).write_text(whole if prefix else text)
    script = (
        f'#!/bin/sh\ncase "$1" in get) cat {tmp_path}/pods;; logs) cat {tmp_path}/"${{2#pod/}}";; *) exit 1;; esac\n'
    )
    (tmp_path / "kubectl").write_text(script)
    (tmp_path / "kubectl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert explain() == 0
    assert not unsaid(capsys.readouterr().out, " 4 of 4 ", " 0 of 4 ", "worker-2")


def test_a_log_of_any_bytes_and_length_is_read_in_little_space(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    api.logs[POD1] = "\udcff\x1b[2J\x00" + "x" * 5_000_000 + "\n" + OK * 3
    assert explain() == 0
    captured = capsys.readouterr()
    assert "| worker-1 |    1 |     4 |     3 |  3 |" in captured.out
    assert "\x1b" not in captured.out + captured.err


def test_without_kubectl_the_two_files_are_the_way(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert explain() == 2
    err = capsys.readouterr().err
    assert not unsaid(err, "PATH", "kubectl get pods -n argocd")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo no JSON", "JSON"),
        ("echo '{\"items\": 7}'", "JSON"),
        ("printf '[%.0s' $(seq 100000)", "JSON"),
        ("printf 'a\\033[2Jb' >&2; exit 3", ": a\\x1b[2Jb"),
        ("exit 3", "kubectl get pods"),
        (
            r"""printf %s '{"items": [{"metadata": {"name": "a\u0000b"}}]}'""",
            "embedded null byte",
        ),
        ("head -c 9000000 /dev/zero | tr '\\0' e >&2; exit 3", ": eeee"),
    ],
)
def test_what_is_no_answer_of_kubectls_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, said: str
) -> None:
    (tmp_path / "kubectl").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "kubectl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert explain() == 2
    err = capsys.readouterr().err
    assert said in err
    assert "internal error" not in err
    assert len(err) < 3000


def test_kubectl_does_not_outlive_an_interrupted_command(tmp_path: Path) -> None:
    (tmp_path / "kubectl").write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 60\n")
    (tmp_path / "kubectl").chmod(0o755)
    path = {"PATH": f"{tmp_path}:/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)}
    command = subprocess.Popen(
        [sys.executable, "-m", "skewgate", "explain", "--argocd"], env=path, start_new_session=True
    )
    try:
        until = time.monotonic() + 20
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
            assert time.monotonic() < until
            time.sleep(0.02)
        time.sleep(0.3)  # until the command reads
        command.send_signal(2)  # to the command alone, as a terminal's would go to both
        assert command.wait(20) == 1
    finally:
        command.kill()
        command.wait()
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()
