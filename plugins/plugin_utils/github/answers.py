"""The meaning of GitHub's answer to one attempt: its class and the next step, from
``answer_table``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .answer_hints import QUOTED_CHARS, hints_of, rate_limit_wait_s, renamed
from .answer_signs import READ_CHARS, Seen, row_of, straight
from .answer_table import BY_KEY, AnswerKey, Kind, Row

__all__ = ["Answer", "AnswerKey", "Kind", "classify", "clock_side", "down_s", "quoted", "rate_limit_s"]

ASIDE = ("revoke", "granted")
"""Steps that decide nothing: the token was already used, or another step shows the same."""

NAME_CHARS = 150
"""GitHub's longest OWNER/NAME is shorter; a node may call a repository anything."""


DOWN_WAITS_S = (5.0, 20.0)
"""The pauses before an API is asked again that answered with 500 or more."""


@dataclass(frozen=True)
class Answer:
    """How an attempt ended: its class, what that means (for code and in words), the step that
    decided it, and what to do next.

    ``remedy`` is empty if the answer alone does not show it: accepted, clock, certificate_time,
    not_sent. ``note`` is a remark about an accepted answer. ``repositories`` are all repositories
    with this answer, if it is about repositories.
    """

    kind: Kind
    key: AnswerKey
    meaning: str
    step: Mapping[str, Any] | None = None
    remedy: str = ""
    note: str = ""
    repositories: tuple[str, ...] = ()

    def quote(self) -> str:
        """GitHub's message with the status, in one line; without a message, the beginning of the
        body.
        """
        return self.meaning if self.step is None else quoted(self.step)


def quoted(step: Mapping[str, Any]) -> str:
    """The answer to a step: the status and GitHub's message, or why there was no answer."""
    if step.get("error"):
        return f"{step['error']['phase']}: {step['error']['message']}"
    said = " ".join((step.get("message") or step.get("body") or "").split())
    return f"{step['status']} {said[:QUOTED_CHARS]}".strip()


def classify(attempt: Mapping[str, Any], issuer: object = None) -> Answer:
    """The class of an attempt (an entry of the evidence's ``github_apps[].attempts``).

    A step that failed decides: the first one, or the first whose answer is sure. It stands for all
    repositories with the same answer. ``issuer``: the App's ID or client ID in the JWT, if known.
    """
    if not attempt.get("sent"):
        why = str(attempt.get("not_sent_because") or "it was not sent")
        withheld = (AnswerKey.TOO_FAR_AHEAD, AnswerKey.CONTROLLER_TIME_UNKNOWN)
        row = BY_KEY[next((key for key in withheld if attempt.get("withheld") == key), AnswerKey.NOT_SENT)]
        return Answer(row.kind, row.key, why, remedy=row.remedy)
    steps = [step for step in attempt.get("steps") or [] if step["step"] not in ASIDE]
    if not steps:
        row = BY_KEY[AnswerKey.NOTHING_ASKED]
        return Answer(row.kind, row.key, row.meaning)
    # GitHub may refuse a fresh token until it is known everywhere. So the last try of each use
    # counts.
    last = {(step["step"], step.get("repository")): step for step in steps}
    failed = [(found, step) for step in last.values() if (found := row_of(Seen(step, issuer))) is not None]
    if failed:
        sure = ("clock", "credential", "access")
        decisive, step = next((each for each in failed if each[0].kind in sure), failed[0])
        alike = [name for found, each in failed if found.key is decisive.key for name in _repositories_of(each)]
        return _answer(decisive, step, tuple(alike))
    row = BY_KEY[AnswerKey.ACCEPTED]
    return Answer(row.kind, row.key, row.meaning, steps[-1], note=renamed(last.values()))


def _answer(row: Row, step: Mapping[str, Any], repositories: tuple[str, ...]) -> Answer:
    hints = hints_of(step, repositories)
    meaning, remedy = row.meaning.format(**hints), row.remedy.format(**hints)
    return Answer(row.kind, row.key, meaning, step, remedy, repositories=repositories)


def clock_side(message: str) -> Literal["ahead", "behind"] | None:
    """Whether the signer's clock is ahead of GitHub's or behind, according to a refusal's message.

    None if the refusal is not about the clock. A clock that is ahead gives an ``iat`` in the
    future, or an ``exp`` too far in it.

    >>> clock_side("'Expiration time' claim ('exp') is too far in the future"), clock_side("Not Found")
    ('ahead', None)
    """  # noqa: W505 - an example or a table
    said = straight(message[:READ_CHARS])
    refused = re.search(BY_KEY[AnswerKey.CLOCK].words, said, re.IGNORECASE)
    if refused is None:
        return None
    return "ahead" if refused[2].lower() == "iat" or "too far in the future" in said else "behind"


def _repositories_of(step: Mapping[str, Any]) -> tuple[str, ...]:
    """The repositories that a step stands for."""
    named = (step.get("repository"), *(step.get("also") or ())) if step["step"] == "repository" else ()
    return tuple(str(name)[:NAME_CHARS] for name in named)


def rate_limit_s(attempt: Mapping[str, Any]) -> float | None:
    """How long GitHub's rate limit asks to wait, in seconds; None if no answer was a rate limit."""
    answer = classify(attempt)
    if answer.key is not AnswerKey.RATE_LIMIT or answer.step is None:
        return None
    return rate_limit_wait_s(answer.step)


def down_s(attempt: Mapping[str, Any], again: int) -> float | None:
    """How long to wait before an API is asked again that answered with 500 or more: it is down for
    a moment, or has too much to do. None for any other answer, or if that is enough.

    ``again``: how often it was asked again already.
    """
    answer = classify(attempt)
    if answer.key is not AnswerKey.SERVER_ERROR or answer.step is None or (answer.step.get("status") or 0) < 500:
        return None
    return DOWN_WAITS_S[again] if again < len(DOWN_WAITS_S) else None
