"""What a finding shows of an attempt: each request with its answer, and anything unusual."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

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


def unrevoked(attempts: Mapping[str, Any]) -> int:
    """How many of the minted installation tokens GitHub did not confirm to have revoked."""
    done = [s for a in attempts.values() for s in a.get("steps") or [] if s.get("status") in range(200, 300)]
    names = [s["step"] for s in done if not s.get("error")]
    return max(0, names.count("token") - names.count("revoke"))


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
