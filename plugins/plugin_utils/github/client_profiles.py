"""Client profiles: how real GitHub App clients compute ``iat`` and ``exp``, and what clock each of them can stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from ..boundary.values import shown, whole_of
from ..clock.interval import Interval

MAX_EXP_AHEAD_S = 600
"""GitHub refuses a JWT whose ``exp`` is further ahead of GitHub's clock than this (GitHub's documentation)."""

CLOCK_GRAIN_S = 1.0
"""Claims and GitHub's comparison are in whole seconds: within one second of a limit, fractions decide."""

LATENCY_S = 1.0
"""How old a JWT may be when GitHub reads it; it counts against a clock that is behind, and for one that is ahead."""

_KEYS = ("iat_s", "exp_s", "reuse_s", "iss", "source")

Outcome = Literal["pass", "fail", "inconclusive"]


@dataclass(frozen=True)
class ClientProfile:
    """How one client dates its JWTs, in seconds from its own clock's whole second, and with which ID it signs them."""

    name: str
    iat_s: int
    exp_s: int
    reuse_s: int = 0
    source: str = ""
    iss: Literal["client_id", "app_id"] = "client_id"
    """``app_id``: it takes no other ID. ``client_id``: it takes either, and the client ID where there is one."""

    @property
    def ahead_limit_s(self) -> int:
        """How far a node may be ahead: ``iat`` not in GitHub's future, ``exp`` not more than 600 s ahead."""
        return min(-self.iat_s, MAX_EXP_AHEAD_S - self.exp_s)

    @property
    def behind_limit_s(self) -> int:
        """How far a node may be behind: the JWT must not have expired when it is sent for the last time."""
        return self.exp_s - self.reuse_s

    def outcome(self, skew_s: Interval) -> Outcome:
        """What GitHub does with this client's JWT at a skew (positive: ahead).

        Ahead by up to the limit is accepted, by more than two seconds over it refused; behind by the limit is refused, by
        two seconds less accepted. In between the second's fraction and the request's latency decide: inconclusive.
        Source: GitHub refuses ``iat > g``, ``exp <= g`` and ``exp > g + 600``, with no leeway on either side.
        """
        edge_s = CLOCK_GRAIN_S + LATENCY_S
        if -(self.behind_limit_s - edge_s) <= skew_s.low and skew_s.high <= self.ahead_limit_s:
            return "pass"
        if skew_s.low > self.ahead_limit_s + edge_s or skew_s.high <= -self.behind_limit_s:
            return "fail"
        return "inconclusive"


@cache
def shipped_profiles() -> dict[str, ClientProfile]:
    """The profiles of ``client_profiles.yml``, by name."""
    rows = yaml.safe_load(Path(__file__).with_suffix(".yml").read_text(encoding="utf-8"))
    return {name: parse_profile(name, row) for name, row in rows.items()}


def all_profiles(own: Mapping[str, Mapping[str, Any]]) -> dict[str, ClientProfile]:
    """The shipped profiles and the user's ``own``, which win; raises ValueError that says what is wrong with one of these."""
    return {**shipped_profiles(), **{name: parse_profile(name, row) for name, row in own.items()}}


def parse_profile(name: str, row: Mapping[str, Any]) -> ClientProfile:
    """Read one profile; raises ValueError that says what is wrong with it."""
    if not isinstance(row, Mapping):
        raise ValueError(f"client profile {name}: expected iat_s and exp_s, found {shown(row)}")
    for key in row:
        if key not in _KEYS:
            raise ValueError(f"client profile {name}: unknown key {shown(key)}; known: {', '.join(_KEYS)}")
    try:
        iat_s, exp_s, reuse_s = (whole_of(value) for value in (row["iat_s"], row["exp_s"], row.get("reuse_s", 0)))
    except (KeyError, ValueError):
        raise ValueError(f"client profile {name}: iat_s and exp_s are needed, in whole seconds from now") from None
    iss = row.get("iss", "client_id")
    if iss not in ("client_id", "app_id"):
        raise ValueError(f"client profile {name}: iss is one of client_id, app_id, found {shown(iss)}")
    profile = ClientProfile(name, iat_s, exp_s, reuse_s, str(row.get("source", "")), iss)
    if not (profile.iat_s <= 0 < profile.exp_s <= MAX_EXP_AHEAD_S and 0 <= profile.reuse_s < profile.exp_s):
        raise ValueError(
            f"client profile {name}: expected iat_s <= 0 < exp_s <= {MAX_EXP_AHEAD_S} and 0 <= reuse_s < exp_s, found "
            f"iat_s {profile.iat_s}, exp_s {profile.exp_s}, reuse_s {profile.reuse_s}"
        )
    return profile


def narrowest(profiles: Iterable[ClientProfile]) -> ClientProfile:
    """The profile that the smallest skew breaks; of equals, the one that bears less on its other side."""
    return min(
        profiles,
        key=lambda p: (min(p.ahead_limit_s, p.behind_limit_s), max(p.ahead_limit_s, p.behind_limit_s), p.name),
    )
