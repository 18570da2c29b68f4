"""The lab's GitHub API, one server for all tests of a file, as at its start for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.github_api import (
    RunningApi,
    running_api,
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    with running_api(tmp_path_factory.mktemp("github")) as api:
        yield api


@pytest.fixture
def api(running: RunningApi) -> RunningApi:
    running.control.reset()
    return running
