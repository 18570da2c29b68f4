"""What is worked out from an object that never changes: once, and kept in that object for as long as it lives."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

Of = TypeVar("Of")
Answer = TypeVar("Answer")

_MARK = "once "
"""No attribute's name begins so."""


def once(function: Callable[[Of], Answer]) -> Callable[[Of], Answer]:
    """A pure function that keeps its answer in its only argument; what it raises is not kept.

    It keeps nothing alive, as ``functools.cache`` does, and does not ask how to hash. Whoever gets the answer does not change it.
    """
    name = f"{_MARK}{function.__module__}.{function.__qualname__}"

    @wraps(function)
    def kept(of: Of) -> Answer:
        answers = vars(of)
        if name not in answers:
            answers[name] = function(of)
        answer: Answer = answers[name]
        return answer

    return kept
