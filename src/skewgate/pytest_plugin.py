"""pytest loads this if skewgate is installed: it checks what ``skewgate.acceptance`` needs."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

import pytest

SUITE = "skewgate.acceptance"


def pytest_load_initial_conftests(args: Sequence[str]) -> None:
    """Refuse to run the suite without testinfra, before pytest refuses testinfra's options."""
    if find_spec("testinfra") is None and any(arg.startswith(SUITE) for arg in args):
        raise pytest.UsageError(f"{SUITE} needs pytest-testinfra: pip install 'skewgate[testinfra]'")
