"""Computes a value from an object that never changes once, and keeps it in that object."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

Of = TypeVar("Of")
Answer = TypeVar("Answer")

_MARK = "once "
"""No attribute's name begins with this."""


def once(function: Callable[[Of], Answer]) -> Callable[[Of], Answer]:
    """A pure function that keeps its answer in its only argument; exceptions are not kept.

    Unlike ``functools.cache`` it keeps no argument alive and needs no hash. The caller must not
    change the answer.
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
