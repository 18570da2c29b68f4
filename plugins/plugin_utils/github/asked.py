"""What a finding shows of an attempt: each request with its answer, and anything unusual."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

from ..boundary.times import read_time, utc_text
from .answers import Answer, quoted

_STEP_SHOWN = (
    *(
        "step",
        "method",
        "url",
        "moved_to",
        "proxy",
        "sent_from",
        "sent_to",
        "status",
        "message",
        "documentation_url",
        "body",
    ),
    *("error", "tries", "waited_s", "narrowed", "lacking", "installation_id", "owners", "owners_in_all"),
)
_NAMES_SHOWN = 100

TOKEN_LIFE_S = 3600
"""How long an installation token is valid (GitHub's documentation, "Generating an installation
access token")."""

MOST_LIFE_S = 24 * TOKEN_LIFE_S
"""An ``expires_at`` or a Date that is further away is not believed."""


def how_asked(app: Mapping[str, Any], attempt: Mapping[str, Any]) -> str:
    """Unusual steps of an attempt: a token that was not narrowed, and a wait for a fresh token."""
    steps: list[Mapping[str, Any]] = attempt.get("steps") or []
    said = []
    tokens = [step for step in steps if step["step"] == "token" and "narrowed" in step]
    if tokens and tokens[-1].get("status") in range(200, 300):
        wanted = {*tokens[0]["narrowed"], *(["repositories"] if app.get("repositories") else [])}
        if left_out := sorted(wanted - set(tokens[-1]["narrowed"]), reverse=True):
            refused = len(tokens) > 1
            why = f"GitHub answered {quoted(tokens[0])!r}" if refused else "there are too many"
            said.append(f"the token could not be narrowed to the {' and '.join(left_out)} ({why})")
    longest = max(steps, key=lambda step: step.get("waited_s") or 0, default=None)
    if longest is not None and longest.get("waited_s"):
        tried = f"tried {longest.get('tries')} times within {longest['waited_s']:g} s"
        said.append(f"GitHub may take a while to accept a fresh token, so it was {tried}")
    return "".join(f"; {each}" for each in said)


def not_revoked(attempts: Iterable[Mapping[str, Any]], taken_at: str) -> list[dict[str, Any]]:
    """The minted installation tokens of all attempts that GitHub did not confirm to have revoked.

    Each has ``expires_at``, and ``answer``, GitHub's to the revocation; None if it was not asked.
    ``taken_at``: when the evidence was taken, by the controller's clock.
    """
    return [left for attempt in attempts for left in _left_of(attempt.get("steps") or [], taken_at)]


def _left_of(steps: list[Mapping[str, Any]], taken_at: str) -> Iterator[dict[str, Any]]:
    minted, asked = ([step for step in steps if step["step"] == name] for name in ("token", "revoke"))
    for step in list(filter(_succeeded, minted))[sum(map(_succeeded, asked)) :]:
        yield {"expires_at": _end_of(step, taken_at), "answer": quoted(asked[-1]) if asked else None}


def _succeeded(step: Mapping[str, Any]) -> bool:
    return step.get("status") in range(200, 300) and not step.get("error")


def _end_of(minted: Mapping[str, Any], taken_at: str) -> str:
    """When a token ends: as the API said, if that can be; else as GitHub's documentation says.

    The node hands on both times of the API, so a Date far from the controller's time is not
    believed either.
    """
    minted_s = taken_s = read_time(taken_at).timestamp()
    with suppress(ValueError, TypeError, OverflowError):
        said_s = parsedate_to_datetime(minted["headers"].get("date")).timestamp()
        minted_s = said_s if abs(said_s - taken_s) <= MOST_LIFE_S else taken_s
    with suppress(ValueError, OverflowError):
        end_s = read_time(minted.get("expires_at")).timestamp()
        if 0 < end_s - minted_s <= MOST_LIFE_S:
            return utc_text(end_s)
    return utc_text(minted_s + TOKEN_LIFE_S)


def still_valid(left: list[Mapping[str, Any]]) -> str:
    """What a finding says of the tokens that were not revoked; nothing if there are none."""
    if not left:
        return ""
    many = f"{len(left)} installation tokens" if len(left) > 1 else "1 installation token"
    answers = ", ".join(dict.fromkeys(repr(each["answer"]) for each in left if each["answer"]))
    why = f" (GitHub answered {answers})" if answers else ""
    end = max(each["expires_at"] for each in left)
    return f"; {many} could not be revoked{why}: valid until {end}"


class Token(StrEnum):
    """The result of an App's token on one node, after all attempts there."""

    MINTED = "minted"
    """It was minted, and all that was asked with it was accepted."""
    REFUSED = "refused"
    """GitHub refused to mint it, or refused a request with it, and not for the clock or the key."""
    JWT_ALONE = "jwt_alone"
    """No token was asked for, only the installation."""
    UNKNOWN = "unknown"


def has_token(attempt: Mapping[str, Any]) -> bool:
    """Whether a token was asked for in it."""
    return any(step["step"] == "token" for step in attempt.get("steps") or [])


def _was_minted(attempt: Mapping[str, Any]) -> bool:
    return any(step["step"] == "token" and step.get("status") in range(200, 300) for step in attempt.get("steps") or [])


def token_of(attempts: Mapping[str, Mapping[str, Any]], answers: Mapping[str, Answer]) -> Token:
    """The result, from the attempts by label and their answers.

    A JWT of the true time proves the token as well as a JWT of the node's clock.
    """
    tried = {label: attempt for label, attempt in attempts.items() if has_token(attempt)}
    kinds = {answers[label].kind for label in tried}
    # If a credential is refused before there is a token, it is the JWT, which concerns this node
    # only.
    with_token = {answers[label].kind for label, attempt in tried.items() if _was_minted(attempt)}
    if "access" in kinds or "credential" in with_token:
        return Token.REFUSED
    if "accepted" in kinds:
        return Token.MINTED
    asked = {step["step"] for attempt in attempts.values() for step in attempt.get("steps") or []}
    alone = not kinds and "installation" in asked
    return Token.JWT_ALONE if alone else Token.UNKNOWN


def shown(attempt: Mapping[str, Any] | None, answer: Answer) -> dict[str, Any]:
    """The answer for ``seen``: the class, GitHub's message and each step.

    A refusal is shown whole, with secrets redacted.
    """
    attempt = attempt or {}
    return {
        "class": answer.kind,
        "answer": answer.quote(),
        "signed_for_s": attempt.get("signed_for_s"),
        "node_wall_s": attempt.get("node_wall_s"),
        **({"repositories": list(answer.repositories[:_NAMES_SHOWN])} if answer.repositories else {}),
        "steps": [
            {
                **{key: step[key] for key in _STEP_SHOWN if step.get(key)},
                **({"headers": step["headers"]} if (step.get("status") or 200) >= 300 or step.get("body") else {}),
            }
            for step in attempt.get("steps") or []
        ],
    }
