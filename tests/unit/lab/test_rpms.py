"""The distributions that nodes of the lab are made to look like."""

from __future__ import annotations

import pytest

from tests.lab.rpms import DISTRIBUTIONS, LIKENESSES


@pytest.mark.parametrize("name", LIKENESSES)
def test_each_has_the_configuration_that_its_distribution_ships(name: str) -> None:
    assert list((DISTRIBUTIONS / LIKENESSES[name].sample).rglob("*.conf"))
