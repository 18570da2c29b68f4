"""Fixtures on the lab: `lab` for all of a session, `trio` for the incident's nodes, `lab_node` for any other."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator

import pytest

from tests.lab import Lab, LabUnavailable, NodeSpec


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """The lab with its servers and TRIO; taken down at the end unless it was up before.

    Where the lab can't run, tests are skipped with the reason; but never in CI, and never where it should run.
    """
    lab = Lab()
    was_up = lab.namespace.exists()
    try:
        lab.up()
    except LabUnavailable as error:
        if os.environ.get("CI") or (platform.machine() == "x86_64" and os.geteuid() == 0):
            pytest.fail(f"the lab must run here: {error}")
        pytest.skip(str(error))
    yield lab
    if was_up:
        lab.up()  # what tests stopped
    else:
        lab.down()


@pytest.fixture
def trio(lab: Lab) -> Lab:
    """The lab with each node of TRIO running, booted anew if a test used `lab_node` on it.

    What a test does to these nodes stays: a test that changes a node takes `lab_node`.
    """
    lab.up()
    return lab


@pytest.fixture
def lab_node(lab: Lab) -> Iterator[Callable[[NodeSpec], NodeSpec]]:
    """Function that boots a node anew as its spec says (about 6 s); the node is stopped when the test ends."""
    names = set()

    def boot(spec: NodeSpec) -> NodeSpec:
        names.add(spec.name)
        lab.reset_node(spec)
        return spec

    yield boot
    for name in names:
        lab.stop_node(name)
