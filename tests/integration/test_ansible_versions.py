"""Each ansible-core that the project names, on a node that has everything done to it: installed, fixed, and taken back.

The version of the project's own .venv has all other tests.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.conftest import INVENTORY, Run, run_in
from tests.lab import TRIO, Lab, NodeSpec
from tests.lab.lab import REPOSITORY

pytestmark = [pytest.mark.lab, pytest.mark.nightly]

FRESH = TRIO[1]


PYTHONS = {"2.18": (3, 11), "2.20": (3, 12), "2.21": (3, 12)}
"""The oldest Python that each ansible-core runs with on the controller."""


def python_since(oldest: tuple[int, int]) -> str:
    """A Python of that version or a later one: this one, or one on PATH; without any the test is skipped."""
    if sys.version_info >= oldest:
        return sys.executable
    for name in (f"python3.{minor}" for minor in range(oldest[1], 15)):
        # Of those that are there only by name, as pyenv's, some do not run.
        if shutil.which(name) and subprocess.run([name, "-c", "import ensurepip"], check=False).returncode == 0:
            return name
    pytest.skip(f"no Python {oldest[0]}.{oldest[1]} or later is on PATH")


@pytest.fixture(params=PYTHONS)
def ansible_playbook(request: pytest.FixtureRequest) -> Path:
    """The ansible-playbook of a venv that has this ansible-core."""
    return playbook_of(request.param)


def playbook_of(core: str) -> Path:
    """The ansible-playbook of a venv that has this ansible-core, made where it is not there; skips without its Python."""
    venv = REPOSITORY / f"build/ansible-{core}"
    if not (venv / "bin/ansible-playbook").exists():
        subprocess.run([python_since(PYTHONS[core]), "-m", "venv", "--clear", venv], check=True)
        install = ["install", "-q", "-e", REPOSITORY, f"ansible-core~={core}.0"]
        subprocess.run([venv / "bin/python", "-m", "pip", *install], check=True, timeout=300)
    return venv / "bin/ansible-playbook"


def test_a_node_is_fixed_and_taken_back(
    ansible_playbook: Path, lab: Lab, lab_node: Callable[[NodeSpec], NodeSpec], tmp_path: Path
) -> None:
    lab_node(FRESH)
    lab.namespace.end_connections(FRESH.ip)
    settings = json.dumps({"gate_report_dir": str(tmp_path)})

    def run(name: str, *more: str) -> Run:
        words = ["-i", str(INVENTORY), f"skewgate.preflight.{name}", "-l", FRESH.name, "-e", settings, *more]
        return run_in(lab, tmp_path, [str(ansible_playbook), *words], 300)

    foretold = run("remediate", "--check", "--diff")
    assert foretold.status == 0, foretold.output
    assert "+server 10.77.0.1 iburst" in foretold.output
    fixed = run("gate")
    assert fixed.status == 0, fixed.output
    assert fixed.report["nodes"][FRESH.name]["verdict"] == "admit"
    undone = run("remediate", "--tags", "undo")
    assert undone.status == 0, undone.output
    assert lab.ssh(FRESH.name, "ls /usr/sbin/chronyd", check=False).stdout == ""
    refused = run("remediate", "-e", '{"chrony_extra_lines": ["makestep 1"]}')
    assert refused.status == 2, refused.output
    assert "makestep" in refused.output
    assert "The former state was restored" in refused.output
