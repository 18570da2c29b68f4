"""The molecule scenarios, as `make molecule` runs them: prepared, converged, idempotent, verified.

A commit's run has `default`; the rest is nightly, in one run on one lab.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest
import yaml

from tests.integration.conftest import BIN, CAPTURED, OUR_COMMANDS
from tests.lab import TRIO, Lab, NodeSpec
from tests.lab.lab import REPOSITORY

LIE_S = 40
LIARS = ("10.77.0.4", "10.77.0.5")
SCENARIOS = sorted(path.parent.name for path in REPOSITORY.glob("molecule/*/molecule.yml"))
ON_LAB = [name for name in SCENARIOS if name != "podman"]


def nodes_of(scenario: str) -> list[NodeSpec]:
    """Those of the lab's nodes that a scenario names."""
    platforms = yaml.safe_load((REPOSITORY / f"molecule/{scenario}/molecule.yml").read_text())["platforms"]
    names = {platform["name"] for platform in platforms}
    return [spec for spec in TRIO if spec.name in names]


@pytest.mark.lab
@pytest.mark.parametrize(
    "scenario", [pytest.param(name, marks=[] if name == "default" else pytest.mark.nightly) for name in ON_LAB]
)
def test_the_scenario_passes(scenario: str, lab: Lab, lab_node: Callable[[NodeSpec], NodeSpec], tmp_path: Path) -> None:
    for spec in nodes_of(scenario):
        lab_node(spec)
    # What molecule keeps between runs, such as that a node is prepared, is of these nodes alone.
    environment = {**os.environ, **OUR_COMMANDS, "NO_COLOR": "1", "MOLECULE_EPHEMERAL_DIRECTORY": str(tmp_path)}
    argv = [str(BIN / "molecule"), "-c", "molecule/shared/base.yml", "test", "-s", scenario]
    with lab.liars(LIE_S, LIARS) if scenario == "falseticker" else nullcontext():
        done = lab.run(argv, **CAPTURED, cwd=REPOSITORY, env=environment, timeout=900)
    assert done.returncode == 0, done.stdout
    for action in ("prepare", "converge", "verify"):
        assert f"{action}: Executed: Successful" in done.stdout


@pytest.mark.nightly
def test_the_podman_scenarios_playbook_can_be_read(tmp_path: Path) -> None:
    environment = {**os.environ, **OUR_COMMANDS, "NO_COLOR": "1", "MOLECULE_EPHEMERAL_DIRECTORY": str(tmp_path)}
    argv = [BIN / "molecule", "syntax", "-s", "podman"]
    done = subprocess.run(argv, **CAPTURED, cwd=REPOSITORY, env=environment, timeout=120, check=False)
    assert done.returncode == 0, done.stdout
    assert "syntax: Executed: Successful" in done.stdout
