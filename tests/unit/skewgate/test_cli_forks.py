"""How many nodes at a time are good for a machine."""

from __future__ import annotations

import pytest

from skewgate.ansible_playbook import BYTES_OF_FORK, forks_for, forks_here


@pytest.mark.parametrize(
    ("cores", "room_for", "forks"),
    [(1, None, 25), (2, None, 50), (64, None, 100), (2, 1000, 50), (2, 10, 10), (64, 10, 10), (2, 0, 1)],
)
def test_cores_and_memory_bound_them(cores: int, room_for: int | None, forks: int) -> None:
    assert forks_for(cores, None if room_for is None else room_for * BYTES_OF_FORK) == forks


def test_this_machine_has_some() -> None:
    assert 1 <= forks_here() <= 100
