from dataclasses import dataclass

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.once import once


@dataclass(frozen=True)
class Number:
    value: int


asked: list[int] = []


@once
def doubled(number: Number) -> int:
    asked.append(number.value)
    if number.value < 0:
        raise ValueError(number.value)
    return 2 * number.value


@pytest.fixture(autouse=True)
def _nothing_asked() -> None:
    asked.clear()


def test_an_object_keeps_the_answer() -> None:
    number = Number(4)
    assert (doubled(number), doubled(number), asked) == (8, 8, [4])


def test_an_object_that_is_equal_is_another_one() -> None:
    assert (doubled(Number(4)), doubled(Number(4)), asked) == (8, 8, [4, 4])


def test_what_is_kept_is_no_part_of_the_object() -> None:
    number = Number(4)
    doubled(number)
    assert (number, repr(number), hash(number)) == (Number(4), repr(Number(4)), hash(Number(4)))


def test_a_failure_is_not_kept() -> None:
    number = Number(-1)
    for _ in range(2):
        with pytest.raises(ValueError, match="-1"):
            doubled(number)
    assert asked == [-1, -1]
