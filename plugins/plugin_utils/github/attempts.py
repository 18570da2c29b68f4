"""Attempts: the JWTs that a node is asked to send, each with the label of the clock that it was
signed for.

If the JWT of an attempt was not signed, the attempt has nothing to send. It has the same form as an
attempt that a node did not send. ``withheld`` says why the controller did not sign it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..clock.controller import Moment
from .apps import TRUE_TIME_LIFE_S, GithubApp, WithheldError
from .client_profiles import ClientProfile

NOW, NODE_CLOCK, TRUE_TIME, API_CLOCK = "now", "node_clock", "true_time", "api_clock"
"""Labels of attempts: signed for the controller's time (with which the node's clock agreed), for
the node's clock, for the true time, and for the clock of an API that other references
contradict."""


def attempt_for_now(app: GithubApp, profile: ClientProfile, moment: Moment) -> dict[str, Any]:
    """Signed for the controller's time; the node sends it only if its own clock agrees."""
    return _attempt(app, profile, NOW, moment.now_s, moment, only_within_s=agreement_s(profile))


def attempts_for_both_clocks(
    app: GithubApp,
    profile: ClientProfile,
    node_s: float,
    estimated_s: float | None,
    moment: Moment,
    *,
    api_s: float | None = None,
) -> list[dict[str, Any]]:
    """The counterfactual: one signed for the node's clock, and one for the true time if that is
    known (Unix seconds).

    ``estimated_s`` is the true time according to the node's evidence. It is used only if the
    controller does not know the time, and never beyond the controller's clock, because a node may
    lie about the time. ``api_s`` is the time of the API's clock if the controller's other
    references contradict it. One more JWT is signed for that time, because only that one proves
    that the rest is right.
    """
    attempts = [_attempt(app, profile, NODE_CLOCK, node_s, moment)]
    true_s: float | None = moment.now_s
    if moment.skew_s is None:
        known = estimated_s is not None and estimated_s <= moment.own_s + TRUE_TIME_LIFE_S / 2
        true_s = min(estimated_s, moment.own_s) if known and estimated_s is not None else None
    if true_s is not None:
        attempts.append(_attempt(app, profile, TRUE_TIME, true_s, moment, life_s=TRUE_TIME_LIFE_S))
    if api_s is not None:
        attempts.append(_attempt(app, profile, API_CLOCK, api_s, moment))
    return attempts


def to_send(attempts: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The attempts that have a JWT."""
    return [attempt for attempt in attempts if "jwt" in attempt]


def not_signed(attempts: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The attempts without a JWT."""
    return [attempt for attempt in attempts if "jwt" not in attempt]


def agreement_s(profile: ClientProfile) -> float:
    """How near the node's clock must be to the time of the JWT for the node to send it as its own.

    The way to the node takes seconds, so this is as large as the client's budget allows. It stays
    well inside that budget. So GitHub answers this JWT and one of the node's clock in the same way.
    """
    return min(10.0, max(2.0, profile.ahead_limit_s / 3))


def last_attempt(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """The latest attempt of an App's entry in the evidence; an empty, unsent one if there is
    none.
    """
    attempts: list[Mapping[str, Any]] = entry["attempts"] or [{}]
    return attempts[-1]


def _attempt(
    app: GithubApp,
    profile: ClientProfile,
    label: str,
    now_s: float,
    moment: Moment,
    *,
    life_s: int | None = None,
    only_within_s: float | None = None,
) -> dict[str, Any]:
    try:
        signed = app.sign(profile, now_s, moment, life_s)
    except WithheldError as error:
        return {
            "label": label,
            "signed_for_s": None,
            "node_wall_s": None,
            "sent": False,
            "not_sent_because": str(error),
            "withheld": error.key,
            "steps": [],
        }
    return {"label": label, "signed_for_s": int(now_s), "only_within_s": only_within_s, "jwt": signed}
