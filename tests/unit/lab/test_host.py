"""What the lab needs of the machine it runs on."""

from __future__ import annotations

import doctest

from tests.lab import host


def test_the_docstrings_example_holds() -> None:
    tested = doctest.testmod(host)
    assert tested.attempted > 0
    assert tested.failed == 0
