"""Attempts: the JWTs that a node is asked to send, each with the label of the clock that it was signed for.

An attempt whose JWT was not signed has none to send. It has the form that the node gives to one that it did not send, and says
in ``withheld`` why the controller did not sign it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..clock.controller import Moment
from .apps import TRUE_TIME_LIFE_S, GithubApp, WithheldError
from .client_profiles import ClientProfile

NOW, NODE_CLOCK, TRUE_TIME, API_CLOCK = "now", "node_clock", "true_time", "api_clock"
"""Labels of attempts: signed for the controller's time (with which the node's clock agreed), for the node's clock, for the true
time, and for the clock of an API that other references contradict."""


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
    """The counterfactual: one signed for the node's clock, and one for the true time if that is known (Unix seconds).

    ``estimated_s`` is the true time by the node's own evidence. It counts only where the controller does not know it, and never
    for more than the controller's own clock shows: a node may lie about the time. ``api_s`` is what the API's clock shows, if the
    controller's other references contradict it: one more is signed for that, as it alone proves that the rest is right.
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
    """Those that have a JWT."""
    return [attempt for attempt in attempts if "jwt" in attempt]


def not_signed(attempts: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those that have none."""
    return [attempt for attempt in attempts if "jwt" not in attempt]


def agreement_s(profile: ClientProfile) -> float:
    """How near the node's clock must be to the one that the JWT was signed for, so that the node may send it as its own.

    The way there takes seconds, so this is not small where the client's budget lets it; it stays well inside that budget,
    so that GitHub's answer to this JWT and to the one of the node's own clock is the same.
    """
    return min(10.0, max(2.0, profile.ahead_limit_s / 3))


def last_attempt(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """The latest attempt of an App's entry in the evidence; an empty one, which was not sent, if the node made none."""
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
