"""The answers by name and by group, and what several of them have in common."""

from __future__ import annotations

from collections.abc import Callable

from tests.reliability.hostile.hostile_python import Answer

ANSWERS: dict[str, Answer] = {}
GROUPS: dict[str, list[str]] = {}
ALONE = ("silence", "flood", "volume", "limits")
CHANGING = ("remediation",)
"""Groups of which only a gate asks what is the lie."""
DAY_S, YEAR_S = 86400, 31557600
TERMINAL = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202edetimda\u202c\u200b\r\x00"


def answers(group: str) -> Callable[[Answer], Answer]:
    """Name an answer, and say with which others it runs."""

    def named(function: Answer) -> Answer:
        name = function.__name__.lstrip("_")
        ANSWERS[name] = function
        GROUPS.setdefault(group, []).append(name)
        return function

    return named


ADMITTED = {
    "verdict": "admit",
    "changed": False,
    "msg": "Admitted.",
    "chrony_can_help": False,
    "judgement": {
        "verdict": "admit",
        "refused_because": None,
        "skew_s": {"low": 0.0, "high": 0.0},
        "judged_at": "2099-01-01T00:00:00Z",
        "findings": [],
    },
    "record": {
        "policy": {},
        "collected_at": "2099-01-01T00:00:00Z",
        "evidence": {},
        "controller": None,
        "unreachable": None,
        "module_error": None,
    },
}
