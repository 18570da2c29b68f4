"""What GitHub's answer to one attempt means: its class, and what to do next, by the rows of ``answer_table``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .answer_hints import QUOTED_CHARS, hints_of, rate_limit_wait_s, renamed
from .answer_signs import READ_CHARS, Seen, row_of, straight
from .answer_table import BY_KEY, AnswerKey, Kind, Row

__all__ = ["Answer", "AnswerKey", "Kind", "classify", "clock_side", "quoted", "rate_limit_s"]

ASIDE = ("revoke", "granted")
"""Steps that decide nothing: the token was used by then, or what they show stands in another step."""

NAME_CHARS = 150
"""GitHub's longest OWNER/NAME is shorter; a node may call a repository anything."""


@dataclass(frozen=True)
class Answer:
    """How an attempt ended: its class, what that means (for code and in words), the step that decided it, and what to do next.

    ``remedy`` is empty where an answer alone does not tell it: accepted, clock, certificate_time, not_sent. ``note`` is what an
    accepted answer has to say beside that. ``repositories`` are all that got this answer, if it is one about repositories.
    """

    kind: Kind
    key: AnswerKey
    meaning: str
    step: Mapping[str, Any] | None = None
    remedy: str = ""
    note: str = ""
    repositories: tuple[str, ...] = ()

    def quote(self) -> str:
        """GitHub's own words, with the status; where it has no message, what it said instead, in one line."""
        return self.meaning if self.step is None else quoted(self.step)


def quoted(step: Mapping[str, Any]) -> str:
    """What a step was answered: the status and GitHub's words, or why there was no answer."""
    if step.get("error"):
        return f"{step['error']['phase']}: {step['error']['message']}"
    said = " ".join((step.get("message") or step.get("body") or "").split())
    return f"{step['status']} {said[:QUOTED_CHARS]}".strip()


def classify(attempt: Mapping[str, Any], issuer: object = None) -> Answer:
    """The class of an attempt (an entry of the evidence's ``github_apps[].attempts``): a step that failed decides.

    That is the first one, or the first whose answer is sure; it stands for all repositories that got the same answer.
    ``issuer``: the App's ID or client ID in the JWT, if it is known.
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
    # A use that was refused while the fresh token spread, and then worked, is no failure: the last try of each use counts.
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
    """Which side of GitHub's clock the signer's is on, by the message of a refusal; None where that is none of the clock's.

    An ``iat`` in the future and an ``exp`` too far in it are both those of a clock that is ahead.

    >>> clock_side("'Expiration time' claim ('exp') is too far in the future"), clock_side("Not Found")
    ('ahead', None)
    """
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
    """For how long GitHub's rate limit asks to wait, in seconds; None where it did not answer."""
    answer = classify(attempt)
    if answer.key is not AnswerKey.RATE_LIMIT or answer.step is None:
        return None
    return rate_limit_wait_s(answer.step)
