"""Attempts: the JWTs that a node is asked to send, each with the label of the clock that it was signed for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .apps import TRUE_TIME_LIFE_S, GithubApp
from .client_profiles import ClientProfile

NOW, NODE_CLOCK, TRUE_TIME = "now", "node_clock", "true_time"
"""Labels of attempts: signed for the controller's clock (which the node's agreed with), for the node's, for the true time."""


def attempt_for_now(app: GithubApp, profile: ClientProfile, now_s: float) -> dict[str, Any]:
    """Signed for the controller's clock (Unix seconds); the node sends it only if its own clock agrees."""
    return _attempt(app, profile, NOW, now_s, only_within_s=agreement_s(profile))


def attempts_for_both_clocks(
    app: GithubApp, profile: ClientProfile, node_s: float, true_s: float | None
) -> list[dict[str, Any]]:
    """The counterfactual: one signed for the node's clock, and one for the true time if that is known (Unix seconds)."""
    attempts = [_attempt(app, profile, NODE_CLOCK, node_s)]
    if true_s is not None:
        attempts.append(_attempt(app, profile, TRUE_TIME, true_s, life_s=TRUE_TIME_LIFE_S))
    return attempts


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
    *,
    life_s: int | None = None,
    only_within_s: float | None = None,
) -> dict[str, Any]:
    return {
        "label": label,
        "signed_for_s": int(now_s),
        "only_within_s": only_within_s,
        "jwt": app.sign(profile, now_s, life_s),
    }
