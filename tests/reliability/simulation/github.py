"""What GitHub does with JWTs, by the rules of the lab's GitHub; and the attempts of a node's
evidence that follow from them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from tests.builders import NS, TRUE_NS, accepted_steps, attempt, step
from tests.lab.github_api.answers import RefusedError
from tests.lab.github_api.claims import check_times
from tests.paths import ROOT
from tests.reliability.simulation.worlds import ApiKind, World

PROFILES = ROOT / "plugins/plugin_utils/github/client_profiles.yml"
LIMITS = ROOT / "plugins/plugin_utils/model/limits.yml"
BEGIN_S = TRUE_NS / NS
"""The true time of the builders' run; each case begins within a second after it."""

UNCHECKED_AHEAD_S = 2
JWT_LONGEST_S = 600
TRUE_TIME_LIFE_S = 30


@dataclass(frozen=True)
class Client:
    """A row of client_profiles.yml, as it is written there."""

    iat_s: int
    exp_s: int
    reuse_s: int
    renew_before_s: int | None

    @property
    def edges_s(self) -> tuple[float, ...]:
        """The skews at which it breaks, roughly."""
        behind = [self.exp_s - self.reuse_s, *([self.renew_before_s] if self.renew_before_s else [])]
        return (-self.iat_s, 600 - self.exp_s, *(-each for each in behind))


@cache
def rows() -> dict[str, dict[str, Any]]:
    """The file's rows by name."""
    read: dict[str, dict[str, Any]] = yaml.safe_load(PROFILES.read_text())
    return read


@cache
def clients_of(name: str) -> tuple[Client, ...]:
    """The clients that a name stands for."""
    row = rows()[name]
    runs = row.get("runs")
    if isinstance(runs, list):
        return tuple(client for each in runs for client in clients_of(each))
    row = {**(rows()[runs] if runs else {}), **row}
    return (Client(row["iat_s"], row["exp_s"], row.get("reuse_s", 0), row.get("renew_before_s")),)


@cache
def limit_of(name: str) -> tuple[float, float]:
    """How far a node may be behind (negative) and ahead for a row of limits.yml."""
    row = _limits()[name]
    half_s = row["between_s"] / 2 if "between_s" in row else math.inf
    return -row.get("behind_s", half_s), row.get("ahead_s", half_s)


@cache
def _limits() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(LIMITS.read_text())
    return read


def limits() -> list[str]:
    """The names of limits.yml."""
    return list(_limits())


def refusal(claims: dict[str, int], now_s: int) -> str | None:
    """GitHub's message for claims that it refuses when its clock shows this second; None if it
    accepts them.
    """
    try:
        check_times(claims, now_s)
    except RefusedError as error:
        return error.answer.message
    return None


def attempts(world: World) -> list[dict[str, Any]]:
    """The attempts of the node's only App in its evidence.

    First the JWT of the controller's time, which the node sends only if its clock agrees. If it
    does not, or if GitHub refuses for the clock, one of the node's clock and one of the true time.
    """
    app = _App(world)
    first = app.now()
    if world.api.kind is ApiKind.BLOCKED and first["sent"]:
        return [first]
    if first["sent"] and first["steps"][-1]["status"] < 300:
        return [first]
    return [first, *app.both_clocks()]


class _App:
    def __init__(self, world: World) -> None:
        self.world = world
        self.client = min(
            (client for name in world.policy["clients"] for client in clients_of(name)),
            key=lambda c: (
                min(-c.iat_s, 600 - c.exp_s, c.exp_s - c.reuse_s),
                max(min(-c.iat_s, 600 - c.exp_s), c.exp_s - c.reuse_s),
            ),
        )

    def _own_s(self, after_s: float) -> float:
        """What the controller's clock shows."""
        return BEGIN_S + self.world.phase_s + after_s + self.world.controller.off_s

    def _now_s(self, after_s: float) -> float:
        """What the controller takes for the true time, at the earliest."""
        measured = self.world.controller.measured_s
        return self._own_s(after_s) - (measured[1] if measured else 0.0)

    def now(self) -> dict[str, Any]:
        begun_s = -self.world.controller.before_s
        signed_s = math.floor(self._now_s(begun_s))
        ahead = min(-self.client.iat_s, 600 - self.client.exp_s)
        within_s = min(10.0, max(2.0, ahead / 3))
        return self._sent("now", signed_s, 0.3, within_s=within_s)

    def both_clocks(self) -> Iterator[dict[str, Any]]:
        world, after_s = self.world, self.world.took_s + self.world.controller.after_s + 0.1
        bracket_low_s = self._wall_s(world.took_s) - self._own_s(world.took_s + world.controller.after_s)
        node_s = math.floor(self._own_s(after_s) + bracket_low_s)
        exp_s = node_s + self.client.exp_s
        late = exp_s - self._now_s(after_s) > JWT_LONGEST_S
        if world.controller.measured_s is None:
            late = late or node_s + self.client.iat_s - self._own_s(after_s) > UNCHECKED_AHEAD_S
        key = "too_far_ahead" if world.controller.measured_s else "controller_time_unknown"
        yield self._withheld(key) if late else self._sent("node_clock", node_s, after_s + 0.2)
        if world.controller.measured_s:
            true_s = math.floor(self._now_s(after_s))
            yield self._sent("true_time", true_s, after_s + 0.3, life_s=TRUE_TIME_LIFE_S)

    def _wall_s(self, after_s: float) -> float:
        return BEGIN_S + self.world.phase_s + after_s + self.world.clock.skew_at(after_s)

    def _withheld(self, key: str) -> dict[str, Any]:
        why = "its exp would be too late"
        left_out = {"signed_for_s": None, "node_wall_s": None, "sent": False, "not_sent_because": why, "withheld": key}
        return attempt("node_clock", **left_out)

    def _sent(
        self, label: str, signed_s: int, after_s: float, within_s: float | None = None, life_s: int = JWT_LONGEST_S
    ) -> dict[str, Any]:
        wall_s = self._wall_s(after_s)
        made = {"signed_for_s": max(signed_s, 0), "node_wall_s": wall_s}
        if within_s is not None and not abs(wall_s - signed_s) <= within_s:
            return attempt(label, **made, sent=False, not_sent_because="the node's clock disagrees")
        if self.world.api.kind is ApiKind.BLOCKED:
            error = {"phase": "connect", "message": "timed out"}
            return attempt(label, step("token", None, error=error, node_wall_s=wall_s), **made)
        claims = {"iat": signed_s + self.client.iat_s, "exp": signed_s + min(self.client.exp_s, life_s)}
        api_s = BEGIN_S + self.world.phase_s + after_s + 0.05 + self.world.api.offs_s[0]
        if refused := refusal(claims, math.floor(api_s)):
            return attempt(label, step("token", 401, refused, node_wall_s=wall_s), **made)
        return attempt(label, *accepted_steps(), **made)
