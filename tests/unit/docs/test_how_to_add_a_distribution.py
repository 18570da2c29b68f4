"""The row of docs/how-to/add-a-distribution.md gives a node of that distribution a plan."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.remediation import distributions

from tests.builders import time_services
from tests.examples import blocks
from tests.unit.plugin_utils.remediation.scenarios import EMPTY, measured, plan, platform, whats

PAGE = blocks("add-a-distribution")
# openEuler's file, as github.com/chef/os_release has it.
RELEASE = {"ID": "openEuler", "VERSION_ID": "24.03", "PRETTY_NAME": "openEuler 24.03 (LTS-SP2)"}


def node(**changes: Any) -> dict[str, Any]:
    """The record of a node without chrony that is 612 s behind."""
    return measured(-612, platform=platform({**RELEASE, **changes}), time_services=time_services(), **EMPTY)


@pytest.fixture
def row(monkeypatch: pytest.MonkeyPatch) -> None:
    names = dict(vars(distributions))
    exec(PAGE["layout"], names)
    rows = eval(f"{{{PAGE['row']}}}", names)
    monkeypatch.setattr(distributions, "_KNOWN", {**names["_KNOWN"], **rows})


def test_without_the_row_nothing_is_changed() -> None:
    assert "openEuler 24.03 (LTS-SP2), which the role does not know" in (plan(node()).refusal or "")


@pytest.mark.usefixtures("row")
def test_the_row_gives_the_plan_that_the_page_shows() -> None:
    assert whats(plan(node())) == PAGE["plan"].splitlines()


@pytest.mark.usefixtures("row")
def test_an_older_version_is_refused() -> None:
    assert "older than what the role knows" in (plan(node(VERSION_ID="20.03")).refusal or "")
