"""The module as a whole, run through Ansible as on a node."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.skewgate.preflight.plugins.modules import node_evidence

from tests.paths import ROOT

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxMDAxIn0.c2lnbmF0dXJl"
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run_module() -> Run:
    def run(arguments: dict[str, Any], *options: str) -> subprocess.CompletedProcess[str]:
        # The implicit localhost runs the module with this very Python, in a separate process, sent
        # by AnsiballZ.
        command = [Path(sys.executable).with_name("ansible"), "localhost", "-m", "skewgate.preflight.node_evidence"]
        return subprocess.run(
            [*command, "-a", json.dumps(arguments), *options],
            cwd=ROOT,
            env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_LOCALHOST_WARNING": "false"},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


def result_of(ended: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return json.loads(ended.stdout.partition("=>")[2])


def app_at(port: int) -> dict[str, Any]:
    return {
        "name": "argocd",
        "api_url": f"https://127.0.0.1:{port}",
        "git_url": f"https://127.0.0.1:{port}",
        "installation_id": "2002",
        "depth": "token",
        "attempts": [{"label": "now", "jwt": JWT, "signed_for_s": int(time.time()), "only_within_s": 60}],
    }


@pytest.fixture
def silent_port() -> Any:
    """TCP connects there, and UDP arrives, and nothing is ever answered."""
    with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        tcp.listen(20)
        udp.bind(tcp.getsockname())
        yield tcp.getsockname()[1]


def test_all_sections_are_taken_in_one_call_though_every_reference_is_dead(run_module: Run, silent_port: int):
    before_ns = time.time_ns()
    result = result_of(
        run_module(
            {
                "ntp_servers": ["127.0.0.1", "no-such-host.invalid"],
                "ntp_port": silent_port,
                "apis": [{"url": f"https://127.0.0.1:{silent_port}/zen"}],
                "github_apps": [app_at(silent_port)],
                "timeout_s": 0.5,
            }
        )
    )
    evidence = result["evidence"]
    collected = evidence["collected"]

    assert result["changed"] is False
    assert set(evidence) == {"schema", "collected", *node_evidence.SECTIONS}
    assert evidence["schema"] == "skewgate/evidence/1"
    assert before_ns < collected["wall_ns"] < time.time_ns()
    assert 0.5e9 < collected["end_mono_ns"] - collected["mono_ns"] < 10e9
    assert collected["euid"] == os.geteuid()
    assert not [name for name, section in evidence.items() if isinstance(section, dict) and "error" in section]
    assert "error" in evidence["ntp"]["servers"][0]["samples"][0]
    assert evidence["ntp"]["servers"][1]["error"]
    assert evidence["api_date"]["apis"][0]["answers"][0]["error"]["phase"] == "tls"
    assert evidence["github_apps"][0]["attempts"][0]["steps"][0]["error"]["phase"] == "tls"
    assert_documented(evidence)


def test_only_the_sections_asked_for_are_taken_in_check_mode_too(run_module: Run):
    result = result_of(run_module({"sections": ["clock", "join_state"]}, "--check"))
    assert set(result["evidence"]) == {"schema", "collected", "clock", "join_state"}


def test_an_unknown_section_is_answered_with_the_known_ones(run_module: Run):
    ended = run_module({"sections": ["clocks"]})
    assert ended.returncode != 0
    assert ", ".join(node_evidence.SECTIONS) in ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr


def test_the_jwt_is_shown_at_no_verbosity(run_module: Run, silent_port: int, tmp_path: Path):
    # From a file, as a play has it from a variable: what stands on a command line is
    # the caller's to hide.
    arguments = tmp_path / "arguments.yml"
    app = app_at(silent_port)
    arguments.write_text(json.dumps({"apps": [app]}))
    ended = run_module(
        {"sections": ["github_apps"], "github_apps": "{{ apps }}", "timeout_s": 0.3}, "-e", f"@{arguments}", "-vvvv"
    )
    assert "eyJ" not in ended.stdout + ended.stderr
    assert '"phase": "tls"' in ended.stdout


def keys(evidence: Any) -> set[str]:
    """Every key of a section, except those that are paths."""
    if isinstance(evidence, dict):
        return {key for key in evidence if not key.startswith("/")}.union(*map(keys, evidence.values()))
    return set().union(*map(keys, evidence)) if isinstance(evidence, list) else set()


def assert_documented(evidence: dict[str, Any]) -> None:
    (documented,) = yaml.safe_load(node_evidence.RETURN).values()
    assert set(documented["contains"]) == {"schema", "collected", *node_evidence.SECTIONS}
    for_all = set(re.findall(r"C\(([a-z_]+)\)", str(documented["description"])))
    for name, section in evidence.items():
        own = documented["contains"][name]
        named = {*re.findall(r"C\(([A-Za-z0-9_]+)\)", str(own["description"])), *own.get("sample", ())}
        assert keys(section) - for_all - named == set(), name
