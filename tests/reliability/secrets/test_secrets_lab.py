"""A node of the lab keeps no secret on its disk, in its journal or in its memory's files."""

from __future__ import annotations

import pytest

from tests.lab import Lab
from tests.reliability.secrets.on_lab import leaks_on_lab
from tests.reliability.secrets.search import texts

pytestmark = pytest.mark.nightly


def test_a_node_that_was_fixed_and_joined_keeps_no_secret(lab: Lab) -> None:  # noqa: ARG001 - it runs there
    assert texts(leaks_on_lab()) == []
