"""Each ansible-core that the project names, on a node that has everything done to it: installed,
fixed, and taken back.

The version of the project's own .venv has all other tests.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.conftest import INVENTORY, Run, run_in
from tests.lab import TRIO, Lab, NodeSpec
from tests.lab.lab import REPOSITORY
from tests.pythons import params, venv_of

pytestmark = [pytest.mark.lab, pytest.mark.nightly]

FRESH = TRIO[1]


@pytest.fixture(params=params("2.18", "2.20", "2.21"))
def ansible_playbook(request: pytest.FixtureRequest) -> Path:
    """The ansible-playbook of a venv that has this ansible-core."""
    return playbook_of(request.param)


def playbook_of(core: str) -> Path:
    """The ansible-playbook of a venv that has this ansible-core and the checkout;
    skips without its Python.
    """
    return venv_of("ansible", core, "-e", REPOSITORY) / "bin/ansible-playbook"


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
    assert lab.ssh(FRESH.name, "ls /usr/sbin/chronyd", check=False).stdout == ""
