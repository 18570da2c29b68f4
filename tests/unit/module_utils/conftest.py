"""Fixtures for all that runs on nodes."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import run


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose commands are found before the machine's own."""
    monkeypatch.setattr(run, "PATH", f"{tmp_path}:{run.PATH}")
    return tmp_path


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose commands are the only ones."""
    monkeypatch.setattr(run, "PATH", str(tmp_path))
    return tmp_path
