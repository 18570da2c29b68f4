"""The molecule scenario, as `make molecule` runs it: a node that never had NTP, converged, idempotent, verified."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.integration.conftest import BIN, CAPTURED, OUR_COMMANDS
from tests.lab import TRIO, Lab, NodeSpec
from tests.lab.lab import REPOSITORY

pytestmark = pytest.mark.lab


def test_the_default_scenario_passes_on_a_node_without_ntp(lab: Lab, lab_node: Callable[[NodeSpec], NodeSpec]) -> None:
    lab_node(TRIO[1])
    environment = {**os.environ, **OUR_COMMANDS, "NO_COLOR": "1"}
    done = lab.run([str(BIN / "molecule"), "test"], **CAPTURED, cwd=REPOSITORY, env=environment, timeout=900)
    assert done.returncode == 0, done.stdout
    for action in ("converge", "idempotence", "verify"):
        assert f"{action}: Executed: Successful" in done.stdout
