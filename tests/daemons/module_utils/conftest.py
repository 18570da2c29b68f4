"""What tests of the code on nodes share that start daemons or servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import installation_token, run
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import api_date

from tests.daemons.boxed import Box
from tests.daemons.module_utils.probes.dated import Dated
from tests.lab import github_api


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Box]:
    """A box for one daemon; commands that are put into it are found before the machine's own."""
    box = Box(tmp_path)
    monkeypatch.setattr(run, "PATH", f"{tmp_path}:{run.PATH}")
    try:
        yield box
    finally:
        box.close()


@pytest.fixture(scope="session")
def github(tmp_path_factory: pytest.TempPathFactory) -> Iterator[github_api.RunningApi]:
    """The lab's GitHub."""
    with github_api.running_api(tmp_path_factory.mktemp("github")) as api:
        yield api


@pytest.fixture
def api(github: github_api.RunningApi, monkeypatch: pytest.MonkeyPatch) -> github_api.RunningApi:
    """The lab's GitHub as new; the probe waits for it no longer than a test needs."""
    monkeypatch.setattr(installation_token, "WAITS_S", (0.05, 0.1, 0.2))
    github.control.reset()
    return github


@pytest.fixture
def dated() -> type[Dated]:
    """A handler that notes what it is asked for."""
    return type("OwnDated", (Dated,), {"seen": []})


@pytest.fixture(autouse=True)
def _once(monkeypatch: pytest.MonkeyPatch) -> None:
    """An API is asked once: between two requests the probe waits for a part of a second."""
    monkeypatch.setattr(api_date, "REQUESTS", 1)
